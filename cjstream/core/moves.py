"""Which stage a customer is in: the one reducer of visits, and what a change of visits is called on the wire.

`forward_only` with open entry: a customer enters the stage of the first touchpoint that matches a rule and from then
on only moves up. So the visits are the stages whose earliest touchpoint comes before the earliest of every higher
stage, and keeping those is enough: the result is the same in whatever order the touchpoints arrive.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cjstream.core.definition import Stage
from cjstream.core.state import Visit

Order = tuple[int, int, float, str]  # event time, producer's sequence, stage weight, touchpoint id: never arrival


def order_of(visit: Visit, stages: Sequence[Stage]) -> Order:
    """Return what sorts visits: ties in event time break by sequence, stage weight, touchpoint id."""
    return visit.at_ms, visit.sequence, stages[visit.stage].weight, visit.touchpoint_id


def insert(visits: tuple[Visit, ...], new: Visit, stages: Sequence[Stage]) -> tuple[Visit, ...]:
    """Return the visits after a touchpoint that proposes `new`; the same object if it moves nobody."""
    weight, order = stages[new.stage].weight, order_of(new, stages)
    if not visits or order > order_of(visits[-1], stages):
        return (*visits, new) if not visits or weight > stages[visits[-1].stage].weight else visits
    if any(stages[visit.stage].weight >= weight and order_of(visit, stages) < order for visit in visits):
        return visits
    before = tuple(visit for visit in visits if order_of(visit, stages) < order)
    after = tuple(visit for visit in visits if order_of(visit, stages) > order and stages[visit.stage].weight > weight)
    return (*before, new, *after)


class Change(NamedTuple):
    """How the visits changed: `kind` of the transition; for a correction, the first index that differs."""

    kind: str
    path_from: int | None


def compare(old: tuple[Visit, ...], new: tuple[Visit, ...]) -> Change | None:
    """Return what one touchpoint changed: an appended visit is a move, anything else a correction, or nothing.

    A visit is the same if stage, time and `inferred` are; which of two touchpoints of one time began it is not told.
    """
    same = 0
    while same < min(len(old), len(new)) and _told(old[same]) == _told(new[same]):
        same += 1
    if same == len(old) == len(new):
        return None
    if same == len(old) and len(new) == len(old) + 1:
        return Change("forward" if old else "entry", None)
    return Change("correction", same)


def _told(visit: Visit) -> tuple[int, int, bool]:
    return visit.stage, visit.at_ms, visit.inferred
