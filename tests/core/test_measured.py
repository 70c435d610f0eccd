"""What the measures do to a customer, beside the stages: scores that move, judgements, and why somebody left."""

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import JourneyDefinition
from cjstream.core.dues import next_due
from cjstream.core.engine import APPLIED, Journeys
from cjstream.core.measured import score_of
from cjstream.core.outcome import stage_in
from cjstream.core.outputs import Signal
from cjstream.core.touchpoint import Touchpoint
from cjstream.errors import DefinitionError
from tests.core.builders import START_MS, Customer, journey, touchpoint

DAY = 86_400
POINTS = {"rules": [{"on": ["view", "click"], "points": 10}, {"on": "spam", "points": -15}]}


def signals(customer: Customer, kind: str) -> list[Signal]:
    return [signal for signal in customer.signals if signal.kind == kind]


def fed(definition: JourneyDefinition, *touchpoints: Touchpoint) -> Customer:
    customer = Customer.of(definition)
    customer.feed(*touchpoints)
    return customer


def views(*seconds: float, kind: str = "view") -> list[Touchpoint]:
    return [touchpoint(f"{kind}{second}", kind, second) for second in seconds]


# -- scores that move


def scoring(**more: Any) -> JourneyDefinition:
    thresholds = [{"id": "hot", "at": 30, "to": "b"}]
    return journey(measures={"score": {**POINTS, "thresholds": thresholds}}, **more)


def test_a_score_that_is_reached_leads_to_a_stage() -> None:
    customer = fed(scoring(), touchpoint("0", "a", 0), *views(1, 2, 3))
    assert customer.path() == [("a", 0), ("b", 3)]
    assert customer.transitions[-1].cause == {"touchpoint_id": "view3", "type": "view", "rule": "hot"}


def test_a_score_leads_no_customer_back() -> None:
    customer = fed(scoring(moves="any"), touchpoint("0", "c", 0), *views(1, 2, 3))
    assert customer.path() == [("c", 0)]


def test_a_score_brings_in_who_never_entered_but_not_who_has_left() -> None:
    assert fed(scoring(), *views(1, 2, 3)).path() == [("b", 3)]
    exits = {"exits": [{"on": "gone"}]}
    left = fed(scoring(**exits), touchpoint("0", "a", 0), touchpoint("1", "gone", 1), *views(2, 3, 4, 5))
    assert left.path() == [("a", 0), (None, 1)]


def test_the_touchpoint_of_a_score_moves_by_its_own_rule_first() -> None:
    definition = journey(
        rules=[{"on": "view", "to": "a"}, {"on": "c", "to": "c"}],
        measures={"score": {**POINTS, "thresholds": [{"id": "hot", "at": 20, "to": "b"}]}},
    )
    assert fed(definition, *views(1, 2)).path() == [("a", 1), ("b", 2)]


def test_a_rule_may_ask_for_the_score() -> None:
    rules = [{"on": "offer", "when": {"score": {"gte": 20}}, "to": "b"}, {"on": "offer", "to": "a"}]
    definition = journey(rules=rules, measures={"score": POINTS})
    cold = fed(definition, *views(1), touchpoint("o", "offer", 2))
    warm = fed(definition, *views(1, 2), touchpoint("o", "offer", 2))
    assert (cold.path(), warm.path()) == ([("a", 2)], [("b", 2)])


def test_points_that_come_out_of_order_correct_the_move() -> None:
    customer = fed(scoring(), touchpoint("0", "a", 0), *views(1, 3, 4), touchpoint("s", "spam", 2))
    assert customer.path() == [("a", 0)]
    assert [each.kind for each in customer.transitions] == ["entry", "forward", "correction"]


def test_points_that_no_rule_asks_for_correct_what_later_touchpoints_did() -> None:
    definition = journey(
        rules=[{"on": "offer", "when": {"score": {"gte": 20}}, "to": "b"}, {"on": "offer", "to": "a"}],
        measures={"score": POINTS},
    )
    customer = fed(definition, *views(1, 2), touchpoint("o", "offer", 4))
    assert customer.path() == [("b", 4)]
    customer.feed(touchpoint("s", "spam", 3))
    assert customer.path() == [("a", 4)]


def test_a_refused_move_knows_the_score_that_the_rule_saw() -> None:
    definition = scoring()
    customer = fed(definition, touchpoint("0", "a", 0), *views(1, 2))
    assert customer.state is not None
    assert score_of(customer.state, definition, views(2)[0]) == 20
    assert score_of(customer.state, definition, views(1)[0]) == 10
    assert score_of(customer.state, journey(), views(1)[0]) == 0


def test_a_rule_that_asks_for_the_score_needs_one() -> None:
    with pytest.raises(DefinitionError, match="ask for the score, and none is kept"):
        journey(rules=[{"on": "a", "when": {"score": 1}, "to": "a"}])


def test_a_threshold_has_no_id_of_a_rule() -> None:
    with pytest.raises(DefinitionError, match="is a rule's id as well"):
        journey(measures={"score": {**POINTS, "thresholds": [{"id": "rule-1", "at": 30, "to": "b"}]}})


def test_a_score_is_part_of_the_hash_only_if_it_moves() -> None:
    asked = [{"on": "a", "when": {"score": {"gte": 1}}, "to": "a"}]
    assert journey(measures={"score": POINTS}).hash == journey().hash
    assert scoring().hash != journey().hash
    assert (
        journey(rules=asked, measures={"score": POINTS}).hash
        != journey(rules=asked, measures={"score": {"rules": [{"on": "x", "points": 1}]}}).hash
    )


SCORED = journey(
    rules=[{"on": "offer", "when": {"score": {"gte": 20}}, "to": "b"}, {"on": ["a", "view"], "to": "a"}],
    measures={
        "score": {
            **POINTS,
            "decay": {"half_life": "10s"},
            "thresholds": [{"id": "hot", "at": 15, "below": 5, "to": "c"}],
        }
    },
)
actions = st.tuples(st.sampled_from(["a", "view", "click", "spam", "offer"]), st.integers(0, 30))


@given(st.lists(actions, min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_a_scored_journey_ends_the_same_in_whatever_order(story: list[tuple[str, int]], dice: Any) -> None:
    touchpoints = [touchpoint(f"{n}", kind, second) for n, (kind, second) in enumerate(story)]
    one = fed(SCORED, *sorted(touchpoints, key=lambda each: (each.at_ms, each.id)))
    shuffled = touchpoints * 2
    dice.shuffle(shuffled)
    other = fed(SCORED, *shuffled)
    assert one.state is not None
    assert other.state is not None
    assert one.state.measured == other.state.measured
    if "shop" in one.state.journeys:
        assert one.path() == other.path()
        plain = [msgspec.structs.replace(each.current, journeys={}) for each in (one, other)]
        assert plain[0] == plain[1]


# -- judgement


RISKY = journey(goal={"on": "buy"}, measures={"sentiment": {"at_risk": "goal"}})
BUY, BAD, GOOD = (
    touchpoint("0", "buy", 10),
    touchpoint("1", "review", 20, rating=1),
    touchpoint("2", "review", 15, rating=5),
)


def test_a_bad_judgement_after_the_purchase_is_a_risk_once() -> None:
    customer = fed(RISKY, touchpoint("a", "a", 0), BUY, BAD, touchpoint("3", "review", 30, rating=2))
    [signal] = signals(customer, "at_risk")
    assert (signal.severity, signal.stage, signal.since[-13:]) == ("warning", "a", "00:00:20.000Z"[-13:])
    assert signal.cause == {"touchpoint_id": "1", "type": "review"}
    assert signal.detail == {"judgement": "negative", "after": "goal", "seconds_after": 10.0}
    assert customer.current.judgement == "negative"


def test_who_is_content_again_can_be_at_risk_again() -> None:
    again = [touchpoint("3", "review", 30, rating=5), touchpoint("4", "review", 40, rating=1)]
    customer = fed(RISKY, touchpoint("a", "a", 0), BUY, BAD, *again)
    assert len({signal.signal_id for signal in signals(customer, "at_risk")}) == 2


def test_a_bad_judgement_before_the_purchase_is_none() -> None:
    customer = fed(RISKY, touchpoint("a", "a", 0), touchpoint("1", "review", 5, rating=1), BUY)
    assert signals(customer, "at_risk") == []


@pytest.mark.parametrize("order", list(permutations([BUY, BAD, GOOD])))
def test_the_newest_judgement_counts_in_whatever_order_they_come(order: tuple[Touchpoint, ...]) -> None:
    customer = fed(RISKY, touchpoint("a", "a", 0), *order)
    assert customer.current.judgement == "negative"
    assert len(signals(customer, "at_risk")) == 1


def test_a_stage_can_stand_for_the_purchase() -> None:
    definition = journey(measures={"sentiment": {"at_risk": "b"}})
    customer = fed(definition, touchpoint("0", "a", 0), touchpoint("1", "bad", 1, sentiment="negative"))
    assert signals(customer, "at_risk") == []
    customer.feed(touchpoint("2", "c", 2), touchpoint("3", "good", 3, sentiment="positive"))
    customer.feed(touchpoint("4", "bad", 4, sentiment="negative"))
    assert [signal.since[-6:] for signal in signals(customer, "at_risk")] == ["4.000Z"]


def test_a_stage_that_an_older_version_lacks_was_not_reached_in_it() -> None:
    older = journey(stages="ab")
    customer = fed(older, touchpoint("0", "b", 0))
    newer = journey(stages="abc", measures={"sentiment": {"at_risk": "c"}})
    customer.journeys = Journeys.of([newer], [older])
    customer.feed(touchpoint("1", "bad", 1, sentiment="negative"))
    assert signals(customer, "at_risk") == []


def test_a_risk_that_waits_for_the_goal_needs_one() -> None:
    with pytest.raises(DefinitionError, match="waits for the goal, and there is none"):
        journey(measures={"sentiment": {"at_risk": "goal"}})


def test_rules_may_ask_for_a_sentiment_that_was_derived() -> None:
    rules = [{"on": "review", "when": {"sentiment": "negative"}, "to": "a"}, {"on": "review", "to": "b"}]
    definition = journey(rules=rules)
    angry = Customer(Journeys.of([definition], scorer=lambda text, _: "negative" if "bad" in text else None))
    angry.feed(touchpoint("0", "review", 0, text="too bad"))
    assert angry.path() == [("a", 0)]
    assert angry.steps[-1].touchpoint is not None
    assert angry.steps[-1].touchpoint.fields.sentiment == "negative"
    assert fed(definition, touchpoint("0", "review", 0, rating=5)).path() == [("b", 0)]


def test_a_touchpoint_of_the_business_is_no_judgement() -> None:
    customer = fed(
        RISKY, touchpoint("a", "a", 0), touchpoint("b", "answer", 1, sentiment="positive", initiator="business")
    )
    assert customer.current.judgement is None


# -- why they leave


def test_who_is_dropped_by_an_exit_says_why() -> None:
    definition = journey(exits=[{"on": "gone"}], measures={"leaving": {}})
    customer = fed(definition, touchpoint("0", "a", 0), touchpoint("1", "gone", 5, exit_reason="too expensive"))
    [signal] = signals(customer, "dropped")
    assert signal.detail == {
        "round": 0, "last_type": "gone", "judgement": None, "unanswered": 0, "unanswered_feedback": None,
        "unanswered_type": None, "exit_reason": "too expensive",
    }  # fmt: skip


def test_who_is_dropped_by_a_window_is_told_as_of_then() -> None:
    more: dict[str, Any] = {
        "goal": "c",
        "window": "1d",
        "measures": {"leaving": {}, "feedback": {"targets": [{"first_response": "90d"}]}},
    }
    asked = touchpoint("1", "question", 5, sentiment="negative")
    customer = fed(journey(**more), touchpoint("0", "a", 0), asked, touchpoint("2", "b", 2 * DAY))
    [signal] = signals(customer, "dropped")
    assert signal.detail is not None
    assert (signal.detail["last_type"], signal.detail["judgement"]) == ("question", "negative")
    assert (signal.detail["unanswered"], signal.detail["unanswered_feedback"]) == (1, "1")


def test_without_the_measure_a_drop_says_its_round_only() -> None:
    customer = fed(journey(exits=[{"on": "gone"}]), touchpoint("0", "a", 0), touchpoint("1", "gone", 5))
    assert signals(customer, "dropped")[0].detail == {"round": 0}


# -- beside the stages


def test_a_measure_notices_who_never_entered_a_stage() -> None:
    definition = journey(measures={"feedback": {"targets": [{"first_response": "1h"}]}})
    customer = fed(definition, touchpoint("q", "question", 0))
    assert customer.steps[-1].verdict == APPLIED
    assert customer.expire(2 * 3600 + 601).outputs != ()
    [signal] = signals(customer, "sla_breached")
    assert (signal.stage, signal.instance, signal.cause) == (None, "", {"deadline": "sla.first_response"})
    assert customer.state is not None
    assert next_due(customer.state, customer.journeys) is None


def test_what_the_clock_told_a_touchpoint_does_not_tell_again() -> None:
    definition = journey(measures={"feedback": {"targets": [{"first_response": "1h"}]}})
    customer = fed(definition, touchpoint("0", "a", 0), touchpoint("q", "question", 0))
    customer.expire(2 * 3600)
    customer.feed(touchpoint("1", "b", 3 * 3600))
    assert len(signals(customer, "sla_breached")) == 1


def test_open_feedback_is_told_and_a_score_alone_is_no_news() -> None:
    measures = {"feedback": {"targets": [{"first_response": "1h"}]}, "score": POINTS}
    customer = fed(journey(measures=measures), touchpoint("0", "a", 0), touchpoint("q", "question", 1))
    assert (customer.current.open_feedback, customer.current.score) == (1, 0.0)
    assert customer.feed(*views(2)).outputs == ()
    answer = touchpoint("r", "answer", 3, initiator="business", reply_to="q")
    assert customer.feed(answer).outputs != ()
    assert (customer.current.open_feedback, customer.current.score) == (0, 10.0)
    assert customer.current.score_at is not None


def test_a_declared_path_is_watched_while_the_customer_is_inside() -> None:
    definition = journey(stages="abcd", measures={"expected": {"path": ["a", "b", {"stage": "c", "within": "1h"}]}})
    customer = fed(definition, touchpoint("0", "a", 0), touchpoint("1", "c", 1))
    assert [each.detail and each.detail["deviation"] for each in signals(customer, "deviation")] == ["skipped"]
    slow = fed(definition, touchpoint("0", "a", 0), touchpoint("1", "b", 1))
    slow.expire(2 * 3600)
    assert [each.detail and each.detail["deviation"] for each in signals(slow, "deviation")] == ["too_slow"]
    slow.feed(touchpoint("2", "c", 3 * 3600))
    assert len(signals(slow, "deviation")) == 1


def test_a_journey_that_is_no_longer_measured_keeps_nothing_up() -> None:
    customer = fed(journey(measures={"score": POINTS}), touchpoint("0", "a", 0), *views(1))
    customer.journeys = Journeys.of([journey()])
    customer.feed(*views(2))
    assert customer.current.score is None


def test_a_deviation_that_a_later_visit_shows_in_another_light_is_told_once() -> None:
    definition = journey(moves="any", measures={"expected": {"path": ["a", "b", "c"]}})
    customer = fed(definition, touchpoint("0", "b", 0), touchpoint("1", "a", 1), touchpoint("2", "c", 2))
    ids = [signal.signal_id for signal in signals(customer, "deviation")]
    assert len(ids) == len(set(ids))


def test_who_comes_back_after_an_erasure_is_told_anew() -> None:
    definition = journey(measures={"score": {**POINTS, "thresholds": [{"id": "hot", "at": 10}]}})
    customer = fed(definition, *views(1))
    customer.forget(START_MS + 2_000)
    customer.feed(*views(3))
    first, second = signals(customer, "score_threshold")
    assert first.signal_id != second.signal_id


def test_the_lateness_in_force_holds_for_measures_of_whoever_entered_under_an_older_one() -> None:
    measures = {"feedback": {"targets": [{"first_response": "1h"}]}}
    customer = fed(journey(lateness="0s", measures=measures), touchpoint("0", "a", 0), touchpoint("q", "question", 1))
    customer.journeys = Journeys.of([journey(lateness="1d", measures=measures)], customer.journeys.by_hash.values())
    assert customer.expire(3 * 3600).outputs == ()
    assert customer.expire(26 * 3600).outputs != ()


def test_what_is_no_longer_measured_is_forgotten() -> None:
    measures = {"feedback": {"targets": [{"first_response": "1h"}]}, "sentiment": {}, "score": POINTS}
    measures["expected"] = {"rules": [{"id": "bought", "response": ["view", "b"], "within": "1h"}]}
    customer = fed(journey(measures=measures), touchpoint("q", "question", 0, sentiment="negative"), *views(1))
    assert customer.state is not None
    assert customer.state.measured is not None
    assert customer.state.measured.journeys["shop"].watches
    customer.journeys = Journeys.of([journey(measures={"score": POINTS})])
    customer.feed(*views(2))
    kept = customer.state.measured.journeys["shop"]
    assert (customer.state.measured.judgement, kept.threads, kept.watches) == (None, (), ())
    customer.journeys = Journeys.of([journey(name="other", measures={"score": POINTS})])
    customer.feed(*views(3))
    customer.journeys = Journeys.of([journey(name="other")])
    customer.feed(*views(4))
    assert list(customer.state.measured.journeys) == ["shop"]  # out of use, perhaps for a while
    customer.journeys = Journeys.of([journey(), journey(name="other")])
    customer.feed(*views(5))
    assert customer.state.measured is None


def test_a_journey_of_which_nothing_is_kept_takes_no_room() -> None:
    measures = {"feedback": {"targets": [{"first_response": "1h"}]}, "sentiment": {}}
    customer = fed(journey(measures=measures), touchpoint("q", "question", 0, sentiment="negative"))
    customer.journeys = Journeys.of([journey(measures={"sentiment": {}})])
    customer.feed(*views(1))
    assert customer.state is not None
    assert customer.state.measured is not None
    assert customer.state.measured.journeys == {}


def test_the_stage_in_a_journey_is_that_of_the_run_entered_last() -> None:
    definition = journey(exits=[{"on": "gone"}])
    customer = fed(definition, touchpoint("0", "view", 0))
    states = [customer.state]
    for n, kind in enumerate(("b", "gone"), 1):
        customer.feed(touchpoint(f"{n}", kind, n))
        states.append(customer.state)
    assert [each and stage_in(each, "shop", {definition.hash: definition}) for each in states] == [None, "b", None]
