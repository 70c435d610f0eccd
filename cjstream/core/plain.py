"""A step through a journey, for most journeys and customers: at most one instance, order-free, up to date."""

from cjstream.core import free, logged
from cjstream.core.definition import JourneyDefinition
from cjstream.core.free import Matches
from cjstream.core.logged import Times
from cjstream.core.policies import INFER
from cjstream.core.state import Instance, JourneyState, Visit
from cjstream.core.told import Told
from cjstream.core.touchpoint import Touchpoint

# What a touchpoint that changes nothing comes to.
LATE, UNMATCHED, STAYS, BACKWARD = "late", "unmatched", "stays", "backward"


def advance(
    old: JourneyState | None,
    journey: JourneyState,
    active: JourneyDefinition,
    touchpoint: Touchpoint,
    times: Times,
    told: Told,
) -> JourneyState | None:
    """As `journey.advance`, where there is nothing to choose; half the cost of the general way."""
    matches = free.NONE
    if touchpoint.at_ms < times.newest_before_ms - active.lateness_ms:
        told.is_late = True
    else:
        matches = free.matches_of(touchpoint, active)
        told.is_matched = told.is_matched or matches != free.NONE
    instance = journey.instances[0] if journey.instances else logged.blank(active, "")
    moved = _next(instance, active, touchpoint, matches)
    if moved is not None:
        return JourneyState(told.take_next(active, instance, moved, journey.sequence), (moved,))
    advanced = free.advance(instance, active, touchpoint, matches, times)
    if advanced.instance is instance and advanced.refused is None:
        return old
    sequence = told.take(active, instance, advanced, journey.sequence)
    return old if advanced.instance is instance else JourneyState(sequence, (advanced.instance,))


def _next(instance: Instance, active: JourneyDefinition, touchpoint: Touchpoint, matches: Matches) -> Instance | None:
    """Return the instance one visit on, where the touchpoint does just that, as nearly all that move a customer do."""
    move, is_goal = matches
    if move < 0 or is_goal or active.has_windows or active.goal_stage is not None or active.entry == INFER:
        return None
    visits, origin, to = instance.visits, instance.origin, active.table[move].to
    if visits:
        last = visits[-1]
        if touchpoint.at_ms <= last.at_ms or active.stages[to].weight <= active.stages[last.stage].weight:
            return None
    elif instance.goal is not None:
        return None
    else:
        origin = active.origin_of(touchpoint)
    visit = Visit(to, touchpoint.at_ms, touchpoint.sequence, touchpoint.id, False, move)
    return Instance(instance.definition, instance.key, 0, (*visits, visit), instance.goal, origin, instance.dropped_ms)


def glance(
    old: JourneyState | None, active: JourneyDefinition, touchpoint: Touchpoint, newest_before_ms: int
) -> str | None:
    """Return what a touchpoint that changes nothing comes to, as a first look can tell; None: it takes a second one.

    Three of four touchpoints match nothing or keep the customer in place. This tells them at a third of the cost.
    """
    if not active.order_free or active.has_windows:
        return None
    visits: tuple[Visit, ...] = ()
    if old is not None:
        if not is_plain(old, active):
            return None
        if old.instances:
            visits = old.instances[0].visits
    if touchpoint.at_ms < newest_before_ms - active.lateness_ms:
        return LATE
    move, is_goal = free.matches_of(touchpoint, active)
    if is_goal or (move >= 0 and not visits):
        return None
    return UNMATCHED if move < 0 else _stay(visits[-1], active, touchpoint, active.table[move].to)


def _stay(last: Visit, active: JourneyDefinition, touchpoint: Touchpoint, to: int) -> str | None:
    """Return STAYS or BACKWARD for a touchpoint that leads from the last visit to no higher stage, else None."""
    if touchpoint.at_ms <= last.at_ms:
        return None
    if to == last.stage:
        return STAYS
    return None if active.stages[to].weight > active.stages[last.stage].weight else BACKWARD


def note(seen: str, active: JourneyDefinition, told: Told) -> None:
    """Note in `told` what `glance` has seen."""
    if seen is LATE:
        told.is_late = True
    elif seen is not UNMATCHED:
        told.is_matched = True
        told.refuse(active, BACKWARD if seen is BACKWARD else None)


def is_plain(old: JourneyState, active: JourneyDefinition) -> bool:
    """Return whether there is at most one instance, order-free and of the active definition: nothing to choose."""
    instances = old.instances
    if old.settled_ms >= 0 or not instances:
        return old.settled_ms < 0
    first = instances[0]
    return len(instances) == 1 and first.past is None and first.definition == active.hash
