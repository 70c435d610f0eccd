"""What a step adds to the counters, whoever caused it: a touchpoint or the clock."""

from collections import Counter

from cjstream.core.engine import Journeys, Step
from cjstream.core.measures.live import counts, is_counted
from cjstream.core.outcome import stage_in
from cjstream.core.outputs import Signal, StageTransition
from cjstream.core.state import CustomerState

SLA = "sla_"
Tally = Counter[tuple[str, tuple[str, ...]]]  # by name and labels of the metric


def count_touchpoint(tally: Tally, step: Step, before: CustomerState | None, journeys: Journeys) -> None:
    """Count what a touchpoint, no repeat of one, adds to the metrics of the journeys that keep some."""
    touchpoint, state = step.touchpoint, step.state or before
    if touchpoint is None:
        return
    for definition in journeys.metered:
        if not is_counted(touchpoint, definition):
            continue
        stage = None if state is None else stage_in(state, definition.journey, journeys.by_hash)
        for name, labels, amount in counts(touchpoint, stage, definition):
            tally[name, labels] += amount  # type: ignore[assignment]  # money is not whole, and adds up as well


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
            if output.kind.startswith(SLA):
                clock = str((output.detail or {}).get("clock"))
                tally["cjstream_sla_total", (output.journey, clock, output.kind.removeprefix(SLA))] += 1
            elif output.kind == "deviation":
                tally["cjstream_deviations_total", (output.journey, str((output.detail or {}).get("deviation")))] += 1
