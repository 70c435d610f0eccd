"""One journey while a log is folded: what happens goes to the counts of the whole, and to those of its slice."""

from collections.abc import Sequence
from typing import NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import JourneyReport
from cjstream.core.gathered import Gathered, Touch, accumulators, watch_of
from cjstream.core.groups import Groups
from cjstream.core.measures.customer_log import CustomerLog
from cjstream.core.measures.labels import OTHER
from cjstream.core.measures.run import Run
from cjstream.core.origins import Origins
from cjstream.core.outputs import Signal
from cjstream.core.periods import period_start
from cjstream.core.state import CustomerState
from cjstream.core.touchpoint import Touchpoint

DIMENSIONS = CHANNEL, DEVICE, PERSONA, GROUP = ("channel", "device", "persona", "group")

MAX_SLICES = 256  # of more values the rest is OTHER; which are kept apart then depends on the order

Part = tuple[Gathered, tuple[Touch, ...]]


class Slicing(NamedTuple):
    """What is told apart. `by`: one of DIMENSIONS; `every`: one of periods.PERIODS."""

    by: str | None = None
    every: str | None = None


class Sliced:
    """A journey as a `whole` and in `slices`: by the value of what was asked for, None where it was not told.

    By group, the slices hold what touchpoints tell; `groups` has the runs, with groups in place of stages.
    """

    __slots__ = ("groups", "slices", "whole")

    def __init__(self, whole: Gathered, groups: Gathered | None = None) -> None:
        self.whole, self.groups = whole, groups
        self.slices: dict[str | None, Gathered] = {}

    def merge(self, other: "Sliced") -> None:
        """Add what other customers did."""
        self.whole.merge(other.whole)
        if self.groups is not None and other.groups is not None:
            self.groups.merge(other.groups)
        for value, each in other.slices.items():
            if value in self.slices:
                self.slices[value].merge(each)
            else:
                self.slices[value] = each


class Gathering:
    """Feeds the `sliced` counts of one journey.

    A touchpoint is of the slice of its own value; of no persona's own, of the customer's last known one. A run is of
    the slice of the touchpoint that it began with, or of the customer's persona in the end. A customer is of the slice
    of the first run. Signals are of the whole.
    """

    def __init__(self, definition: JourneyDefinition, figures: JourneyReport, slicing: Slicing) -> None:
        self.definition, self.name, self.slicing = definition, definition.journey, slicing
        self._groups, self.watch = Groups(definition), watch_of(definition)
        whole = Gathered(figures, accumulators(definition, is_slice=False), slicing.every)
        self.sliced = Sliced(whole, self._grouped() if slicing.by == GROUP else None)
        self._stage_ids = (*(stage.id for stage in definition.stages), None)  # the last one is that of OUTSIDE
        self._touches, self._signals = tuple(whole.measures.touches()), tuple(whole.measures.signals())
        self._is_sliced = slicing != Slicing()
        self._parts: dict[str | None, Part] = {}
        self.takes_signals = bool(self._signals)

    def _grouped(self) -> Gathered:
        return Gathered(self._groups.report(), accumulators(self.definition, is_slice=True), self.slicing.every)

    def touch(self, touchpoint: Touchpoint, state: CustomerState, log: CustomerLog) -> None:
        """Take a touchpoint that was no duplicate, of the customer of this log; `state` is the one after it."""
        journey, stage = state.journeys.get(self.name), None
        if journey is not None and journey.instances:
            visits = journey.instances[-1].visits
            stage = self._stage_ids[visits[-1].stage] if visits else None
        log.touch(touchpoint)
        for take in self._touches:
            take(touchpoint, stage)
        if self._is_sliced:
            self._touch_slices(touchpoint, stage, state)

    def _touch_slices(self, touchpoint: Touchpoint, stage: str | None, state: CustomerState) -> None:
        every = self.slicing.every
        start_ms = 0 if every is None else period_start(touchpoint.at_ms, every)
        if every is not None:
            self.sliced.whole.in_period(touchpoint, stage, start_ms)
        if self.slicing.by is None:
            return
        value = self._value(touchpoint, stage, state)
        part, touches = self._part(value)
        for take in touches:
            take(touchpoint, stage)
        if every is not None:
            part.in_period(touchpoint, stage, start_ms)

    def _value(self, touchpoint: Touchpoint, stage: str | None, state: CustomerState) -> str | None:
        if self.slicing.by == GROUP:
            return self._groups.of(stage)
        value: str | None = getattr(touchpoint.fields, self.slicing.by) if self.slicing.by else None
        if value is None and self.slicing.by == PERSONA and state.persona is not None:
            return state.persona.value
        return value

    def _part(self, value: str | None) -> Part:
        """Return the slice of a value, `other` if there are too many, and what takes its touchpoints."""
        found = self._parts.get(value)
        if found is None:
            value = value if len(self._parts) < MAX_SLICES else OTHER
            found = self._parts.get(value)
        if found is None:
            measures, figures = accumulators(self.definition, is_slice=True), JourneyReport.of(self.definition)
            part = self.sliced.slices[value] = Gathered(figures, measures, self.slicing.every)
            found = self._parts[value] = part, tuple(measures.touches())
        return found

    def signal(self, signal: Signal) -> None:
        """Take a signal of this journey."""
        for take in self._signals:
            take(signal)

    def finish(self, log: CustomerLog, runs: Sequence[Run], origins: Origins) -> None:
        """Count a customer whose touchpoints are all in, with these runs; none, if the journey was never entered."""
        whole, by = self.sliced.whole, self.slicing.by
        whole.measures.count_customer(log, runs)
        whole.measures.count_runs(log, runs)
        if not self._is_sliced:
            return
        if whole.steps is not None:
            for run in runs:
                whole.steps.run(run)
        if self.sliced.groups is not None:
            self._count(self.sliced.groups, [self._groups.run(run) for run in runs])
        elif by is not None and runs:
            self._finish_slices(log, [(self._part(_origin(run, by, origins))[0], run) for run in runs])

    def _finish_slices(self, log: CustomerLog, runs: Sequence[tuple[Gathered, Run]]) -> None:
        first, _ = min(runs, key=lambda pair: pair[1].entered_ms[0])
        parts = {id(part): part for part, _ in runs}
        for key, part in parts.items():
            mine = [run for each, run in runs if id(each) == key]
            self._count(part, mine)
            part.measures.count_runs(log, mine)
        first.measures.count_customer(log, [run for _, run in runs])

    def _count(self, part: Gathered, runs: Sequence[Run]) -> None:
        for run in runs:
            part.figures.run(run)
            if part.steps is not None:
                part.steps.run(run)


def _origin(run: Run, by: str, origins: Origins) -> str | None:
    return run.persona if by == PERSONA else origins.value(run.entered_ms[0])
