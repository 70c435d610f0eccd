"""Facts: one number per key, the last one taken; totals are exact and the same in any order."""

import pickle
from fractions import Fraction
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.facts import Fact, Facts, key_of, parse_fact
from cjstream.core.touchpoint import Rejection


def fact(name: str = "clicks", day: int = 1, value: float = 1, channel: str = "", **other: str) -> Fact:
    campaign, currency = other.get("campaign", ""), other.get("currency", "")
    return Fact(name, channel, campaign, f"2026-11-{day:02}", value, currency)


def facts_of(*taken: Fact) -> Facts:
    facts = Facts()
    for each in taken:
        facts.take(each)
    return facts


FIELDS = {"name": "spend", "channel": "search", "day": "2026-11-22", "value": 1.5, "currency": "EUR"}


def test_a_fact_has_empty_strings_for_what_was_not_given() -> None:
    assert parse_fact(FIELDS) == Fact("spend", "search", "", "2026-11-22", 1.5, "EUR")
    assert parse_fact({**FIELDS, "channel": None, "more": 1}) == Fact("spend", "", "", "2026-11-22", 1.5, "EUR")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", None, "missing_field"),
        ("day", None, "missing_field"),
        ("value", None, "missing_field"),
        ("name", "", "bad_type"),
        ("campaign", 5, "bad_type"),
        ("channel", "x" * 129, "too_large"),
        ("value", "1", "bad_type"),
        ("value", 2e15, "bad_number"),
        ("day", "22.11.2026", "bad_timestamp"),
        ("day", "2026-02-30", "bad_timestamp"),
        ("day", 20261122, "bad_timestamp"),
    ],
)
def test_what_is_no_fact_is_refused_with_reason_and_field(field: str, value: Any, reason: str) -> None:
    assert parse_fact({**FIELDS, field: value}) == Rejection(reason, field)


def test_the_key_is_name_channel_campaign_and_day_and_not_the_currency() -> None:
    found = fact("spend", 2, 5, "search", campaign='win "ter"/é', currency="EUR")
    assert key_of(found) == '["spend","search","win \\"ter\\"/é","2026-11-02"]'
    assert key_of(found) == key_of(found._replace(value=6, currency="USD"))


def test_the_last_one_of_a_key_holds() -> None:
    facts = facts_of(fact(value=7), fact(value=5), fact(day=2, value=10))
    assert (len(facts), facts.total("clicks")) == (2, 15)
    assert facts[key_of(fact())].value == 5


def test_a_fact_that_was_withdrawn_is_not_known() -> None:
    facts = facts_of(fact(value=7))
    facts.forget(key_of(fact()))
    facts.forget(key_of(fact(day=9)))
    assert (list(facts), facts.total("clicks"), facts.sums()) == ([], None, {})


def test_a_total_is_of_one_channel_or_all() -> None:
    facts = facts_of(fact(value=1), fact(value=2, channel="search"), fact("impressions", value=4, channel="search"))
    assert [facts.total("clicks", channel) for channel in (None, "", "search", "email")] == [3, 1, 2, None]


def test_a_total_is_of_days_from_since_to_before_until() -> None:
    facts = facts_of(*(fact(day=day, value=10**day) for day in (1, 2, 3)))
    assert facts.total("clicks", since_day="2026-11-02") == 1100
    assert facts.total("clicks", until_day="2026-11-02") == 10
    assert facts.total("clicks", since_day="2026-11-02", until_day="2026-11-03") == 100


def test_a_rank_is_averaged_and_not_summed() -> None:
    facts = facts_of(*(fact("search_rank", day, rank) for day, rank in ((1, 3), (2, 4), (3, 8))))
    assert facts.total("search_rank") == 5
    assert facts.by_currency("search_rank") == {"": 5}


def test_money_is_told_by_currency() -> None:
    spent = [fact("spend", 1, 1.5, currency="USD"), fact("spend", 2, 2, currency="EUR"), fact("spend", 3, 0.25)]
    assert facts_of(*spent).by_currency("spend") == {"": 0.25, "EUR": 2, "USD": 1.5}
    assert facts_of(*spent).by_currency("spend", until_day="2026-11-02") == {"USD": 1.5}


def test_a_total_has_no_rounding_errors() -> None:
    assert facts_of(*(fact("spend", day, 0.1) for day in range(1, 11))).total("spend") == 1
    assert facts_of(fact("spend", value=2.01)).total("spend") == 2.01
    assert facts_of(fact(value=10**15), fact(day=2, value=1e15)).total("clicks") == 2 * 10**15


facts_drawn = st.lists(
    st.builds(
        fact,
        st.sampled_from(["clicks", "spend"]),
        st.integers(1, 3),
        st.integers(-5, 5) | st.floats(-1e9, 1e9),
        st.sampled_from(["", "a"]),
        currency=st.sampled_from(["", "EUR"]),
    )
)


@given(facts_drawn, st.data())
def test_sums_are_those_of_a_recount_and_merging_parts_by_key_gives_the_whole(taken: list[Fact], data: Any) -> None:
    facts, parts = facts_of(*taken), [facts_of(*(each for each in taken if len(key_of(each)) % 2 == n)) for n in (0, 1)]
    last = {key_of(each): each for each in taken}
    assert dict(facts) == last
    recount: dict[tuple[str, str, str], tuple[int, int]] = {}
    for each in last.values():
        series = each.name, each.channel, each.currency
        count, micros = recount.get(series, (0, 0))
        recount[series] = count + 1, micros + round(Fraction(each.value) * 1_000_000)
    sums = facts.sums()
    assert sums.keys() == recount.keys()
    for series, (count, micros) in recount.items():
        assert sums[series][0] == count
        assert isclose(sums[series][1], micros, abs_tol=count)
    whole = pickle.loads(pickle.dumps(parts[data.draw(st.sampled_from([0, 1]))]))
    for part in parts:
        whole.merge(part)
    assert (dict(whole), whole.sums()) == (dict(facts), sums)
