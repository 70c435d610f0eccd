"""What a touchpoint adds to the counters of monitoring."""

import pytest

from cjstream.core.measures.live import KNOWN, RATINGS, SENTIMENT, TOUCHPOINTS, VALUE, Count, counts, is_counted
from tests.core.builders import journey, touchpoint

MEASURED = journey(measures={"metrics": {}})


def told(kind: str, stage: str | None = "a", **more: object) -> list[Count]:
    return list(counts(touchpoint("t", kind, 0, **more), stage, MEASURED))


def test_a_journey_without_metrics_counts_nothing() -> None:
    page_view = touchpoint("t", "page_view", 0, sentiment="positive")
    assert not counts(page_view, "a", journey())
    assert not counts(page_view, "a", journey(measures={"sentiment": {}}))


@pytest.mark.parametrize("kind", ["page_view", "unknown"])
@pytest.mark.parametrize("sentiment", [None, "neutral"])
def test_what_is_looked_at_no_further_counts_as_nothing(kind: str, sentiment: str | None) -> None:
    each = touchpoint("t", kind, 0, sentiment=sentiment)
    assert is_counted(each, MEASURED) == bool(counts(each, "a", MEASURED))
    assert not is_counted(each, journey())
    assert not is_counted(each, journey(measures={"sentiment": {}}))


def test_a_touchpoint_counts_as_each_metric_of_its_type() -> None:
    assert told("demo_requested") == [
        (TOUCHPOINTS, ("shop", "a", "demos"), 1),
        (TOUCHPOINTS, ("shop", "a", "leads"), 1),
    ]


def test_a_type_that_no_metric_names_counts_as_nothing() -> None:
    assert told("unknown", value=5) == []


def test_outside_of_the_journey_the_stage_is_none() -> None:
    assert told("page_view", None) == [(TOUCHPOINTS, ("shop", "none", "visits"), 1)]


def test_a_review_is_a_good_one_if_it_is_positive() -> None:
    good, feedback = (TOUCHPOINTS, ("shop", "a", "good_reviews"), 1), (TOUCHPOINTS, ("shop", "a", "feedback"), 1)
    assert told("review", sentiment="positive") == [feedback, good, (SENTIMENT, ("shop", "a", "positive"), 1)]
    assert told("review", sentiment="neutral") == [feedback, (SENTIMENT, ("shop", "a", "neutral"), 1)]
    assert told("review") == [feedback]


def test_the_sentiment_of_every_touchpoint_counts() -> None:
    assert told("unknown", sentiment="negative") == [(SENTIMENT, ("shop", "a", "negative"), 1)]


@pytest.mark.parametrize(
    ("scale", "rating", "judgement"),
    [
        (None, 4, "positive"), ("stars", 2, "negative"), ("csat", 3, "neutral"), ("csat", 3.9, "neutral"),
        ("nps", 9, "positive"), ("nps", 8, "neutral"), ("nps", 6, "negative"), ("nps", 0, "negative"),
        ("ces", 7, "positive"),
    ],
)  # fmt: skip
def test_a_rating_counts_on_its_scale(scale: str | None, rating: float, judgement: str) -> None:
    each = touchpoint("t", "unknown", 0, rating=rating, scale=scale)
    assert is_counted(each, MEASURED)
    assert counts(each, "a", MEASURED) == ((RATINGS, ("shop", scale or "stars", judgement), 1),)


@pytest.mark.parametrize(
    "more", [{"rating": 6}, {"rating": 0.5}, {"rating": 11, "scale": "nps"}, {"rating": 5, "initiator": "business"}]
)
def test_a_rating_off_its_scale_or_by_the_business_counts_as_nothing(more: dict[str, object]) -> None:
    assert told("unknown", "a", **more) == []


@pytest.mark.parametrize(
    ("currency", "label"), [("IDR", "IDR"), (None, "none"), ("", "none"), ("idr", "other"), ("doge", "other")]
)
def test_the_value_of_a_sale_counts_by_currency_of_a_closed_list(currency: str | None, label: str) -> None:
    assert told("purchase", value=12.5, currency=currency)[1:] == [(VALUE, ("shop", "a", label), 12.5)]


@pytest.mark.parametrize("value", [None, 0, -3])
def test_a_sale_without_a_value_above_0_adds_none(value: float | None) -> None:
    assert told("purchase", value=value) == [(TOUCHPOINTS, ("shop", "a", "sales"), 1)]


def test_of_what_the_business_does_only_sales_and_leads_count() -> None:
    assert told("page_view", initiator="business") == []
    assert told("purchase", initiator="business", value=2) == [
        (TOUCHPOINTS, ("shop", "a", "sales"), 1),
        (VALUE, ("shop", "a", "none"), 2),
    ]


def test_currencies_are_a_closed_list_of_codes() -> None:
    assert len(KNOWN) < 170
    assert all(len(code) == 3 and code.isupper() for code in KNOWN - {"none"})
