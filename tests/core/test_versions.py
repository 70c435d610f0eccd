"""Edited journeys: who is inside stays with the version entered, until a mapping moves it or a new round begins."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from cjstream.core import logged
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.dues import next_due
from cjstream.core.dwell import times_in_stages
from cjstream.core.engine import LATE, Journeys
from cjstream.core.moves import told
from cjstream.core.outcome import left_stage
from cjstream.core.paths import Path, Paths
from cjstream.core.state import Instance, decode_state, encode
from cjstream.core.times import format_time
from cjstream.core.totals import Totals
from tests.core.builders import START_MS, Customer, Object, journey, parsed, touchpoint, wire
from tests.core.journeys import ALL, MOST, SHORT_LATENESS, SPAN_MINUTES, Language, definitions, touchpoints
from tests.core.stories import Story, due, folded, held, paths
from tests.core.test_features import DAY, fed, feed, kinds, outcome, refused, signals, stages
from tests.model import in_order, judge, newest_ms

EXAMPLES = settings().max_examples
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
    new = replacing(LOGGED, {"b": "a"}, "ac", moves="any", window="1h", goal="c")
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


def test_a_stage_that_the_new_version_has_no_more_lets_nobody_in_again() -> None:
    customer = under(fed(LEAVING, "a@0 x@2"), journey(stages="ac", exits=[{"on": "x"}]), LEAVING)
    feed(customer, "b@3 z@4")
    assert stages(customer) == ["a", None]
    feed(customer, "b@1.5")  # before the exit, it is still for the version entered
    assert stages(customer) == ["a", "b", None]


def test_a_mapping_that_leaves_a_stage_out_is_told_at_the_start() -> None:
    short = replacing(OLD, {"b": "middle"}, [NEW_STAGES[0], RENAMED])
    assert Journeys.of([short], [OLD]).unmapped() == [
        f"journey shop cannot replace definition {OLD.hash}: its stage 'c' leads nowhere; map it under `replaces`"
    ]
    assert Journeys.of([NEW], [OLD]).unmapped() == []
    assert Journeys.of([short]).unmapped() == []  # nobody can be inside


def test_a_mapping_between_versions_of_different_keys_is_told_at_the_start() -> None:
    keyed = journey(instance="properties.cart", replaces=[{"definition": FREE.hash}])
    (reason,) = Journeys.of([keyed], [FREE]).unmapped()
    assert f"cannot replace definition {FREE.hash}: its instances have another key" in reason


def test_the_clock_goes_by_the_version_entered() -> None:
    old = journey(window="10s", goal="c")
    customer = under(fed(old, "a@0"), journey(window="1d", goal="c"), old)
    customer.expire(3600)
    assert signals(customer) == ["dropped"]


# What a consumer makes of all that is sent


class Consumer:
    """Folds transitions as a consumer of the topic does, and counts totals step by step."""

    def __init__(self) -> None:
        self.paths, self.totals, self.taken = Paths(), Totals(), 0

    def take(self, customer: Customer) -> None:
        """Take what was sent since; check each record against the one before it of the same instance."""
        fresh = customer.transitions[self.taken :]
        self.taken += len(fresh)
        for record in fresh:
            path = self.paths.by_instance.get((record.journey, record.instance), Path())
            assert record.from_stage == path.stage, f"{record.sequence} leaves {record.from_stage}, not {path.stage}"
            assert self.paths.take(record), "a sequence was sent twice"

    def check(self, customer: Customer) -> None:
        """Assert that this is what the state holds, of every instance that it still has."""
        self.take(customer)
        assert customer.state is not None
        for name, kept in customer.state.journeys.items():
            assert self.paths.sequences.get(name, 0) == kept.sequence
            for instance in kept.instances:
                path = self.paths.by_instance.get((name, instance.key), Path())
                assert [tuple(visit[:3]) for visit in path.visits[trimmed(instance) :]] == kept_visits(
                    customer, instance
                )


def at(second: float) -> str:
    return format_time(START_MS + round(second * 1000))


def trimmed(instance: Instance) -> int:
    return instance.past.trimmed if instance.past is not None else 0


def kept_visits(customer: Customer, instance: Instance) -> list[tuple[str | None, int, bool]]:
    definition = customer.journeys.by_hash[instance.definition]
    return [(definition.stage_name(each.stage), each.at_ms, each.inferred) for each in told(instance, definition)]


def consumed(customer: Customer) -> Customer:
    """Return the customer, checked."""
    Consumer().check(customer)
    return customer


def deploy(customer: Customer, new: JourneyDefinition) -> Customer:
    """Return the customer after a restart with `new` in place of what is active; all that was is still known."""
    if customer.state is not None:
        customer.state = decode_state(encode(customer.state))
    customer.journeys = Journeys.of([new], customer.journeys.by_hash.values())
    return customer


# Moved: all forms, a log that is not empty, visits no longer kept

FREE = journey(goal={"on": "g"}, count_by={"channel": ["web"]})
ANY = journey(goal={"on": "g"}, count_by={"channel": ["mail", "web"]}, moves="any")
XYZ: list[Object] = [{"id": "z", "weight": 1}, {"id": "y", "weight": 20}, {"id": "x", "weight": 30}]  # c, b and a
TO_XYZ = {"a": "x", "b": "y", "c": "z"}


@pytest.mark.parametrize("policy", ["forward_only", "any"])
@pytest.mark.parametrize("old", [FREE, ANY], ids=["order-free", "logged"])
def test_a_move_keeps_what_was_decided_and_tells_the_new_names_once(old: JourneyDefinition, policy: str) -> None:
    counted = {"channel": ["mail", "phone", "web"]}
    new = replacing(old, TO_XYZ, XYZ, goal={"on": "g"}, count_by=counted, moves=policy)
    customer = Customer.of(old)
    feed(customer, "a@0 b@5 g@6", channel="web")
    deploy(customer, new)
    feed(customer, "q@7 q@8")
    assert (kinds(customer), customer.path()) == (["entry", "forward", "correction"], [("x", 0), ("y", 5)])
    instance = customer.instance()
    assert instance.goal is not None
    origins = [new.origin_values(origin)["channel"] for origin in (instance.origin, instance.goal.origin)]
    assert (origins, outcome(customer), signals(customer)) == (["web", "web"], "converted", ["converted"])
    told_as = customer.current.journeys["shop"]
    assert (told_as.stage, told_as.furthest_stage, told_as.definition) == ("y", "y", new.hash)
    feed(customer, "x@9")
    assert stages(customer) == ["x", "y", "x"]
    consumed(customer)


@pytest.mark.parametrize("policy", ["forward_only", "any"])
@pytest.mark.parametrize("old", [FREE, ANY], ids=["order-free", "logged"])
@pytest.mark.parametrize("second", [3, 5, 0, 10, 10.001])
def test_a_touchpoint_older_than_the_move_is_late_or_corrects_but_never_hurts(
    old: JourneyDefinition, policy: str, second: float
) -> None:
    new = replacing(old, TO_XYZ, XYZ, moves=policy)
    customer = fed(old, "a@0 b@5 q@10")
    deploy(customer, new)
    for kind in "xyzqg":
        feed(customer, f"{kind}@{second}")
        consumed(customer)
        assert decode_state(encode(customer.state or customer.steps[-1].state)) == customer.state  # type: ignore[arg-type]


def test_of_a_logged_customer_what_is_older_than_the_move_is_late() -> None:
    customer = deploy(fed(ANY, "a@0 b@5 q@10"), replacing(ANY, {}, "abc", moves="any"))
    assert feed(customer, "c@9.999").steps[-1].verdict == LATE
    assert feed(customer, "c@10").steps[-1].verdict != LATE
    assert customer.path() == [("a", 0), ("b", 5), ("c", 10)]
    feed(customer, "a@30 b@20")  # newer than the move: in any order
    assert consumed(customer).path()[2:] == [("c", 10), ("b", 20), ("a", 30)]


def to_and_fro(definition: JourneyDefinition, visits: int, seconds: int) -> Customer:
    return fed(definition, " ".join(f"{'ab'[n % 2]}@{n * seconds}" for n in range(visits)))


@pytest.mark.parametrize("seconds", [1, 200], ids=["all in the log", "older ones no longer kept"])
@pytest.mark.parametrize(
    ("names", "plain"), [({}, "abc"), (TO_XYZ, XYZ), ({"b": "a"}, "ac"), ({"a": "c", "b": "c"}, "c")],
    ids=["same names", "other order", "two become one", "all become one"],
)  # fmt: skip
def test_a_long_past_is_moved_with_its_times_and_its_numbering(seconds: int, names: dict[str, str], plain: Any) -> None:
    new = replacing(ANY, names, plain, moves="any")
    customer = to_and_fro(ANY, 40, seconds)
    old_times = times_in_stages(customer.instance(), ANY, START_MS + 9_000_000)
    deploy(customer, new)
    feed(customer, f"q@{40 * seconds}")
    found = {time.stage: time for time in times_in_stages(customer.instance(), new, START_MS + 9_000_000)}
    expected = Counter[str]()
    for time in old_times:
        expected[names.get(time.stage, time.stage)] += time.cumulative_ms
    assert Counter({stage: time.cumulative_ms for stage, time in found.items()}) == expected
    assert sum(time.visits for time in found.values()) == 40
    last = new.stages[0].id
    feed(customer, f"{last}@{41 * seconds} {last}@{42 * seconds} {new.stages[-1].id}@{41.5 * seconds}")
    assert len(consumed(customer).instance().visits) + trimmed(customer.instance()) in range(40, 44)


def test_two_moves_in_a_row_and_one_that_was_slept_through() -> None:
    second = replacing(FREE, {"a": "x"}, "xbc")
    both = [{"definition": FREE.hash, "stages": {"a": "y"}}, {"definition": second.hash, "stages": {"x": "y"}}]
    third = journey(stages="ybc", replaces=both, moves="any")
    awake, asleep = fed(FREE, "a@0"), fed(FREE, "a@0")
    feed(deploy(awake, second), "q@1")
    for customer in (awake, asleep):
        deploy(customer, second)
        feed(deploy(customer, third), "q@2 b@3 y@4")
        assert stages(consumed(customer)) == ["y", "b", "y"]
    assert kinds(awake).count("correction") == 2
    assert kinds(asleep).count("correction") == 1


def test_a_move_from_one_way_of_entry_to_another_tells_the_stages_jumped_over() -> None:
    new = replacing(ANY, {}, "abc", entry="infer", moves="any")
    customer = deploy(fed(ANY, "a@0 c@5"), new)
    feed(customer, "q@6")
    assert [(visit["stage"], visit["inferred"]) for visit in customer.transitions[-1].path or ()] == [
        ("a", False), ("b", True), ("c", False),
    ]  # fmt: skip
    back = journey(moves="any", replaces=[{"definition": new.hash}])
    feed(deploy(consumed(customer), back), "q@7")
    assert stages(consumed(customer)) == ["a", "c"]
    assert kinds(customer) == ["entry", "forward", "correction", "correction"]


def test_the_order_of_the_stages_in_the_file_says_nothing() -> None:
    stages_of = [{"id": name, "weight": weight} for weight, name in enumerate("abcd", 1)]
    policies: Object = {"moves": "any", "entry": "infer", "exits": [{"on": "x"}]}
    old = journey(stages=stages_of, **policies)
    story = " ".join(f"{'ad'[n % 2]}@{200 * n}" for n in range(40))
    customer = deploy(fed(old, f"{story} x@8000"), replacing(old, {}, stages_of[::-1], **policies))
    feed(customer, "q@8001")
    assert (kinds(customer)[-1], customer.instance().definition != old.hash) == ("exit", True)
    assert left_stage(customer.instance(), customer.journeys.active["shop"]) == "d"
    feed(customer, "b@8003 c@8002")
    assert customer.transitions[-1].path_from == 40 + 2 * 20 + 1
    assert stages(consumed(customer))[-3:] == [None, "c", "b"]


# What was decided stays decided


def test_a_conversion_by_another_goal_is_no_reason_to_withdraw_it() -> None:
    customer = deploy(fed(FREE, "a@0 g@1"), replacing(FREE, {}, "abc", goal="c"))
    feed(customer, "q@2 b@3")
    assert (outcome(customer), signals(customer)) == ("converted", ["converted"])


@pytest.mark.parametrize("window", [{}, {"window": "1h"}, {"window": "5s"}])
def test_who_was_dropped_stays_so_when_the_windows_change(window: Object) -> None:
    old = journey(window="10s", goal="c")
    customer = deploy(fed(old, "a@0 b@5 q@20"), replacing(old, {}, "abc", goal="c", **window))
    feed(customer, "q@21 c@22")
    assert (outcome(customer), signals(customer)) == ("dropped", ["dropped"])
    assert customer.steps[-1].late_conversions == ("shop",)


@pytest.mark.parametrize("policy", ["forward_only", "any"])
def test_who_is_past_the_stage_that_became_the_goal_has_converted_and_that_is_told(policy: str) -> None:
    old = journey(moves=policy)
    customer = deploy(fed(old, "a@0 b@5 c@6"), replacing(old, {}, "abc", goal="b", moves=policy, window="1d"))
    feed(customer, "q@7 q@8")
    assert (outcome(customer), signals(customer), customer.signals[0].since) == ("converted", ["converted"], at(5))
    customer.expire(9 * DAY)
    assert outcome(customer) == "converted"


def test_a_stage_that_became_the_goal_and_was_reached_after_the_window_is_no_conversion() -> None:
    customer = deploy(fed(ANY, "a@0 b@50"), replacing(ANY, {}, "abc", goal="b", moves="any", window="10s"))
    feed(customer, "q@60")
    assert (outcome(customer), signals(customer)) == ("dropped", ["dropped"])


def test_only_the_newest_round_reaches_a_stage_that_became_the_goal() -> None:
    old = journey(exits=[{"on": "x"}])
    customer = deploy(fed(old, "b@0 x@5 a@6"), replacing(old, {}, "abc", goal="b", exits=[{"on": "x"}]))
    feed(customer, "q@7")
    assert (outcome(customer), signals(customer)) == ("in_progress", ["dropped"])


# The clocks


STALLING: Object = {"id": "a", "weight": 10, "stall": {"since_entered": "10s"}}
SILENT: Object = {"id": "a", "weight": 10, "stall": {"since_last_touch": "7d"}}
B: Object = {"id": "b", "weight": 20}


def test_a_stall_told_before_the_move_is_not_told_again() -> None:
    old = journey(stages=[STALLING, B])
    customer = deploy(fed(old, "a@0 q@11"), replacing(old, {}, [STALLING, B], moves="any"))
    feed(customer, "q@12 q@13")
    assert signals(customer) == ["stalled"]


def test_a_stall_put_off_before_the_move_stays_put_off() -> None:
    more: Object = {"snooze": [{"on": "s", "for": "1h"}]}
    old = journey(stages=[STALLING, B], **more)
    customer = deploy(fed(old, "a@0 s@5"), replacing(old, {}, [STALLING, B], moves="any", **more))
    feed(customer, "q@3605")
    assert signals(customer) == []
    feed(customer, "q@3605.001")
    assert [each.due for each in customer.signals] == [at(3605)]


def test_after_the_move_the_clock_goes_by_the_new_version() -> None:
    old = journey(stages=[STALLING, B])
    longer = {**STALLING, "stall": {"since_entered": "1h", "to": "b"}}
    customer = deploy(fed(old, "a@0"), replacing(old, {}, [longer, B]))
    assert next_due(customer.state, customer.journeys) == START_MS + 10_000 + 600_000  # type: ignore[arg-type]
    feed(customer, "q@5")
    assert next_due(customer.state, customer.journeys) == START_MS + 3_600_000 + 600_000  # type: ignore[arg-type]
    customer.expire(4200)
    assert customer.steps[-1].state is None
    customer.expire(4200.001)
    assert (consumed(customer).path(), signals(customer)) == ([("a", 0), ("b", 3600)], ["stalled"])


def test_a_stall_put_off_by_a_snooze_and_told_by_the_clock_is_not_told_again_after_a_touch_before_it() -> None:
    silent = {**SILENT, "stall": {"since_last_touch": "60s"}}
    customer = fed(journey(stages=[silent, B], snooze=[{"on": "a", "for": "120s"}], lateness="0s"), "a@0")
    customer.expire(180)
    feed(customer, "q@60")
    assert signals(customer) == ["stalled"]


def test_by_the_clock_no_deadline_passes_before_the_lateness_of_its_own_version_is_over() -> None:
    old, new = (
        journey(instance="properties.cart", window=window, lateness=lateness, goal="c")
        for window, lateness in (("100s", "0s"), ("90s", "1d"))
    )
    customer = carts(deploy(carts(Customer.of(old), "1:a@0"), new), "2:a@0")
    customer.expire(101)
    assert "2" not in [each.instance for each in customer.signals]
    customer.expire(DAY + 101)
    assert sorted(each.instance for each in customer.signals) == ["1", "2"]


def test_what_passed_while_a_journey_was_not_active_is_told_also_if_a_touchpoint_out_of_order_brings_it_back() -> None:
    shop, other = journey(stages=[STALLING, B]), journey("other")
    customer = Customer.of(shop, other)
    feed(customer, "a@0")
    customer.journeys = Journeys.of([other], [shop])
    feed(customer, "q@100")
    customer.journeys = Journeys.of([shop, other])
    feed(customer, "b@50")
    assert [(each.kind, each.due) for each in customer.signals] == [("stalled", at(10))]


def test_who_was_heard_of_yesterday_is_not_silent_although_the_old_version_kept_no_such_thing() -> None:
    old = journey(stages="ab")
    customer = deploy(fed(old, f"a@0 q@{19 * DAY}"), replacing(old, {}, [SILENT, B]))
    feed(customer, f"q@{20 * DAY}")
    assert signals(customer) == []
    feed(customer, f"q@{28 * DAY}")
    assert [each.since for each in customer.signals] == [at(20 * DAY)]


def test_a_deadline_of_the_new_version_that_has_passed_long_ago_passes_at_the_move() -> None:
    old = journey(stages="ab", goal="b")
    customer = deploy(fed(old, f"a@0 q@{20 * DAY}"), replacing(old, {}, "ab", goal="b", window="14d"))
    customer.expire(30 * DAY)
    assert outcome(customer) == "in_progress"  # the clock goes by the version entered
    feed(customer, f"q@{20 * DAY + 1}")
    assert (outcome(customer), customer.signals[0].due) == ("dropped", at(14 * DAY))


# Not moved


def carts(customer: Customer, story: str) -> Customer:
    """Feed touchpoints given as `cart:type@second`."""
    for each in story.split():
        cart, _, rest = each.partition(":")
        feed(customer, rest, properties={"cart": cart})
    return customer


def test_a_live_order_stays_and_a_new_one_enters_under_the_new_file() -> None:
    old, new = (journey(stages=plain, instance="properties.cart", moves="any") for plain in ("abc", "xyab"))
    customer = carts(Customer.of(old), "1:a@0 1:b@1")
    carts(deploy(customer, new), "2:x@2 1:x@3 2:b@4 1:c@5 1:a@6")
    by_key = {each.key: each.definition for each in customer.state.journeys["shop"].instances}  # type: ignore[union-attr]
    assert by_key == {"1": old.hash, "2": new.hash}
    assert (stages(customer, "1"), stages(customer, "2")) == (["a", "b", "c", "a"], ["x", "b"])
    assert {(each.instance, each.definition) for each in customer.transitions} == set(by_key.items())
    consumed(customer)


def test_a_touchpoint_of_one_order_moves_the_others_too() -> None:
    old = journey(instance="properties.cart", moves="any")
    customer = carts(Customer.of(old), "1:a@0 2:b@1")
    carts(deploy(customer, replacing(old, TO_XYZ, XYZ, instance="properties.cart", moves="any")), "2:z@2")
    assert (stages(customer, "1"), stages(customer, "2")) == (["x"], ["y", "z"])
    assert [each.kind for each in customer.transitions[2:]] == ["correction", "correction", "backward"]
    consumed(customer)


def test_who_was_never_entered_is_nobodys_and_enters_under_the_new_version() -> None:
    old = journey(stages=[SILENT, B], goal={"on": "g"})
    new = journey(stages="ab", goal={"on": "h"})
    customer = deploy(fed(old, "q@0 g@1"), new)
    feed(customer, "a@2")
    assert (customer.instance().definition, outcome(customer)) == (new.hash, "in_progress")
    kept = journey(stages="abc", goal={"on": "g"}, moves="any")
    customer = deploy(fed(old, "q@0 g@1"), kept)
    feed(customer, "a@2")
    assert (customer.instance().definition, outcome(customer)) == (kept.hash, "converted")


def test_what_was_counted_before_the_entry_counts_under_the_new_version() -> None:
    when = {"when": {"count": {"p": {"gte": 2}}}}
    old = journey(rules=[{"on": "p", "to": "a", **when}])
    new = journey(stages="ab", rules=[{"on": "p", "to": "b", **when}])
    customer = deploy(fed(old, "p@0"), new)
    feed(customer, "p@1")
    assert stages(consumed(customer)) == ["b"]


@pytest.mark.parametrize("clock", [False, True], ids=["by the touchpoint", "by the clock"])
def test_who_leaves_by_a_deadline_enters_again_under_the_new_version_whoever_let_it_pass(clock: bool) -> None:
    old = journey(stages=[{**STALLING, "stall": {"since_entered": "10s", "exit": True}}, B])
    customer = deploy(fed(old, "a@0"), journey(stages="abc"))
    if clock:
        customer.expire(1000)
    feed(customer, "b@2000")
    assert (kinds(customer), customer.instance().round) == (["entry", "timeout", "reentry"], 1)
    assert customer.transitions[-1].definition != old.hash
    consumed(customer)


LEFT = journey(exits=[{"on": "x"}], goal={"on": "g"})


def test_who_has_left_no_longer_enters_by_a_rule_of_the_old_version() -> None:
    new = journey(stages="cd", exits=[{"on": "x"}])
    customer = deploy(fed(LEFT, "a@0 x@1"), new)
    feed(customer, "a@2 b@3 g@4")
    assert (stages(customer), refused(customer)) == (["a", None], [])
    assert customer.steps[-1].late_conversions == ("shop",)  # the old goal is still that of the old round
    feed(customer, "d@5")
    assert (customer.instance().definition, stages(consumed(customer))) == (new.hash, [None, "d"])


def test_what_comes_out_of_order_from_before_is_for_the_version_of_that_time() -> None:
    new = journey(stages="cd", exits=[{"on": "x"}])
    customer = deploy(fed(LEFT, "a@0 x@10 x@20"), new)
    feed(customer, "b@15")
    assert stages(consumed(customer)) == ["a", None, "b", None]
    feed(customer, "b@5")
    assert stages(consumed(customer)) == ["a", "b", None, "b", None]
    feed(customer, "d@20")
    assert (stages(customer), customer.instance().round) == ([None, "d"], 2)
    assert feed(customer, "d@19").steps[-1].verdict == LATE
    consumed(customer)


def test_a_new_round_under_a_new_version_counts_on_from_the_visits_no_longer_kept() -> None:
    old = journey(moves="any", exits=[{"on": "x"}])
    customer = to_and_fro(old, 40, 200)
    feed(customer, "x@8000")
    deploy(customer, journey(stages="abcd", moves="any", exits=[{"on": "x"}]))
    feed(customer, "d@8001 a@8010 b@8005")
    last = customer.transitions[-1]
    assert (last.kind, last.path_from, last.round) == ("correction", 42, 1)
    assert stages(consumed(customer)) == [None, "d", "b", "a"]


def test_a_new_round_counts_on_from_the_stages_jumped_over_too() -> None:
    old = journey(entry="infer", exits=[{"on": "x"}])
    customer = deploy(fed(old, "c@0 x@1"), journey(stages="abcd", exits=[{"on": "x"}]))
    feed(customer, "b@2 d@5 c@4")
    assert (customer.transitions[-1].kind, customer.transitions[-1].path_from) == ("correction", 5)
    consumed(customer)


def test_conditions_on_the_past_see_what_was_counted_in_the_round_before() -> None:
    entry = [{"on": "p", "to": "a", "when": {"count": {"p": {"gte": 2}}}}]
    old, new = (journey(stages=plain, rules=entry, exits=[{"on": "x"}]) for plain in ("a", "ab"))
    same, switched = fed(old, "p@0 p@1 x@2"), fed(old, "p@0 p@1 x@2")
    deploy(switched, new)
    for customer in (same, switched):
        feed(customer, "p@3")
        assert customer.instance().round == 1


def test_a_changed_key_leaves_the_old_ones_alone_and_keys_are_never_twice() -> None:
    old = journey(instance="properties.cart", exits=[{"on": "x"}])
    customer = carts(Customer.of(old), "1:a@0 2:a@1 2:x@2")
    deploy(customer, journey(exits=[{"on": "x"}], instance="properties.order"))
    feed(customer, "a@3", properties={"order": "3"})
    feed(customer, "b@4", properties={"cart": "1"})
    feed(customer, "b@5", properties={"order": "1"})  # the cart of that name is still under way
    feed(customer, "b@6", properties={"order": "2"})  # and this one is over
    feed(customer, "a@7", properties={"cart": "2"})
    assert {each.key: stages(customer, each.key) for each in consumed(customer).state.journeys["shop"].instances} == {  # type: ignore[union-attr]
        "1": ["a", "b"], "2": [None, "b"], "3": ["a"],
    }  # fmt: skip


def test_what_was_counted_of_a_cart_is_not_of_the_order_of_that_name() -> None:
    rules_of: Object = {"rules": [{"on": "p", "to": "a", "when": {"count": {"p": {"gte": 2}}}}], "stages": "a"}
    customer = carts(Customer.of(journey(instance="properties.cart", **rules_of)), "1:p@0")
    deploy(customer, journey(instance="properties.order", **rules_of))
    feed(customer, "p@1", properties={"order": "1"})
    assert customer.current.journeys == {}
    feed(customer, "p@2", properties={"order": "1"})
    assert stages(customer, "1") == ["a"]


def test_from_a_run_per_customer_to_one_per_order_and_back() -> None:
    plain, keyed = journey(exits=[{"on": "x"}], goal={"on": "g"}), journey(instance="properties.cart")
    customer = carts(deploy(carts(Customer.of(plain), "1:a@0"), keyed), "1:b@1 1:x@2 1:b@3 2:b@4")
    assert (stages(customer, ""), stages(customer, "1")) == (["a", "b", None], ["b"])
    carts(deploy(consumed(customer), plain), "1:c@5")
    assert (stages(customer, ""), stages(customer, "1")) == (["a", "b", None, "c"], ["b", "c"])
    consumed(customer)


def test_the_limit_of_the_new_version_counts_the_old_ones_too() -> None:
    old = journey(instance="properties.cart", exits=[{"on": "x"}])
    new = journey(stages="abcd", instance={"key": "properties.cart", "limit": 2}, exits=[{"on": "x"}])
    customer = carts(Customer.of(old), "1:a@0 2:a@1 3:a@2 4:a@3 1:x@4")
    carts(deploy(customer, new), "5:a@5")
    assert refused(customer) == ["instance_limit"]
    carts(customer, "2:x@6 3:x@7 6:a@8")
    assert [each.key for each in consumed(customer).state.journeys["shop"].instances] == ["4", "6"]  # type: ignore[union-attr]


# Journeys that come and go


def test_a_journey_no_longer_active_is_told_and_not_advanced_and_no_deadline_fires_for_it() -> None:
    gone = journey("gone", stages=[{**STALLING, "stall": {"since_entered": "10s", "exit": True}}, B])
    stays = journey("stays", stages=[STALLING, B])
    customer = Customer.of(gone, stays)
    feed(customer, "a@0")
    customer.journeys = Journeys.of([stays], [gone])
    assert next_due(customer.state, customer.journeys) == START_MS + 610_000  # type: ignore[arg-type]
    customer.expire(1000)
    feed(customer, "b@2000")
    assert [each.journey for each in customer.signals] == ["stays"]
    assert (customer.path("gone"), customer.path("stays")) == ([("a", 0)], [("a", 0), ("b", 2000)])
    assert {name: each.stage for name, each in customer.current.journeys.items()} == {"gone": "a", "stays": "b"}
    customer.journeys = Journeys.of([], [gone, stays])
    assert next_due(customer.state, customer.journeys) is None  # type: ignore[arg-type]
    assert feed(customer, "b@3000").steps[-1].outputs == ()
    customer.journeys = Journeys.of([stays, gone])
    feed(customer, "q@4000")
    assert [(each.journey, each.due) for each in customer.signals[1:]] == [("gone", at(10))] * 2
    consumed(customer)


def test_a_journey_added_later_begins_with_the_touchpoints_from_then_on() -> None:
    first, second = journey("first"), journey("second", moves="any")
    customer = fed(first, "a@0 b@1000")
    customer.journeys = Journeys.of([first, second])
    feed(customer, "a@100")
    assert set(customer.current.journeys) == {"first"}
    assert customer.steps[-1].verdict == LATE  # by the customer's clock, which ran before there was the journey
    feed(customer, "a@500 c@1001")
    assert (customer.path("first")[-1], customer.path("second")) == (("c", 1001), [("a", 500), ("c", 1001)])
    assert [(each.journey, each.sequence) for each in customer.transitions[2:]] == [
        ("second", 1), ("first", 3), ("second", 2),
    ]  # fmt: skip
    consumed(customer)


def test_who_comes_back_after_an_erasure_is_nobody_to_any_version() -> None:
    old = journey(stages=[STALLING, B], exits=[{"on": "x"}])
    customer = fed(old, "a@0 x@1 a@2 b@3")
    customer.forget(START_MS + 5_000)
    customer.journeys = Journeys.of([replacing(old, {}, "abc", moves="any")], [old])
    feed(customer, "a@6 b@7")
    assert [(each.sequence, each.round, each.kind) for each in customer.transitions[4:]] == [
        (5, 0, "entry"), (6, 0, "forward"),
    ]  # fmt: skip
    assert {each.definition for each in customer.transitions[4:]} == set(customer.journeys.by_hash) - {old.hash}
    assert next_due(customer.state, customer.journeys) is None  # type: ignore[arg-type]


# Any version after any other

SHORT = replace(ALL, lateness=SHORT_LATENESS)


@st.composite
def versions(draw: st.DrawFn, count: int) -> list[Object]:
    """Return definitions, each in place of those before it, of which it maps none or each to stages of its own."""
    found: list[Object] = []
    for _ in range(count):
        data = draw(definitions(SHORT))
        ids = [stage["id"] for stage in data["stages"]]
        alike = [old for old in found if old.get("instance") == data.get("instance")]
        if alike and draw(st.sampled_from([False, True, True, True])):
            replaced = [draw(mappings(old, ids)) for old in alike]
            data["replaces"] = list({each["definition"]: each for each in replaced}.values())
        found.append(data)
    return found


@st.composite
def mappings(draw: st.DrawFn, old: Object, ids: list[str]) -> Object:
    names = {stage["id"]: draw(st.sampled_from(ids)) for stage in old["stages"]}
    return {"definition": compile_definition(old).hash, "stages": names}


def stream(drawn: Sequence[list[Object]]) -> list[tuple[int, Object]]:
    """Return (number of the part, touchpoint), of different ids."""
    return [(n, {**each, "id": f"{n}-{each['id']}"}) for n, part in enumerate(drawn) for each in part]


def balanced(totals: Totals) -> bool:
    """Return whether those who entered are those who converted, are in progress, or were dropped."""
    entered, now = Counter[str](), Counter[str]()
    for booking, count in totals.counts.items():
        if booking[0] == "entered" and booking[2] == "day":
            entered[booking[-1]] += count
        if booking[0] == "customers":
            now[booking[-1]] += count
    return entered == now and set(now) <= {"converted", "in_progress", "dropped"}


@settings(max_examples=3 * EXAMPLES)
@given(versions(3), st.tuples(touchpoints(), touchpoints(6), touchpoints(6)), st.data())
def test_whatever_becomes_of_the_file_the_story_told_is_the_one_kept_and_totals_are_a_recount(
    files: list[Object], drawn: tuple[list[Object], ...], data: st.DataObject
) -> None:
    compiled = list(map(compile_definition, files))
    for n, new in enumerate(compiled):
        assert Journeys.of([new], compiled[:n]).unmapped() == []
    customer, consumer = Customer.of(compiled[0]), Consumer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logged, "MAX_VISITS", data.draw(st.sampled_from([1, 16])))
        for n, each in stream(drawn):
            deploy(customer, compiled[n])
            before = customer.state
            if before is not None and not data.draw(st.integers(0, 3)):
                customer.expire(60 * data.draw(st.integers(0, 3 * SPAN_MINUTES)))
                consumer.totals.change(before, customer.state, customer.journeys.by_hash)
                before = customer.state
            customer.feed(parsed(each))
            consumer.check(customer)
            consumer.totals.change(before, customer.state, customer.journeys.by_hash)
            recounted = Totals()
            recounted.recount([customer.state], customer.journeys.by_hash)  # type: ignore[list-item]
            assert consumer.totals.counts == recounted.counts
            assert balanced(recounted)
    said = {(each.signal_id, each.kind, each.instance, each.stage, each.due) for each in customer.signals}
    assert len(said) == len({each.signal_id for each in customer.signals})  # one id says one thing, if it is said again
    event(f"corrections: {kinds(customer).count('correction')}")
    event(f"rounds: {max((each.round for each in customer.transitions), default=0)}")


RENAME = {f"s{n}": f"n{n}" for n in range(4)}


def renamed(value: Any) -> Any:
    """Return plain data with stages of other names."""
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return RENAME.get(value, value) if isinstance(value, str) else value


@settings(max_examples=3 * EXAMPLES)
@given(definitions(SHORT), touchpoints(), st.data())
def test_in_order_a_customer_moved_to_the_same_journey_under_other_names_is_as_if_always_there(
    plain: Object, drawn: list[Object], data: st.DataObject
) -> None:
    old = compile_definition(plain)
    names = {name: RENAME[name] for stage in plain["stages"] for name in [stage["id"]]}
    other = {**renamed(plain), "replaces": [{"definition": old.hash, "stages": names}]}
    other["stages"] = data.draw(st.permutations(other["stages"]))
    new = compile_definition(other)
    come = in_order(plain, drawn)
    at = data.draw(st.integers(0, len(come)))
    moved, always = Customer.of(old), Customer.of(new)
    for n, each in enumerate([*come, quiet(come[-1])]):
        if n == at:
            deploy(moved, new)
        for customer in (moved, always):
            customer.feed(parsed(each))
    Consumer().check(moved)
    minute = data.draw(st.integers(0, 4 * SPAN_MINUTES))
    for customer in (moved, always):
        customer.expire(60 * minute)
    assert held(moved.state, new) == held(always.state, new)
    assert moved.current.journeys.keys() == always.current.journeys.keys()
    for one, other_one in zip(moved.current.journeys.values(), always.current.journeys.values(), strict=True):
        assert {**wire_of(one), "sequence": 0} == {**wire_of(other_one), "sequence": 0}
    found = [Counter(told_signals(customer)) for customer in (moved, always)]
    assert found[0] == found[1]
    event(f"order free: {old.order_free}, moved inside: {bool(at) and bool(moved.transitions)}")


def quiet(last: Object) -> Object:
    """Return a touchpoint of the business at the same time, of which no journey takes notice."""
    return {"id": "quiet", "customer_id": "ani", "type": "quiet", "occurred_at": last["occurred_at"], "sequence": 99,
            "initiator": "business"}  # fmt: skip


def wire_of(value: Any) -> Object:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def told_signals(customer: Customer) -> list[tuple[Any, ...]]:
    return [
        (each.kind, each.instance, RENAME.get(each.stage or "", each.stage), each.since, each.due)
        for each in customer.signals
    ]


KEYED = Language(past=False, early=False, instances=False)


@st.composite
def without_exits(draw: st.DrawFn) -> Object:
    """Return a journey by carts that nobody leaves."""
    data = {**draw(definitions(KEYED)), "instance": "properties.cart"}
    data.pop("exits", None)
    for stage in data["stages"]:
        stage.get("stall", {}).pop("exit", None)
    return data


def in_cart(number: int, plain: Object) -> Object:
    return {**plain, "properties": {**plain.get("properties", {}), "cart": number}}


@settings(max_examples=3 * EXAMPLES)
@given(without_exits(), definitions(KEYED), touchpoints(6), touchpoints(6), st.data())
def test_in_any_order_who_is_inside_stays_with_the_old_file_and_who_is_new_goes_by_the_new_one(
    plain: Object, other: Object, before: list[Object], after: list[Object], data: st.DataObject
) -> None:
    other = {**other, "instance": "properties.cart"}
    old, new = compile_definition(plain), compile_definition(other)
    assume(old.hash != new.hash)
    customer = Customer.of(old)
    come = [in_cart(1, each) for each in before]
    customer.feed(*map(parsed, come))
    assume(customer.transitions)  # somebody is inside
    deploy(customer, new)
    for n, each in enumerate(after):
        come.append(in_cart(data.draw(st.integers(1, 2)), {**each, "id": f"u{n}"}))
        customer.feed(parsed(come[-1]))
    mine = [[each for each in come if each["properties"]["cart"] == cart] for cart in (1, 2)]
    until_ms = newest_ms(come, plain)
    assert held_under(customer, old) == due(judge(plain, mine[0], until_ms))
    assert held_under(customer, new) == due(judge(other, mine[1], until_ms))
    Consumer().check(customer)


def held_under(customer: Customer, definition: JourneyDefinition) -> Story:
    """Return what the state holds of the instances under one definition."""
    assert customer.state is not None
    ((name, kept),) = customer.state.journeys.items()
    mine = tuple(each for each in kept.instances if each.definition == definition.hash)
    return held(changed(customer.state, journeys={name: changed(kept, instances=mine)}), definition)


def test_a_snooze_before_the_entry_is_none_of_a_definition_that_knows_no_snooze() -> None:
    stall = [{"id": "a", "weight": 1, "stall": {"since_entered": "1m", "exit": True}}, {"id": "b", "weight": 2}]
    customer = Customer.of(journey(snooze=[{"on": "d", "for": "1h"}]))
    customer.feed(touchpoint("0", "d", 0))
    deploy(customer, journey(stages=stall)).feed(touchpoint("1", "a", 1), touchpoint("2", "d", 100))
    assert customer.path() == [("a", 1), (None, 61)]


LEAVING_SOON = [{"on": ["e", "f"]}]


@settings(max_examples=3 * EXAMPLES)
@given(definitions(KEYED), definitions(KEYED), touchpoints(), touchpoints(), st.integers(1, 2 * MOST))
def test_in_order_who_has_left_the_old_journey_goes_on_in_the_new_one_as_if_new_there(
    plain: Object, other: Object, some: list[Object], more: list[Object], at: int
) -> None:
    plain = {"exits": LEAVING_SOON, **plain}
    other = {name: value for name, value in other.items() if name not in {"snooze", "reentry"}}
    drawn = sorted([*some, *({**each, "id": f"u{each['id']}"} for each in more)], key=when)
    come = [{**each, "sequence": n} for n, each in enumerate(drawn)]
    left = next((n for n in range(at, len(come)) if is_outside(plain, come[:n], come[n])), len(come))
    entered = next((n for n in range(left, len(come)) if enters(other, come[n])), None)
    old, new = compile_definition(plain), compile_definition(other)
    assume(old.hash != new.hash)
    customer = Customer.of(old)
    customer.feed(*map(parsed, come[:at]))
    told_before = len(customer.transitions)
    deploy(customer, new).feed(*map(parsed, come[at:]), parsed(quiet(come[-1])))
    fresh = customer.transitions[told_before:]
    assert {each.definition for each in fresh if each.from_stage is None} <= {new.hash}
    event(f"entered again: {entered is not None}")
    if entered is not None:
        first, then = judge(plain, come[:left], when(come[left])).get(""), judge(other, come[entered:])[""]
        assert folded(map(wire, customer.transitions))[""] == [*(first.visits if first else []), *then.visits]
        assert customer.instance().definition == new.hash
        assert customer.instance().round == then.round + (first.round + 1 if first and first.visits else 0)
    Consumer().check(customer)


def is_outside(plain: Object, before: list[Object], touchpoint: Object) -> bool:
    run = judge(plain, before, when(touchpoint)).get("")
    return run is None or run.stage is None


def enters(plain: Object, touchpoint: Object) -> bool:
    run = judge(plain, [touchpoint]).get("")
    return run is not None and bool(run.visits)


def when(plain: Object) -> int:
    at_ms: int = plain["occurred_at"]
    return at_ms
