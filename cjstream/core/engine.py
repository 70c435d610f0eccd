"""advance(): one customer and one touchpoint in, the new state and what leaves out. Deterministic, O(1) in order.

All decisions of cjstream are made here and in moves.py. Nothing here knows Kafka, Faust or the time of day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cjstream.core import moves
from cjstream.core.definition import JourneyDefinition, Rule
from cjstream.core.outputs import Forgotten, Output
from cjstream.core.report import converted_at, current, signal, transition
from cjstream.core.state import (
    CustomerState,
    Fence,
    Instance,
    JourneyState,
    Latest,
    Marker,
    Reached,
    Visit,
    find_entry,
    id_entry,
    remember,
)
from cjstream.core.touchpoint import Erasure, Touchpoint

APPLIED, IGNORED, DUPLICATE, LATE, ERASED = "applied", "ignored", "duplicate", "late", "erased"
REPLAYED = "replayed"  # at or below the fence: its effect is already durable
VERDICTS = (APPLIED, IGNORED, DUPLICATE, LATE, ERASED)


@dataclass(frozen=True, slots=True)
class Journeys:
    """The definitions in force: `active` by journey name take new customers, `by_hash` serve those already inside."""

    active: Mapping[str, JourneyDefinition]
    by_hash: Mapping[str, JourneyDefinition]

    @classmethod
    def of(cls, active: Iterable[JourneyDefinition], known: Iterable[JourneyDefinition] = ()) -> "Journeys":
        """Return the journeys `active`, with older definitions `known` for the instances pinned to them."""
        current_ones = list(active)
        return cls(
            {definition.journey: definition for definition in current_ones},
            {definition.hash: definition for definition in (*known, *current_ones)},
        )


class Step(NamedTuple):
    """What one record did. `state` is None where nothing is to be written; `conflict`: a known id, another payload."""

    state: CustomerState | None
    outputs: tuple[Output, ...]
    verdict: str
    conflict: bool = False


class Erased(NamedTuple):
    """What an erasure did: the marker to keep, and the null record to send. The state is to be deleted."""

    marker: Marker
    outputs: tuple[Output, ...]


def advance(state: CustomerState | None, touchpoint: Touchpoint, position: Fence, journeys: Journeys) -> Step:
    """Return what `touchpoint`, read at `position`, does to a customer (None: never seen).

    A position at or below the fence changes nothing and emits nothing. `state` is never changed.
    """
    before = state or CustomerState()
    if position <= before.fence:
        return Step(None, (), REPLAYED)
    if before.erased_at_ms is not None and touchpoint.at_ms <= before.erased_at_ms:
        return Step(None, (), ERASED)
    entry = id_entry(touchpoint.id, touchpoint.fingerprint)
    known = find_entry(before.recent, entry)
    if known is not None:
        return Step(_with_fence(before, position), (), DUPLICATE, known != entry)
    return _apply(before, touchpoint, position, remember(before.recent, entry), journeys)


def _with_fence(state: CustomerState, fence: Fence) -> CustomerState:
    return CustomerState(
        fence, state.newest_ms, state.recent, state.journeys,
        state.account_id, state.persona, state.channel, state.erased_at_ms,
    )  # fmt: skip


def _apply(before: CustomerState, touchpoint: Touchpoint, fence: Fence, recent: bytes, journeys: Journeys) -> Step:
    account_id, persona, channel = _attributes(before, touchpoint)
    after_journeys, verdict = before.journeys, IGNORED
    outputs: list[Output] = []
    for name, active in journeys.active.items():
        old = before.journeys.get(name)
        definition = _definition(old, active, journeys.by_hash)
        if touchpoint.at_ms < before.newest_ms - definition.lateness_ms:
            verdict = LATE if verdict is IGNORED else verdict
            continue
        new = _advance_journey(old, definition, touchpoint, account_id.value if account_id else None, outputs)
        if new is not None:
            verdict = APPLIED
            after_journeys = after_journeys if new is old else {**after_journeys, name: new}
    newest_ms = before.newest_ms
    if touchpoint.by_customer and touchpoint.at_ms > newest_ms:
        newest_ms = touchpoint.at_ms
    after = CustomerState(
        fence, newest_ms, recent, after_journeys, account_id, persona, channel, before.erased_at_ms
    )  # fmt: skip
    _tell_current(before, after, touchpoint.customer_id, journeys.by_hash, outputs)
    return Step(after, tuple(outputs), verdict)


def _definition(
    old: JourneyState | None, active: JourneyDefinition, by_hash: Mapping[str, JourneyDefinition]
) -> JourneyDefinition:
    """Return the definition a customer entered under; who is not inside yet gets the active one."""
    return by_hash[old.instances[-1].definition] if old is not None and old.instances else active


def _attributes(before: CustomerState, touchpoint: Touchpoint) -> tuple[Latest | None, Latest | None, Latest | None]:
    old = before.account_id, before.persona, before.channel
    if not touchpoint.by_customer:
        return old
    fields = touchpoint.fields
    return (
        _newer(old[0], fields.get("account_id"), touchpoint),
        _newer(old[1], fields.get("persona"), touchpoint),
        _newer(old[2], fields.get("channel"), touchpoint),
    )


def _newer(old: Latest | None, value: str | None, touchpoint: Touchpoint) -> Latest | None:
    if value is None:
        return old
    at_ms, sequence = touchpoint.at_ms, touchpoint.sequence
    if old is None or (at_ms, sequence, value) > (old.at_ms, old.sequence, old.value):
        return Latest(at_ms, sequence, value)
    return old


def _advance_journey(
    old: JourneyState | None,
    definition: JourneyDefinition,
    touchpoint: Touchpoint,
    account_id: str | None,
    outputs: list[Output],
) -> JourneyState | None:
    """Return the journey after the touchpoint, the same object if it moves nobody, None if no rule matches it.

    What leaves is added to `outputs`.
    """
    rule, is_goal = definition.rule_for(touchpoint), definition.meets_goal(touchpoint)
    if rule is None and not is_goal:
        return None
    journey = old or JourneyState()
    instance = journey.instances[-1] if journey.instances else Instance(definition.hash)
    moved = _advance_instance(instance, definition, touchpoint, rule, is_goal)
    if moved is instance and journey is old:
        return old
    change = moves.compare(instance.visits, moved.visits) if moved.visits is not instance.visits else None
    sequence = journey.sequence + (change is not None)
    if change is not None:
        outputs.append(transition(definition, instance, moved, change, sequence, rule, touchpoint, account_id))
    was, now = converted_at(instance, definition), converted_at(moved, definition)
    if (was is None) != (now is None):
        kind = "converted" if was is None else "conversion_withdrawn"
        outputs.append(signal(kind, definition, moved, touchpoint, touchpoint.at_ms if now is None else now))
    return JourneyState(sequence, (moved,))


def _advance_instance(
    instance: Instance,
    definition: JourneyDefinition,
    touchpoint: Touchpoint,
    rule: Rule | None,
    is_goal: bool,
) -> Instance:
    visits, goal = instance.visits, instance.goal
    if rule is not None:
        visit = Visit(rule.to, touchpoint.at_ms, touchpoint.sequence, touchpoint.id)
        visits = moves.insert(visits, visit, definition.stages)
    if is_goal and (goal is None or _order(touchpoint) < (goal.at_ms, goal.sequence, goal.touchpoint_id)):
        goal = Reached(*_order(touchpoint))
    if visits is instance.visits and goal is instance.goal:
        return instance
    return Instance(instance.definition, instance.key, instance.round, visits, goal)


def _order(touchpoint: Touchpoint) -> tuple[int, int, str]:
    return touchpoint.at_ms, touchpoint.sequence, touchpoint.id


def _tell_current(
    before: CustomerState,
    after: CustomerState,
    customer_id: str,
    by_hash: Mapping[str, JourneyDefinition],
    outputs: list[Output],
) -> None:
    """Add the customer's current stages to `outputs` if a field of them changed."""
    changed = bool(outputs) or not (
        _same(before.account_id, after.account_id)
        and _same(before.persona, after.persona)
        and _same(before.channel, after.channel)
    )
    if not changed and after.journeys is before.journeys:
        return
    told = current(after, customer_id, by_hash)
    if told.journeys and (changed or told != current(before, customer_id, by_hash)):
        outputs.append(told)


def _same(one: Latest | None, other: Latest | None) -> bool:
    return one is other or (one is not None and other is not None and one.value == other.value)


def erase(state: CustomerState | None, marker: Marker | None, erasure: Erasure, position: Fence) -> Erased | None:
    """Return what forgets a customer, given the state, or the marker of an earlier erasure; None for a replay.

    Sequences live on in the marker: a customer who returns goes on counting.
    """
    known = state.fence if state is not None else marker.fence if marker is not None else (0, -1)
    if position <= known:
        return None
    sequences = dict(marker.sequences) if marker is not None else {}
    erased_at_ms = max(erasure.at_ms, marker.erased_at_ms if marker is not None else erasure.at_ms)
    if state is not None:
        sequences |= {name: journey.sequence for name, journey in state.journeys.items()}
        erased_at_ms = max(erased_at_ms, state.erased_at_ms if state.erased_at_ms is not None else erased_at_ms)
    return Erased(Marker(position, erased_at_ms, sequences), (Forgotten(erasure.customer_id),))


def returning(marker: Marker) -> CustomerState:
    """Return the blank state of a customer who was erased: it keeps the fence, the sequences and `erased_at`."""
    journeys = {name: JourneyState(sequence) for name, sequence in marker.sequences.items()}
    return CustomerState(marker.fence, journeys=journeys, erased_at_ms=marker.erased_at_ms)
