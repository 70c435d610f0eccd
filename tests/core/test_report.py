"""Reports: what a transition, a current stage and a signal say of visits and their cause."""

import pytest

from cjstream.core.outputs import JourneyCurrent, Signal, StageCurrent, StageTransition
from cjstream.core.report import current
from cjstream.core.state import CustomerState
from tests.core.builders import SHOP, Customer, journey, touchpoint

CONTEXT = {
    "channel": "website", "device": "smartphone", "persona": "hunter", "campaign": "spring", "account_id": "acme",
}  # fmt: skip


@pytest.fixture
def ani() -> Customer:
    customer = Customer.of(SHOP)
    customer.feed(touchpoint("1", "page_view", 0, **CONTEXT), touchpoint("2", "purchase", 90.5, channel="email"))
    return customer


def test_an_entry_comes_from_outside(ani: Customer) -> None:
    assert ani.transitions[0] == StageTransition(
        transition_id=ani.transitions[0].transition_id,
        journey="shop",
        definition=SHOP.hash,
        instance="",
        round=0,
        sequence=1,
        customer_id="ani",
        account_id="acme",
        from_stage=None,
        to_stage="awareness",
        from_group=None,
        to_group="pre-purchase",
        kind="entry",
        cause={"touchpoint_id": "1", "type": "page_view", "rule": "rule-1"},
        occurred_at="2026-01-01T00:00:00.000Z",
        seconds_in_previous=None,
        inferred=False,
        path_from=None,
        path=None,
        channel="website",
        device="smartphone",
        persona="hunter",
        campaign="spring",
    )


def test_a_forward_move_says_how_long_the_stage_before_lasted(ani: Customer) -> None:
    moved = ani.transitions[1]
    assert (moved.kind, moved.from_stage, moved.to_stage) == ("forward", "awareness", "purchase")
    assert (moved.from_group, moved.to_group, moved.sequence) == ("pre-purchase", "purchase", 2)
    assert moved.seconds_in_previous == 90.5


def test_a_transition_has_the_context_of_its_own_touchpoint_and_the_account_of_the_customer(ani: Customer) -> None:
    moved = ani.transitions[1]
    assert (moved.channel, moved.device, moved.persona, moved.campaign) == ("email", None, None, None)
    assert moved.account_id == "acme"


def test_a_correction_says_the_path_from_where_it_changed_and_no_duration(ani: Customer) -> None:
    ani.feed(touchpoint("3", "cart_add", 60))
    correction = ani.transitions[2]
    assert (correction.kind, correction.path_from, correction.seconds_in_previous) == ("correction", 1, None)
    assert [visit["stage"] for visit in correction.path or []] == ["consideration", "purchase"]
    assert (correction.cause["touchpoint_id"], correction.occurred_at) == ("3", "2026-01-01T00:01:00.000Z")


def test_a_transition_id_depends_on_customer_journey_and_sequence_only(ani: Customer) -> None:
    other = Customer.of(SHOP)
    other.feed(touchpoint("9", "referral", 5))
    assert other.transitions[0].transition_id == ani.transitions[0].transition_id
    stranger = Customer.of(SHOP)
    stranger.feed(touchpoint("1", "page_view", 0, customer_id="budi"))
    assert stranger.transitions[0].transition_id != ani.transitions[0].transition_id


def test_the_current_stage(ani: Customer) -> None:
    assert ani.current == StageCurrent(
        customer_id="ani",
        account_id="acme",
        journeys={
            "shop": JourneyCurrent(
                stage="purchase",
                furthest_stage="purchase",
                group="purchase",
                entered_at="2026-01-01T00:01:30.500Z",
                sequence=2,
                instance="",
                round=0,
                outcome="converted",
                converted_at="2026-01-01T00:01:30.500Z",
                definition=SHOP.hash,
            )
        },
        persona="hunter",
        channel="email",
        judgement=None,
        open_feedback=None,
        score=None,
        score_at=None,
    )


def test_a_customer_in_no_journey_stands_nowhere() -> None:
    assert current(CustomerState(), "ani", {}).journeys == {}


def test_a_journey_whose_definition_is_unknown_is_left_out(ani: Customer) -> None:
    assert ani.state is not None
    assert current(ani.state, "ani", {}).journeys == {}


def test_a_signal_names_its_cause(ani: Customer) -> None:
    assert ani.signals == [
        Signal(
            signal_id=ani.signals[0].signal_id,
            kind="converted",
            severity="info",
            journey="shop",
            instance="",
            stage="purchase",
            customer_id="ani",
            since="2026-01-01T00:01:30.500Z",
            due=None,
            cause={"touchpoint_id": "2", "type": "purchase"},
            owner=None,
            detail={"round": 0},
        )
    ]


def test_ids_are_the_same_in_every_release(ani: Customer) -> None:
    """Consumers drop repeats by them, also those sent again after an upgrade."""
    assert [transition.transition_id for transition in ani.transitions] == [
        "8e1dcd64ecf058e0a0b32cb2b4d25dee",
        "bfe242ca4e53284f21935b4d9129b47d",
    ]
    assert ani.signals[0].signal_id == "cf75d91508f50b6c8130b0bc86f0291d"


def test_who_left_is_in_no_stage_and_keeps_outcome_and_furthest_stage() -> None:
    definition = journey(
        stages=[{"id": "a", "weight": 1, "group": "first"}], exits=[{"id": "gone", "on": "x"}], owner="sales"
    )
    customer = Customer.of(definition)
    customer.feed(touchpoint("1", "a", 0), touchpoint("2", "x", 5, channel="email"))
    left = customer.transitions[-1]
    assert (left.kind, left.from_stage, left.to_stage, left.from_group, left.to_group) == (
        "exit",
        "a",
        None,
        "first",
        None,
    )
    assert left.cause == {"touchpoint_id": "2", "type": "x", "rule": "gone"}
    now = customer.current.journeys["shop"]
    assert (now.stage, now.group, now.entered_at, now.furthest_stage, now.outcome) == (None, None, None, "a", "dropped")
    (signal,) = customer.signals
    assert (signal.kind, signal.severity, signal.stage, signal.owner) == ("dropped", "info", "a", "sales")
    assert (signal.since, signal.due) == ("2026-01-01T00:00:00.000Z", None)
    assert signal.cause == {"touchpoint_id": "2", "type": "x"}
