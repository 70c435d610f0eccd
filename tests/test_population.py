"""The generated population is repeatable, in order, valid, and loses customers at every stage."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cjstream.core.facts import NAMES, Facts, parse_fact
from cjstream.personas import PERSONAS
from cjstream.population import AD_CHANNELS, DAY, advertising, population

Touchpoint = dict[str, Any]

SCHEMA = Path(__file__).parents[1] / "schemas" / "touchpoint.v1.schema.json"
START_MS, DAYS, CUSTOMERS = 1_760_000_000_000, 30, 3000
STAGES = ("awareness", "consideration", "purchase", "retention", "advocacy")
STAGE_BY_TYPE = {
    **dict.fromkeys(("page_view", "search", "ad_click", "social_view"), 0),
    **dict.fromkeys(("product_view", "comparison", "reviews_read", "wishlist", "cart_add", "checkout"), 1),
    "purchase": 2,
    **dict.fromkeys(("delivered", "support_contact", "repeat_purchase"), 3),
    "referral": 4,
}


@pytest.fixture(scope="module")
def crowd() -> list[Touchpoint]:
    return list(population(CUSTOMERS, 1, START_MS, DAYS))


def stage_of(touchpoint: Touchpoint) -> int:
    if touchpoint["type"] == "review":
        return 4 if touchpoint["rating"] >= 4 else -1
    return STAGE_BY_TYPE.get(touchpoint["type"], -1)


def furthest_stages(touchpoints: Iterable[Touchpoint]) -> Counter[str]:
    furthest: defaultdict[str, int] = defaultdict(int)
    for touchpoint in touchpoints:
        customer = touchpoint["customer_id"]
        furthest[customer] = max(furthest[customer], stage_of(touchpoint))
    return Counter(STAGES[stage] for stage in furthest.values())


def test_the_same_seed_gives_the_same_touchpoints(crowd: list[Touchpoint]) -> None:
    assert crowd == list(population(CUSTOMERS, 1, START_MS, DAYS))


def test_another_seed_gives_other_customers() -> None:
    first, second = ({touchpoint["id"] for touchpoint in population(50, seed, START_MS, DAYS)} for seed in (1, 2))
    assert not first & second


def test_event_times_never_fall_and_lie_in_the_period(crowd: list[Touchpoint]) -> None:
    times = [datetime.fromisoformat(touchpoint["occurred_at"]).timestamp() * 1000 for touchpoint in crowd]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= START_MS
    assert times[-1] < START_MS + DAYS * DAY


def test_ids_are_unique(crowd: list[Touchpoint]) -> None:
    assert len({touchpoint["id"] for touchpoint in crowd}) == len(crowd)


def test_every_customer_appears_with_about_ten_touchpoints(crowd: list[Touchpoint]) -> None:
    assert len({touchpoint["customer_id"] for touchpoint in crowd}) == CUSTOMERS
    assert 8 <= len(crowd) / CUSTOMERS <= 12


def test_every_touchpoint_is_valid(crowd: list[Touchpoint]) -> None:
    if not SCHEMA.exists():
        pytest.skip(f"{SCHEMA.name} is absent")
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    for touchpoint in crowd:
        validator.validate(touchpoint)


def test_customers_stop_at_every_stage(crowd: list[Touchpoint]) -> None:
    counts = furthest_stages(crowd)
    assert all(counts[stage] >= CUSTOMERS * 0.05 for stage in STAGES), counts


@pytest.mark.parametrize("days", [1, 365])
def test_the_funnel_keeps_its_shape_over_other_periods(crowd: list[Touchpoint], days: int) -> None:
    expected, counts = furthest_stages(crowd), furthest_stages(population(CUSTOMERS, 2, START_MS, days))
    for stage in STAGES:
        assert counts[stage] == pytest.approx(expected[stage], abs=CUSTOMERS * 0.05)


def test_personas_differ_in_how_often_they_buy(crowd: list[Touchpoint]) -> None:
    everybody = {(touchpoint["persona"], touchpoint["customer_id"]) for touchpoint in crowd}
    buyers = {(t["persona"], t["customer_id"]) for t in crowd if t["type"] == "purchase"}
    shares = {
        persona.name: sum(name == persona.name for name, _ in buyers)
        / sum(name == persona.name for name, _ in everybody)
        for persona in PERSONAS
    }
    assert max(shares, key=shares.__getitem__) == "loyalist"
    assert all(0.1 < share < 0.9 for share in shares.values()), shares


def test_answers_name_what_they_answer_and_some_never_come(crowd: list[Touchpoint]) -> None:
    by_id = {touchpoint["id"]: touchpoint for touchpoint in crowd}
    answers = [touchpoint for touchpoint in crowd if touchpoint["type"] == "answer"]
    questions = {touchpoint["id"] for touchpoint in crowd if touchpoint["type"] == "question"}
    assert all(answer["initiator"] == "business" for answer in answers)
    assert all(by_id[answer["reply_to"]]["customer_id"] == answer["customer_id"] for answer in answers)
    assert 0 < len(questions - {answer["reply_to"] for answer in answers}) < len(questions)


def test_a_recommended_customer_names_one_who_had_recommended_the_shop(crowd: list[Touchpoint]) -> None:
    advocates: set[str] = set()
    recommended = 0
    for touchpoint in crowd:
        if touchpoint["type"] == "referral":
            advocates.add(touchpoint["customer_id"])
        if referred_by := touchpoint.get("referred_by"):
            recommended += 1
            assert referred_by in advocates
    assert recommended > 0


def test_two_currencies_two_languages_and_types_that_move_nobody(crowd: list[Touchpoint]) -> None:
    assert {t["currency"] for t in crowd if "currency" in t} == {"IDR", "USD"}
    assert {t["language"] for t in crowd if "language" in t} == {"id", "en"}
    assert {"payment_error", "error"} <= {t["type"] for t in crowd}


def test_nobody_gives_nothing() -> None:
    assert list(population(0, 1, START_MS, DAYS)) == []


def test_the_advertising_tells_every_known_fact_of_every_day_and_channel() -> None:
    told = list(advertising(CUSTOMERS, 1, START_MS, DAYS))
    assert told == list(advertising(CUSTOMERS, 1, START_MS, DAYS))
    assert [each for each in told if parse_fact(each._asdict()) != each] == []
    facts = Facts()
    for each in told:
        facts.take(each)
    assert len(facts) == len(told) == (DAYS + 1) * (3 * len(AD_CHANNELS) + 1)
    assert {each.name for each in told} == set(NAMES)
    assert (facts.total("impressions") or 0) > 10 * (facts.total("clicks") or 0) > 0
