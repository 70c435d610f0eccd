"""The shortest way through a journey, for most journeys and customers: at most one instance, order-free, up to date."""

from cjstream.core import free, logged
from cjstream.core.definition import JourneyDefinition
from cjstream.core.logged import Times
from cjstream.core.state import JourneyState
from cjstream.core.told import Told
from cjstream.core.touchpoint import Touchpoint


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
        told.is_matched = told.is_matched or matches is not free.NONE
    instance = journey.instances[0] if journey.instances else logged.blank(active, "")
    advanced = free.advance(instance, active, touchpoint, matches, times)
    if advanced.instance is instance and advanced.refused is None:
        return old
    sequence = told.take(active, instance, advanced, journey.sequence)
    return old if advanced.instance is instance else JourneyState(sequence, (advanced.instance,))


def glance(
    old: JourneyState | None, active: JourneyDefinition, touchpoint: Touchpoint, newest_before_ms: int, told: Told
) -> bool:
    """Return whether the touchpoint changes nothing, as a first look can tell; if so, note in `told` what it did.

    Three of four touchpoints match nothing or keep the customer in place. This tells them at a third of the cost.
    """
    if not active.order_free or active.has_windows or not (old is None or is_plain(old, active)):
        return False
    if touchpoint.at_ms < newest_before_ms - active.lateness_ms:
        told.is_late = True
        return True
    move, is_goal = matches = free.matches_of(touchpoint, active)
    if matches is free.NONE:
        return True
    visits = old.instances[0].visits if old is not None and old.instances else ()
    if is_goal or not visits or touchpoint.at_ms <= visits[-1].at_ms:
        return False
    to, stage = active.table[move].to, visits[-1].stage
    if to != stage:
        if active.stages[to].weight > active.stages[stage].weight:
            return False
        told.refuse(active, "backward")
    told.is_matched = True
    return True


def is_plain(old: JourneyState, active: JourneyDefinition) -> bool:
    """Return whether there is at most one instance, order-free and of the active definition: nothing to choose."""
    instances = old.instances
    if not instances:
        return old.settled_ms < 0
    return (
        instances[0].definition == active.hash
        and instances[0].past is None
        and len(instances) == 1
        and old.settled_ms < 0
    )  # fmt: skip
