"""Why a customer is where it is: what the state tells."""

from typing import Any

import pytest

from cjstream.core.explain import Ahead, InStage, Standing, Stay, span, standings, unknown
from cjstream.core.state import CustomerState, Instance, JourneyState, Visit
from cjstream.core.times import format_time
from tests.core.builders import SHOP, START_MS, Customer, journey, touchpoint

HOUR = 3_600
TOO_LATE = "; touchpoint t1 met the goal after that, too late"


def at(second: float) -> str:
    return format_time(START_MS + round(second * 1000))


def explained(customer: Customer, second: float = 10 * HOUR) -> list[Standing]:
    assert customer.state is not None
    return standings(customer.state, customer.journeys.by_hash, START_MS + round(second * 1000))


def standing(customer: Customer) -> Standing:
    [found] = explained(customer)
    return found


def fed(*kinds: tuple[str, float], **more: Any) -> Customer:
    customer = Customer.of(journey(**more))
    customer.feed(*(touchpoint(f"t{n}", kind, hour * HOUR) for n, (kind, hour) in enumerate(kinds)))
    return customer


def test_each_visit_names_its_time_its_touchpoint_and_its_rule() -> None:
    customer = Customer.of(SHOP)
    customer.feed(touchpoint("1", "page_view", 0), touchpoint("2", "purchase", 90.5))
    found = standing(customer)
    assert found.visits == [
        Stay("awareness", at(0), at(90.5), 90.5, False, {"touchpoint_id": "1", "rule": "rule-1"}),
        Stay("purchase", at(90.5), None, None, False, {"touchpoint_id": "2", "rule": "rule-3"}),
    ]
    assert found.times == [
        InStage("awareness", at(0), at(90.5), 90.5, 90.5, None, 1),
        InStage("purchase", at(90.5), None, None, 0.0, 10 * HOUR - 90.5, 1),
    ]
    assert (found.journey, found.definition, found.instance, found.round) == ("shop", SHOP.hash, "", 0)
    assert (found.stage, found.outcome, found.earlier) == ("purchase", "converted", 0)
    assert found.why == f"touchpoint 2 met the goal at {at(90.5)}"


def test_a_visit_jumped_over_is_inferred_from_the_touchpoint_that_jumped() -> None:
    found = standing(fed(("a", 0), ("c", 1), entry="infer"))
    assert [(visit.stage, visit.inferred, visit.cause["touchpoint_id"]) for visit in found.visits] == [
        ("a", False, "t0"), ("b", True, "t1"), ("c", False, "t1"),
    ]  # fmt: skip


def test_a_visit_that_a_deadline_began_names_the_clock() -> None:
    stages = [{"id": "a", "weight": 1, "stall": {"since_entered": "1h", "to": "b"}}]
    stages += [{"id": "b", "weight": 2, "stall": {"since_last_touch": "2h", "exit": True}}]
    found = standing(fed(("a", 0), ("x", 9), stages=stages, rules=[{"on": "a", "to": "a"}]))
    assert [visit.cause for visit in found.visits[1:]] == [
        {"deadline": "stall.since_entered"}, {"deadline": "stall.since_last_touch"},
    ]  # fmt: skip
    assert (found.stage, found.visits[-1].stage, found.ahead) == (None, None, [])
    assert found.why == f"left the journey by stall.since_last_touch at {at(3 * HOUR)}, before the goal was met"


def test_deadlines_ahead_are_told_the_next_one_first() -> None:
    stages = [{"id": "a", "weight": 1, "window": "2h", "stall": {"since_last_touch": "1h"}}, {"id": "b", "weight": 2}]
    found = standing(fed(("a", 0), window="3h", stages=stages, goal="b", rules=[{"on": "a", "to": "a"}]))
    assert found.ahead == [
        Ahead("stall.since_last_touch", at(HOUR)), Ahead("window.a", at(2 * HOUR)), Ahead("window", at(3 * HOUR)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "more", "why"),
    [
        ([("a", 0)], {"goal": "c"}, "the goal is not met yet"),
        ([("a", 0)], {"goal": {"on": "x"}}, "the goal is not met yet"),
        ([("a", 0)], {}, "the journey has no goal"),
        ([("a", 0), ("c", 1)], {"goal": "c"}, f"touchpoint t1 met the goal at {at(HOUR)}"),
        (
            [("x", 0), ("a", 1)],
            {"goal": {"on": "x"}},
            f"touchpoint t0 met the goal at {at(0)}, before the first stage; it counts from the entry on",
        ),
        (
            [("a", 0), ("x", 9)],
            {"goal": "c", "window": "90m"},
            f"the goal was not met within the window of 90m, which ended {at(1.5 * HOUR)}",
        ),
        (
            [("a", 0), ("c", 50)],
            {"goal": "c", "window": "2d"},
            f"the goal was not met within the window of 2d, which ended {at(48 * HOUR)}" + TOO_LATE,
        ),
        (
            [("a", 0), ("b", 1), ("x", 9)],
            {"goal": "c", "stages": [{"id": each, "weight": ord(each), "window": "2h"} for each in "abc"]},
            f"stayed in b beyond its window of 2h, until {at(3 * HOUR)}",
        ),
        (
            [("a", 0), ("out", 1)],
            {"goal": "c", "exits": [{"on": "out"}]},
            f"left the journey by exit exit-1, touchpoint t1 at {at(HOUR)}, before the goal was met",
        ),
        (
            [("a", 0), ("out", 1), ("a", 2)],
            {"goal": "c", "exits": [{"on": "out"}]},
            "the goal is not met yet",
        ),
    ],
)
def test_the_outcome_is_told_in_one_sentence(kinds: list[tuple[str, float]], more: Any, why: str) -> None:
    assert standing(fed(*kinds, **more)).why == why


def test_a_drop_whose_visit_is_no_longer_kept_is_told_by_its_time() -> None:
    visits = (Visit(-1, START_MS, 0, "1", rule=0), Visit(0, START_MS + 5, 0, "2"))
    instance = Instance(journey().hash, visits=visits, dropped_ms=START_MS + 1)
    state = CustomerState(journeys={"shop": JourneyState(1, (instance,))})
    [found] = standings(state, {journey().hash: journey()}, START_MS)
    assert found.why == f"its time ran out at {at(0.001)}"
    assert found.visits[0].cause == {"touchpoint_id": "1", "rule": "rule-1"}
    assert found.visits[1].cause == {"touchpoint_id": "2", "rule": None}


def test_instances_and_rounds_are_told_apart_and_old_visits_counted() -> None:
    customer = Customer.of(journey(instance="channel", moves="any"))
    for n in range(40):
        customer.feed(touchpoint(f"t{n}", "ab"[n % 2], n * HOUR, channel="web"))
    customer.feed(touchpoint("last", "a", 50 * HOUR, channel="mail"))
    web, mail = explained(customer)
    assert (web.instance, mail.instance) == ("web", "mail")
    assert web.earlier + len(web.visits) == 40
    assert web.earlier > 0
    assert web.times[0].visits == 20


def test_an_unknown_definition_is_named_and_what_never_was_entered_left_out() -> None:
    state = CustomerState(
        journeys={"shop": JourneyState(0, (Instance("gone", visits=(Visit(0, 0, 0, "1"),)), Instance(SHOP.hash)))}
    )
    assert unknown(state, {SHOP.hash: SHOP}) == ["gone"]
    assert standings(state, {SHOP.hash: SHOP}, START_MS) == []


@pytest.mark.parametrize(("ms", "text"), [(86_400_000, "1d"), (5_400_000, "90m"), (30_000, "30s"), (1_500, "1500ms")])
def test_durations_read_as_definitions_write_them(ms: int, text: str) -> None:
    assert span(ms) == text
