"""Two definitions on the same touchpoints, side by side: each figure under A, under B, and the difference."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from cjstream.core.figures import CONVERTED, DROPPED, IN_PROGRESS, JourneyReport

COUNT, SHARE, SECONDS = "count", "share", "seconds"  # units
OUTSIDE = "(outside)"  # label of those who left the journey
SECTIONS = (
    "outcomes", "population", "furthest", "reached", "drop_off", "mature_rate", "left", "dwell_median", "dwell_p90",
    "moves", "refused",
)  # fmt: skip
Number = int | float


class Row(msgspec.Struct, frozen=True):
    """One figure. None: there is none, as of a stage that a definition lacks. `difference`: B - A, of two that are."""

    label: str
    unit: str
    a: Number | None
    b: Number | None
    difference: Number | None


class Section(msgspec.Struct, frozen=True):
    """The rows of one question, one of SECTIONS."""

    name: str
    rows: list[Row]


class _Side:
    """One report, its figures by stage at hand."""

    def __init__(self, report: JourneyReport) -> None:
        self.report, outcomes, convert = report, report.outcomes, report.time_to_convert()
        self.steps = {step.stage: step for step in report.funnel()}
        self.dwell = {stage: report.time_in(stage) for stage in report.stages}
        self.here, self.furthest = _by_stage(report.here), _by_stage(report.furthest)
        moves = report.moves.items()
        self.moves = Counter({f"{start or OUTSIDE} -> {end or OUTSIDE}, {kind}": n for (start, end, kind), n in moves})
        self.outcomes: dict[str, tuple[str, Number | None]] = {
            "customers who entered": (COUNT, report.customers.total()),
            "runs entered": (COUNT, report.entered),
            "converted": (COUNT, outcomes[CONVERTED]),
            "in progress": (COUNT, outcomes[IN_PROGRESS]),
            "dropped": (COUNT, outcomes[DROPPED]),
            "goal met after the drop": (COUNT, report.late_conversions),
            "converted, of all": (SHARE, report.conversion_rate),
            "converted, of those not in progress": (SHARE, report.mature_conversion_rate),
            "time to convert, median": (SECONDS, convert.median_seconds),
            "time to convert, 90 % within": (SECONDS, convert.p90_seconds),
        }


Figure = Callable[[_Side, str], Number | None]
FIGURES: dict[str, tuple[str, Figure]] = {  # by stage
    "population": (COUNT, lambda side, stage: side.here[stage]),
    "furthest": (COUNT, lambda side, stage: side.furthest[stage]),
    "reached": (COUNT, lambda side, stage: side.steps[stage].reached),
    "drop_off": (SHARE, lambda side, stage: side.steps[stage].drop_off),
    "mature_rate": (SHARE, lambda side, stage: side.steps[stage].mature_rate),
    "left": (COUNT, lambda side, stage: side.steps[stage].left_here),
    "dwell_median": (SECONDS, lambda side, stage: side.dwell[stage].median_seconds),
    "dwell_p90": (SECONDS, lambda side, stage: side.dwell[stage].p90_seconds),
}


def compare(a: JourneyReport, b: JourneyReport) -> list[Section]:
    """Return everything that is counted, also where nothing differs. Sections without rows are left out.

    Stages are matched by id: those of A in their order, each that only B has after the one that it follows there.
    """
    sides, stages = (_Side(a), _Side(b)), merged(a.stages, b.stages)
    outcomes = [
        _row(label, unit, *(side.outcomes[label][1] for side in sides))
        for label, (unit, _) in sides[0].outcomes.items()
    ]
    rows = {"outcomes": outcomes}
    for name, (unit, figure) in FIGURES.items():
        of_stages = [_of_stage(stage, unit, figure, sides) for stage in stages]
        rows[name] = [row for row in of_stages if row.a is not None or row.b is not None]
    rows["population"].append(_row(OUTSIDE, COUNT, *(side.here[None] for side in sides)))
    rows["moves"] = _named(*(side.moves for side in sides))
    rows["refused"] = _named(a.refused, b.refused)
    return [Section(name, rows[name]) for name in SECTIONS if rows[name]]


def merged(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Return all names, each once: the first ones in their order, the others each after the one that it follows."""
    names, place = list(first), 0
    for name in second:
        if name in names:
            place = names.index(name) + 1
        else:
            names.insert(place, name)
            place += 1
    return names


def _by_stage(counts: "Counter[tuple[str | None, str]]") -> Counter[str | None]:
    found = Counter[str | None]()
    for (stage, _), count in counts.items():
        found[stage] += count
    return found


def _of_stage(stage: str, unit: str, figure: Figure, sides: Sequence[_Side]) -> Row:
    return _row(stage, unit, *(figure(side, stage) if stage in side.steps else None for side in sides))


def _named(a: Counter[str], b: Counter[str]) -> list[Row]:
    """Return a row per name, the most frequent ones first."""
    names = sorted(a.keys() | b.keys(), key=lambda name: (-a[name] - b[name], name))
    return [_row(name, COUNT, a[name], b[name]) for name in names]


def _row(label: str, unit: str, a: Number | None, b: Number | None) -> Row:
    return Row(label, unit, a, b, None if a is None or b is None else b - a)
