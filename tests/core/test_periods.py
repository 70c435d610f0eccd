"""Periods of a calendar: held against Python's own calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.limits import MAX_MS
from cjstream.core.periods import DAY_MS, PERIODS, label, next_start, period_start

MOMENTS = st.integers(0, MAX_MS)


def first_day(day: date, every: str) -> date:
    if every == "week":
        return day - timedelta(day.weekday())
    return day if every == "day" else day.replace(day=1)


@given(MOMENTS, st.sampled_from(PERIODS))
def test_a_moment_lies_in_the_period_that_the_calendar_says(at_ms: int, every: str) -> None:
    day = datetime.fromtimestamp(at_ms // 1000, UTC).date()
    assert period_start(at_ms, every) == (first_day(day, every) - date(1970, 1, 1)).days * DAY_MS


@given(st.integers(0, MAX_MS - 40 * DAY_MS), st.sampled_from(PERIODS))
def test_periods_follow_each_other_without_a_gap(at_ms: int, every: str) -> None:
    start_ms = period_start(at_ms, every)
    end_ms = next_start(start_ms, every)
    assert start_ms <= at_ms < end_ms
    assert period_start(end_ms - 1, every) == start_ms
    assert period_start(end_ms, every) == end_ms


@pytest.mark.parametrize(("every", "due"), [("day", "2024-12-31"), ("week", "2025-W01"), ("month", "2024-12")])
def test_a_period_is_named_as_iso_8601_does(every: str, due: str) -> None:
    new_years_eve = int(datetime(2024, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)
    assert label(period_start(new_years_eve, every), every) == due


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_the_last_period_of_all_ends_too(every: str) -> None:
    start_ms = period_start(MAX_MS, every)
    assert next_start(start_ms, every) > MAX_MS
    assert label(start_ms, every)
