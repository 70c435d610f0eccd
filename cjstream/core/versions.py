"""Instances between two versions of a journey: moved by a declared mapping, or entered anew under the newer one."""

from collections.abc import Mapping
from itertools import pairwise

from msgspec.structs import replace

from cjstream.core.definition import JourneyDefinition
from cjstream.core.fields import Fields
from cjstream.core.fold import NOTHING_PAST
from cjstream.core.logged import Times
from cjstream.core.moves import told
from cjstream.core.outcome import entered_ms, furthest, left
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Instance, Past, Reached, StageTotal, Visit
from cjstream.core.touchpoint import Touchpoint


def unmapped(old: JourneyDefinition, new: JourneyDefinition) -> list[str]:
    """Return why instances of `old` cannot move to `new` by its mapping, one phrase each."""
    names = new.replaces.get(old.hash, {})
    known = {stage.id for stage in new.stages}
    lost = [stage.id for stage in old.stages if names.get(stage.id, stage.id) not in known]
    reasons = [f"its stage {stage!r} leads nowhere; map it under `replaces`" for stage in lost]
    if old.instance_field != new.instance_field:
        reasons.append("its instances have another key, by which no touchpoint would find them; keep `instance`")
    return reasons


def moved(instance: Instance, old: JourneyDefinition, new: JourneyDefinition, times: Times) -> Instance:
    """Return the instance under `new`, by its mapping from `old`, which one that never entered does not need.

    What was decided stays: goal, outcome, round, counts. Nothing older than the move can be taken in, but where `new`
    would have decided the same.
    """
    places, goal = _places(old, new) if instance.visits else {OUTSIDE: OUTSIDE}, instance.goal
    if goal is not None:
        goal = replace(goal, origin=_origin(goal.origin, old, new))
    if not instance.visits and old.data.get("goal") != new.data.get("goal"):
        goal = None  # it counts from the entry on, and that is now under `new`
    visits = tuple(_placed(visit, places) for visit in instance.visits)
    after = replace(instance, definition=new.hash, visits=visits, goal=goal, origin=_origin(instance.origin, old, new))
    if new.order_free and not visits:
        return replace(after, past=None)
    if new.order_free and instance.past is None and _decide_the_same(old, new, places):
        return after
    past = _past(instance, old, new, places, times)
    if goal is None and instance.dropped_ms is None:
        after = replace(after, goal=_goal_reached(visits, past.entered_ms, new))
    return replace(after, past=past)


def _past(
    instance: Instance, old: JourneyDefinition, new: JourneyDefinition, places: Mapping[int, int], times: Times
) -> Past:
    past, entered = instance.past or NOTHING_PAST, entered_ms(instance)
    totals = [replace(total, stage=places[total.stage]) for total in past.totals]
    touched_ms = past.touched_ms
    if new.touches_matter and not old.touches_matter and new.instance_field is None:
        touched_ms = times.newest_before_ms  # `old` did not keep those that match nothing
    is_snoozed = bool(instance.visits) or old.data.get("snooze") == new.data.get("snooze")  # else `new` never said so
    return Past(
        _counts(past, old, new), touched_ms, past.stalled, past.snoozed_ms if is_snoozed else -1,
        -1 if entered is None else entered, places[furthest(instance)],
        floor_ms=times.settled_before_ms, trimmed=past.trimmed, before=places[past.before], totals=_merged(totals),
        left=places[left(instance)],
    )  # fmt: skip


def _counts(past: Past, old: JourneyDefinition, new: JourneyDefinition) -> tuple[int, ...]:
    counts = dict(zip(old.counted, past.counts, strict=False))
    return tuple(counts.get(kind, 0) for kind in new.counted)


def _decide_the_same(old: JourneyDefinition, new: JourneyDefinition, places: Mapping[int, int]) -> bool:
    """Return whether order-free visits, which are judged anew at each touchpoint, come to the same under `new`."""
    ascending = sorted(range(len(old.stages)), key=lambda i: old.stages[i].weight)
    weights = [new.stages[places[i]].weight for i in ascending]
    return (
        all(lower < higher for lower, higher in pairwise(weights))
        and old.window_ms == new.window_ms
        and all(stage.window_ms == new.stages[places[i]].window_ms for i, stage in enumerate(old.stages))
        and (None if old.goal_stage is None else places[old.goal_stage]) == new.goal_stage
    )


def _goal_reached(visits: tuple[Visit, ...], entered_at_ms: int, new: JourneyDefinition) -> Reached | None:
    """Return the goal of `new` if that is a stage which the newest round entered in time."""
    found = None
    for visit in reversed(visits):
        if (visit.stage == OUTSIDE and visit is not visits[-1]) or visit.at_ms < entered_at_ms:
            break
        if visit.stage == new.goal_stage:
            found = visit
    if found is None or (new.window_ms is not None and found.at_ms > entered_at_ms + new.window_ms):
        return None
    return Reached(found.at_ms, found.sequence, found.touchpoint_id)


def renewed(instance: Instance, old: JourneyDefinition, new: JourneyDefinition, floor_ms: int) -> Instance:
    """Return an instance that is outside, ready to enter `new`: its earlier visits count, but are not kept."""
    past, last, entered, goal = instance.past or NOTHING_PAST, instance.visits[-1], entered_ms(instance), instance.goal
    if goal is not None:
        goal = replace(goal, origin=_origin(goal.origin, old, new))
    return Instance(
        new.hash, instance.key, instance.round, (replace(last, rule=-1),), goal,
        _origin(instance.origin, old, new), instance.dropped_ms,
        Past(
            _counts(past, old, new), past.touched_ms, entered_ms=-1 if entered is None else entered,
            floor_ms=floor_ms, trimmed=past.trimmed + len(told(instance, old)) - 1,
        ),
    )  # fmt: skip


def _places(old: JourneyDefinition, new: JourneyDefinition) -> Mapping[int, int]:
    names = new.replaces[old.hash]
    index = {stage.id: i for i, stage in enumerate(new.stages)}
    return {OUTSIDE: OUTSIDE} | {i: index[names.get(stage.id, stage.id)] for i, stage in enumerate(old.stages)}


def _placed(visit: Visit, places: Mapping[int, int]) -> Visit:
    return replace(visit, stage=places[visit.stage], rule=min(visit.rule, -1))


def _origin(origin: int, old: JourneyDefinition, new: JourneyDefinition) -> int:
    told = replace(Fields("", "", "", 0), **old.origin_values(origin))
    return new.origin_of(Touchpoint("", "", "", 0, 0, True, told, 0))


def _merged(totals: list[StageTotal]) -> tuple[StageTotal, ...]:
    """Return totals by stage; stages that became one are added up."""
    by_stage: dict[int, StageTotal] = {}
    for total in sorted(totals, key=lambda each: (each.stage, each.entered_ms)):
        known = by_stage.get(total.stage)
        by_stage[total.stage] = total if known is None else StageTotal(
            total.stage, known.visits + total.visits, known.cumulative_ms + total.cumulative_ms,
            total.entered_ms, total.exited_ms,
        )  # fmt: skip
    return tuple(by_stage.values())
