"""Instances for which the order of arrival cannot matter: the earliest touchpoint per stage and for the goal, no log.

They only move forward, and ask nothing of the past: docs/adr/0004-the-visits-are-the-state.md.
"""

from msgspec.structs import replace

from cjstream.core import moves
from cjstream.core.definition import GOAL, MOVE, JourneyDefinition
from cjstream.core.fold import Event
from cjstream.core.logged import Advanced, Times
from cjstream.core.outcome import converted_at, dropped, is_late, left
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Instance, Reached, Visit
from cjstream.core.touchpoint import Touchpoint

Matches = tuple[int, bool]  # index of the rule that proposes a move, or -1; whether the goal is met
NONE: Matches = (-1, False)


def matches_of(touchpoint: Touchpoint, definition: JourneyDefinition) -> Matches:
    """Return what a touchpoint asks of a journey."""
    certain = definition.certain.get(touchpoint.type, NONE)
    if certain is not None:
        return certain
    move, is_goal, table = -1, False, definition.table
    for i in definition.table_by_type[touchpoint.type]:
        rule = table[i]
        if rule.when is None or rule.when(touchpoint):
            if rule.kind == GOAL:
                is_goal = True
            elif move < 0 and rule.kind == MOVE:
                move = i
    return move, is_goal


def advance(
    instance: Instance, definition: JourneyDefinition, touchpoint: Touchpoint | None, matches: Matches, times: Times
) -> Advanced:
    """Return the instance after a touchpoint (None: only time passes) and the deadlines up to `times`."""
    move, is_goal = matches
    if definition.goal_stage is not None and instance.goal is None and instance.visits:
        instance = _with_stage_goal(instance, definition)
    visits, goal, origin, refused = instance.visits, instance.goal, instance.origin, None
    if touchpoint is not None and move >= 0:
        visits, refused = _propose(visits, definition, touchpoint, move)
        if visits is not instance.visits and visits[0] is not (instance.visits[0] if instance.visits else None):
            origin = definition.origin_of(touchpoint)
    if touchpoint is not None and is_goal and (goal is None or _order(touchpoint) < _order_of(goal)):
        goal = Reached(*_order(touchpoint), definition.origin_of(touchpoint))
    elif definition.goal_stage is not None:
        goal = _stage_goal(visits, goal, definition, touchpoint)
    limit = dropped(visits, goal, times.settled_ms, definition) if definition.has_windows else None
    dropped_ms = None if limit is None else limit.due_ms
    if visits is instance.visits and goal is instance.goal and dropped_ms == instance.dropped_ms:
        return Advanced(instance, refused=refused)
    new = Instance(instance.definition, instance.key, 0, visits, goal, origin, dropped_ms)
    if goal is instance.goal and instance.visits and dropped_ms == instance.dropped_ms:
        return Advanced(new, refused=refused)
    events, withdrawn = _events(instance, new, None if limit is None else limit.cause)
    return Advanced(new, events, withdrawn, refused)


def _propose(
    visits: tuple[Visit, ...], definition: JourneyDefinition, touchpoint: Touchpoint, move: int
) -> tuple[tuple[Visit, ...], str | None]:
    to, stages = definition.table[move].to, definition.stages
    if visits:
        last = visits[-1]
        is_next = (touchpoint.at_ms, touchpoint.sequence) > (last.at_ms, last.sequence)
        if is_next and stages[to].weight < stages[last.stage].weight:
            return visits, "backward"
    visit = Visit(to, touchpoint.at_ms, touchpoint.sequence, touchpoint.id, False, move)
    return moves.insert(visits, visit, stages), None


def _stage_goal(
    visits: tuple[Visit, ...], goal: Reached | None, definition: JourneyDefinition, touchpoint: Touchpoint | None
) -> Reached | None:
    visit = next((each for each in visits if each.stage == definition.goal_stage), None)
    if visit is None:
        return None
    order = visit.at_ms, visit.sequence, visit.touchpoint_id
    if goal is not None and order == _order_of(goal):
        return goal
    is_by_it = touchpoint is not None and touchpoint.id == visit.touchpoint_id
    return Reached(*order, definition.origin_of(touchpoint) if touchpoint is not None and is_by_it else 0)


def _with_stage_goal(instance: Instance, definition: JourneyDefinition) -> Instance:
    """Return a state of version 1, which kept no goal that is a stage, with the goal it had met."""
    goal = _stage_goal(instance.visits, None, definition, None)
    return instance if goal is None else replace(instance, goal=goal)


def _order(touchpoint: Touchpoint) -> tuple[int, int, str]:
    return touchpoint.at_ms, touchpoint.sequence, touchpoint.id


def _order_of(goal: Reached) -> tuple[int, int, str]:
    return goal.at_ms, goal.sequence, goal.touchpoint_id


def _events(old: Instance, new: Instance, cause: str | None) -> tuple[list[Event], list[Event]]:
    """Return what came true between two states of an instance, and what no longer is."""
    stage = new.visits[-1].stage if new.visits else OUTSIDE
    was, now = converted_at(old), converted_at(new)
    events, withdrawn = list[Event](), list[Event]()
    if was is None and now is not None:
        events.append(Event("converted", 0, stage, now, None, None))
    if was is not None and now is None:
        withdrawn.append(Event("converted", 0, stage, was, None, None))
    if old.dropped_ms is None and new.dropped_ms is not None:
        events.append(Event("dropped", 0, left(new), new.visits[0].at_ms, new.dropped_ms, cause))
    if is_late(new) and not is_late(old) and new.goal is not None:
        events.append(Event("late_conversion", 0, stage, new.goal.at_ms, None, None))
    return events, withdrawn
