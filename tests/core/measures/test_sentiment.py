"""Sentiment: given before rating before text, bands of the scales, counts by place."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cjstream.core.measures.sentiment import (
    BANDS,
    MAX_PLACES,
    SENTIMENTS,
    Mood,
    SentimentCounts,
    Spec,
    by_rating,
    derived,
    read,
)
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import journey, touchpoint

STAGES = journey(stages="abc").stages


def review(**fields: Any) -> Touchpoint:
    return touchpoint("t1", "review", 0, **fields)


def by_text(text: str, language: str | None) -> str | None:
    """Score as told by the text itself."""
    return text if text in SENTIMENTS else None


def never(text: str, language: str | None) -> str | None:
    raise AssertionError("no text is to be scored")


def sentiment(**fields: Any) -> Any:
    return derived(review(**fields), by_text).fields.sentiment


def test_a_given_sentiment_stands_before_rating_and_text() -> None:
    given_one = review(sentiment="positive", rating=1, text="negative")
    assert derived(given_one, never) is given_one


def test_a_rating_stands_before_the_text() -> None:
    assert derived(review(rating=1, text="positive"), never).fields.sentiment == "negative"


def test_text_is_scored_if_nothing_else_tells() -> None:
    assert sentiment(text="neutral", sentiment=None, rating=None) == "neutral"


def test_the_scorer_is_told_the_language() -> None:
    asked = []
    for fields in ({"text": "bagus", "language": "id"}, {"text": "good"}):
        derived(review(**fields), lambda *question: asked.append(question))
    assert asked == [("bagus", "id"), ("good", None)]


@pytest.mark.parametrize("fields", [{}, {"text": ""}, {"text": None}, {"rating": 9}], ids=str)
def test_without_text_no_scorer_is_asked_and_the_touchpoint_stays_the_same(fields: dict[str, Any]) -> None:
    plain = review(**fields)
    assert derived(plain, never) is plain


def test_without_a_scorer_text_tells_nothing() -> None:
    plain = review(text="positive")
    assert derived(plain, None) is plain


def test_what_the_scorer_cannot_say_is_not_neutral() -> None:
    assert sentiment(text="こんにちは") is None


def test_the_business_is_not_judged_by_its_own_words() -> None:
    answer = review(initiator="business", text="positive", rating=5)
    assert derived(answer, never) is answer


def test_the_touchpoint_derived_from_is_not_changed() -> None:
    plain = review(rating=5)
    found = derived(plain, None)
    assert (plain.fields.sentiment, found.fields) == (None, replace(plain.fields, sentiment="positive"))
    assert replace(found, fields=plain.fields) == plain


@pytest.mark.parametrize(
    ("scale", "negative", "neutral", "positive"),
    [
        (None, [1, 2], [3], [4, 5]),
        ("stars", [1, 2], [3], [4, 5]),
        ("csat", [1, 2], [3], [4, 5]),
        ("ces", [1, 2, 3], [4], [5, 6, 7]),
        ("nps", [0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10]),
    ],
)
def test_each_rating_of_a_scale_has_its_class(
    scale: str | None, negative: list[int], neutral: list[int], positive: list[int]
) -> None:
    classes = {sentiment: [n for n in range(-2, 13) if by_rating(n, scale) == sentiment] for sentiment in SENTIMENTS}
    assert classes == {"positive": positive, "neutral": neutral, "negative": negative}


@pytest.mark.parametrize(
    ("rating", "scale", "expected"),
    [(3.5, "stars", "neutral"), (2.5, "stars", "neutral"), (4.01, "stars", "positive"), (1.9, "stars", "negative"),
     (0.9, "stars", None), (5.1, "csat", None), (8.5, "nps", "neutral"), (6.5, "nps", "neutral"), (-0.1, "nps", None),
     (4.6, "ces", "neutral")],
)  # fmt: skip
def test_a_fraction_has_to_reach_a_band(rating: float, scale: str, expected: str | None) -> None:
    assert by_rating(rating, scale) == expected


def test_a_rating_out_of_its_scale_leaves_the_text_to_tell() -> None:
    assert sentiment(rating=9, text="negative") == "negative"
    assert sentiment(rating=9, scale="nps", text="negative") == "positive"


@given(st.floats(0, 10), st.floats(0, 10), st.sampled_from(sorted(BANDS)))
def test_a_better_rating_is_never_of_a_worse_class(one: float, other: float, scale: str) -> None:
    worse, better = by_rating(min(one, other), scale), by_rating(max(one, other), scale)
    assert worse is None or better is None or SENTIMENTS.index(worse) >= SENTIMENTS.index(better)


@pytest.mark.parametrize(
    ("value", "expected"),
    [({}, None), ({"at_risk": None}, None), ({"at_risk": "goal"}, "goal"), ({"at_risk": "b"}, "b")],
    ids=str,
)
def test_at_risk_is_nothing_the_goal_or_a_stage(value: dict[str, Any], expected: str | None) -> None:
    reader = Reader()
    assert (read(reader, value, "measures.sentiment", STAGES), reader.problems) == (Spec(expected), [])


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"at_risk": "d"}, "measures.sentiment.at_risk: must be one of goal, a, b, c, not 'd'"),
        ({"at_risk": 1}, "measures.sentiment.at_risk: must be one of goal, a, b, c, not 1"),
        ({"at_risks": "b"}, "measures.sentiment.at_risks: is not known here; use at_risk"),
        ("goal", "measures.sentiment: must be a mapping of at_risk"),
    ],
    ids=str,
)
def test_a_fault_is_told_with_its_path(value: Any, fault: str) -> None:
    reader = Reader()
    read(reader, value, "measures.sentiment", STAGES)
    assert [str(problem) for problem in reader.problems] == [fault]


def counted(*touches: tuple[str | None, str | None, str | None, str | None]) -> SentimentCounts:
    """Return the counts of (stage, channel, persona, sentiment)."""
    counts = SentimentCounts()
    for stage, channel, persona, mood in touches:
        counts.touch(review(channel=channel, persona=persona, sentiment=mood), stage)
    return counts


TOUCHES = [
    ("a", "web", "novice", "positive"),
    ("a", "web", "expert", "positive"),
    ("a", "app", "novice", "neutral"),
    ("a", "app", None, "negative"),
    ("b", "app", None, "negative"),
    (None, None, None, "negative"),
    ("b", "web", "novice", None),
]


def test_the_mood_is_told_by_stage_channel_and_persona() -> None:
    counts = counted(*TOUCHES)
    assert counts.total == Mood(2, 1, 3)
    assert counts.by_stage() == {"a": Mood(2, 1, 1), "b": Mood(0, 0, 1), None: Mood(0, 0, 1)}
    assert counts.by_channel() == {"web": Mood(2, 0, 0), "app": Mood(0, 1, 2), None: Mood(0, 0, 1)}
    assert counts.by_persona() == {"novice": Mood(1, 1, 0), "expert": Mood(1, 0, 0), None: Mood(0, 0, 3)}


def test_net_sentiment_is_a_share_of_all_with_a_class() -> None:
    assert (Mood(3, 4, 1).number, Mood(3, 4, 1).net) == (8, 0.25)
    assert (Mood().number, Mood().net) == (0, None)


def test_nobody_has_no_mood() -> None:
    counts = SentimentCounts()
    assert (counts.total, counts.by_stage()) == (Mood(), {})


@given(st.permutations(TOUCHES), st.integers(0, len(TOUCHES)))
def test_merged_counts_are_those_of_all_together(touches: list[Any], cut: int) -> None:
    merged, other = counted(*touches[:cut]), counted(*touches[cut:])
    merged.merge(pickle.loads(pickle.dumps(other)))
    assert merged == counted(*TOUCHES)


def test_more_places_than_the_bound_are_counted_as_other() -> None:
    counts = SentimentCounts()
    for n in range(MAX_PLACES + 5):
        counts.touch(touchpoint(f"{n}", "review", n, sentiment="positive", channel=f"c{n}"), "a")
    assert len(counts.counts) == MAX_PLACES + 1
    assert counts.by_channel()["other"].number == 5
    assert counts.total.number == MAX_PLACES + 5
