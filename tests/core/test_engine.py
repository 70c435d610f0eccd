"""advance(): what one touchpoint does to one customer, by example. Customer.feed checks what holds at every step."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.engine import APPLIED, DUPLICATE, ERASED, IGNORED, LATE, REPLAYED, Journeys, Step, advance
from cjstream.core.forgetting import erase
from cjstream.core.outputs import Forgotten
from cjstream.core.state import RECENT_IDS, CustomerState
from cjstream.core.touchpoint import Erasure, Touchpoint
from tests.core.builders import LATENESS_MS, SHOP, START_MS, Customer, Object, journey, objects, parsed, touchpoint

LATENESS_SECONDS = LATENESS_MS // 1000


def kinds(customer: Customer) -> list[str]:
    return [transition.kind for transition in customer.transitions]


def moves(customer: Customer) -> list[tuple[str | None, str | None]]:
    return [(transition.from_stage, transition.to_stage) for transition in customer.transitions]


def signals(customer: Customer) -> list[str]:
    return [signal.kind for signal in customer.signals]


@pytest.fixture
def ani() -> Customer:
    return Customer.of(SHOP)


class TestMoves:
    def test_the_first_match_enters_and_higher_stages_move_forward(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "cart_add", 5), touchpoint("3", "purchase", 9))
        assert kinds(ani) == ["entry", "forward", "forward"]
        assert ani.path() == [("awareness", 0), ("consideration", 5), ("purchase", 9)]

    def test_a_stage_below_or_the_same_moves_nobody(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "product_view", 0))
        outputs = len(ani.outputs)
        assert ani.feed(touchpoint("2", "page_view", 5)).verdict == APPLIED
        assert ani.feed(touchpoint("3", "wishlist", 6)).verdict == APPLIED
        assert len(ani.outputs) == outputs

    def test_a_company_set_to_a_stage_never_lowers_its_contacts(self) -> None:
        """HubSpot's example: {Subscriber, Opportunity} set to Lead: {Lead, Opportunity}; to Customer: both."""
        subscriber, opportunity = Customer.of(journey(stages="slox")), Customer.of(journey(stages="slox"))
        subscriber.feed(touchpoint("1", "s", 0))
        opportunity.feed(touchpoint("1", "o", 0))
        assert [(each.feed(touchpoint("2", "l", 1)), each.path()[-1][0])[1] for each in (subscriber, opportunity)] == [
            "l", "o",
        ]  # fmt: skip
        assert [(each.feed(touchpoint("3", "x", 2)), each.path()[-1][0])[1] for each in (subscriber, opportunity)] == [
            "x", "x",
        ]  # fmt: skip

    def test_what_matches_no_rule_is_ignored_but_is_a_sign_of_life(self, ani: Customer) -> None:
        step = ani.feed(touchpoint("1", "error", 3))
        assert (step.verdict, step.outputs) == (IGNORED, ())
        assert step.state is not None
        assert (step.state.newest_ms, step.state.journeys) == (START_MS + 3000, {})

    def test_a_condition_decides(self, ani: Customer) -> None:
        assert ani.feed(touchpoint("1", "review", 0, rating=3)).verdict == IGNORED
        assert ani.feed(touchpoint("2", "review", 1)).verdict == IGNORED
        assert ani.feed(touchpoint("3", "review", 2, rating=4)).verdict == APPLIED
        assert ani.path() == [("advocacy", 2)]

    def test_two_stages_in_the_same_moment_are_in_order(self, ani: Customer) -> None:
        ani.feed(touchpoint("2", "purchase", 5), touchpoint("1", "page_view", 5))
        assert ani.path() == [("awareness", 5), ("purchase", 5)]


class TestOutOfOrder:
    def test_an_earlier_touchpoint_corrects_once(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "product_view", 10), touchpoint("2", "page_view", 5))
        assert kinds(ani) == ["entry", "correction"]
        correction = ani.transitions[-1]
        assert (correction.from_stage, correction.to_stage, correction.path_from) == ("consideration",) * 2 + (0,)
        assert correction.path == [
            {"stage": "awareness", "entered_at": "2026-01-01T00:00:05.000Z", "inferred": False},
            {"stage": "consideration", "entered_at": "2026-01-01T00:00:10.000Z", "inferred": False},
        ]

    def test_one_that_changes_no_visit_says_nothing(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "product_view", 10))
        step = ani.feed(touchpoint("3", "search", 5))
        assert (step.verdict, step.outputs) == (APPLIED, ())

    def test_one_that_only_takes_over_a_visit_of_the_same_moment_says_nothing(self, ani: Customer) -> None:
        ani.feed(touchpoint("2", "page_view", 5))
        step = ani.feed(touchpoint("1", "search", 5))
        assert (step.verdict, step.outputs) == (APPLIED, ())
        assert ani.instance().visits[0].touchpoint_id == "1"

    def test_one_that_still_moves_forward_is_no_correction(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "error", 10), touchpoint("3", "purchase", 5))
        assert kinds(ani) == ["entry", "forward"]

    def test_equal_to_the_lateness_is_not_late_and_older_is(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "error", LATENESS_SECONDS))
        assert ani.advance(touchpoint("2", "page_view", -0.001), (0, 9)).verdict == LATE
        assert ani.feed(touchpoint("3", "page_view", 0)).verdict == APPLIED
        assert ani.path() == [("awareness", 0)]

    def test_a_late_touchpoint_moves_nobody_and_meets_no_goal(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 2 * LATENESS_SECONDS))
        step = ani.feed(touchpoint("2", "purchase", 0))
        assert (step.verdict, step.outputs, ani.instance().goal) == (LATE, (), None)
        assert step.state is not None
        assert step.state.newest_ms == START_MS + 2 * LATENESS_MS

    def test_lateness_is_each_journeys_own(self) -> None:
        patient, strict = journey("patient", lateness="1h"), journey("strict", lateness="0s")
        customer = Customer.of(strict, patient)
        customer.feed(touchpoint("1", "b", 10))
        assert customer.feed(touchpoint("2", "a", 5)).verdict == APPLIED
        assert customer.path("patient") == [("a", 5), ("b", 10)]
        assert customer.path("strict") == [("b", 10)]


class TestGoal:
    def test_a_touchpoint_as_goal_converts_once(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "purchase", 5), touchpoint("3", "purchase", 9))
        assert signals(ani) == ["converted"]
        assert (ani.signals[0].since, ani.signals[0].stage) == ("2026-01-01T00:00:05.000Z", "purchase")
        assert ani.current.journeys["shop"].outcome == "converted"

    def test_a_goal_needs_no_stage_of_its_own(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "delivered", 0))
        step = ani.feed(touchpoint("2", "purchase", 5))
        assert [type(output).__name__ for output in step.outputs] == ["Signal", "StageCurrent"]
        assert ani.current.journeys["shop"].converted_at == "2026-01-01T00:00:05.000Z"

    def test_an_earlier_goal_moves_the_conversion_without_a_second_signal(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "delivered", 0), touchpoint("2", "purchase", 9), touchpoint("3", "purchase", 4))
        assert signals(ani) == ["converted"]
        assert ani.current.journeys["shop"].converted_at == "2026-01-01T00:00:04.000Z"

    def test_a_goal_before_the_first_stage_counts_from_the_entry_on(self) -> None:
        customer = Customer.of(journey(goal={"on": "signed"}))
        assert customer.feed(touchpoint("1", "signed", 0)).outputs == ()
        assert customer.current.journeys == {}
        customer.feed(touchpoint("2", "a", 5))
        assert signals(customer) == ["converted"]
        assert customer.current.journeys["shop"].converted_at == "2026-01-01T00:00:05.000Z"

    def test_a_stage_as_goal_converts_on_entry(self) -> None:
        customer = Customer.of(journey(goal="b", owner="sales"))
        customer.feed(touchpoint("1", "a", 0), touchpoint("2", "b", 5), touchpoint("3", "c", 9))
        assert signals(customer) == ["converted"]
        assert customer.signals[0].owner == "sales"
        assert customer.current.journeys["shop"].converted_at == "2026-01-01T00:00:05.000Z"

    def test_skipping_over_the_goal_stage_is_no_conversion(self) -> None:
        customer = Customer.of(journey(goal="b"))
        customer.feed(touchpoint("1", "a", 0), touchpoint("2", "c", 5), touchpoint("3", "b", 9))
        assert signals(customer) == []
        assert customer.current.journeys["shop"].outcome == "in_progress"

    def test_a_conversion_that_was_none_is_withdrawn(self) -> None:
        customer = Customer.of(journey(goal="b"))
        customer.feed(touchpoint("1", "b", 5), touchpoint("2", "c", 3))
        assert signals(customer) == ["converted", "conversion_withdrawn"]
        assert customer.signals[1].since == "2026-01-01T00:00:03.000Z"
        assert customer.signals[1].cause == {"touchpoint_id": "2", "type": "c"}
        assert customer.current.journeys["shop"].outcome == "in_progress"

    def test_signals_of_one_customer_have_different_ids(self) -> None:
        customer = Customer.of(journey(goal="b"))
        customer.feed(touchpoint("1", "b", 5), touchpoint("2", "c", 3), touchpoint("3", "b", 1))
        assert signals(customer) == ["converted", "conversion_withdrawn", "converted"]
        assert len({signal.signal_id for signal in customer.signals}) == 3


class TestDelivery:
    def test_a_replay_at_or_below_the_fence_changes_and_says_nothing(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "purchase", 5))
        for offset in (0, 1):
            step = ani.advance(touchpoint("3", "referral", 9), (0, offset))
            assert step == Step(None, (), REPLAYED)

    def test_a_newer_epoch_of_the_topic_is_above_every_older_offset(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        assert ani.advance(touchpoint("2", "purchase", 5), (1, 0)).verdict == APPLIED
        ani.state = ani.advance(touchpoint("2", "purchase", 5), (1, 0)).state
        assert ani.advance(touchpoint("3", "referral", 9), (0, 99)).verdict == REPLAYED

    def test_a_known_id_at_a_new_offset_is_a_duplicate_and_moves_only_the_fence(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        before = ani.state
        step = ani.feed(touchpoint("1", "page_view", 0))
        assert (step.verdict, step.outputs, step.conflict) == (DUPLICATE, (), False)
        assert before is not None
        assert step.state == CustomerState((0, 1), *[getattr(before, name) for name in before.__struct_fields__[1:]])

    def test_another_payload_under_a_known_id_is_a_conflict_and_the_first_wins(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        step = ani.feed(touchpoint("1", "purchase", 5))
        assert (step.verdict, step.conflict, step.outputs) == (DUPLICATE, True, ())
        assert ani.path() == [("awareness", 0)]

    def test_the_window_of_ids_is_bounded_and_a_repeat_beyond_it_changes_nothing_either(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        ani.feed(*[touchpoint(f"x{n}", "error", 1) for n in range(RECENT_IDS - 1)])
        assert ani.advance(touchpoint("1", "page_view", 0), (0, 99)).verdict == DUPLICATE
        ani.feed(touchpoint("x", "error", 1))
        path = ani.path()
        step = ani.feed(touchpoint("1", "page_view", 0))
        assert (step.verdict, step.outputs, ani.path()) == (APPLIED, (), path)

    def test_ids_of_ignored_and_late_touchpoints_are_known_too(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "error", 2 * LATENESS_SECONDS), touchpoint("2", "purchase", 0))
        assert ani.feed(touchpoint("1", "error", 2 * LATENESS_SECONDS)).verdict == DUPLICATE
        assert ani.feed(touchpoint("2", "purchase", 0)).verdict == DUPLICATE


class TestBusiness:
    def test_a_touchpoint_of_the_business_moves_no_clock(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        ani.feed(touchpoint("2", "mail", 10 * LATENESS_SECONDS, initiator="business"))
        assert ani.state is not None
        assert ani.state.newest_ms == START_MS
        assert ani.feed(touchpoint("3", "search", 1)).verdict == APPLIED

    def test_it_can_move_the_customer_if_a_rule_says_so(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "purchase", 0), touchpoint("2", "delivered", 5, initiator="business"))
        assert ani.path() == [("purchase", 0), ("retention", 5)]

    def test_it_tells_nothing_of_the_customer(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0, channel="website"))
        mail: dict[str, Any] = {"channel": "email", "persona": "hunter", "account_id": "acme"}
        ani.feed(touchpoint("2", "mail", 5, initiator="business", **mail))
        assert (ani.current.channel, ani.current.persona, ani.current.account_id) == ("website", None, None)


class TestAttributes:
    def test_the_newest_touchpoint_that_has_one_says_it(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 5, channel="website", account_id="acme"), touchpoint("2", "search", 9))
        ani.feed(touchpoint("3", "search", 3, channel="email", persona="hunter"))
        assert (ani.current.channel, ani.current.persona, ani.current.account_id) == ("website", "hunter", "acme")

    def test_a_change_alone_is_told_once_as_the_current_stage(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0, channel="website"))
        assert ani.feed(touchpoint("2", "search", 1, channel="website")).outputs == ()
        assert ani.feed(touchpoint("3", "search", 2, channel="email")).outputs == (ani.current,)

    def test_nothing_is_told_of_a_customer_in_no_journey(self, ani: Customer) -> None:
        assert ani.feed(touchpoint("1", "error", 0, channel="website")).outputs == ()


class TestJourneys:
    def test_one_touchpoint_moves_every_journey_it_matches(self) -> None:
        customer = Customer.of(journey("one", "ab"), journey("two", "bc"))
        step = customer.feed(touchpoint("1", "b", 0))
        assert [type(output).__name__ for output in step.outputs] == ["StageTransition"] * 2 + ["StageCurrent"]
        assert set(customer.current.journeys) == {"one", "two"}

    def test_each_journey_counts_its_own_sequence(self) -> None:
        customer = Customer.of(journey("one", "ab"), journey("two", "bc"))
        customer.feed(touchpoint("1", "a", 0), touchpoint("2", "b", 1), touchpoint("3", "c", 2))
        assert [(each.journey, each.sequence) for each in customer.transitions] == [
            ("one", 1), ("one", 2), ("two", 1), ("two", 2),
        ]  # fmt: skip

    def test_a_customer_inside_keeps_the_definition_of_the_entry(self) -> None:
        old, new = journey(stages="abc"), journey(stages="axbc")
        customer = Customer.of(old)
        customer.feed(touchpoint("1", "a", 0))
        customer.journeys = Journeys.of([new], [old])
        assert customer.feed(touchpoint("2", "x", 1)).verdict == IGNORED
        customer.feed(touchpoint("3", "b", 2))
        assert customer.transitions[-1].definition == old.hash
        newcomer = Customer(Journeys.of([new], [old]))
        newcomer.feed(touchpoint("1", "a", 0), touchpoint("2", "x", 1))
        assert newcomer.path() == [("a", 0), ("x", 1)]

    def test_a_journey_no_longer_active_is_kept_and_told(self) -> None:
        old, new = journey("old"), journey("new")
        customer = Customer.of(old)
        customer.feed(touchpoint("1", "a", 0))
        customer.journeys = Journeys.of([new], [old])
        customer.feed(touchpoint("2", "b", 1))
        assert (customer.path("old"), customer.path("new")) == ([("a", 0)], [("b", 1)])
        assert set(customer.current.journeys) == {"old", "new"}

    def test_the_state_given_in_is_never_changed(self, ani: Customer) -> None:
        ani.feed(touchpoint("1", "page_view", 0))
        before = ani.state
        advance(before, touchpoint("2", "purchase", 1), (0, 1), ani.journeys)
        assert before is ani.state
        assert ani.path() == [("awareness", 0)]


class TestErasure:
    def erased(self) -> Customer:
        customer = Customer.of(SHOP)
        customer.feed(touchpoint("1", "page_view", 0, channel="website"), touchpoint("2", "product_view", 5))
        customer.forget(START_MS + 10_000)
        return customer

    def test_it_sends_a_null_record_and_keeps_no_more_than_fence_time_and_sequences(self) -> None:
        customer = self.erased()
        assert customer.outputs[-1] == Forgotten("ani")
        assert customer.marker is not None
        assert customer.marker.fence == (0, 2)
        assert customer.marker.erased_at_ms == START_MS + 10_000
        assert customer.marker.sequences == {"shop": 2}

    def test_touchpoints_up_to_its_time_are_dropped(self) -> None:
        customer = self.erased()
        for n, second in enumerate((0, 10)):
            step = customer.feed(touchpoint(f"late{n}", "page_view", second))
            assert step == Step(None, (), ERASED)

    def test_a_returning_customer_is_new_but_goes_on_in_sequence(self) -> None:
        customer = self.erased()
        customer.feed(touchpoint("3", "page_view", 10.001))
        assert customer.path() == [("awareness", 10.001)]
        back = customer.transitions[-1]
        assert (back.kind, back.from_stage, back.sequence) == ("entry", None, 3)
        assert (customer.current.channel, customer.current.journeys["shop"].sequence) == (None, 3)

    def test_a_returned_customer_goes_on_dropping_what_is_not_newer(self) -> None:
        customer = self.erased()
        customer.feed(
            touchpoint("3", "page_view", 11), touchpoint("4", "purchase", 10), touchpoint("5", "cart_add", 12)
        )
        assert [step.verdict for step in customer.steps[2:]] == [APPLIED, ERASED, APPLIED]
        assert customer.path() == [("awareness", 11), ("consideration", 12)]

    def test_what_came_before_in_the_log_is_a_replay(self) -> None:
        customer = self.erased()
        assert customer.advance(touchpoint("1", "page_view", 99), (0, 2)).verdict == REPLAYED

    def test_a_second_one_keeps_sequences_and_the_later_time(self) -> None:
        customer = self.erased()
        customer.feed(touchpoint("3", "page_view", 20))
        customer.forget(START_MS)
        assert customer.marker is not None
        assert (customer.marker.erased_at_ms, customer.marker.sequences) == (START_MS + 10_000, {"shop": 3})
        customer.forget(START_MS + 30_000)
        assert customer.marker.erased_at_ms == START_MS + 30_000
        assert customer.marker.sequences == {"shop": 3}

    def test_a_customer_never_seen_can_be_erased(self) -> None:
        customer = Customer.of(SHOP)
        customer.forget(START_MS)
        assert customer.outputs == [Forgotten("ani")]
        assert customer.feed(touchpoint("1", "page_view", 0)).verdict == ERASED

    def test_a_replayed_one_does_nothing(self) -> None:
        customer = self.erased()
        assert erase(None, customer.marker, Erasure("ani", START_MS), (0, 2)) is None
        customer.feed(touchpoint("3", "page_view", 20))
        assert erase(customer.state, None, Erasure("ani", START_MS), (0, 3)) is None

    @given(
        st.lists(
            st.tuples(
                objects(["page_view", "purchase", "error"], 2 * LATENESS_MS, most=4), st.integers(0, 2 * LATENESS_MS)
            )
        )
    )
    def test_however_often_sequences_have_no_gap_and_nothing_of_before_is_taken(
        self, drawn: list[tuple[list[Object], int]]
    ) -> None:
        customer, erased_at_ms = Customer.of(SHOP), -1
        for touchpoints, offset_ms in drawn:
            for each in map(parsed, touchpoints):
                assert (customer.feed(each).verdict == ERASED) == (each.at_ms <= erased_at_ms)
            customer.forget(START_MS + offset_ms)
            erased_at_ms = max(erased_at_ms, START_MS + offset_ms)
            assert customer.marker is not None
            assert customer.marker.erased_at_ms == erased_at_ms
        assert [each.sequence for each in customer.transitions] == list(range(1, len(customer.transitions) + 1))
        assert len({each.transition_id for each in customer.transitions}) == len(customer.transitions)


def test_the_verdict_is_the_best_of_all_journeys() -> None:
    early, late = journey("early", "ab", lateness="0s"), journey("late", "bc", lateness="1h")
    customer = Customer.of(early, late)
    touchpoints: list[Touchpoint] = [touchpoint("1", "a", 9), touchpoint("2", "a", 5), touchpoint("3", "c", 5)]
    assert [customer.feed(each).verdict for each in touchpoints] == [APPLIED, LATE, APPLIED]
