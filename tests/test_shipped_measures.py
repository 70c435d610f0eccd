"""What the measures of the shipped journeys tell of realistic customers, while these are on their way."""

from typing import Any

import pytest

from cjstream.core.outputs import Signal
from cjstream.definitions import names, shipped
from tests.core.builders import Customer
from tests.test_shipped_journeys import DAY, FIVE_PHASES, MEASURED, Story, contract, walk

HOUR = 1 / 24
STAFF = {"initiator": "business"}


def found(customer: Customer, *kinds: str) -> list[tuple[str, Any]]:
    """Return kind and what it is about of the signals of measures, or of these kinds."""
    return [(each.kind, about(each)) for each in customer.signals if each.kind in (kinds or MEASURED)]


def about(signal: Signal) -> Any:
    detail = signal.detail or {}
    if signal.kind == "deviation":
        return detail["deviation"], detail.get("rule") or detail["stage"]
    return detail.get("clock") or detail.get("threshold") or detail.get("judgement")


def answer(day: float, to: str, kind: str = "reply") -> tuple[float, str, dict[str, Any]]:
    return day, kind, {**STAFF, "reply_to": to}


# -- five phases: every review is answered quickly, and with a solution


def test_five_phases_a_bad_review_that_nobody_answers_is_told_before_and_after_its_hour() -> None:
    citra = walk("five_phases", FIVE_PHASES)  # two stars on day 20
    assert found(citra) == []
    citra.expire(20 * DAY + 45 * 60 + 3_601)
    assert found(citra) == [("sla_due_soon", "first_response")]
    citra.expire(20 * DAY + 2 * 3_600 + 1)
    citra.expire(30 * DAY)
    assert found(citra) == [
        ("sla_due_soon", "first_response"),
        ("sla_breached", "first_response"),
        ("sla_due_soon", "resolution"),
        ("sla_breached", "resolution"),
    ]
    breach = next(each for each in citra.signals if each.kind == "sla_breached")
    assert (breach.severity, breach.due, breach.owner) == (
        "critical",
        "2026-01-21T01:00:00.000Z",
        "customer experience",
    )


def test_five_phases_a_bad_review_is_answered_within_the_hour_and_solved() -> None:
    story: Story = [*FIVE_PHASES, answer(20 + HOUR / 2, "t7"), answer(21, "t7", "issue_resolved")]
    assert found(walk("five_phases", story)) == [("sla_met", "first_response"), ("sla_met", "resolution")]


def test_five_phases_a_good_review_is_answered_within_four_hours_and_needs_no_solution() -> None:
    good: Story = [*FIVE_PHASES[:-1], (20, "review", {"rating": 5})]
    assert found(walk("five_phases", [*good, answer(20 + 3 * HOUR, "t7")])) == [("sla_met", "first_response")]
    slow = walk("five_phases", [*good, answer(20 + 5 * HOUR, "t7")])
    assert found(slow) == [("sla_due_soon", "first_response"), ("sla_breached", "first_response")]


def test_five_phases_who_asks_again_after_an_answer_waits_anew() -> None:
    story: Story = [*FIVE_PHASES, answer(20 + HOUR / 2, "t7"), (20.5, "comment", {"reply_to": "t7"})]
    citra = walk("five_phases", [*story, answer(20.5 + 2 * HOUR, "t7"), answer(21, "t7", "issue_resolved")])
    assert [clock for _, clock in found(citra)] == ["first_response", "next_response", "resolution"]
    assert {kind for kind, _ in found(citra)} == {"sla_met"}


# -- customer experience: who has bought and is dissatisfied is the bigger risk


BOUGHT: Story = [
    (0, "social_view"), (1, "comparison"), (2, "price_compared"), (3, "purchase", {"value": 80}), (6, "product_used"),
    (10, "survey_answered", {"rating": 4}),
]  # fmt: skip


def test_customer_experience_as_expected_nothing_is_told() -> None:
    assert found(walk("customer_experience", [*BOUGHT, (14, "review", {"rating": 5})])) == []


@pytest.mark.parametrize("bad", [{"rating": 1}, {"sentiment": "negative"}, {"rating": 6, "scale": "nps"}])
def test_customer_experience_a_bad_judgement_after_the_purchase_is_a_risk_and_none_before(bad: dict[str, Any]) -> None:
    before: Story = [*BOUGHT[:3], (2.5, "survey_answered", bad)]
    assert found(walk("customer_experience", before), "at_risk") == []
    after = walk("customer_experience", [*BOUGHT, (14, "survey_answered", bad)])
    assert found(after) == [("at_risk", "negative")]


def test_customer_experience_an_advocate_who_complains_leaves_the_expected_path() -> None:
    story: Story = [*BOUGHT, (14, "testimonial"), (40, "complaint")]
    assert found(walk("customer_experience", story)) == [("deviation", ("unexpected", "evaluation"))]


def test_customer_experience_whom_nobody_asks_how_it_goes_is_told() -> None:
    fajar = walk("customer_experience", BOUGHT[:-1])
    fajar.expire(25 * DAY)
    assert found(fajar) == [("deviation", ("too_slow", "asked-how-it-goes"))]


def test_customer_experience_slow_steps_skipped_ones_and_payment_errors_are_told() -> None:
    gita = walk(
        "customer_experience", [(0, "social_view"), (33, "price_compared"), (34, "payment_error"), (50, "search")]
    )
    assert found(gita) == [
        ("deviation", ("skipped", "consider")),
        ("deviation", ("forbidden", "pays-at-once")),
        ("deviation", ("too_slow", "evaluation")),
    ]


def test_customer_experience_who_buys_on_impulse_is_expected_to() -> None:
    hasty: Story = [(0, "purchase", {"persona": "impulse"}), (2, "product_used"), (3, "survey_sent", STAFF)]
    assert found(walk("customer_experience", hasty)) == []
    assert found(walk("customer_experience", [(0, "purchase"), *hasty[1:]])) == [
        ("deviation", ("skipped", "aware")),
        ("deviation", ("skipped", "consider")),
    ]


# -- loyal customers: how close they are, and how they judge


LOYAL: Story = [
    (0, "product_view"), (1, "reviews_read"), (2, "sign_up"), (3, "purchase"), (10, "review", {"rating": 5}),
    (20, "purchase"), (30, "complaint"), (150, "product_view"), (200, "purchase"), (201, "purchase"), (202, "referral"),
]  # fmt: skip


def test_loyal_customers_the_score_tells_who_is_engaged_and_who_is_loyal_again() -> None:
    indah = walk("loyal_customers", LOYAL)
    assert found(indah) == [
        ("score_threshold", "engaged"),
        ("score_threshold", "loyal"),
        ("score_threshold", "loyal"),  # it had fallen below 50 in between
    ]
    told = [each for each in indah.signals if each.kind == "score_threshold"]
    assert [each.cause and each.cause["touchpoint_id"] for each in told] == ["t3", "t5", "t9"]


def test_loyal_customers_looking_alone_engages_nobody() -> None:
    story: Story = [(n / 100, "product_view") for n in range(90)]
    assert found(walk("loyal_customers", story)) == []


@pytest.mark.parametrize(
    ("last", "judgement"), [({"rating": 5}, "positive"), ({"rating": 3}, "neutral"), ({"rating": 1}, "negative")]
)
def test_loyal_customers_the_newest_judgement_is_kept(last: dict[str, Any], judgement: str) -> None:
    indah = walk("loyal_customers", [*LOYAL[:4], (5, "review", {"rating": 2}), (9, "review", last)])
    assert indah.current.judgement == judgement


# -- b2b cooperation: each contract by itself, in business hours


def test_b2b_cooperation_a_complaint_of_friday_afternoon_is_due_on_monday() -> None:
    one = contract("c-1")
    friday: Story = [(0.1, "call", one), (1 + 9 * HOUR, "complaint", one)]  # 16:00 in Jakarta
    mira = walk("b2b_cooperation", friday)
    mira.expire(4 * DAY)
    assert found(mira) == []
    mira.expire(4.5 * DAY)
    assert found(mira)[:2] == [("sla_due_soon", "first_response"), ("sla_breached", "first_response")]
    breach = next(each for each in mira.signals if each.kind == "sla_breached")
    assert (breach.due, breach.instance) == ("2026-01-05T03:00:00.000Z", "c-1")  # Monday, 10:00
    met = walk("b2b_cooperation", [*friday, answer(4 + 2 * HOUR, "t1")])
    assert ("sla_met", "first_response") in found(met)


def test_b2b_cooperation_rules_of_one_contract_are_not_kept_by_another() -> None:
    one, two = contract("c-1"), contract("c-2")
    kirana = walk("b2b_cooperation", [(0, "call", one), (1, "demo_given", two), (2, "contract_signed", one)])
    assert sorted(found(kirana)) == [
        ("deviation", ("skipped", "prospect")),  # the other contract began with the demonstration
        ("deviation", ("skipped", "qualified")),
        ("deviation", ("unexpected", "demo-first")),
    ]
    kirana.expire(17 * DAY)
    assert found(kirana)[-1] == ("deviation", ("too_slow", "kick-off-follows"))


def test_b2b_cooperation_a_deviation_is_told_with_the_stage_of_its_own_contract() -> None:
    one, two = contract("c-1"), contract("c-2")
    story: Story = [(0, "call", one), (1, "demo_given", one), (2, "contract_signed", one), (3, "call", two)]
    kirana = walk("b2b_cooperation", [*story, (4, "offer_declined", two), (20, "kick_off", one)])
    told = [(each.instance, each.stage, about(each)) for each in kirana.signals if each.kind == "deviation"]
    assert told == [("c-1", "onboarding", ("too_slow", "kick-off-follows"))]


# -- all of them


LIVE = {
    "shop": set[str](),
    "five_phases": {"sla_due_soon", "sla_breached", "sla_met"},
    "customer_experience": {"at_risk", "deviation"},
    "loyal_customers": {"score_threshold"},
    "b2b_cooperation": {"sla_due_soon", "sla_breached", "sla_met", "deviation"},
}


@pytest.mark.parametrize("name", names())
def test_each_asks_for_what_its_article_does_and_the_shop_keeps_nothing(name: str) -> None:
    measures = shipped(name).measures
    assert measures is not None
    live = {
        "sla_due_soon": measures.feedback, "sla_breached": measures.feedback, "sla_met": measures.feedback,
        "score_threshold": measures.score, "deviation": measures.expected,
        "at_risk": measures.sentiment and measures.sentiment.at_risk,
    }  # fmt: skip
    assert {kind for kind, spec in live.items() if spec is not None} == LIVE[name]
    assert measures.is_live == (name != "shop")
    assert None not in (measures.metrics, measures.journey_score)
    assert (measures.leaving is None) == (name == "shop")


@pytest.mark.parametrize("name", sorted(set(names()) - {"shop"}))
def test_why_somebody_leaves_is_told(name: str) -> None:
    first = {"five_phases": "page_view", "customer_experience": "product_view", "loyal_customers": "page_view"}
    more = {"properties": {"contract_id": "c-1"}}
    leaver = walk(
        name, [(0, first.get(name, "call"), more), (1, "question", more), (2, "complaint", {**more, "rating": 1})]
    )
    leaver.expire(400 * DAY)
    (dropped,) = (each for each in leaver.signals if each.kind == "dropped")
    assert dropped.detail is not None
    assert (dropped.detail["last_type"], dropped.detail["judgement"]) == ("complaint", "negative")
