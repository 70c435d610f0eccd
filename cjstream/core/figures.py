"""What a log of touchpoints adds up to in one journey: counts that can be merged, and the figures made of them.

A run is one round of one instance: with the defaults, one per customer. Every run that was entered has one outcome, so
converted + in progress + dropped = entered. A stage counts as reached by a run that came to it or further.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Self

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.run import Run
from cjstream.core.outputs import OUTCOMES

IN_PROGRESS, CONVERTED, DROPPED = OUTCOMES


class Spread(NamedTuple):
    """How some times are spread: how many, the median and the 90th percentile in seconds; None of none."""

    number: int
    median_seconds: float | None
    p90_seconds: float | None


class Step(NamedTuple):
    """One stage of the funnel; the rates are shares of the stage before it, None where there is nothing to divide by.

    `mature_rate` leaves those out who are in progress and may still take the step. `left_here`: runs that were in this
    stage when they were dropped.
    """

    stage: str
    reached: int
    share: float | None
    step_rate: float | None
    drop_off: float | None
    mature_rate: float | None
    left_here: int


@dataclass
class JourneyReport:
    """One journey under one definition. All fields are counts; `merge` adds those of other customers.

    `customers`: by their best outcome. `here` and `furthest`: customers by the stage of the run they entered last, None
    for outside, and its outcome. `runs`: by furthest stage and outcome. `left`: dropped runs by the stage they were in.
    `moves`: (from, to, kind) along the final paths. `stays_ms`, by stage: visits that ended, no inferred ones.
    """

    journey: str
    definition: str
    stages: tuple[str, ...]
    customers: Counter[str] = field(default_factory=Counter)
    here: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    furthest: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str | None, str | None, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    late_conversions: int = 0
    stays_ms: dict[str, "array[int]"] = field(default_factory=dict)
    to_convert_ms: "array[int]" = field(default_factory=lambda: array("q"))

    @classmethod
    def of(cls, definition: JourneyDefinition) -> Self:
        """Return the report of a journey that nobody entered; stages in the order of their weights."""
        stages = sorted(definition.stages, key=lambda stage: stage.weight)
        return cls(definition.journey, definition.hash, tuple(stage.id for stage in stages))

    def stayed(self, stage: str, stay_ms: int) -> None:
        """Count a visit that ended."""
        stays_ms = self.stays_ms.get(stage)
        if stays_ms is None:
            stays_ms = self.stays_ms[stage] = array("q")
        stays_ms.append(stay_ms)

    def ended(self, furthest: str, outcome: str, left: str, to_convert_ms: int, *, is_late: bool) -> None:
        """Count a run. `left` is of one that was dropped, `to_convert_ms` of one that converted."""
        self.runs[furthest, outcome] += 1
        self.late_conversions += is_late
        if outcome == DROPPED:
            self.left[left] += 1
        elif outcome == CONVERTED:
            self.to_convert_ms.append(to_convert_ms)

    def run(self, run: Run) -> None:
        """Count a run and its visits, all but its moves: how it came from one stage to another is not told."""
        furthest = max(run.stages, key=self.stages.index)
        to_convert_ms = (run.converted_ms or 0) - run.entered_ms[0]
        self.ended(furthest, run.outcome, run.left or "", to_convert_ms, is_late=False)
        for place, stage in enumerate(run.stages[:-1]):
            self.stayed(stage, run.entered_ms[place + 1] - run.entered_ms[place])
        if not run.is_inside:
            self.stayed(run.stages[-1], run.ended_ms - run.entered_ms[-1])

    def merge(self, other: "JourneyReport") -> None:
        """Add what other customers did under the same definition."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
        self.late_conversions += other.late_conversions
        self.to_convert_ms.extend(other.to_convert_ms)
        for stage, stays_ms in other.stays_ms.items():
            self.stays_ms.setdefault(stage, array("q")).extend(stays_ms)

    @property
    def outcomes(self) -> Counter[str]:
        """Runs by outcome."""
        return _by_last(self.runs)

    @property
    def entered(self) -> int:
        """Runs that were entered."""
        return self.runs.total()

    @property
    def conversion_rate(self) -> float | None:
        """Converted runs of all."""
        return share_of(self.outcomes[CONVERTED], self.entered)

    @property
    def mature_conversion_rate(self) -> float | None:
        """Converted runs of those that are no longer in progress."""
        return share_of(self.outcomes[CONVERTED], self.entered - self.outcomes[IN_PROGRESS])

    @property
    def most_leave_at(self) -> str | None:
        """The stage that most dropped runs were in, the first one of several; None if none was dropped."""
        return max((stage for stage in self.stages if self.left[stage]), key=self.left.__getitem__, default=None)

    @property
    def most_stop_at(self) -> str | None:
        """The stage that most runs came to and no further, of those that did not convert; None if there are none.

        The highest stage is left out: there is nothing further. Of several stages the first one.
        """
        stopped = {stage: sum(self.runs[stage, each] for each in (IN_PROGRESS, DROPPED)) for stage in self.stages[:-1]}
        return max((stage for stage in stopped if stopped[stage]), key=stopped.__getitem__, default=None)

    def funnel(self) -> list[Step]:
        """Return the stages in their order, with how many runs reached each, and which share of those before."""
        by_outcome = [Counter({outcome: self.runs[stage, outcome] for outcome in OUTCOMES}) for stage in self.stages]
        steps, before, waiting = list[Step](), 0, 0
        for place, stage in enumerate(self.stages):
            reached = sum(counts.total() for counts in by_outcome[place:])
            rate, mature = share_of(reached, before), share_of(reached, before - waiting)
            drop_off = None if rate is None else 1 - rate
            share = share_of(reached, self.entered)
            steps.append(Step(stage, reached, share, rate, drop_off, mature, self.left[stage]))
            before, waiting = reached, by_outcome[place][IN_PROGRESS]
        return steps

    def time_in(self, stage: str) -> Spread:
        """Return how long visits of a stage lasted, of those that ended."""
        return spread(self.stays_ms.get(stage, ()))

    def time_to_convert(self) -> Spread:
        """Return how long it took from the entry of a run to its conversion."""
        return spread(self.to_convert_ms)


def spread(times_ms: Iterable[int]) -> Spread:
    """Return how times are spread, exactly.

    The median is the middle one, of an even count the mean of the two in the middle. The 90th percentile is the nearest
    rank: the smallest time that at least 90 % of them do not exceed.
    """
    ordered = sorted(times_ms)
    if not ordered:
        return Spread(0, None, None)
    return Spread(len(ordered), _median(ordered) / 1000, ordered[-(-9 * len(ordered) // 10) - 1] / 1000)


def _median(ordered: Sequence[int]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _by_last(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found = Counter[str]()
    for (_, outcome), count in counts.items():
        found[outcome] += count
    return found


def share_of(part: int, whole: int) -> float | None:
    """Return part of whole, None if there is nothing to divide by."""
    return part / whole if whole else None
