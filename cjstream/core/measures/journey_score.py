"""The journey score: how well a journey performs, 0 to 100, as a weighted mix of figures, each against its own target.

`measures.journey_score` of a definition chooses the parts. A part is 100 at its target or beyond, and falls linearly:
shares to 0 at 0, NPS and net sentiment to 0 at -1, the drop-off to 0 where everybody leaves; the time to convert is 100
by target / time. A part without a figure is left out and said so; the weights of the others are then all there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cjstream.core.limits import MAX_NUMBER
from cjstream.core.reading import Item, Reader
from cjstream.core.stages import Stage

CSAT, NPS, SENTIMENT = SATISFACTION_BY = ("csat", "nps", "sentiment")
CONVERSION, DROP_OFF, TIME, SATISFACTION = "conversion", "drop_off", "time_to_convert", "satisfaction"
PART_KEYS, SATISFACTION_KEYS = ("weight", "target"), ("weight", "by", "target")
PARTS = (CONVERSION, DROP_OFF, TIME, SATISFACTION, "sla_met", "advocacy")
LIMITS = {CSAT: (0, 1), NPS: (-100, 100), SENTIMENT: (-1, 1)}  # of a target; that of a share has the first


class Inputs(NamedTuple):
    """The figures of a journey, None where there is nothing to make them of.

    `conversion`: converted runs of all that were entered. `drop_off`: dropped runs of those that are no longer in
    progress. `time_to_convert`: median, in seconds. `nps`: -100 to 100. `sentiment`: net, -1 to 1. `sla_met`: clocks of
    feedback that were met, of those that ended. `advocacy`: as advocacy_rate of metric_figures. Shares are 0 to 1.
    """

    conversion: float | None = None
    drop_off: float | None = None
    time_to_convert: float | None = None
    csat: float | None = None
    nps: float | None = None
    sentiment: float | None = None
    sla_met: float | None = None
    advocacy: float | None = None


MISSING: Mapping[str, str] = {  # why there is no figure, by field of Inputs
    "conversion": "nobody has entered",
    "drop_off": "no run is over yet",
    "time_to_convert": "nobody has converted",
    "csat": "no ratings in stars or on csat",
    "nps": "no ratings on nps",
    "sentiment": "no touchpoint tells a sentiment",
    "sla_met": "no clock of feedback has ended",
    "advocacy": "nobody has converted",
}


class PartSpec(NamedTuple):
    """A part: its weight, the figure it is made of (a field of Inputs), and the target, in the unit of the figure."""

    name: str
    weight: float
    figure: str
    target: float


@dataclass(frozen=True, slots=True)
class Spec:
    """The parts, in the order of PARTS."""

    parts: tuple[PartSpec, ...]


class Part(NamedTuple):
    """A part as it came out. `score`: 0 to 100; None: `missing` says why. `loss`: points that it costs the journey."""

    name: str
    figure: str
    weight: float
    value: float | None
    target: float
    score: float | None
    loss: float | None
    missing: str | None


class JourneyScore(NamedTuple):
    """`total`: 0 to 100, None if every part is missing. `worst`: the part that costs most; None: no part costs any."""

    total: float | None
    parts: tuple[Part, ...]
    worst: str | None


def read(reader: Reader, value: Any, path: str, _: Sequence[Stage]) -> Spec:
    """Return the compiled form of `measures.journey_score`; faults go to the reader."""
    item = reader.mapping(value, path, PARTS)
    if isinstance(value, dict) and not item:
        reader.report(path, f"needs at least one part of {', '.join(PARTS)}")
    return Spec(tuple(_part(reader, item[name], f"{path}.{name}", name) for name in PARTS if name in item))


def _part(reader: Reader, value: Any, path: str, name: str) -> PartSpec:
    is_satisfaction = name == SATISFACTION
    part = reader.mapping(value, path, SATISFACTION_KEYS if is_satisfaction else PART_KEYS)
    weight = _number(reader, part.get("weight", 1), f"{path}.weight", 0, MAX_NUMBER)
    if weight == 0:
        reader.report(f"{path}.weight", "must be above 0; leave the part out for no weight")
    figure = reader.word(part.get("by", CSAT), f"{path}.by", SATISFACTION_BY) if is_satisfaction else name
    return PartSpec(name, weight, figure, _target(reader, part, f"{path}.target", figure))


def _target(reader: Reader, part: Item, path: str, figure: str) -> float:
    if "target" not in part:
        reader.report(path, "is missing: what the part is measured against")
        return 0
    if figure == TIME:
        return (reader.clock(part, "target", path.removesuffix(".target")) or 0) / 1000
    return _number(reader, part["target"], path, *LIMITS.get(figure, LIMITS[CSAT]))


def _number(reader: Reader, value: Any, path: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        reader.report(path, f"must be a number from {low:g} to {high:g}, not {value!r}")
        return 1
    return value


def score(spec: Spec, inputs: Inputs) -> JourneyScore:
    """Return the score of a journey with these figures."""
    scaled = [(part, _scaled(part, getattr(inputs, part.figure))) for part in spec.parts]
    whole = sum(part.weight for part, points in scaled if points is not None)
    parts = tuple(_told(part, inputs, points, whole) for part, points in scaled)
    losses = {part.name: part.loss for part in parts if part.loss}
    worst = max(losses, key=losses.__getitem__, default=None)
    return JourneyScore(max(0.0, 100 - sum(losses.values())) if whole else None, parts, worst)


def _told(part: PartSpec, inputs: Inputs, points: float | None, whole: float) -> Part:
    value, (name, weight, figure, target) = getattr(inputs, part.figure), part
    if points is None:
        return Part(name, figure, weight, value, target, None, None, MISSING[figure])
    return Part(name, figure, weight, value, target, points, weight * (100 - points) / whole, None)


def _scaled(part: PartSpec, value: float | None) -> float | None:
    """Return a figure as 0 to 100 points."""
    if value is None:
        return None
    if part.figure in (DROP_OFF, TIME):
        if value <= part.target:
            return 100.0
        return 100 * part.target / value if part.figure == TIME else 100 * (1 - value) / (1 - part.target)
    if value >= part.target:
        return 100.0
    lowest = LIMITS.get(part.figure, LIMITS[CSAT])[0]
    return 100 * (value - lowest) / (part.target - lowest)


def ranking(scores: Mapping[str, JourneyScore]) -> list[tuple[str, JourneyScore]]:
    """Return journeys with their scores, the best first, those without a total last; of equal ones by name."""
    return sorted(scores.items(), key=lambda item: (item[1].total is None, -(item[1].total or 0), item[0]))
