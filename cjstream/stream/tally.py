"""What a step adds to the counters, whoever caused it: a touchpoint or the clock."""

from collections import Counter
from collections.abc import Iterable

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import APPLIED, Journeys, Step
from cjstream.core.measures.live import counts, is_counted
from cjstream.core.outcome import stage_in
from cjstream.core.outputs import Signal, StageTransition
from cjstream.core.policies import OTHER
from cjstream.core.state import CustomerState
from cjstream.metrics import Labels, Metrics, Series

SLA = "sla_"
Verdict = tuple[str, str | None]  # of one touchpoint, with its channel


class Tally(Counter[Series]):
    """What is to be added to counters, by name and labels; `observed` are values for histograms."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: list[tuple[str, float, Labels]] = []

    def add_to(self, metrics: Metrics) -> None:
        """Add all of it."""
        for (name, labels), count in self.items():
            metrics.inc(name, labels, count)
        for name, value, labels in self.observed:
            metrics.observe(name, value, labels)


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


def count_verdicts(tally: Tally, verdicts: Iterable[Verdict], known: set[str]) -> None:
    """Count verdicts, and the channels of touchpoints applied; channels that are not `known` go together."""
    for (verdict, channel), times in Counter(verdicts).items():
        tally["cjstream_touchpoints_total", (verdict,)] += times
        if verdict == APPLIED:
            tally["cjstream_channel_touchpoints_total", (channel if channel in known else OTHER,)] += times


def channels_of(active: Iterable[JourneyDefinition]) -> set[str]:
    """Return the channels that these journeys count by."""
    return {channel for each in active for channel in each.count_by.get("channel", ())}


def count_step(tally: Tally, step: Step) -> None:
    """Count what left with a step, and what it refused."""
    if step.conflict:
        tally["cjstream_duplicate_conflicts_total", ()] += 1
    for refusal in step.refused:
        tally["cjstream_refused_moves_total", refusal] += 1
    for journey in step.late_conversions:
        tally["cjstream_late_conversions_total", (journey,)] += 1
    was_jumped = False  # whether the stage left now was only jumped over, in which nobody spends time
    for output in step.outputs:
        if isinstance(output, StageTransition):
            _count_transition(tally, output, was_jumped=was_jumped)
            was_jumped = output.inferred
        elif isinstance(output, Signal):
            _count_signal(tally, output)


def _count_transition(tally: Tally, moved: StageTransition, *, was_jumped: bool) -> None:
    labels = (moved.journey, moved.from_stage or "none", moved.to_stage or "none", moved.kind)
    tally["cjstream_transitions_total", labels] += 1
    if moved.from_stage is not None and moved.seconds_in_previous is not None and not was_jumped:
        tally.observed.append(("cjstream_dwell_seconds", moved.seconds_in_previous, (moved.journey, moved.from_stage)))


def _count_signal(tally: Tally, signal: Signal) -> None:
    journey, kind, detail = signal.journey, signal.kind, signal.detail or {}
    tally["cjstream_signals_total", (journey, kind)] += 1
    if kind.startswith(SLA):
        tally["cjstream_sla_total", (journey, str(detail.get("clock")), kind.removeprefix(SLA))] += 1
    elif kind == "dropped":
        tally["cjstream_drops_total", (journey, signal.stage or "none")] += 1
    elif kind == "deviation":
        tally["cjstream_deviations_total", (journey, str(detail.get("deviation")))] += 1
    elif kind == "score_threshold":
        tally["cjstream_score_thresholds_total", (journey, str(detail.get("threshold")))] += 1
