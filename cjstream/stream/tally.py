"""What a step adds to the counters, whoever caused it: a touchpoint or the clock."""

from collections import Counter

from cjstream.core.engine import Step
from cjstream.core.outputs import Signal, StageTransition

Tally = Counter[tuple[str, tuple[str, ...]]]  # by name and labels of the metric


def count_step(tally: Tally, step: Step) -> None:
    """Count what left with a step, and what it refused."""
    if step.conflict:
        tally["cjstream_duplicate_conflicts_total", ()] += 1
    for refusal in step.refused:
        tally["cjstream_refused_moves_total", refusal] += 1
    for journey in step.late_conversions:
        tally["cjstream_late_conversions_total", (journey,)] += 1
    for output in step.outputs:
        if isinstance(output, StageTransition):
            labels = (output.journey, output.from_stage or "none", output.to_stage or "none", output.kind)
            tally["cjstream_transitions_total", labels] += 1
        elif isinstance(output, Signal):
            tally["cjstream_signals_total", (output.journey, output.kind)] += 1
