"""Journeys drawn from the whole language, held against the naive model: whatever the order, one state and one story."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cjstream.core import logged
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import DUPLICATE, LATE, REPLAYED
from cjstream.core.state import CustomerState, decode_state, encode
from cjstream.core.totals import Totals
from cjstream.ingest.codec import dumps
from tests.core.builders import START_MS, Customer, Object, parsed
from tests.core.journeys import (
    ALL,
    MINUTE_MS,
    SHORT_LATENESS,
    SPAN_MINUTES,
    Language,
    arrivals,
    definitions,
    order_free_data,
    touchpoints,
)
from tests.core.stories import due, folded, held, paths
from tests.model import Visit, in_order, judge, newest_ms
from tests.reference import milliseconds

pytestmark = pytest.mark.timeout(900)  # thousands of examples in CI, under coverage
EXAMPLES = settings().max_examples
UNKEYED = replace(ALL, instances=False)  # so that a customer has one run at a time
SHORT = replace(ALL, lateness=SHORT_LATENESS)
Scene = tuple[list[Object], list[Object], list[Object]]  # journeys, touchpoints once, and as they arrive


@st.composite
def scenes(draw: st.DrawFn, language: Language = ALL, journeys: int = 1) -> Scene:
    """Return journeys, touchpoints, and these each twice in any order in which none is late."""
    names = [f"j{n}" for n in range(draw(st.integers(1, journeys)))]
    data = [draw(definitions(language, name)) for name in names]
    once = draw(touchpoints())
    lateness_ms = min(compile_definition(each).lateness_ms for each in data)
    if lateness_ms >= SPAN_MINUTES * MINUTE_MS:
        return data, once, draw(st.permutations(once * 2))
    return data, once, draw(arrivals(once, lateness_ms))


def fed(drawn: list[Object], *journeys: JourneyDefinition) -> Customer:
    customer = Customer.of(*journeys)
    customer.feed(*map(parsed, drawn))
    return customer


def told(customer: Customer, definition: JourneyDefinition) -> dict[str, list[Visit]]:
    """Return the visits by instance key that a consumer folds from the wire."""
    mine = [each for each in customer.transitions if each.journey == definition.journey]
    return folded(json.loads(dumps(each)) for each in mine)


def signals(customer: Customer, *kinds: str) -> list[Any]:
    return [each for each in customer.signals if each.kind in kinds]


@settings(max_examples=10 * EXAMPLES)
@given(scenes())
def test_any_order_each_twice_ends_in_the_models_story_and_in_one_state(scene: Scene) -> None:
    (data,), once, arrived = scene
    definition = compile_definition(data)
    plain, customer = fed(once, definition), fed(arrived, definition)
    story = due(judge(data, once, newest_ms(once, data)))
    assert held(customer.state, definition) == story
    assert told(customer, definition) == paths(story)
    assert customer.essence() == plain.essence()
    verdicts = [step.verdict for step in customer.steps]
    assert (verdicts.count(DUPLICATE), verdicts.count(LATE)) == (len(once), 0)
    event(f"order free: {definition.order_free}")
    event(f"visits: {sum(map(len, paths(story).values()))}")


@settings(max_examples=2 * EXAMPLES)
@given(scenes(journeys=3))
def test_several_journeys_in_one_state_are_as_each_alone(scene: Scene) -> None:
    journeys, once, arrived = scene
    compiled = [compile_definition(data) for data in journeys]
    customer = fed(arrived, *compiled)
    personas = [rule for data in journeys for rule in data.get("personas", ())]
    for data, definition in zip(journeys, compiled, strict=True):
        story = due(judge({**data, "personas": personas}, once, newest_ms(once, *journeys)))
        assert held(customer.state, definition) == story
        assert told(customer, definition) == paths(story)


@settings(max_examples=5 * EXAMPLES)
@given(scenes(SHORT), st.data())
def test_whenever_the_clock_is_asked_and_however_short_the_lateness_the_model_is_right(
    scene: Scene, data: st.DataObject
) -> None:
    (plain,), _, arrived = scene
    definition = compile_definition(plain)
    customer, minute = Customer.of(definition), 0
    for n, touchpoint in enumerate(map(parsed, arrived)):
        customer.feed(touchpoint)
        minute += data.draw(st.integers(0, SPAN_MINUTES))
        customer.expire(60 * minute)
        settled_ms = START_MS + minute * MINUTE_MS - definition.lateness_ms
        come = arrived[: n + 1]
        story = due(judge(plain, come, max(settled_ms, newest_ms(come, plain))))
        assert held(customer.state, definition) == story
        assert told(customer, definition) == paths(story)
    assert all(step.verdict != LATE for step in customer.steps)
    by_id = {signal.signal_id: signal for signal in customer.signals}
    assert all(by_id[signal.signal_id] == signal for signal in customer.signals), "one id for two signals"
    event(f"passed, then had not, then had after all: {len(customer.signals) - len(by_id)}")
    event(f"dropped or stalled: {len(signals(customer, 'dropped', 'stalled'))}")


@settings(max_examples=3 * EXAMPLES)
@given(definitions(SHORT), touchpoints(), st.data())
def test_a_deadline_passed_by_the_clock_or_by_the_next_touchpoint_ends_the_same(
    plain: Object, drawn: list[Object], data: st.DataObject
) -> None:
    definition = compile_definition(plain)
    lateness_minutes = definition.lateness_ms / MINUTE_MS
    waited, asked = Customer.of(definition), Customer.of(definition)
    for touchpoint in map(parsed, in_order(plain, drawn)):
        waited.feed(touchpoint)
        if asked.state is not None and data.draw(st.booleans()):
            earliest = (touchpoint.at_ms - START_MS) / MINUTE_MS + lateness_minutes
            asked.expire(60 * (earliest - data.draw(st.integers(0, 3))))
        asked.feed(touchpoint)
    for customer in (waited, asked):
        customer.expire(60 * 5 * SPAN_MINUTES)
        customer.expire(60 * 6 * SPAN_MINUTES)
    assert asked.essence() == waited.essence()
    fired = [{each.signal_id for each in signals(customer, "stalled", "dropped")} for customer in (waited, asked)]
    assert fired[0] == fired[1]
    assert len(signals(asked, "stalled", "dropped")) == len(fired[1])
    assert told(asked, definition) == told(waited, definition)


@settings(max_examples=3 * EXAMPLES)
@given(definitions(), touchpoints())
def test_in_order_signals_and_refused_moves_are_the_models(plain: Object, drawn: list[Object]) -> None:
    definition = compile_definition(plain)
    runs = judge(plain, drawn, newest_ms(drawn, plain))
    customer, refused = Customer.of(definition), dict[str, list[str]]()
    for touchpoint in in_order(plain, drawn):
        reasons = [reason for _, reason in customer.feed(parsed(touchpoint)).refused if reason != "ignored"]
        if reasons:
            refused[touchpoint["id"]] = reasons
    stalled = {(key, *stall) for key, run in runs.items() for stall in run.stalled}
    assert {
        (each.instance, each.stage, each.detail["clock"], milliseconds(each.due))
        for each in signals(customer, "stalled")
    } == stalled
    for key, run in runs.items():
        assert [each.kind for each in signals(customer, "converted", "dropped") if each.instance == key] == run.signals
    assert refused == {id_: [reason] for run in runs.values() for id_, reason in run.refused}


@settings(max_examples=2 * EXAMPLES)
@given(definitions(UNKEYED), st.lists(touchpoints(), min_size=1, max_size=3), st.data())
def test_everybody_who_entered_has_one_outcome_at_every_step_and_as_of_any_moment(
    plain: Object, drawn: list[list[Object]], data: st.DataObject
) -> None:
    definition = compile_definition(plain)
    by_hash, totals = {definition.hash: definition}, Totals()
    minute = data.draw(st.integers(0, 2 * SPAN_MINUTES))
    as_of_ms = START_MS + minute * MINUTE_MS
    states, expected = list[CustomerState](), Counter[str]()
    for own in drawn:
        come = [each for each in in_order(plain, own) if each["occurred_at"] <= as_of_ms]
        customer = Customer.of(definition)
        for touchpoint in map(parsed, data.draw(st.permutations(come))):
            before = customer.state
            customer.feed(touchpoint)
            totals.change(before, customer.state, by_hash)
        if customer.state is not None:
            before = customer.state
            customer.expire(60 * minute + definition.lateness_ms / 1000)
            totals.change(before, customer.state, by_hash)
            states.append(customer.state)
        runs = judge(plain, come, max(as_of_ms, newest_ms(come, plain)))
        expected.update(run.outcome for run in runs.values() if run.outcome is not None)
        found = Counter[str]()
        for (kind, *rest), count in totals.counts.items():
            found[rest[-1]] += count * (kind == "customers")
        assert +found == expected
        recounted = Totals()
        recounted.recount(states, by_hash)
        assert totals.counts == recounted.counts


@settings(max_examples=2 * EXAMPLES)
@given(scenes(SHORT))
def test_visits_no_longer_kept_are_told_all_the_same_and_their_time_still_counts(scene: Scene) -> None:
    (plain,), once, arrived = scene
    definition = compile_definition(plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logged, "MAX_VISITS", 1)
        customer = fed(arrived, definition)
    story = due(judge(plain, once, newest_ms(once, plain)))
    assert told(customer, definition) == paths(story)
    for key, kept in held(customer.state, definition).items():
        whole = story[key]
        assert kept.visits == whole.visits[len(whole.visits) - len(kept.visits) :]
        assert kept._replace(visits=whole.visits, left=whole.left) == whole


@settings(max_examples=2 * EXAMPLES)
@given(scenes(SHORT, journeys=2), st.data())
def test_a_restart_anywhere_with_a_replay_of_any_part_changes_nothing(scene: Scene, data: st.DataObject) -> None:
    journeys, _, arrived = scene
    compiled = [compile_definition(each) for each in journeys]
    customer, again = fed(arrived, *compiled), Customer.of(*compiled)
    stream = list(map(parsed, arrived))
    for offset, touchpoint in enumerate(stream):
        again.feed(touchpoint)
        assert again.state is not None
        again.state = decode_state(encode(again.state))
        for replayed in range(data.draw(st.integers(0, offset)), offset + 1):
            step = again.advance(stream[replayed], (0, replayed))
            assert (step.state, step.outputs, step.verdict) == (None, (), REPLAYED)
    assert again.state == customer.state
    assert again.outputs == customer.outputs


@settings(max_examples=3 * EXAMPLES)
@given(order_free_data(), touchpoints(), st.data())
def test_an_order_free_journey_run_as_if_order_mattered_ends_the_same(
    plain: Object, once: list[Object], data: st.DataObject
) -> None:
    free = compile_definition(plain)
    assert free.order_free
    arrived = data.draw(st.permutations(once * 2))
    small, logged = fed(arrived, free), fed(arrived, replace(free, order_free=False))
    now_minute = data.draw(st.integers(0, 3 * SPAN_MINUTES))
    for customer in (small, logged):
        customer.expire(60 * now_minute)
    assert held(small.state, free) == held(logged.state, free)
    assert told(small, free) == told(logged, free)
