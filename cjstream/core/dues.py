"""When the clock has something to do with a customer, and which deadlines it lets pass."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cjstream.core import measured
from cjstream.core.definition import JourneyDefinition
from cjstream.core.fold import Fold
from cjstream.core.state import NOT_BEGUN, CustomerState, JourneyState, value_of

if TYPE_CHECKING:
    from cjstream.core.engine import Journeys

ByHash = Mapping[str, JourneyDefinition]


def passed(state: CustomerState, active: JourneyDefinition, now_ms: int, by_hash: ByHash) -> int:
    """Return the last deadline in a journey that the clock lets pass, -1 for none."""
    old = state.journeys.get(active.journey, NOT_BEGUN)
    passed_ms, until_ms = -1, now_ms - _lateness_ms(old, active, by_hash)
    for instance in old.instances:
        fold = Fold(instance, by_hash[instance.definition])
        fold.settle(until_ms)
        passed_ms = max(passed_ms, fold.passed_ms)
    if active.is_measured:
        ahead = [due_ms for due_ms in measured.ahead(state, active, by_hash) if due_ms < until_ms]
        passed_ms = max(passed_ms, *ahead, -1)
    return passed_ms


def _lateness_ms(old: JourneyState, active: JourneyDefinition, by_hash: ByHash) -> int:
    """Return the longest lateness of the versions in use: time passes for all of them at once."""
    own_ms = active.lateness_ms if active.is_measured else 0
    return max([own_ms, *(by_hash[each.definition].lateness_ms for each in old.instances)])


def next_due(state: CustomerState, journeys: "Journeys") -> int | None:
    """Return the moment right after which `expire` has something to do, in milliseconds, or None."""
    silent = silent_ms(state, journeys)
    dues = [] if silent is None else [silent]
    for name, active in journeys.active.items():
        old = state.journeys.get(name, NOT_BEGUN)
        ahead = list(_ahead(state, old, active, journeys.by_hash))
        if ahead:
            dues.append(min(ahead) + _lateness_ms(old, active, journeys.by_hash))
    return min(dues, default=None)


def silent_ms(state: CustomerState, journeys: "Journeys") -> int | None:
    """Return the moment right after which a customer has been silent for too long, in milliseconds; None: never.

    Touchpoints of the business count like the customer's own. Who left no sign of life was silent all the time: one
    with ignored touchpoints only, or one who is forgotten but for the last step.
    """
    if journeys.expire_ms is None:
        return None
    heard_ms = max(state.newest_ms, state.heard_ms)
    if heard_ms < 0:
        return -1
    lateness_ms = [
        max(active.lateness_ms, _lateness_ms(state.journeys.get(name, NOT_BEGUN), active, journeys.by_hash))
        for name, active in journeys.active.items()
    ]
    return heard_ms + journeys.expire_ms + max(lateness_ms, default=0)


def _ahead(state: CustomerState, old: JourneyState, active: JourneyDefinition, by_hash: ByHash) -> Iterator[int]:
    """Yield the deadlines ahead of a customer in one journey."""
    for instance in old.instances:
        definition = by_hash[instance.definition]
        if definition.has_deadlines:
            yield from (deadline.due_ms for deadline in Fold(instance, definition).deadlines())
    if active.is_measured:
        yield from measured.ahead(state, active, by_hash)


def may_be_due(before: CustomerState | None, after: CustomerState) -> bool:
    """Return whether `next_due` may say something else after a step."""
    if before is None or before.journeys is not after.journeys or value_of(before.persona) != value_of(after.persona):
        return True
    return before.measured is not after.measured and measured.waits_differ(before.measured, after.measured)
