"""Whatever order touchpoints arrive in, and however often: one state, one story. The most valuable tests here."""

import json
from functools import partial
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import DUPLICATE, LATE, REPLAYED, Journeys, Step, advance
from cjstream.core.outputs import StageTransition
from cjstream.core.state import CustomerState
from cjstream.ingest.codec import dumps, encode
from tests.core.builders import (
    LATENESS_MS,
    SHOP,
    START_MS,
    Customer,
    Object,
    journey,
    objects,
    parsed,
    twice_in_any_order,
)
from tests.reference import SHOP as REFERENCE_SHOP
from tests.reference import Journey, Outcome, fold_transitions, milliseconds, reduce_touchpoints

SHOP_KINDS = ["error", *REFERENCE_SHOP.stages]
EXAMPLES = settings().max_examples


def told(customer: Customer, name: str = "shop") -> list[tuple[str | None, int]]:
    """Return the visits that a consumer folds from the transitions on the wire; checks sequence and chain."""
    records = [json.loads(dumps(transition)) for transition in customer.transitions if transition.journey == name]
    return [(visit.stage, visit.entered_at_ms) for visit in fold_transitions(records)]


def held(customer: Customer, name: str = "shop") -> list[tuple[str | None, int]]:
    """Return the visits in the state."""
    assert customer.state is not None
    if name not in customer.state.journeys:
        return []
    return [(stage, START_MS + round(second * 1000)) for stage, second in customer.path(name)]


def converted_at(customer: Customer, name: str = "shop") -> int | None:
    current = customer.current.journeys.get(name)
    return milliseconds(current.converted_at) if current is not None and current.converted_at is not None else None


def arrived(touchpoints: list[Object], *definitions: JourneyDefinition) -> Customer:
    customer = Customer.of(*definitions)
    customer.feed(*map(parsed, touchpoints))
    return customer


def orders(kinds: list[str], span_ms: int = LATENESS_MS) -> st.SearchStrategy[tuple[list[Object], list[Object]]]:
    """Return touchpoints, each once in the order of their ids, and a permutation with each twice."""
    return objects(kinds, span_ms).flatmap(lambda each: st.tuples(st.just(each), twice_in_any_order(each)))


@settings(max_examples=10 * EXAMPLES)
@given(orders(SHOP_KINDS))
def test_any_order_within_the_lateness_each_twice_ends_in_one_state_and_one_story(
    drawn: tuple[list[Object], list[Object]],
) -> None:
    once, shuffled = drawn
    plain, customer = arrived(once, SHOP), arrived(shuffled, SHOP)
    assert customer.essence() == plain.essence()
    assert told(customer) == held(customer) == told(plain)
    outcome = reduce_touchpoints(once, REFERENCE_SHOP)["ani"]
    assert held(customer) == outcome.path
    assert converted_at(customer) == outcome.converted_at_ms
    verdicts = [step.verdict for step in customer.steps]
    assert verdicts.count(DUPLICATE) == len(once)
    assert LATE not in verdicts
    event(f"corrections: {sum(each.kind == 'correction' for each in customer.transitions)}")


@st.composite
def scenes(draw: st.DrawFn) -> tuple[JourneyDefinition, Journey, list[Object], list[Object]]:
    """Return a journey of any shape, the same for the reference, touchpoints, and a permutation with each twice."""
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True))
    stages = {f"s{n}": weight for n, weight in enumerate(weights)}
    by_type = draw(st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from(sorted(stages)), min_size=1))
    goal = draw(st.sampled_from("abcdefgh"))
    definition = compile_definition(
        {
            "journey": "shop",
            "lateness": "10m",
            "goal": {"on": goal},
            "stages": [{"id": stage, "weight": weight} for stage, weight in stages.items()],
            "rules": [{"on": kind, "to": stage} for kind, stage in by_type.items()],
        }
    )
    reference = Journey("shop", {kind: (stage, stages[stage]) for kind, stage in by_type.items()}, goal)
    return definition, reference, *draw(orders(list("abcdefghi")))


@settings(max_examples=3 * EXAMPLES)
@given(scenes())
def test_so_it_is_for_journeys_of_any_shape(
    scene: tuple[JourneyDefinition, Journey, list[Object], list[Object]],
) -> None:
    definition, reference, once, shuffled = scene
    customer = arrived(shuffled, definition)
    assert customer.essence() == arrived(once, definition).essence()
    outcome = reduce_touchpoints(once, reference)["ani"]
    assert told(customer) == held(customer) == outcome.path
    assert converted_at(customer) == entered_and_converted(outcome)


def entered_and_converted(outcome: Outcome) -> int | None:
    """Return when a customer in the journey converted: a goal met before the entry counts from the entry on."""
    if outcome.converted_at_ms is None or not outcome.path:
        return None
    return max(outcome.converted_at_ms, outcome.path[0].entered_at_ms)


@given(orders(list("abcd")))
def test_conversions_and_withdrawals_of_a_stage_goal_tell_whether_its_stage_is_visited(
    drawn: tuple[list[Object], list[Object]],
) -> None:
    customer = arrived(drawn[1], journey(goal="b"))
    kinds = [signal.kind for signal in customer.signals]
    assert kinds == ["converted", "conversion_withdrawn"] * (len(kinds) // 2) + ["converted"] * (len(kinds) % 2)
    assert len({signal.signal_id for signal in customer.signals}) == len(kinds)
    visited = dict(held(customer)).get("b")
    assert converted_at(customer) == visited
    assert (len(kinds) % 2 == 1) == (visited is not None)


@given(orders(list("abcd")))
def test_several_journeys_in_one_state_are_as_each_alone(drawn: tuple[list[Object], list[Object]]) -> None:
    definitions = [journey("one", "abc"), journey("two", "ba", goal="a"), journey("three", "dc", goal={"on": "a"})]
    together = arrived(drawn[1], *definitions)
    for definition in definitions:
        alone = arrived(drawn[1], definition)
        name = definition.journey
        assert told(together, name) == held(together, name) == told(alone, name)
        assert together.current.journeys.get(name) == alone.current.journeys.get(name)


@given(orders(SHOP_KINDS))
def test_a_correction_comes_at_most_once_for_a_touchpoint_and_only_if_the_path_changed(
    drawn: tuple[list[Object], list[Object]],
) -> None:
    customer, path = Customer.of(SHOP), list[tuple[str | None, int]]()
    for touchpoint in map(parsed, drawn[1]):
        step = customer.feed(touchpoint)
        before, path = path, held(customer)
        sent = [output for output in step.outputs if isinstance(output, StageTransition)]
        assert len(sent) == (path != before)
        if sent and sent[0].kind != "correction":
            assert path[:-1] == before
        elif sent:
            start = sent[0].path_from
            assert start is not None
            assert path[:start] == before[:start]
            assert path[start : start + 1] != before[start : start + 1]


@given(orders(SHOP_KINDS), st.data())
def test_a_restart_anywhere_with_a_replay_of_any_part_ends_in_the_same_state(
    drawn: tuple[list[Object], list[Object]], data: st.DataObject
) -> None:
    touchpoints = list(map(parsed, drawn[1]))
    customer = arrived(drawn[1], SHOP)
    again = Customer.of(SHOP)
    for offset, touchpoint in enumerate(touchpoints):
        again.feed(touchpoint)
        start = data.draw(st.integers(0, offset))
        for replayed in range(start, offset + 1):
            assert again.advance(touchpoints[replayed], (0, replayed)) == Step(None, (), REPLAYED)
    assert again.state == customer.state
    assert again.outputs == customer.outputs


@given(orders(SHOP_KINDS))
def test_the_bytes_on_the_wire_are_the_same_in_every_run(drawn: tuple[list[Object], list[Object]]) -> None:
    to_wire: Any = partial(encode, app_id="cjstream")
    one, two = (list(map(to_wire, arrived(drawn[1], SHOP).outputs)) for _ in range(2))
    assert one == two


@given(objects(SHOP_KINDS, 5 * LATENESS_MS))
def test_beyond_the_lateness_the_story_still_folds_to_the_state(touchpoints: list[Object]) -> None:
    customer = arrived(touchpoints, SHOP)
    assert told(customer) == held(customer)
    event(f"late: {sum(step.verdict == LATE for step in customer.steps)}")


@given(objects(SHOP_KINDS, 5 * LATENESS_MS))
def test_a_touchpoint_is_late_if_and_only_if_older_than_the_customers_newest_less_the_lateness(
    touchpoints: list[Object],
) -> None:
    newest_ms, state = -1, CustomerState()
    for offset, touchpoint in enumerate(map(parsed, touchpoints)):
        step = advance(state, touchpoint, (0, offset), Journeys.of([SHOP]))
        assert (step.verdict == LATE) == (touchpoint.at_ms < newest_ms - LATENESS_MS)
        if touchpoint.by_customer:
            newest_ms = max(newest_ms, touchpoint.at_ms)
        assert step.state is not None
        state = step.state
        assert state.newest_ms == newest_ms
