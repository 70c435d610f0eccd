"""What became of a run through a journey: in progress, converted or dropped; each exactly one, at every moment.

A run is entered with its first visit. It converts when it meets its goal while it is not dropped. It is dropped by the
end of its conversion window, by a stay in a stage longer than that stage's window, or by an exit, unless it converted
before. What it does later changes no outcome; a goal met then is a late conversion.
"""

from collections.abc import Mapping
from typing import NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import CustomerState, Instance, Reached, Visit


def entered_ms(instance: Instance) -> int | None:
    """Return when the newest round was entered, in milliseconds, or None."""
    if instance.past is not None and instance.past.entered_ms >= 0:
        return instance.past.entered_ms
    return instance.visits[0].at_ms if instance.visits else None


def converted_at(instance: Instance) -> int | None:
    """Return when the newest round met its goal in time, in milliseconds, or None.

    A goal met before the first stage counts from the entry on: only who is in a journey can convert.
    """
    entered = entered_ms(instance)
    if entered is None or instance.goal is None or instance.dropped_ms is not None:
        return None
    return max(instance.goal.at_ms, entered)


def outcome(instance: Instance) -> str:
    """Return `in_progress`, `converted` or `dropped` for the newest round, as of the state."""
    if instance.dropped_ms is not None:
        return "dropped"
    return "converted" if instance.goal is not None and instance.visits else "in_progress"


def is_late(instance: Instance) -> bool:
    """Return whether the goal was met after the run was dropped."""
    return instance.dropped_ms is not None and instance.goal is not None


def stage_in(state: CustomerState, journey: str, by_hash: Mapping[str, JourneyDefinition]) -> str | None:
    """Return the id of the stage of the newest instance in a journey; None: outside, or never entered."""
    instances = state.journeys[journey].instances if journey in state.journeys else ()
    newest = instances[-1] if instances else None
    if newest is None or not newest.visits:
        return None
    return by_hash[newest.definition].stage_name(newest.visits[-1].stage)


def left(instance: Instance) -> int:
    """Return the index of the stage that the newest round was in when it was dropped, OUTSIDE if it was not."""
    if instance.dropped_ms is None:
        return OUTSIDE
    if instance.past is not None:
        return instance.past.left
    return [visit.stage for visit in instance.visits if visit.at_ms <= instance.dropped_ms][-1]


def left_stage(instance: Instance, definition: JourneyDefinition) -> str | None:
    """Return the id of that stage, None if the newest round was not dropped."""
    return definition.stage_name(left(instance))


def furthest(instance: Instance) -> int:
    """Return the index of the highest stage of the newest round, OUTSIDE if it was never entered."""
    if instance.past is not None:
        return instance.past.furthest
    return instance.visits[-1].stage if instance.visits else OUTSIDE  # order-free: it only ever moved up


class Deadline(NamedTuple):
    """A moment right after which something happens: `order` breaks ties, `cause` names it."""

    due_ms: int
    order: int
    cause: str


def dropped(
    visits: tuple[Visit, ...], goal: Reached | None, settled_ms: int, definition: JourneyDefinition
) -> Deadline | None:
    """Return what dropped a run of a definition without exits, with the deadlines before `settled_ms` passed."""
    if not visits:
        return None
    limits = [] if definition.window_ms is None else [Deadline(visits[0].at_ms + definition.window_ms, 0, "window")]
    limits = [limit for limit in limits if limit.due_ms < settled_ms]
    ends = [visit.at_ms for visit in visits[1:]] + [settled_ms]
    for visit, end_ms in zip(visits, ends, strict=True):
        stage = definition.stages[visit.stage]
        if stage.window_ms is not None and visit.at_ms + stage.window_ms < end_ms:
            limits.append(Deadline(visit.at_ms + stage.window_ms, 1, f"window.{stage.id}"))
    first = min(limits, default=None)
    if first is None or (goal is not None and max(goal.at_ms, visits[0].at_ms) <= first.due_ms):
        return None
    return first
