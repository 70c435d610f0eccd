"""advance(): one customer and one touchpoint in, the new state and what leaves out. Deterministic, O(1) in order.

All decisions of cjstream are made here and in what this imports. Nothing here knows Kafka, Faust or the time of day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from cjstream.core import journey, plain, versions
from cjstream.core.definition import JourneyDefinition, PersonaRule
from cjstream.core.fold import Fold
from cjstream.core.logged import Times
from cjstream.core.outputs import Forgotten, Output, StageTransition
from cjstream.core.report import current
from cjstream.core.state import (
    CustomerState,
    Fence,
    JourneyState,
    Latest,
    Marker,
    find_entry,
    id_entry,
    remember,
)
from cjstream.core.told import Told
from cjstream.core.touchpoint import Erasure, Touchpoint

APPLIED, IGNORED, DUPLICATE, LATE, ERASED = "applied", "ignored", "duplicate", "late", "erased"
REPLAYED = "replayed"  # at or below the fence: its effect is already durable
VERDICTS = (APPLIED, IGNORED, DUPLICATE, LATE, ERASED)
REFUSALS = (
    "backward", "not_listed", "not_entered", "no_reentry", "cooldown", "instance_limit", "no_instance_key", "ignored",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journeys:
    """The definitions in force: `active` by journey name take new customers, `by_hash` serve those already inside."""

    active: Mapping[str, JourneyDefinition]
    by_hash: Mapping[str, JourneyDefinition]
    personas: tuple[PersonaRule, ...] = ()
    may_ignore: bool = False
    has_deadlines: bool = False

    @classmethod
    def of(cls, active: Iterable[JourneyDefinition], known: Iterable[JourneyDefinition] = ()) -> "Journeys":
        """Return the journeys `active`, with older definitions `known` for the instances pinned to them."""
        current_ones, older = list(active), list(known)
        return cls(
            {definition.journey: definition for definition in current_ones},
            {definition.hash: definition for definition in (*older, *current_ones)},
            tuple(rule for definition in current_ones for rule in definition.personas),
            any(definition.ignores for definition in current_ones),
            any(definition.has_deadlines for definition in (*older, *current_ones)),
        )

    def unmapped(self) -> list[str]:
        """Return what is wrong with mappings from older definitions, one sentence each."""
        return [
            f"journey {new.journey} cannot replace definition {old}: {reason}"
            for new in self.active.values()
            for old in new.replaces
            if old in self.by_hash
            for reason in versions.unmapped(self.by_hash[old], new)
        ]


class Step(NamedTuple):
    """What one record did. `state` is None where nothing is to be written; `conflict`: a known id, another payload.

    `refused`: (journey, one of REFUSALS) per move that was not made. `late_conversions`: journeys whose goal was met
    after the run had been dropped.
    """

    state: CustomerState | None
    outputs: tuple[Output, ...]
    verdict: str
    conflict: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    late_conversions: tuple[str, ...] = ()


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
    known = find_entry(before.recent, entry) if entry[:8] in before.recent else None
    if known is not None:
        return Step(_with_fence(before, position), (), DUPLICATE, known != entry)
    return _apply(before, touchpoint, position, remember(before.recent, entry), journeys)


def _with_fence(state: CustomerState, fence: Fence) -> CustomerState:
    return CustomerState(
        fence, state.newest_ms, state.recent, state.journeys,
        state.account_id, state.persona, state.channel, state.erased_at_ms, (), state.heard_ms,
    )  # fmt: skip


def _apply(before: CustomerState, touchpoint: Touchpoint, fence: Fence, recent: bytes, journeys: Journeys) -> Step:
    ignored = _ignored(touchpoint, journeys) if journeys.may_ignore else ()
    if ignored and len(ignored) == len(journeys.active):
        return Step(replace(_with_fence(before, fence), recent=recent), (), IGNORED, refused=ignored)
    if journeys.personas:
        touchpoint = _with_persona(touchpoint, journeys.personas)
    account_id, persona, channel = before.account_id, before.persona, before.channel
    newest_ms, heard_ms, at_ms = before.newest_ms, before.heard_ms, touchpoint.at_ms
    if touchpoint.by_customer:
        account_id, persona, channel = _attributes(before, touchpoint)
        newest_ms = max(newest_ms, at_ms)
    elif at_ms > heard_ms:
        heard_ms = at_ms
    told = Told(touchpoint.customer_id, touchpoint, None if account_id is None else account_id.value)
    told.refused = ignored
    settled_ms = max(newest_ms, heard_ms)
    states = _advance_journeys(before, journeys, settled_ms, newest_ms, told)
    after = CustomerState(
        fence, newest_ms, recent, states, account_id, persona, channel, before.erased_at_ms, (),
        heard_ms if heard_ms > newest_ms else -1,
    )  # fmt: skip
    if states is not before.journeys or _differ(before, after):
        _tell_current(before, after, touchpoint.customer_id, journeys.by_hash, told.outputs)
    verdict = DUPLICATE if told.is_repeat else APPLIED if told.is_matched else LATE if told.is_late else IGNORED
    return Step(after, tuple(told.outputs), verdict, False, told.refused, told.late_conversions)


def _ignored(touchpoint: Touchpoint, journeys: Journeys) -> tuple[tuple[str, str], ...]:
    return tuple((name, "ignored") for name, each in journeys.active.items() if each.ignores_it(touchpoint))


def _advance_journeys(
    before: CustomerState, journeys: Journeys, settled_ms: int, newest_ms: int, told: Told
) -> dict[str, JourneyState]:
    """Return the journeys after the touchpoint of `told`; the same object if none changed."""
    states, newest_before_ms, times = before.journeys, before.newest_ms, None
    for name, active in journeys.active.items():
        old = states.get(name)
        touchpoint = None if told.refused and (name, "ignored") in told.refused else told.touchpoint
        if touchpoint is not None and plain.glance(old, active, touchpoint, newest_before_ms, told):
            continue
        if times is None:
            times = Times(newest_before_ms, newest_ms, max(newest_before_ms, before.heard_ms), settled_ms)
        new = journey.advance(old, active, touchpoint, times, journeys.by_hash, told)
        if new is not old and new is not None:
            states = {**states, name: new}
    return states


def _with_persona(touchpoint: Touchpoint, personas: tuple[PersonaRule, ...]) -> Touchpoint:
    if touchpoint.fields.get("persona") is not None:
        return touchpoint
    for each in personas:
        if touchpoint.type in each.rule.on and each.rule.holds(touchpoint):
            return touchpoint._replace(fields={**touchpoint.fields, "persona": each.persona})
    return touchpoint


def _attributes(before: CustomerState, touchpoint: Touchpoint) -> tuple[Latest | None, Latest | None, Latest | None]:
    fields, account_id, persona, channel = touchpoint.fields, before.account_id, before.persona, before.channel
    if (value := fields.get("account_id")) is not None:
        account_id = _newer(account_id, value, touchpoint)
    if (value := fields.get("persona")) is not None:
        persona = _newer(persona, value, touchpoint)
    if (value := fields.get("channel")) is not None:
        channel = _newer(channel, value, touchpoint)
    return account_id, persona, channel


def _newer(old: Latest | None, value: str, touchpoint: Touchpoint) -> Latest:
    at_ms, sequence = touchpoint.at_ms, touchpoint.sequence
    if old is None or at_ms > old.at_ms or (at_ms, sequence, value) > (old.at_ms, old.sequence, old.value):
        return Latest(at_ms, sequence, value)
    return old


def expire(state: CustomerState, customer_id: str, now_ms: int, journeys: Journeys) -> Step:
    """Return what the clock does to a customer at `now_ms`: deadlines longer ago than the lateness pass.

    `now_ms` is a time before which everything was read. Nothing to do: no state, no outputs. The fence stays.
    """
    told = Told(customer_id, None, state.account_id.value if state.account_id else None)
    heard_ms = max(state.newest_ms, state.heard_ms)
    states = state.journeys
    for name in journeys.active:
        old = states.get(name)
        passed_ms = -1 if old is None else _passed(old, now_ms, journeys.by_hash)
        if old is None or passed_ms < 0:
            continue
        settled_ms = max(old.settled_ms, passed_ms + 1)
        times = Times(state.newest_ms, state.newest_ms, max(heard_ms, old.settled_ms), settled_ms)
        new = journey.advance(old, journeys.active[name], None, times, journeys.by_hash, told)
        assert new is not None
        states = {**states, name: replace(new, settled_ms=settled_ms)}
    if states is state.journeys:
        return Step(None, (), APPLIED)
    after = replace(state, journeys=states, pending=())
    _tell_current(state, after, customer_id, journeys.by_hash, told.outputs)
    return Step(after, tuple(told.outputs), APPLIED, False, (), told.late_conversions)


def _passed(old: JourneyState, now_ms: int, by_hash: Mapping[str, JourneyDefinition]) -> int:
    """Return the last deadline that the clock lets pass, -1 for none."""
    passed_ms, until_ms = -1, now_ms - _lateness_ms(old, by_hash)
    for instance in old.instances:
        fold = Fold(instance, by_hash[instance.definition])
        fold.settle(until_ms)
        passed_ms = max(passed_ms, fold.passed_ms)
    return passed_ms


def _lateness_ms(state: JourneyState, by_hash: Mapping[str, JourneyDefinition]) -> int:
    """Return the longest lateness of the versions that its instances are under: time passes for all of them at once."""
    return max((by_hash[each.definition].lateness_ms for each in state.instances), default=0)


def next_due(state: CustomerState, journeys: Journeys) -> int | None:
    """Return the moment right after which `expire` has something to do, in milliseconds, or None."""
    dues = [
        deadline.due_ms + _lateness_ms(state.journeys[name], journeys.by_hash)
        for name in journeys.active
        if name in state.journeys
        for instance in state.journeys[name].instances
        for definition in (journeys.by_hash[instance.definition],)
        if definition.has_deadlines
        for deadline in Fold(instance, definition).deadlines()
    ]
    return min(dues, default=None)


def _tell_current(
    before: CustomerState,
    after: CustomerState,
    customer_id: str,
    by_hash: Mapping[str, JourneyDefinition],
    outputs: list[Output],
) -> None:
    """Add the customer's current stages to `outputs` if a field of them changed."""
    told = current(after, customer_id, by_hash)
    is_moved = bool(outputs) and type(outputs[0]) is StageTransition  # its sequence is a field
    if told.journeys and (is_moved or told != current(before, customer_id, by_hash)):
        outputs.append(told)


def _differ(before: CustomerState, after: CustomerState) -> bool:
    """Return whether what is known of the customer changed."""
    if before.channel is not after.channel and not _same(before.channel, after.channel):
        return True
    if before.persona is not after.persona and not _same(before.persona, after.persona):
        return True
    return before.account_id is not after.account_id and not _same(before.account_id, after.account_id)


def _same(one: Latest | None, other: Latest | None) -> bool:
    return one is not None and other is not None and one.value == other.value


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
