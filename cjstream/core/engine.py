"""advance(): one customer and one touchpoint in, the new state and what leaves out. Deterministic, O(1) in order.

All decisions of cjstream are made here and in what this imports. Nothing here knows Kafka, Faust or the time of day.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from cjstream.core import dues, forgetting, journey, measured, plain, versions
from cjstream.core.definition import JourneyDefinition, PersonaRule
from cjstream.core.logged import Times
from cjstream.core.measures.sentiment import Scorer, derived
from cjstream.core.outputs import Forgotten, Output, StageCurrent
from cjstream.core.report import current, scored
from cjstream.core.state import (
    NOT_BEGUN,
    CustomerState,
    Fence,
    JourneyState,
    Latest,
    Measured,
    find_entry,
    id_entry,
    remember,
    value_of,
)
from cjstream.core.told import NOTHING_MEASURED, Told
from cjstream.core.touchpoint import Touchpoint

APPLIED, IGNORED, DUPLICATE, LATE, ERASED = "applied", "ignored", "duplicate", "late", "erased"
ByHash = Mapping[str, JourneyDefinition]
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
    is_measured: bool = False
    keeps_mood: bool = False
    asks_sentiment: bool = False
    metered: tuple[JourneyDefinition, ...] = ()  # those whose touchpoints are counted for metrics
    tells_moves: bool = True  # whether steps have the transitions of order-free journeys too; the state has the visits
    tells_current: bool = True  # whether steps have a StageCurrent; see `news`
    scorer: Scorer | None = None  # tells the sentiment of a text, if a journey asks for it
    expire_ms: int | None = None  # the silence after which a customer is forgotten; None: never

    @classmethod
    def of(
        cls,
        active: Iterable[JourneyDefinition],
        known: Iterable[JourneyDefinition] = (),
        scorer: Scorer | None = None,
    ) -> "Journeys":
        """Return the journeys `active`, with older definitions `known` for the instances pinned to them."""
        current_ones, older = list(active), list(known)
        return cls(
            {definition.journey: definition for definition in current_ones},
            {definition.hash: definition for definition in (*older, *current_ones)},
            tuple(rule for definition in current_ones for rule in definition.personas),
            any(definition.ignores for definition in current_ones),
            any(definition.has_deadlines for definition in (*older, *current_ones)) or _wait(current_ones),
            any(definition.is_measured for definition in current_ones),
            any(definition.keeps_mood for definition in current_ones),
            any(definition.asks_sentiment for definition in (*older, *current_ones)),
            tuple(each for each in current_ones if each.measures is not None and each.measures.metrics is not None),
            scorer=scorer,
        )

    def expiring(self, expire_ms: int | None) -> "Journeys":
        """Return the same journeys, with customers forgotten after a silence of so many milliseconds; None: never."""
        return self if expire_ms is None else dataclasses.replace(self, expire_ms=expire_ms, has_deadlines=True)

    def unmapped(self) -> list[str]:
        """Return what is wrong with mappings from older definitions, one sentence each."""
        return [
            f"journey {new.journey} cannot replace definition {old}: {reason}"
            for new in self.active.values()
            for old in new.replaces
            if old in self.by_hash
            for reason in versions.unmapped(self.by_hash[old], new)
        ]


def _wait(active: Iterable[JourneyDefinition]) -> bool:
    return any(each.measures is not None and each.measures.has_deadlines for each in active)


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one record did. `state` is None where nothing is to be written; `conflict`: a known id, another payload.

    `refused`: (journey, one of REFUSALS) per move that was not made. `late_conversions`: journeys whose goal was met
    after the run had been dropped. `touchpoint`: as the rules saw it, with the persona and the sentiment that were
    derived; None where none was looked at. `is_news`: where the customer stands may be another place now; whoever has
    no StageCurrent told asks for `news`.
    """

    state: CustomerState | None
    outputs: tuple[Output, ...]
    verdict: str
    conflict: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    late_conversions: tuple[str, ...] = ()
    touchpoint: Touchpoint | None = None
    is_news: bool = False


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
        state.account_id, state.persona, state.channel, state.erased_at_ms, (), state.heard_ms, state.measured,
    )  # fmt: skip


def _apply(before: CustomerState, touchpoint: Touchpoint, fence: Fence, recent: bytes, journeys: Journeys) -> Step:
    ignored = _ignored(touchpoint, journeys) if journeys.may_ignore else ()
    if ignored and len(ignored) == len(journeys.active):
        return Step(
            replace(_with_fence(before, fence), recent=recent), (), IGNORED, refused=ignored, touchpoint=touchpoint
        )
    if journeys.personas:
        touchpoint = _with_persona(touchpoint, journeys.personas)
    fields = touchpoint.fields
    if journeys.asks_sentiment and (fields.rating is not None or fields.text is not None):
        touchpoint = derived(touchpoint, journeys.scorer)
    heard = _heard(before, touchpoint, fence, recent)
    if not ignored and before.measured is None and not journeys.is_measured:
        step = _unmoved(before, heard, touchpoint, journeys)
        if step is not None:
            return step
    told = _told(before, touchpoint.customer_id, touchpoint, value_of(heard.account_id), journeys)
    told.refused = ignored
    if journeys.is_measured or before.measured is not None:
        measured_before = before.measured or NOTHING_MEASURED
        mood = _mood(measured_before, touchpoint) if journeys.keeps_mood else _moodless(measured_before)
        told.measured = measured_before, mood
        told.personas = value_of(before.persona), value_of(heard.persona)
    states = _advance_journeys(before, heard, journeys, told)
    after = CustomerState(
        fence, heard.newest_ms, recent, states, heard.account_id, heard.persona, heard.channel, before.erased_at_ms, (),
        heard.heard_ms, _kept(told, journeys),
    )  # fmt: skip
    is_news = told.may_differ or _differ(before, after)
    if is_news and journeys.tells_current:
        _tell_current(before, after, touchpoint.customer_id, journeys, told.outputs)
    verdict = DUPLICATE if told.is_repeat else APPLIED if told.is_matched else LATE if told.is_late else IGNORED
    return Step(after, tuple(told.outputs), verdict, False, told.refused, told.late_conversions, touchpoint, is_news)


def _heard(before: CustomerState, touchpoint: Touchpoint, fence: Fence, recent: bytes) -> CustomerState:
    """Return the customer with what every touchpoint changes: fence, ids, clock and attributes."""
    newest_ms, heard_ms, at_ms = before.newest_ms, before.heard_ms, touchpoint.at_ms
    account_id, persona, channel = before.account_id, before.persona, before.channel
    if touchpoint.by_customer:
        account_id, persona, channel = _attributes(before, touchpoint)
        newest_ms = max(newest_ms, at_ms)
    elif at_ms > heard_ms:
        heard_ms = at_ms
    return CustomerState(
        fence, newest_ms, recent, before.journeys, account_id, persona, channel, before.erased_at_ms, (),
        heard_ms if heard_ms > newest_ms else -1, before.measured,
    )  # fmt: skip


def _unmoved(before: CustomerState, heard: CustomerState, touchpoint: Touchpoint, journeys: Journeys) -> Step | None:
    """Return the step of a touchpoint that changes no journey, as a first look can tell; None: it takes a second one.

    Three of four touchpoints are of this kind.
    """
    verdict, states = IGNORED, before.journeys
    refused: tuple[tuple[str, str], ...] = ()
    for name, active in journeys.active.items():
        seen = plain.glance(states.get(name), active, touchpoint, before.newest_ms)
        if seen is None:
            return None
        if seen is plain.LATE:
            verdict = LATE if verdict is IGNORED else verdict
        elif seen is not plain.UNMATCHED:
            verdict = APPLIED
            refused = (*refused, (name, seen)) if seen is plain.BACKWARD else refused
    outputs: tuple[Output, ...] = ()
    is_news = _differ(before, heard)
    if is_news and journeys.tells_current:
        found = news(before, heard, touchpoint.customer_id, journeys)
        outputs = () if found is None else (found,)
    return Step(heard, outputs, verdict, False, refused, (), touchpoint, is_news)


def _told(
    state: CustomerState, customer_id: str, touchpoint: Touchpoint | None, account_id: str | None, journeys: Journeys
) -> Told:
    """Return what gathers a step of a customer who was in this state before it."""
    told = Told(customer_id, touchpoint, account_id)
    told.is_quiet = not journeys.tells_moves
    if state.erased_at_ms is not None:
        told.life = (state.erased_at_ms,)
    return told


def _ignored(touchpoint: Touchpoint, journeys: Journeys) -> tuple[tuple[str, str], ...]:
    return tuple((name, "ignored") for name, each in journeys.active.items() if each.ignores_it(touchpoint))


def _advance_journeys(
    before: CustomerState, heard: CustomerState, journeys: Journeys, told: Told
) -> dict[str, JourneyState]:
    """Return the journeys after the touchpoint of `told`; the same object if none changed."""
    states, newest_before_ms = before.journeys, before.newest_ms
    times = Times(
        newest_before_ms,
        heard.newest_ms,
        max(newest_before_ms, before.heard_ms),
        max(heard.newest_ms, heard.heard_ms),
    )
    for name, active in journeys.active.items():
        old = states.get(name)
        touchpoint = None if told.refused and (name, "ignored") in told.refused else told.touchpoint
        if active.is_measured:
            new = measured.advance(old, active, touchpoint, times, journeys.by_hash, told)
        else:
            new = journey.advance(old, active, touchpoint, times, journeys.by_hash, told)
            told.may_differ = told.may_differ or new is not old
        if new is not old and new is not None:
            states = {**states, name: new}
    return states


def _with_persona(touchpoint: Touchpoint, personas: tuple[PersonaRule, ...]) -> Touchpoint:
    if touchpoint.fields.persona is not None:
        return touchpoint
    for each in personas:
        if touchpoint.type in each.rule.on and each.rule.holds(touchpoint):
            return touchpoint.with_field("persona", each.persona)
    return touchpoint


def _kept(told: Told, journeys: Journeys) -> Measured | None:
    kept = told.measured[1]
    if kept is not NOTHING_MEASURED and not journeys.is_measured:
        return _unmeasured(kept, journeys)
    return None if kept is NOTHING_MEASURED or kept == NOTHING_MEASURED else kept


def _moodless(kept: Measured) -> Measured:
    return kept if kept.judgement is None and kept.last is None else Measured(journeys=kept.journeys)


def _unmeasured(kept: Measured, journeys: Journeys) -> Measured | None:
    """Return what stays where no journey measures any more: what is kept of those that are out of use for a while."""
    others = {name: each for name, each in kept.journeys.items() if name not in journeys.active}
    return Measured(kept.judgement, kept.last, others) if others else None


def _mood(mood: Measured, touchpoint: Touchpoint) -> Measured:
    if not touchpoint.by_customer:
        return mood
    judgement, last = touchpoint.fields.sentiment, _newer(mood.last, touchpoint.type, touchpoint)
    if judgement is None:
        return mood if last is mood.last else Measured(mood.judgement, last, mood.journeys)
    return Measured(_newer(mood.judgement, judgement, touchpoint), last, mood.journeys)


def _attributes(before: CustomerState, touchpoint: Touchpoint) -> tuple[Latest | None, Latest | None, Latest | None]:
    fields, account_id, persona, channel = touchpoint.fields, before.account_id, before.persona, before.channel
    if fields.account_id is not None:
        account_id = _newer(account_id, fields.account_id, touchpoint)
    if fields.persona is not None:
        persona = _newer(persona, fields.persona, touchpoint)
    if fields.channel is not None:
        channel = _newer(channel, fields.channel, touchpoint)
    return account_id, persona, channel


def _newer(old: Latest | None, value: str, touchpoint: Touchpoint) -> Latest:
    at_ms = touchpoint.at_ms
    if old is None or at_ms > old.at_ms:
        return Latest(at_ms, touchpoint.sequence, value)
    if (at_ms, touchpoint.sequence, value) > (old.at_ms, old.sequence, old.value):
        return Latest(at_ms, touchpoint.sequence, value)
    return old


def expire(state: CustomerState, customer_id: str, now_ms: int, journeys: Journeys) -> Step:
    """Return what the clock does to a customer at `now_ms`: deadlines longer ago than the lateness pass.

    `now_ms` is a time before which everything was read. Nothing to do: no state, no outputs. The fence stays. Who was
    silent for too long is forgotten after that: a state that is blank, and the null record; see `forgetting.lay_down`
    for what comes then. Deadlines after the end of the silence pass for nobody.
    """
    silent_ms = dues.silent_ms(state, journeys)
    is_silent = silent_ms is not None and now_ms > silent_ms
    now_ms = now_ms if silent_ms is None else min(now_ms, silent_ms + 1)
    told = _told(state, customer_id, None, value_of(state.account_id), journeys)
    told.measured = (state.measured or NOTHING_MEASURED,) * 2
    told.personas = (value_of(state.persona),) * 2
    heard_ms = max(state.newest_ms, state.heard_ms)
    states = state.journeys
    for name, active in journeys.active.items():
        passed_ms = dues.passed(state, active, now_ms, journeys.by_hash)
        if passed_ms < 0:
            continue
        old = states.get(name, NOT_BEGUN)
        settled_ms = max(old.settled_ms, passed_ms + 1)
        times = Times(state.newest_ms, state.newest_ms, max(heard_ms, old.settled_ms), settled_ms)
        step = measured.advance if active.is_measured else journey.advance
        new = step(old, active, None, times, journeys.by_hash, told)
        assert new is not None
        states = {**states, name: replace(new, settled_ms=settled_ms)}
    if states is state.journeys:
        if is_silent and forgetting.has_entered(state):
            return Step(forgetting.blank(state), (Forgotten(customer_id),), APPLIED)
        return Step(None, (), APPLIED)
    after = replace(state, journeys=states, pending=(), measured=_kept(told, journeys))
    if journeys.tells_current:
        _tell_current(state, after, customer_id, journeys, told.outputs)
    return Step(after, tuple(told.outputs), APPLIED, False, (), told.late_conversions)


def _tell_current(
    before: CustomerState,
    after: CustomerState,
    customer_id: str,
    journeys: Journeys,
    outputs: list[Output],
) -> None:
    found = news(before, after, customer_id, journeys)
    if found is not None:
        outputs.append(found)


def news(
    before: CustomerState | None, after: CustomerState, customer_id: str, journeys: Journeys
) -> StageCurrent | None:
    """Return where a customer stands if a field of it changed between two states; the score alone is no change."""
    by_hash, active = journeys.by_hash, journeys.active
    told = current(after, customer_id, by_hash, active)
    if not told.journeys:
        return None
    is_moved = before is None or any(  # then a sequence, which is a field, is another one
        before.journeys.get(name, NOT_BEGUN).sequence != journey.sequence for name, journey in after.journeys.items()
    )
    if not is_moved and told == current(before or after, customer_id, by_hash, active):
        return None
    return scored(told, after, active)


def standing(state: CustomerState, customer_id: str, journeys: Journeys) -> StageCurrent | Forgotten:
    """Return what the newest record of a customer in this state has to say on the topic of current stages."""
    told = current(state, customer_id, journeys.by_hash, journeys.active)
    return scored(told, state, journeys.active) if told.journeys else Forgotten(customer_id)


def _differ(before: CustomerState, after: CustomerState) -> bool:
    """Return whether what is known of the customer changed."""
    if before.channel is not after.channel and not _same(before.channel, after.channel):
        return True
    if before.measured is not after.measured and not _same(_judgement(before), _judgement(after)):
        return True
    if before.persona is not after.persona and not _same(before.persona, after.persona):
        return True
    return before.account_id is not after.account_id and not _same(before.account_id, after.account_id)


def _judgement(state: CustomerState) -> Latest | None:
    return None if state.measured is None else state.measured.judgement


def _same(one: Latest | None, other: Latest | None) -> bool:
    return one is other or (one is not None and other is not None and one.value == other.value)
