"""Edited journeys: who is inside stays with the version entered, until a mapping moves it or a new round begins."""

from typing import Any

import pytest

from cjstream.core.definition import JourneyDefinition
from cjstream.core.dwell import times_in_stages
from cjstream.core.engine import Journeys
from cjstream.core.outcome import left_stage
from tests.core.builders import START_MS, Customer, Object, journey, wire
from tests.core.stories import folded, held, paths
from tests.core.test_features import fed, feed, kinds, outcome, refused, signals, stages

OLD = journey(stages="abc", goal="c", owner="sales")
RENAMED: Object = {"id": "middle", "weight": 20}


def replacing(old: JourneyDefinition, names: dict[str, str], plain: Any, **more: Any) -> JourneyDefinition:
    """Return a journey that takes over the customers of an older one."""
    return journey(stages=plain, replaces=[{"definition": old.hash, "stages": names}], **more)


def under(customer: Customer, new: JourneyDefinition, *old: JourneyDefinition) -> Customer:
    """Return the customer after a deployment of `new`."""
    customer.journeys = Journeys.of([new], old)
    return customer


NEW_STAGES: list[Object] = [
    {"id": "a", "weight": 10},
    RENAMED,
    {"id": "extra", "weight": 25},
    {"id": "c", "weight": 30},
]
NEW = replacing(OLD, {"b": "middle"}, NEW_STAGES, goal="c")


def test_a_mapping_moves_a_customer_at_the_next_touchpoint_and_tells_the_new_names() -> None:
    customer = under(fed(OLD, "a@0 b@5"), NEW, OLD)
    feed(customer, "z@6")
    assert (customer.path(), customer.instance().definition) == ([("a", 0), ("middle", 5)], NEW.hash)
    assert kinds(customer) == ["entry", "forward", "correction"]
    assert folded(map(wire, customer.transitions)) == paths(held(customer.state, NEW))
    assert customer.transitions[-1].from_stage == "b"  # what a consumer holds
    feed(customer, "extra@7 c@8")
    assert (stages(customer), outcome(customer)) == (["a", "middle", "extra", "c"], "converted")
    assert folded(map(wire, customer.transitions)) == paths(held(customer.state, NEW))


def test_a_mapping_that_keeps_every_name_says_nothing() -> None:
    same = replacing(OLD, {}, "abcd", goal="c")
    customer = under(fed(OLD, "a@0 b@5"), same, OLD)
    feed(customer, "z@6 d@7")
    assert (kinds(customer), customer.instance().definition) == (["entry", "forward", "forward"], same.hash)


def test_without_a_mapping_the_customer_stays_with_the_old_version() -> None:
    customer = under(fed(OLD, "a@0"), journey(stages=NEW_STAGES), OLD)
    feed(customer, "middle@1 b@2")
    assert (customer.path(), customer.instance().definition) == ([("a", 0), ("b", 2)], OLD.hash)


def test_several_stages_may_become_one() -> None:
    merged = replacing(OLD, {"b": "a"}, "ac", goal="c")
    customer = under(fed(OLD, "a@0 b@5"), merged, OLD)
    feed(customer, "c@9")
    assert customer.path() == [("a", 0), ("a", 5), ("c", 9)]
    assert folded(map(wire, customer.transitions)) == paths(held(customer.state, merged))


def test_a_mapped_customer_keeps_goal_outcome_and_where_it_came_from() -> None:
    by_channel = {"channel": ["website", "email"]}
    old = journey(goal={"on": "g"}, count_by=by_channel)
    new = replacing(old, {}, "abcd", goal={"on": "g"}, count_by={"channel": ["advert", *by_channel["channel"]]})
    customer = Customer.of(old)
    feed(customer, "a@0", channel="website")
    feed(customer, "g@1", channel="email")
    under(customer, new, old)
    feed(customer, "z@2")
    instance = customer.instance()
    assert instance.goal is not None
    origins = [new.origin_values(origin)["channel"] for origin in (instance.origin, instance.goal.origin)]
    assert (origins, outcome(customer), signals(customer)) == (["website", "email"], "converted", ["converted"])


LOGGED = journey(moves="any", window="1h", goal={"on": "g", "when": {"count": {"p": {"gte": 2}, "q": {"gte": 1}}}})


def test_a_mapped_customer_of_a_logged_journey_keeps_counts_clocks_and_times() -> None:
    goal = {"on": "g", "when": {"count": {"p": {"gte": 2}}}}
    new = replacing(LOGGED, {"b": "middle"}, NEW_STAGES, moves="any", window="1h", goal=goal)
    story = " ".join(f"{'ab'[n % 2]}@{n}" for n in range(40))
    customer = fed(LOGGED, f"{story} p@40 z@1000")
    under(customer, new, LOGGED)
    feed(customer, "p@1001 g@1002")
    assert outcome(customer) == "converted"
    assert folded(map(wire, customer.transitions))[""][-1] == ("middle", START_MS + 39_000, False)
    times = {time.stage: time for time in times_in_stages(customer.instance(), new, START_MS + 1_039_000)}
    assert (times["a"].visits, times["a"].cumulative_ms) == (20, 20_000)
    assert (times["middle"].visits, times["middle"].cumulative_ms, times["middle"].open_ms) == (20, 19_000, 1_000_000)


def test_stages_of_which_visits_are_no_longer_kept_may_become_one_too() -> None:
    new = replacing(LOGGED, {"b": "a"}, "ac", moves="any", window="1h")
    story = " ".join(f"{'ab'[n % 2]}@{n}" for n in range(60))
    customer = under(fed(LOGGED, f"{story} a@5000 b@9000"), new, LOGGED)
    feed(customer, "z@9001")
    (time,) = times_in_stages(customer.instance(), new, START_MS + 9_001_000)
    assert (time.visits, time.cumulative_ms, time.open_ms) == (62, 9_000_000, 1_000)


def test_a_dropped_run_is_still_known_by_the_stage_it_was_in() -> None:
    old = journey(window="10s", goal="c")
    new = replacing(old, {"b": "middle"}, NEW_STAGES, window="10s", goal="c")
    customer = under(fed(old, "a@0 b@5 z@11"), new, old)
    feed(customer, "z@12")
    assert (outcome(customer), left_stage(customer.instance(), new)) == ("dropped", "middle")


def test_an_order_free_customer_may_be_moved_to_a_version_that_is_not() -> None:
    new = replacing(OLD, {}, "abc", moves="any", exits=[{"on": "x"}], goal="c")
    customer = under(fed(OLD, "a@0 b@5"), new, OLD)
    feed(customer, "a@6 x@7 b@8")
    assert customer.path() == [("a", 0), ("b", 5), ("a", 6), (None, 7), ("b", 8)]
    assert customer.instance().round == 1


def test_what_came_before_the_move_can_no_longer_correct_it() -> None:
    customer = under(fed(LOGGED, "a@0 b@50"), replacing(LOGGED, {}, "abc", moves="any"), LOGGED)
    feed(customer, "z@60 a@70")
    feed(customer, "c@40")
    assert stages(customer) == ["a", "b", "a"]


LEAVING = journey(exits=[{"on": "x"}])


def test_who_left_enters_again_under_the_new_version() -> None:
    new = journey(stages="abcd", exits=[{"on": "x"}])
    customer = under(fed(LEAVING, "a@0 b@1 x@2"), new, LEAVING)
    feed(customer, "d@3")
    assert (customer.instance().definition, customer.instance().round) == (new.hash, 1)
    assert customer.transitions[-1].kind == "reentry"
    assert [visit.stage for visit in folded(map(wire, customer.transitions))[""]] == ["a", "b", None, "d"]
    feed(customer, "x@9 b@10 d@9.5")
    assert [visit.stage for visit in folded(map(wire, customer.transitions))[""]] == ["a", "b", None, "d", None, "d"]


@pytest.mark.parametrize("policy", ["never", {"policy": "after_exit", "cooldown": "1h"}])
def test_whether_one_may_enter_again_is_for_the_new_version_to_say(policy: Any) -> None:
    new = journey(exits=[{"on": "x"}], reentry=policy)
    customer = under(fed(LEAVING, "a@0 x@2"), new, LEAVING)
    feed(customer, "b@3")
    assert (stages(customer), len(refused(customer))) == (["a", None], 1)


def test_a_mapping_that_leaves_a_stage_out_is_told_at_the_start() -> None:
    short = replacing(OLD, {"b": "middle"}, [NEW_STAGES[0], RENAMED])
    assert Journeys.of([short], [OLD]).unmapped() == [
        f"journey shop: stage 'c' of definition {OLD.hash} leads nowhere; map it under `replaces`"
    ]
    assert Journeys.of([NEW], [OLD]).unmapped() == []
    assert Journeys.of([short]).unmapped() == []  # nobody can be inside


def test_the_clock_goes_by_the_version_entered() -> None:
    old = journey(window="10s")
    customer = under(fed(old, "a@0"), journey(window="1d"), old)
    customer.expire(3600)
    assert signals(customer) == ["dropped"]
