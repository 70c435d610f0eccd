"""The visits of a customer: which ones a touchpoint makes, which ones are told, and what a change of them is called.

`forward_only` with open entry: a customer enters the stage of the first touchpoint that matches a rule and from then
on only moves up. So the visits are the stages whose earliest touchpoint comes before the earliest of every higher
stage, and keeping those is enough: the result is the same in whatever order the touchpoints arrive.
"""

from collections.abc import Sequence

import msgspec

from cjstream.core.definition import JourneyDefinition, Stage
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Instance, Visit

Order = tuple[int, int, float, str]  # event time, producer's sequence, stage weight, touchpoint id: never arrival


def order_of(visit: Visit, stages: Sequence[Stage]) -> Order:
    """Return what sorts visits: ties in event time break by sequence, stage weight, touchpoint id."""
    return visit.at_ms, visit.sequence, stages[visit.stage].weight, visit.touchpoint_id


def insert(visits: tuple[Visit, ...], new: Visit, stages: Sequence[Stage]) -> tuple[Visit, ...]:
    """Return the forward-only visits after a touchpoint that proposes `new`; the same object if it moves nobody."""
    weight, order = stages[new.stage].weight, order_of(new, stages)
    if not visits or order > order_of(visits[-1], stages):
        return (*visits, new) if not visits or weight > stages[visits[-1].stage].weight else visits
    if any(stages[visit.stage].weight >= weight and order_of(visit, stages) < order for visit in visits):
        return visits
    before = tuple(visit for visit in visits if order_of(visit, stages) < order)
    after = tuple(visit for visit in visits if order_of(visit, stages) > order and stages[visit.stage].weight > weight)
    return (*before, new, *after)


def told(instance: Instance, definition: JourneyDefinition) -> tuple[Visit, ...]:
    """Return the visits as the wire tells them: with `infer`, those of the stages jumped over as well.

    Of an instance with visits no longer kept, these are the ones from index `past.trimmed` on.
    """
    if definition.entry != "infer":
        return instance.visits
    path: list[Visit] = []
    previous = instance.past.before if instance.past is not None else OUTSIDE
    for visit in instance.visits:
        path += inferred(previous, visit, definition)
        path.append(visit)
        previous = visit.stage
    return tuple(path)


def inferred(previous: int, visit: Visit, definition: JourneyDefinition) -> list[Visit]:
    """Return the visits of the stages jumped over on the way from stage `previous`, or from outside, to `visit`."""
    if visit.stage == OUTSIDE:
        return []
    floor = float("-inf") if previous == OUTSIDE else definition.stages[previous].weight
    top = definition.stages[visit.stage].weight
    between = sorted((stage.weight, i) for i, stage in enumerate(definition.stages) if floor < stage.weight < top)
    return [Visit(i, visit.at_ms, visit.sequence, visit.touchpoint_id, True, visit.rule) for _, i in between]


class Change(msgspec.Struct, frozen=True, gc=False):
    """One record due: its `kind`, the told visit that holds after it (None: nothing does), the one before it.

    For a correction, `path_from` is the first index that differs, of those that are kept.
    """

    kind: str
    visit: Visit | None
    previous: Visit | None
    path_from: int | None = None


def compare(
    old: Sequence[Visit], new: Sequence[Visit], definition: JourneyDefinition, touchpoint_id: str | None
) -> list[Change]:
    """Return what changed between two told paths, by the touchpoint of that id or by deadlines.

    Visits added at the end are moves, one each; anything else is one correction. A visit is the same if stage, time
    and `inferred` are; which of two touchpoints of one time began it is not told. One that another touchpoint began
    is news of the past, so a correction too.
    """
    if len(new) == len(old) + 1 and new[-1].touchpoint_id == touchpoint_id and (not old or new[-2] is old[-1]):
        return [_move(old[-1] if old else None, new[-1], definition)]  # nearly all changes: the next visit
    same, most = 0, min(len(old), len(new))
    while same < most and (old[same] is new[same] or _told(old[same]) == _told(new[same])):
        same += 1
    added = new[same:]
    if same == len(old):
        for visit in added:
            if visit.touchpoint_id and visit.touchpoint_id != touchpoint_id:
                break
        else:
            return [_move(new[i - 1] if i else None, new[i], definition) for i in range(same, len(new))]
    return [Change("correction", new[-1] if new else None, old[-1] if old else None, same)]


def _told(visit: Visit) -> tuple[int, int, bool]:
    return visit.stage, visit.at_ms, visit.inferred


def _move(previous: Visit | None, visit: Visit, definition: JourneyDefinition) -> Change:
    stages = definition.stages
    if not visit.touchpoint_id:
        kind = "timeout"
    elif visit.stage == OUTSIDE:
        kind = "exit"
    elif previous is None:
        kind = "entry"
    elif previous.stage == OUTSIDE or (visit.stage == definition.first and definition.reentry == "every"):
        kind = "reentry"
    else:
        kind = "forward" if stages[visit.stage].weight > stages[previous.stage].weight else "backward"
    return Change(kind, visit, previous)
