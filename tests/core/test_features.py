"""What stages, order, time and outcomes mean, case by case with numbers. test_any_journey.py holds all at once."""

from collections import Counter
from itertools import permutations
from typing import Any

import pytest

from cjstream.core.definition import JourneyDefinition
from cjstream.core.dwell import StageTime, times_in_stages
from cjstream.core.engine import APPLIED, DUPLICATE, IGNORED, LATE
from cjstream.core.outcome import is_late, left_stage
from cjstream.core.state import Instance, decode_state, encode
from cjstream.core.touchpoint import Rejection, parse
from tests.core.builders import START_MS, Customer, fields, journey, touchpoint
from tests.core.stories import folded

DAY = 86_400  # seconds


def fed(definition: JourneyDefinition, story: str, **more: Any) -> Customer:
    """Return a customer after touchpoints given as `type@second`, in that order of arrival, of ids 0, 1, 2..."""
    customer = Customer.of(definition)
    return feed(customer, story, **more)


def feed(customer: Customer, story: str, **more: Any) -> Customer:
    for each in story.split():
        kind, _, second = each.partition("@")
        customer.feed(touchpoint(f"{customer.offset + 1}", kind, float(second), **more))
    return customer


def kinds(customer: Customer) -> list[str]:
    return [transition.kind for transition in customer.transitions]


def stages(customer: Customer, key: str | None = None) -> list[str | None]:
    return [stage for stage, _ in customer.path(key=key)]


def refused(customer: Customer) -> list[str]:
    return [reason for step in customer.steps for _, reason in step.refused]


def signals(customer: Customer) -> list[str]:
    return [signal.kind for signal in customer.signals]


def outcome(customer: Customer) -> str:
    return customer.current.journeys["shop"].outcome


class TestF1MovePolicy:
    def test_contacts_of_a_company_set_to_lead_only_rise_and_the_refused_move_is_counted(self) -> None:
        """HubSpot: {Subscriber, Opportunity}, company set to Lead -> {Lead, Opportunity}; to Customer -> both."""
        definition = journey(stages="sloc")
        contacts = [fed(definition, "s@0"), fed(definition, "o@0")]
        for contact in contacts:
            feed(contact, "l@1")
        assert [stages(contact)[-1] for contact in contacts] == ["l", "o"]
        assert [refused(contact) for contact in contacts] == [[], ["backward"]]
        for contact in contacts:
            feed(contact, "c@2")
        assert [stages(contact)[-1] for contact in contacts] == ["c", "c"]

    def test_a_refused_move_changes_no_visit_and_sends_nothing(self) -> None:
        customer = fed(journey(), "b@0")
        visits = customer.instance().visits
        step = customer.feed(touchpoint("x", "a", 1))
        assert (step.outputs, step.refused, step.verdict) == ((), (("shop", "backward"),), APPLIED)
        assert customer.instance().visits == visits

    def test_the_same_stage_again_is_no_event_and_no_refusal(self) -> None:
        for moves in ("forward_only", "any", {"listed": [["b", "a"]]}):
            customer = fed(journey(moves=moves), "a@0 a@1")
            assert (kinds(customer), refused(customer)) == (["entry"], [])

    def test_listed_pairs_lead_back_and_no_others_do(self) -> None:
        customer = fed(journey(stages="abc", moves={"listed": [["c", "a"]]}), "c@0 b@1 a@2 b@3 a@4")
        assert stages(customer) == ["c", "a", "b"]
        assert kinds(customer) == ["entry", "backward", "forward"]
        assert refused(customer) == ["not_listed", "not_listed"]

    def test_any_leads_back_everywhere(self) -> None:
        customer = fed(journey(moves="any"), "c@0 a@1 b@2 a@3")
        assert (stages(customer), refused(customer)) == (["c", "a", "b", "a"], [])

    def test_the_current_and_the_furthest_stage_are_kept_apart(self) -> None:
        customer = fed(journey(moves="any"), "b@0 c@1 a@2")
        now = customer.current.journeys["shop"]
        assert (now.stage, now.furthest_stage) == ("a", "c")

    def test_the_business_is_held_to_the_same_policy_as_the_customer(self) -> None:
        customer = feed(fed(journey(), "b@0"), "a@1", initiator="business")
        assert (stages(customer), refused(customer)) == (["b"], ["backward"])


class TestF2SkipsAndEntry:
    SKIP = "a@0 d@10"

    def definition(self, entry: str) -> JourneyDefinition:
        """Stages a awareness, c consideration, r research, d decision."""
        return journey(stages="acrd", entry=entry)

    def test_infer_tells_the_skipped_stages_marked_and_in_between(self) -> None:
        customer = fed(self.definition("infer"), self.SKIP)
        assert [(each.to_stage, each.inferred, each.kind) for each in customer.transitions] == [
            ("a", False, "entry"), ("c", True, "forward"), ("r", True, "forward"), ("d", False, "forward"),
        ]  # fmt: skip
        assert {each.occurred_at for each in customer.transitions[1:]} == {"2026-01-01T00:00:10.000Z"}

    def test_infer_at_the_first_touchpoint_tells_the_stages_below(self) -> None:
        customer = fed(self.definition("infer"), "r@0")
        assert [(each.to_stage, each.inferred) for each in customer.transitions] == [
            ("a", True), ("c", True), ("r", False),
        ]  # fmt: skip

    def test_without_the_marked_ones_a_funnel_counts_the_same_as_with_open_entry(self) -> None:
        for story in (self.SKIP, "r@0 d@5", "c@1 r@2", "d@0"):
            seen = [each.to_stage for each in fed(self.definition("infer"), story).transitions if not each.inferred]
            assert seen == stages(fed(self.definition("open"), story))

    def test_with_the_marked_ones_every_stage_below_the_furthest_is_reached(self) -> None:
        for story, depth in ((self.SKIP, 4), ("r@0 d@5", 4), ("c@1 r@2", 3), ("d@0", 4)):
            reached = [each.to_stage for each in fed(self.definition("infer"), story).transitions]
            assert reached == list("acrd")[:depth]

    def test_skipped_stages_have_no_time_of_their_own(self) -> None:
        customer = fed(self.definition("infer"), self.SKIP)
        assert [time.stage for time in times(customer, 20)] == ["a", "d"]
        assert times(customer, 20)[0].cumulative_ms == 10_000

    def test_a_stage_skipped_and_then_seen_earlier_in_the_log_is_a_correction(self) -> None:
        customer = fed(self.definition("infer"), f"{self.SKIP} c@5")
        assert kinds(customer)[-1] == "correction"
        told = folded(map(vars_of, customer.transitions))[""]
        assert [(visit.stage, visit.inferred) for visit in told] == [
            ("a", False), ("c", False), ("r", True), ("d", False),
        ]  # fmt: skip

    def test_closed_refuses_everybody_who_does_not_start_at_the_lowest_stage(self) -> None:
        customer = fed(self.definition("closed"), "c@0 d@1")
        assert (customer.current.journeys, refused(customer)) == ({}, ["not_entered", "not_entered"])
        feed(customer, "a@2 d@3")
        assert stages(customer) == ["a", "d"]

    def test_open_lets_everybody_enter_anywhere(self) -> None:
        assert stages(fed(self.definition("open"), "r@0")) == ["r"]


def vars_of(transition: Any) -> dict[str, Any]:
    return {name: getattr(transition, name) for name in transition.__struct_fields__}


class TestF3Transitions:
    def test_exactly_one_record_per_accepted_move_in_sequence_and_chained(self) -> None:
        customer = fed(journey(moves="any", exits=[{"on": "x"}]), "a@0 a@1 c@2 b@3 x@4 b@5")
        assert [(each.sequence, each.from_stage, each.to_stage, each.kind) for each in customer.transitions] == [
            (1, None, "a", "entry"), (2, "a", "c", "forward"), (3, "c", "b", "backward"), (4, "b", None, "exit"),
            (5, None, "b", "reentry"),
        ]  # fmt: skip
        assert [each.seconds_in_previous for each in customer.transitions] == [None, 2.0, 1.0, 1.0, None]
        assert [each.round for each in customer.transitions] == [0, 0, 0, 0, 1]

    def test_the_same_log_again_gives_the_same_records(self) -> None:
        story = "a@0 c@2 b@3 x@4 b@5"
        one, two = (fed(journey(moves="any", exits=[{"on": "x"}]), story) for _ in range(2))
        assert one.outputs == two.outputs
        assert len({each.transition_id for each in one.transitions}) == len(one.transitions)

    def test_a_timeout_names_its_deadline_and_any_other_move_its_touchpoint_and_rule(self) -> None:
        stall = {"since_entered": "10s", "exit": True}
        customer = fed(journey(stages=[{"id": "a", "weight": 1, "stall": stall}]), "a@0 z@11")
        assert [(each.kind, each.cause) for each in customer.transitions] == [
            ("entry", {"touchpoint_id": "0", "type": "a", "rule": "rule-1"}),
            ("timeout", {"deadline": "stall.since_entered"}),
        ]
        assert customer.transitions[1].occurred_at == "2026-01-01T00:00:10.000Z"


def times(customer: Customer, second: float) -> list[StageTime]:
    (definition,) = customer.journeys.active.values()
    return times_in_stages(customer.instance(), definition, START_MS + round(second * 1000))


class TestF4TimeInStage:
    STORY = "a@0 b@10 a@25 b@40"

    def test_entered_exited_latest_cumulative_and_open_time_as_hubspot_defines_them(self) -> None:
        customer = fed(journey(stages="ab", moves="any"), self.STORY)
        assert times(customer, 50) == [
            StageTime("a", START_MS + 25_000, START_MS + 40_000, 15_000, 25_000, None, 2),
            StageTime("b", START_MS + 40_000, START_MS + 25_000, 15_000, 15_000, 10_000, 2),
        ]

    def test_a_first_open_visit_has_no_latest_time(self) -> None:
        (time,) = times(fed(journey(stages="ab"), "a@0"), 7)
        assert (time.exited_ms, time.latest_ms, time.cumulative_ms, time.open_ms) == (None, None, 0, 7_000)

    def test_nobody_is_in_a_stage_after_an_exit(self) -> None:
        customer = fed(journey(stages="ab", exits=[{"on": "x"}]), "a@0 x@5")
        assert times(customer, 50) == [StageTime("a", START_MS, START_MS + 5_000, 5_000, 5_000, None, 1)]


STALLING = [
    {"id": "a", "weight": 1, "stall": {"since_entered": "10s", "since_last_touch": "4s"}},
    {"id": "b", "weight": 2},
]


def stalled(customer: Customer) -> list[tuple[str, str]]:
    """Return the clock and the second it ran out of each signal, in the order sent."""
    return [
        (signal.detail["clock"], str(signal.due)[17:-5].lstrip("0"))
        for signal in customer.signals
        if signal.kind == "stalled" and signal.detail is not None
    ]


class TestF5Stall:
    def test_silence_after_the_entry_stalls_once_at_the_limit_also_after_a_restart(self) -> None:
        customer = fed(journey(stages=[{"id": "a", "weight": 1, "stall": {"since_entered": "10s"}}]), "a@0")
        assert customer.expire(10 + 600).state is None
        customer.expire(10.001 + 600)
        (signal,) = customer.signals
        assert (signal.kind, signal.severity, signal.since, signal.due) == (
            "stalled", "warning", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:10.000Z",
        )  # fmt: skip
        assert signal.detail == {"clock": "since_entered", "waited_seconds": 10}
        assert customer.state is not None
        customer.state = decode_state(encode(customer.state))
        assert customer.expire(DAY).state is None
        feed(customer, "z@20")
        assert signals(customer) == ["stalled"]

    def test_a_touchpoint_a_second_before_the_limit_resets_the_second_clock_only(self) -> None:
        customer = fed(journey(stages=STALLING), "a@0 z@3 z@7 z@10.5")
        assert stalled(customer) == [("since_entered", "10")]
        assert stalled(feed(customer, "z@15")) == [("since_entered", "10"), ("since_last_touch", "14")]

    def test_a_touchpoint_at_the_very_limit_is_in_time(self) -> None:
        assert stalled(fed(journey(stages=STALLING), "a@0 z@4 z@8")) == []
        assert stalled(fed(journey(stages=STALLING), "a@0 z@4.001")) == [("since_last_touch", "4")]

    def test_each_clock_fires_once_per_visit(self) -> None:
        customer = fed(journey(stages=STALLING), "a@0 z@5 z@11 z@20 z@30")
        assert stalled(customer) == [("since_last_touch", "4"), ("since_entered", "10")]

    def test_a_new_visit_has_clocks_of_its_own(self) -> None:
        customer = fed(journey(stages=STALLING, moves="any"), "a@0 z@5 b@6 a@20 z@25")
        assert stalled(customer) == [("since_last_touch", "4"), ("since_last_touch", "24")]

    def test_leaving_the_stage_cancels_its_clocks(self) -> None:
        assert stalled(fed(journey(stages=STALLING), "a@0 b@3 z@50")) == []

    def test_touchpoints_of_the_business_are_no_sign_of_life(self) -> None:
        customer = fed(journey(stages=STALLING), "a@0")
        feed(customer, "mail@3", initiator="business")
        assert stalled(feed(customer, "z@5")) == [("since_last_touch", "4")]

    def test_a_snoozed_customer_stalls_when_the_snooze_ends(self) -> None:
        definition = journey(stages=STALLING, snooze=[{"on": "holiday", "for": "20s"}])
        customer = fed(definition, "a@0 holiday@2 z@19 z@21.9")
        assert stalled(customer) == []
        assert stalled(feed(customer, "z@22.001")) == [("since_entered", "22")]

    def test_a_snooze_may_name_its_end_itself(self) -> None:
        definition = journey(stages=STALLING, snooze=[{"on": "holiday", "until": "properties.back"}])
        customer = fed(definition, "a@0")
        feed(customer, "holiday@2", properties={"back": "2026-01-01T00:00:30Z"})
        assert stalled(feed(customer, "z@30")) == []
        assert stalled(feed(customer, "z@30.001")) == [("since_entered", "30")]

    def test_a_timeout_moves_when_the_first_of_both_clocks_fires_and_the_other_stays_silent(self) -> None:
        stages_ = [{**STALLING[0], "stall": {"since_entered": "10s", "since_last_touch": "4s", "to": "b"}}, STALLING[1]]
        customer = fed(journey(stages=stages_), "a@0 z@50")
        assert customer.path() == [("a", 0), ("b", 4)]
        assert (kinds(customer), stalled(customer)) == (["entry", "timeout"], [("since_last_touch", "4")])

    def test_a_timeout_that_leads_outside_drops_the_run(self) -> None:
        customer = fed(
            journey(stages=[{"id": "a", "weight": 1, "stall": {"since_entered": "10s", "exit": True}}]), "a@0"
        )
        customer.expire(DAY)
        assert customer.path() == [("a", 0), (None, 10)]
        assert (signals(customer), outcome(customer)) == (["stalled", "dropped"], "dropped")

    def test_a_touchpoint_that_arrives_late_but_within_the_bound_corrects_a_timeout(self) -> None:
        stall = {"since_last_touch": "10s", "exit": True}
        customer = fed(journey(stages=[{"id": "a", "weight": 1, "stall": stall}]), "a@0 z@15 z@8")
        assert kinds(customer) == ["entry", "timeout", "correction"]
        assert customer.path() == [("a", 0)]


def test_a_timeout_that_leads_to_the_goal_converts_by_the_deadline() -> None:
    stages = [{"id": "a", "weight": 1, "stall": {"since_entered": "1m", "to": "b"}}, {"id": "b", "weight": 2}]
    customer = fed(journey(stages=stages, goal="b"), "a@0 x@100")
    [signal] = [each for each in customer.signals if each.kind == "converted"]
    assert signal.cause == {"deadline": "stall.since_entered"}


class TestF6Outcomes:
    def test_an_entry_three_days_ago_in_a_window_of_31_days_is_in_progress(self) -> None:
        customer = fed(journey(goal="c", window="31d"), "a@0")
        customer.expire(3 * DAY)
        assert outcome(customer) == "in_progress"
        customer.expire(32 * DAY)
        assert outcome(customer) == "dropped"

    def test_a_goal_at_the_last_moment_of_the_window_is_in_time(self) -> None:
        assert outcome(fed(journey(goal={"on": "g"}, window="10s"), "a@0 g@10 z@99")) == "converted"
        assert outcome(fed(journey(goal={"on": "g"}, window="10s"), "a@0 g@10.001 z@99")) == "dropped"

    def test_a_step_has_a_window_of_its_own(self) -> None:
        steps = [{"id": "a", "weight": 1, "window": "5s"}, {"id": "b", "weight": 2}]
        definition = journey(stages=steps, goal={"on": "g"}, window="100s")
        assert outcome(fed(definition, "a@0 b@5 g@50")) == "converted"
        slow = fed(definition, "a@0 b@6 g@50")
        assert outcome(slow) == "dropped"
        assert slow.signals[0].cause == {"deadline": "window.a"}
        assert slow.signals[0].due == "2026-01-01T00:00:05.000Z"

    def test_dropped_is_told_once_by_timer_with_the_end_of_the_window(self) -> None:
        customer = fed(journey(goal="c", window="10s"), "a@0")
        customer.expire(DAY)
        feed(customer, "b@20 z@30")
        (signal,) = customer.signals
        assert (signal.kind, signal.severity, signal.stage) == ("dropped", "info", "a")
        assert (signal.since, signal.due) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:10.000Z")
        assert signal.cause == {"deadline": "window"}

    def test_an_exit_drops_whoever_has_not_converted(self) -> None:
        definition = journey(goal="c", exits=[{"on": "x"}])
        assert outcome(fed(definition, "a@0 x@1")) == "dropped"
        assert outcome(fed(definition, "a@0 c@1 x@2")) == "converted"

    def test_a_touchpoint_that_exits_and_meets_the_goal_converts(self) -> None:
        customer = fed(journey(goal={"on": "x"}, exits=[{"on": "x"}]), "a@0 x@1")
        assert (signals(customer), outcome(customer)) == (["converted"], "converted")

    def test_a_goal_met_after_the_exit_is_late_even_in_the_same_moment(self) -> None:
        definition = journey(goal={"on": "g"}, exits=[{"on": "x"}])
        assert outcome(feed(fed(definition, "a@0"), "x@5 g@5")) == "dropped"
        assert outcome(feed(fed(definition, "a@0"), "g@5 x@5")) == "converted"

    def test_a_round_that_the_next_one_replaces_is_dropped_unless_it_converted(self) -> None:
        definition = journey(goal={"on": "g"}, reentry="every")
        assert signals(fed(definition, "a@0 b@1 a@2")) == ["dropped"]
        assert signals(fed(definition, "a@0 b@1 g@2 a@3")) == ["converted"]

    def test_a_late_conversion_is_counted_apart_and_changes_no_outcome(self) -> None:
        customer = fed(journey(goal="c", window="10s"), "a@0 c@11")
        assert (outcome(customer), is_late(customer.instance())) == ("dropped", True)
        assert [step.late_conversions for step in customer.steps] == [(), ("shop",)]
        assert signals(customer) == ["dropped"]

    def test_who_converted_is_never_dropped_whatever_comes(self) -> None:
        customer = fed(journey(goal="b", window="10s", exits=[{"on": "x"}]), "a@0 b@5 z@11 x@20")
        customer.expire(DAY)
        assert (signals(customer), outcome(customer)) == (["converted"], "converted")

    def test_a_goal_that_arrives_out_of_order_within_the_bound_undoes_a_drop(self) -> None:
        customer = fed(journey(goal={"on": "g"}, window="10s"), "a@0 z@11 g@9")
        assert (signals(customer), outcome(customer)) == (["dropped", "converted"], "converted")

    def test_a_conversion_that_was_none_is_withdrawn(self) -> None:
        customer = fed(journey(goal="b"), "b@5 c@3")
        assert (signals(customer), outcome(customer)) == (["converted", "conversion_withdrawn"], "in_progress")

    def test_converted_in_progress_and_dropped_are_all_who_entered_at_every_moment(self) -> None:
        definition = journey(goal="c", window="10s", exits=[{"on": "x"}])
        stories = ["a@0 c@4", "a@1", "a@2 x@6", "b@5 c@16", "z@3", "a@0 b@8 c@10"]
        for second in range(25):
            found = Counter[str]()
            for story in stories:
                come = " ".join(each for each in story.split() if float(each.partition("@")[2]) <= second)
                customer = fed(definition, come)
                if customer.state is not None:
                    customer.expire(second + 600.001)
                found.update([outcome(customer)] if customer.current.journeys else ["not entered"])
            entered = sum(min(s for s, k in at(story) if k != "z") <= second for story in stories if story != "z@3")
            assert found["converted"] + found["in_progress"] + found["dropped"] == entered
            assert found.total() - found["not entered"] == entered
        assert found == Counter(converted=2, dropped=3, **{"not entered": 1})

    def test_the_stage_that_a_dropped_run_was_in_is_known_also_if_it_moves_on(self) -> None:
        definition = journey(goal="c", window="10s")
        customer = fed(definition, "a@0 b@8 c@12")
        assert (left_stage(customer.instance(), definition), stages(customer)[-1]) == ("b", "c")


def at(story: str) -> list[tuple[float, str]]:
    return [(float(second), kind) for kind, _, second in (each.partition("@") for each in story.split())]


class TestF7OrderAndTies:
    def test_two_steps_in_the_same_second_convert(self) -> None:
        customer = fed(journey(goal="b"), "b@5 a@5")
        assert (customer.path(), outcome(customer)) == ([("a", 5), ("b", 5)], "converted")

    def test_the_producers_sequence_decides_a_tie_before_the_weight(self) -> None:
        customer = Customer.of(journey())
        customer.feed(touchpoint("1", "a", 5, sequence=2), touchpoint("2", "b", 5, sequence=1))
        assert stages(customer) == ["b"]

    def test_the_id_decides_the_last_tie_never_the_arrival(self) -> None:
        causes = set()
        for order in permutations(["1", "2", "3"]):
            customer = Customer.of(journey())
            customer.feed(*(touchpoint(each, "a", 5) for each in order))
            causes.add(customer.instance().visits[0].touchpoint_id)
        assert causes == {"1"}

    @pytest.mark.parametrize(
        ("story", "path"),
        [("a@1 b@2 c@3 b@4 d@5", "abcd"), ("a@1 b@2 d@3 c@4", "abd"), ("a@1 b@1 c@2", "abc"), ("a@1 z@2 b@3", "ab")],
    )
    def test_forward_only_passes_over_steps_back_skips_steps_and_takes_equal_times_as_in_order(
        self, story: str, path: str
    ) -> None:
        """windowFunnel stops at a repeated step (A-B-C-B-D is 3) or at one out of turn (A-B-D-C is 2); we go on."""
        assert "".join(map(str, stages(fed(journey(stages="abcd"), story)))) == path

    def test_any_order_is_a_condition_on_what_was_seen(self) -> None:
        definition = journey(goal={"on": ["p", "q"], "when": {"seen": ["p", "q"]}})
        for story in ("a@0 p@1 q@2", "a@0 q@1 p@2", "p@0 a@1 q@2"):
            assert outcome(fed(definition, story)) == "converted"
        assert outcome(fed(definition, "a@0 p@1 p@2")) == "in_progress"

    def test_two_identical_steps_need_two_touchpoints(self) -> None:
        definition = journey(goal={"on": "p", "when": {"count": {"p": {"gte": 2}}}})
        customer = fed(definition, "a@0 p@1")
        customer.feed(touchpoint("1", "p", 1))  # the same one again
        assert outcome(customer) == "in_progress"
        assert outcome(feed(customer, "p@2")) == "converted"

    def test_the_first_touchpoint_that_matches_counts_not_the_first_ever(self) -> None:
        customer = Customer.of(journey(stages="a", rules=[{"on": "a", "when": {"value": {"gt": 9}}, "to": "a"}]))
        customer.feed(touchpoint("1", "a", 0, value=5), touchpoint("2", "a", 1, value=10))
        assert customer.path() == [("a", 1)]


class TestF8LateAndTwice:
    def test_out_of_order_within_the_bound_is_one_correction(self) -> None:
        customer = fed(journey(moves="any"), "a@0 c@20 b@10")
        assert kinds(customer) == ["entry", "forward", "correction"]
        assert stages(customer) == ["a", "b", "c"]

    def test_beyond_the_bound_it_is_late_and_moves_nobody(self) -> None:
        for definition in (journey(), journey(moves="any"), journey(window="30d", goal="c")):
            customer = fed(definition, "a@0 c@1000 b@399")
            assert (customer.steps[-1].verdict, stages(customer)) == (LATE, ["a", "c"])
            assert feed(customer, "b@400").steps[-1].verdict == APPLIED

    def test_a_late_touchpoint_lets_nobody_in(self) -> None:
        for definition in (journey(), journey(moves="any"), journey(window="30d", goal="c")):
            customer = fed(definition, "z@1000 b@399")
            assert (customer.steps[-1].verdict, customer.current.journeys) == (LATE, {})

    def test_event_time_is_what_the_touchpoint_says_however_late_it_is_delivered(self) -> None:
        (delivered_late,) = fed(journey(), "a@0").instance().visits
        assert delivered_late.at_ms == START_MS

    def test_an_id_sent_again_after_16_others_counts_once_as_long_as_it_is_in_the_log(self) -> None:
        twice = journey(goal={"on": "p", "when": {"count": {"p": {"gte": 2}}}})
        customer = fed(twice, "a@0 p@1")
        first = touchpoint("1", "p", 1)
        customer.feed(*(touchpoint(f"other-{n}", "a", 2 + n) for n in range(16)))
        assert customer.feed(first).verdict == DUPLICATE
        assert customer.signals == []

    def test_the_same_id_with_another_payload_is_a_duplicate_and_the_first_wins(self) -> None:
        customer = fed(journey(moves="any"), "a@0")
        step = customer.feed(touchpoint("0", "c", 5))
        assert (step.verdict, step.conflict, stages(customer)) == (DUPLICATE, True, ["a"])

    def test_an_event_time_too_far_beyond_the_records_own_is_refused_and_moves_no_clock(self) -> None:
        future = parse(fields("1", "a", 3600), 0, START_MS, 3_599_999)
        assert future == Rejection("future", "occurred_at")

    def test_one_touchpoint_of_the_business_in_the_future_makes_nothing_late(self) -> None:
        customer = fed(journey(moves="any"), "a@0")
        feed(customer, "mail@99999", initiator="business")
        assert feed(customer, "b@1").steps[-1].verdict == APPLIED


class TestF9ReentryInstancesExit:
    def test_hot_cold_hot_works_any_number_of_times(self) -> None:
        times_ = 50
        story = " ".join(f"c@{2 * n} h@{2 * n + 1}" for n in range(times_))
        customer = fed(journey(stages="ch", moves={"listed": [["h", "c"]]}), story)
        assert (len(customer.transitions), refused(customer)) == (2 * times_, [])
        assert Counter(kinds(customer)) == Counter(entry=1, forward=times_, backward=times_ - 1)

    def test_an_order_for_cart_1_exits_cart_1_only(self) -> None:
        customer = Customer.of(journey(instance="properties.cart", exits=[{"on": "order"}]))
        for n, (kind, cart) in enumerate([("a", "1"), ("a", "2"), ("order", "1"), ("b", "2"), ("order", 3)]):
            customer.feed(touchpoint(f"{n}", kind, n, properties={"cart": cart}))
        assert (stages(customer, "1"), stages(customer, "2")) == (["a", None], ["a", "b"])
        assert [(each.instance, each.kind) for each in customer.transitions] == [
            ("1", "entry"), ("2", "entry"), ("1", "exit"), ("2", "forward"),
        ]  # fmt: skip

    def test_without_the_property_there_is_no_instance_and_a_reason_is_counted(self) -> None:
        customer = fed(journey(instance="properties.cart"), "a@0 z@1")
        assert (refused(customer), customer.current.journeys) == (["no_instance_key"], {})

    def test_exits_come_first_and_cancel_what_was_due(self) -> None:
        definition = journey(stages=STALLING, window="20s", exits=[{"on": "b"}], goal={"on": "g"})
        customer = fed(definition, "a@0 b@2 z@50")
        assert customer.path() == [("a", 0), (None, 2)]
        assert signals(customer) == ["dropped"]

    def test_an_exit_outside_does_nothing(self) -> None:
        customer = fed(journey(exits=[{"on": "x"}]), "x@0 a@1 x@2 x@3")
        assert kinds(customer) == ["entry", "exit"]

    def test_never_lets_nobody_in_again(self) -> None:
        customer = fed(journey(reentry="never", exits=[{"on": "x"}]), "a@0 x@1 a@2")
        assert (stages(customer), refused(customer)) == (["a", None], ["no_reentry"])

    def test_after_an_exit_a_new_round_begins_once_the_cooldown_is_over(self) -> None:
        definition = journey(reentry={"policy": "after_exit", "cooldown": "10s"}, exits=[{"on": "x"}], goal="b")
        customer = fed(definition, "a@0 b@1 x@5 a@14.999")
        assert refused(customer) == ["cooldown"]
        feed(customer, "a@15")
        assert (kinds(customer)[-1], customer.instance().round, outcome(customer)) == ("reentry", 1, "in_progress")
        feed(customer, "b@16")
        assert (signals(customer), outcome(customer)) == (["converted", "converted"], "converted")
        assert len({signal.signal_id for signal in customer.signals}) == 2

    def test_every_begins_a_new_round_at_the_lowest_stage_without_an_exit(self) -> None:
        definition = journey(reentry={"policy": "every", "cooldown": "10s"})
        customer = fed(definition, "a@0 c@5 a@9 a@10 a@11 b@12")
        assert customer.path() == [("a", 0), ("c", 5), ("a", 10), ("b", 12)]
        assert kinds(customer) == ["entry", "forward", "reentry", "forward"]
        assert (refused(customer), customer.instance().round) == (["cooldown"], 1)

    def test_the_history_of_earlier_rounds_is_kept(self) -> None:
        customer = fed(journey(exits=[{"on": "x"}]), "a@0 x@1 a@2 x@3 b@4")
        assert stages(customer) == ["a", None, "a", None, "b"]
        assert [each.round for each in customer.transitions] == [0, 0, 1, 1, 2]

    def test_counts_and_conditions_start_anew_with_a_round(self) -> None:
        definition = journey(exits=[{"on": "x"}], goal={"on": "p", "when": {"count": {"p": 2}}})
        customer = fed(definition, "a@0 p@1 x@2 a@3 p@4")
        assert outcome(customer) == "in_progress"
        assert outcome(feed(customer, "p@5")) == "converted"

    def test_one_customer_has_at_most_so_many_instances_and_one_that_ended_makes_room(self) -> None:
        customer = Customer.of(journey(instance={"key": "properties.cart", "limit": 2}, exits=[{"on": "x"}]))

        def take(kind: str, cart: str, second: float) -> None:
            customer.feed(touchpoint(f"{second}", kind, second, properties={"cart": cart}))

        for n in (1, 2, 3):
            take("a", f"{n}", n)
        assert refused(customer) == ["instance_limit"]
        take("x", "1", 4)
        take("a", "3", 5)
        assert [each.key for each in instances(customer)] == ["2", "3"]


def instances(customer: Customer) -> tuple[Instance, ...]:
    assert customer.state is not None
    return customer.state.journeys["shop"].instances


class TestRuleOrder:
    def test_an_ignored_touchpoint_touches_no_clock_and_is_counted(self) -> None:
        customer = fed(journey(stages=STALLING, ignore=[{"on": "bot"}]), "a@0 bot@3")
        assert (customer.steps[-1].verdict, refused(customer)) == (IGNORED, ["ignored"])
        assert customer.state is not None
        assert customer.state.newest_ms == START_MS
        assert stalled(feed(customer, "z@5")) == [("since_last_touch", "4")]

    def test_ignore_looks_at_the_touchpoint_before_its_persona_is_derived(self) -> None:
        definition = journey(
            ignore=[{"on": "a", "when": {"persona": {"exists": False}}}], personas=[{"on": "a", "persona": "hunter"}]
        )
        assert fed(definition, "a@0").steps[-1].verdict == IGNORED

    def test_a_derived_persona_is_what_rules_see_and_what_is_told_unless_there_was_one(self) -> None:
        definition = journey(
            stages="a", personas=[{"on": "a", "persona": "hunter"}],
            rules=[{"on": "a", "when": {"persona": "hunter"}, "to": "a"}],
        )  # fmt: skip
        customer = fed(definition, "a@0")
        assert (customer.transitions[0].persona, customer.current.persona) == ("hunter", "hunter")
        assert fed(definition, "a@0", persona="gatherer").current.journeys == {}

    def test_conditions_see_the_stage_before_the_touchpoint(self) -> None:
        definition = journey(goal={"on": "b", "when": {"stage": {"at_least": "b"}}})
        customer = fed(definition, "a@0 b@1")
        assert outcome(customer) == "in_progress"
        assert outcome(feed(customer, "b@2")) == "converted"

    def test_outside_passes_no_condition_on_the_stage(self) -> None:
        rules = [{"on": "a", "when": {"stage": {"below": "c"}}, "to": "a"}, {"on": "b", "to": "b"}]
        assert fed(journey(rules=rules), "a@0").current.journeys == {}

    def test_a_refused_move_tries_no_further_rule(self) -> None:
        rules = [{"on": "p", "to": "a"}, {"on": "p", "to": "c"}, {"on": "b", "to": "b"}]
        customer = fed(journey(rules=rules), "b@0 p@1")
        assert (stages(customer), refused(customer)) == (["b"], ["backward"])
