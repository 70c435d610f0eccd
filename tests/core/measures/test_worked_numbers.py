"""The numbers on docs/explanation/measures.md, each worked out by the code."""

from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import pytest

from cjstream.core.measures import journey_score, score
from cjstream.core.measures.alignment import fitness
from cjstream.core.measures.chain import CONVERTED, DROPPED, Ways, absorbed, smoothed
from cjstream.core.measures.finding import Moment
from cjstream.core.measures.opening_hours import read_calendar
from cjstream.core.measures.score import ScoreState
from cjstream.core.measures.sentiment import Mood, by_rating
from cjstream.core.reading import Reader
from cjstream.core.times import parse_time
from tests.core.builders import START_MS, touchpoint

DAY = 86_400.0
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("scale", "negative", "neutral", "positive"),
    [
        ("stars", [1, 2], [3, 3.5], [4, 5]),
        ("csat", [2], [3], [4]),
        ("ces", [3], [4], [5]),
        ("nps", [0, 6], [7, 8], [9]),
    ],
)
def test_sentiment_by_rating(scale: str, negative: list[int], neutral: list[float], positive: list[int]) -> None:
    told: dict[str, list[float]] = {"negative": [*negative], "neutral": neutral, "positive": [*positive]}
    assert {name: {by_rating(each, scale) for each in ratings} for name, ratings in told.items()} == {
        name: {name} for name in told
    }


def test_net_sentiment() -> None:
    assert Mood(positive=6, neutral=3, negative=1).net == 0.5


def due(start: str, hours: float, **more: Any) -> str:
    reader = Reader()
    calendar = read_calendar(reader, {"hours": {"mon-fri": "09:00-17:00"}, **more}, "")
    assert not reader.problems
    start_ms = parse_time(start)
    assert start_ms is not None
    found = datetime.fromtimestamp(calendar.add(start_ms, round(hours * 3_600_000)) / 1000, UTC)
    return found.strftime("%a %H:%M")


def test_four_hours_from_friday_16_oclock_end_on_monday_at_noon() -> None:
    friday = "2026-01-02T16:00:00Z"
    assert (due(friday, 4), due(friday, 3), due(friday, 4, holidays=["2026-01-05"])) == (
        "Mon 12:00", "Mon 11:00", "Tue 12:00",
    )  # fmt: skip
    assert due(friday, 24) == "Wed 16:00", "a day is 24 hours of work: three working days of eight"


def points(decay: Any, days: float, times: int = 1, worth: float = 10, **more: Any) -> float:
    """Return the score so many days after contributions."""
    reader = Reader()
    spec = score.read(
        reader, {"rules": [{"on": "x", "points": worth}], **({"decay": decay} if decay else {}), **more}, "", ()
    )
    assert not reader.problems
    state = ScoreState()
    for n in range(times):
        state, _ = score.advance(spec, state, touchpoint(f"t{n}", "x", n / 1000), Moment(START_MS, 0, 0, 0))
    return score.value(spec, state, START_MS + round(days * DAY_MS))


@pytest.mark.parametrize(
    ("decay", "by_days"),
    [
        (None, {0: 10, 365: 10}),
        ({"half_life": "30d"}, {0: 10, 30: 5, 60: 2.5, 90: 1.25}),
        ({"to_zero_in": "60d"}, {0: 10, 15: 7.5, 30: 5, 60: 0}),
        ({"window": "30d"}, {0: 10, 15: 10, 30: 0}),
    ],
)
def test_ten_points_fade(decay: Any, by_days: dict[int, float]) -> None:
    assert {days: points(decay, days) for days in by_days} == by_days


def test_what_is_capped() -> None:
    reader = Reader()
    rules = [{"on": "look", "points": 1, "group": "browsing"}, {"on": "buy", "points": 30}]
    spec = score.read(reader, {"cap": 60, "groups": {"browsing": {"cap": 20}}, "rules": rules}, "", ())
    assert not reader.problems
    state, found = ScoreState(), []
    for n, kind in enumerate([*repeat("look", 25), "buy", "buy"]):
        state, _ = score.advance(spec, state, touchpoint(f"t{n}", kind, n), Moment(START_MS, 0, 0, 0))
        found.append(score.value(spec, state, START_MS))
    assert found[18:] == [19, 20, 20, 20, 20, 20, 20, 50, 60]


def test_fitness() -> None:
    assert fitness("ARD", "ACRDX") == 0.75
    assert fitness("ARD", "ACRDX", is_over=False) == pytest.approx(6 / 7)


def test_a_journey_score() -> None:
    reader = Reader()
    block = {
        "conversion": {"weight": 3, "target": 0.2},
        "drop_off": {"weight": 1, "target": 0.5},
        "time_to_convert": {"weight": 1, "target": "7d"},
        "satisfaction": {"weight": 2, "by": "nps", "target": 30},
        "advocacy": {"weight": 1, "target": 0.1},
    }
    spec = journey_score.read(reader, block, "", ())
    assert not reader.problems
    inputs = journey_score.Inputs(conversion=0.15, drop_off=0.7, time_to_convert=14 * DAY, nps=-10)
    found = journey_score.score(spec, inputs)
    assert {part.name: part.score and round(part.score, 1) for part in found.parts} == {
        "conversion": 75.0, "drop_off": 60.0, "time_to_convert": 50.0, "satisfaction": 69.2, "advocacy": None,
    }  # fmt: skip
    assert (round(found.total or 0, 1), found.worst) == (67.6, "conversion")
    assert [round(part.loss, 1) for part in found.parts if part.loss is not None] == [10.7, 5.7, 7.1, 8.8]


def test_a_prediction_is_smoothed_and_followed_to_the_end() -> None:
    seen = Ways(8, {"cart": 0.75, DROPPED: 0.25}, {"cart": 0.0, DROPPED: 0.0})
    even = Ways(0, dict.fromkeys(("cart", CONVERTED, DROPPED), 1 / 3), dict.fromkeys(("cart", CONVERTED, DROPPED), 0.0))
    look = smoothed(seen, even, 1)
    assert {went: round(share, 3) for went, share in look.probability.items()} == {
        "cart": 0.704, CONVERTED: 0.037, DROPPED: 0.259,
    }  # fmt: skip
    persona = smoothed(Ways(4, {"cart": 1.0}, {"cart": 0.0}), look, 20)
    assert round(persona.probability["cart"], 3) == 0.753
    cart = Ways(0, {CONVERTED: 0.5, DROPPED: 0.5}, {CONVERTED: 0.0, DROPPED: 0.0})
    assert round(absorbed({"look": look, "cart": cart})["look"].conversion, 3) == 0.389
