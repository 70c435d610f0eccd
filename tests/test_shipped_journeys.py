"""One realistic customer through each journey that is shipped: stages, kinds of transition, signals, outcome."""

from typing import Any

import pytest

from cjstream.core.definition import title_of
from cjstream.core.touchpoint import Touchpoint
from cjstream.definitions import names, shipped
from tests.core.builders import Customer, touchpoint

DAY = 86_400.0
MEASURED = ("sla_due_soon", "sla_met", "sla_breached", "deviation", "score_threshold", "at_risk")
Story = list[tuple[float, str] | tuple[float, str, dict[str, Any]]]


def told(story: Story) -> list[Touchpoint]:
    """Return the touchpoints of a story: day, type, other fields."""
    return [
        touchpoint(f"t{n}", kind, day * DAY, **(more[0] if more else {})) for n, (day, kind, *more) in enumerate(story)
    ]


def walk(name: str, story: Story) -> Customer:
    customer = Customer.of(shipped(name))
    customer.feed(*told(story))
    return customer


def moves(customer: Customer) -> list[tuple[str, str | None]]:
    """Return kind and new stage of every transition."""
    return [(each.kind, each.to_stage) for each in customer.transitions]


def outcome(customer: Customer, name: str) -> str:
    return customer.current.journeys[name].outcome


def signals(customer: Customer) -> list[str]:
    """Return the kinds of the signals but those of measures."""
    return [each.kind for each in customer.signals if each.kind not in MEASURED]


def test_shop_a_buyer_comes_back_and_recommends() -> None:
    ani = walk(
        "shop",
        [
            (0, "ad_click", {"channel": "social_media", "device": "smartphone"}),
            (0.1, "product_view"),
            (1, "reviews_read"),
            (2, "purchase", {"value": 50, "currency": "USD"}),
            (5, "delivered", {"initiator": "business"}),
            (9, "review", {"rating": 3}),
            (30, "repeat_purchase"),
            (33, "review", {"rating": 5}),
        ],
    )
    assert moves(ani) == [
        ("entry", "awareness"),
        ("forward", "consideration"),
        ("forward", "purchase"),
        ("forward", "retention"),
        ("forward", "advocacy"),
    ]
    assert (outcome(ani, "shop"), signals(ani)) == ("converted", ["converted"])


def test_shop_somebody_who_only_looks_stays_in_progress() -> None:
    budi = walk("shop", [(0, "search"), (0.1, "product_view"), (0.2, "cart_add")])
    assert moves(budi) == [("entry", "awareness"), ("forward", "consideration")]
    assert outcome(budi, "shop") == "in_progress"


FIVE_PHASES: Story = [
    (0, "ad_view", {"channel": "television"}),
    (1, "search", {"channel": "search"}),
    (1.1, "hours_view"),
    (2, "reviews_read"),
    (3, "price_compared", {"channel": "marketplace"}),
    (4, "purchase", {"value": 120}),
    (8, "delivered", {"initiator": "business"}),
    (20, "review", {"rating": 2, "text": "late"}),
]


def test_five_phases_is_kept_once_bought_and_delivered_and_then_judges() -> None:
    citra = walk("five_phases", FIVE_PHASES)
    assert moves(citra) == [
        ("entry", "awareness"),
        ("forward", "consideration"),
        ("forward", "research"),
        ("forward", "retention"),
        ("forward", "experience"),
    ]
    assert citra.transitions[3].cause is not None
    assert citra.transitions[3].cause["touchpoint_id"] == "t6"
    assert (outcome(citra, "five_phases"), signals(citra)) == ("converted", ["converted"])


def test_five_phases_delivery_may_be_told_before_the_purchase() -> None:
    story: Story = [*FIVE_PHASES[:5], (4, "delivered"), (4.5, "purchase")]
    assert moves(walk("five_phases", story))[-1] == ("forward", "retention")


@pytest.mark.parametrize("kind", ["purchase", "delivered"])
def test_five_phases_one_of_the_two_is_no_conversion_and_no_judgement_counts_before(kind: str) -> None:
    dewi = walk("five_phases", [*FIVE_PHASES[:5], (4, kind), (5, "review", {"rating": 5})])
    assert moves(dewi)[-1] == ("forward", "research")
    assert outcome(dewi, "five_phases") == "in_progress"


def test_five_phases_nobody_who_does_not_buy_within_90_days_converts() -> None:
    eko = walk("five_phases", [*FIVE_PHASES[:3], (91, "product_view"), (92, "purchase"), (93, "delivered")])
    assert outcome(eko, "five_phases") == "dropped"
    assert "dropped" in signals(eko)
    assert "converted" not in signals(eko)
    assert eko.current.journeys["five_phases"].stage == "retention"


def test_five_phases_takes_no_notice_of_robots() -> None:
    assert moves(walk("five_phases", [(0, "page_view", {"properties": {"robot": True}})])) == []


def test_customer_experience_to_decide_is_no_conversion_and_a_complaint_takes_an_advocate_back() -> None:
    fajar = Customer.of(shipped("customer_experience"))
    before: Story = [
        (0, "social_view"),
        (1, "comparison"),
        (2, "price_compared", {"channel": "marketplace"}),
        (2.1, "cart_add"),
    ]
    after: Story = [
        (3, "purchase", {"value": 80}),
        (6, "product_used"),
        (14, "review", {"rating": 5}),
        (20, "testimonial"),
        (40, "complaint", {"sentiment": "negative"}),
        (60, "referral"),
    ]
    touchpoints = told([*before, *after])
    fajar.feed(*touchpoints[:4])
    assert fajar.current.journeys["customer_experience"].stage == "decide"
    assert (outcome(fajar, "customer_experience"), signals(fajar)) == ("in_progress", [])
    fajar.feed(*touchpoints[4:])
    assert moves(fajar) == [
        ("entry", "aware"),
        ("forward", "consider"),
        ("forward", "decide"),
        ("forward", "evaluation"),
        ("forward", "advocate"),
        ("backward", "evaluation"),
        ("forward", "advocate"),
    ]
    assert (outcome(fajar, "customer_experience"), signals(fajar)) == ("converted", ["converted"])
    assert fajar.current.persona == "bargain_hunter", "who compared prices, and said no persona"


def test_customer_experience_who_thinks_too_long_stalls_and_is_dropped() -> None:
    gita = walk("customer_experience", [(0, "product_view"), (1, "price_compared"), (30, "product_view")])
    assert signals(gita) == ["stalled", "stalled", "dropped"]
    assert outcome(gita, "customer_experience") == "dropped"


def test_customer_experience_who_closes_the_account_leaves_and_may_come_back_after_a_week() -> None:
    hadi = walk(
        "customer_experience",
        [(0, "product_view"), (1, "account_closed"), (3, "product_view"), (20, "product_view"), (21, "purchase")],
    )
    assert moves(hadi) == [("entry", "consider"), ("exit", None), ("reentry", "consider"), ("forward", "decide")]
    assert outcome(hadi, "customer_experience") == "converted"


def test_loyal_customers_infers_what_is_jumped_over_and_the_second_purchase_is_loyalty() -> None:
    indah = walk(
        "loyal_customers",
        [
            (0, "reviews_read", {"channel": "influencer"}),
            (1, "purchase", {"value": 30}),
            (4, "delivered", {"initiator": "business"}),
            (5, "question"),
            (40, "purchase", {"value": 35}),
            (50, "referral", {"channel": "word_of_mouth"}),
        ],
    )
    assert moves(indah) == [
        ("entry", "awareness"),
        ("forward", "consideration"),
        ("forward", "decision"),
        ("forward", "service"),
        ("forward", "loyalty"),
    ]
    assert [each.inferred for each in indah.transitions] == [True, False, False, False, False]
    assert [each.to_group for each in indah.transitions] == [
        "pre-purchase", "pre-purchase", "purchase", "post-purchase", "post-purchase",
    ]  # fmt: skip
    assert (outcome(indah, "loyal_customers"), signals(indah)) == ("converted", ["converted"])


def test_loyal_customers_a_year_of_silence_ends_loyalty() -> None:
    joko = walk("loyal_customers", [(0, "product_view"), (1, "purchase"), (2, "repeat_purchase")])
    joko.expire(368 * DAY)
    assert moves(joko)[-1] == ("timeout", None)
    assert outcome(joko, "loyal_customers") == "converted"
    joko.feed(touchpoint("back", "product_view", 400 * DAY))
    assert [kind for kind, _ in moves(joko)[-2:]] == ["reentry", "forward"]


def contract(number: str) -> dict[str, Any]:
    return {"account_id": "acme", "properties": {"contract_id": number}}


def test_b2b_cooperation_each_contract_goes_its_own_way() -> None:
    one, two = contract("c-1"), contract("c-2")
    kirana = walk(
        "b2b_cooperation",
        [
            (0, "event_visit", {**one, "channel": "in_person"}),
            (5, "demo_requested", one),
            (6, "call", two),
            (20, "contract_signed", {**one, "value": 12_000}),
            (25, "kick_off", one),
            (26, "offer_declined", two),
            (40, "onboarding_done", one),
            (300, "terms_questioned", one),
            (310, "renewal_signed", one),
        ],
    )
    by_contract = {
        key: [(each.kind, each.to_stage) for each in kirana.transitions if each.instance == key]
        for key in ("c-1", "c-2")
    }
    assert by_contract == {
        "c-1": [
            ("entry", "prospect"),
            ("forward", "qualified"),
            ("forward", "conversion"),
            ("forward", "onboarding"),
            ("forward", "renewal"),
            ("backward", "qualified"),
            ("forward", "renewal"),
        ],
        "c-2": [("entry", "prospect"), ("exit", None)],
    }
    assert [each.kind for each in kirana.signals if each.kind in ("converted", "dropped")] == ["converted", "dropped"]


def test_b2b_cooperation_an_ended_contract_may_come_back_after_two_weeks() -> None:
    one = contract("c-1")
    lukas = walk(
        "b2b_cooperation",
        [
            (0, "contract_signed", one),
            (1, "kick_off", one),
            (200, "contract_ended", one),
            (201, "call", one),
            (230, "call", one),
            (240, "contract_signed", one),
        ],
    )
    assert moves(lukas) == [
        ("entry", "conversion"),
        ("forward", "onboarding"),
        ("exit", None),
        ("reentry", "prospect"),
        ("forward", "conversion"),
    ]


def test_b2b_cooperation_without_a_contract_no_instance() -> None:
    mira = Customer.of(shipped("b2b_cooperation"))
    step = mira.feed(touchpoint("t", "call", 0))
    assert (moves(mira), step.refused) == ([], (("b2b_cooperation", "no_instance_key"),))


def test_the_hash_of_a_shipped_journey_never_changes() -> None:
    """Customers are pinned to it: who is on the way would keep the old definition for good."""
    assert {name: shipped(name).hash for name in names()} == {
        "shop": "63866e703bad041c",
        "b2b_cooperation": "fc1c7c2480d7e9cf",
        "customer_experience": "e0cec5ffad570f4c",
        "five_phases": "4b4a6741f6650c3c",
        "loyal_customers": "0b798462b07c4b81",
    }


@pytest.mark.parametrize("name", names())
def test_it_is_told_in_english_and_indonesian_who_stands_behind_it_and_when_it_is_reviewed(name: str) -> None:
    data = shipped(name).data
    for item in (data, *data["stages"]):
        assert title_of(item, "en")
        assert item["title"].keys() == {"en", "id"}
    assert all(stage["behind"].keys() >= {"people", "technology"} for stage in data["stages"])
    assert data["review_by"] == "2027-05-31"


def test_the_stages_are_those_of_the_models_in_their_order() -> None:
    found = {name: [stage.id for stage in shipped(name).stages] for name in names()}
    assert found == {
        "shop": ["awareness", "consideration", "purchase", "retention", "advocacy"],
        "five_phases": ["awareness", "consideration", "research", "retention", "experience"],
        "customer_experience": ["aware", "consider", "decide", "evaluation", "advocate"],
        "loyal_customers": ["awareness", "consideration", "decision", "service", "loyalty"],
        "b2b_cooperation": ["prospect", "qualified", "conversion", "onboarding", "renewal"],
    }
    for name in names():
        weights = [stage.weight for stage in shipped(name).stages]
        assert weights == sorted(weights)


def test_loyal_customers_groups_the_stages_by_the_purchase() -> None:
    groups = [stage.group for stage in shipped("loyal_customers").stages]
    assert groups == ["pre-purchase", "pre-purchase", "purchase", "post-purchase", "post-purchase"]


@pytest.mark.parametrize("name", sorted({*names()} - {"shop"}))
def test_the_new_ones_count_by_every_channel_and_device_of_the_domain(name: str) -> None:
    count_by = shipped(name).count_by
    assert {*count_by["channel"]} == {
        "website", "social_media", "marketplace", "email", "in_person", "print", "radio", "television", "search",
        "word_of_mouth", "influencer",
    }  # fmt: skip
    assert {*count_by["device"]} >= {"smartphone", "desktop"}
