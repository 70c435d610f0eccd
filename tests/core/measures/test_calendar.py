"""Working time against a walk from minute to minute that looks at the clock on the wall."""

import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.limits import MAX_MS
from cjstream.core.measures.calendar import ALWAYS, BLOCK_MS, DAY_MS, MAX_BLOCKS, Calendar
from cjstream.core.times import EPOCH, parse_time

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
OFFICE = (((9 * HOUR_MS, 17 * HOUR_MS),),) * 5 + ((),) * 2
LUNCH = (((9 * HOUR_MS, 12 * HOUR_MS), (13 * HOUR_MS, 17 * HOUR_MS)),) * 5 + (((9 * HOUR_MS, 12 * HOUR_MS),), ())
EARLY = (((2 * HOUR_MS, 2 * HOUR_MS + HOUR_MS // 2),),) * 7  # the half hour after clocks change, in Europe
NIGHTS = (((0, 3 * HOUR_MS + HOUR_MS // 2), (22 * HOUR_MS, DAY_MS)),) * 7
AROUND = [  # days on which some clock changes, or the year ends
    "2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2011-12-30", "2006-10-29",
    "2025-12-25", "2026-12-31",
]  # fmt: skip
ZONES = [
    "UTC", "Asia/Jakarta", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
    "America/St_Johns", "Asia/Kathmandu",
]  # fmt: skip


def at(text: str) -> int:
    found = parse_time(text)
    assert found is not None
    return found


def calendar(hours: tuple[tuple[tuple[int, int], ...], ...], zone: str = "UTC", *holidays: str) -> Calendar:
    days = frozenset((datetime.fromisoformat(day).replace(tzinfo=UTC) - EPOCH).days for day in holidays)
    return Calendar(hours, days, zone, ZoneInfo(zone))


def is_open(each: Calendar, at_ms: int) -> bool:
    """Return whether the clock on the wall reads an open hour."""
    wall = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(each.zone)
    day = (wall.date() - EPOCH.date()).days
    into_ms = (wall.hour * 60 + wall.minute) * MINUTE_MS
    return day not in each.holidays and any(opens <= into_ms < closes for opens, closes in each.hours[wall.weekday()])


def walked(each: Calendar, start_ms: int, minutes: int) -> int:
    """Return the working time of so many minutes, looking at each of them."""
    return sum(is_open(each, start_ms + n * MINUTE_MS) for n in range(minutes)) * MINUTE_MS


def test_four_hours_after_friday_at_four_in_the_afternoon_it_is_monday_noon() -> None:
    assert calendar(OFFICE).add(at("2026-11-20T16:00:00Z"), 4 * HOUR_MS) == at("2026-11-23T12:00:00Z")


def test_the_last_working_moment_of_a_day_is_due_that_day() -> None:
    assert calendar(OFFICE).add(at("2026-11-20T09:00:00Z"), 8 * HOUR_MS) == at("2026-11-20T17:00:00Z")
    assert calendar(OFFICE).add(at("2026-11-20T09:00:00Z"), 8 * HOUR_MS + 1) == at("2026-11-23T09:00:00.001Z")


def test_a_due_at_the_end_of_a_block_of_days_is_not_put_off_to_the_next() -> None:
    office = calendar(OFFICE)
    due_ms = office.add(0, office.working_ms(0, BLOCK_MS))
    assert due_ms == at("1970-01-30T17:00:00Z") < BLOCK_MS == at("1970-02-02T00:00:00Z")


def test_what_comes_outside_of_the_hours_waits_from_the_next_opening_on() -> None:
    assert calendar(OFFICE).add(at("2026-11-21T23:00:00Z"), HOUR_MS) == at("2026-11-23T10:00:00Z")


def test_a_break_at_noon_is_no_working_time() -> None:
    assert calendar(LUNCH).add(at("2026-11-20T11:30:00Z"), HOUR_MS) == at("2026-11-20T13:30:00Z")


def test_nobody_works_on_a_holiday() -> None:
    assert calendar(OFFICE, "UTC", "2026-12-25").add(at("2026-12-24T16:00:00Z"), 2 * HOUR_MS) == at(
        "2026-12-28T10:00:00Z"
    )


def test_hours_are_those_of_the_time_zone() -> None:
    assert calendar(OFFICE, "Asia/Jakarta").add(at("2026-11-20T16:00:00+07:00"), 4 * HOUR_MS) == at(
        "2026-11-23T12:00:00+07:00"
    )


def test_hours_follow_daylight_saving() -> None:
    berlin = calendar(OFFICE, "Europe/Berlin")
    assert berlin.add(at("2026-03-27T16:00:00+01:00"), 4 * HOUR_MS) == at("2026-03-30T12:00:00+02:00")
    assert berlin.add(at("2026-10-23T16:00:00+02:00"), 4 * HOUR_MS) == at("2026-10-26T12:00:00+01:00")


def test_an_hour_that_is_skipped_is_not_worked_and_one_that_comes_twice_is_worked_twice() -> None:
    midnight = at("2026-03-29T00:00:00+01:00"), at("2026-10-25T00:00:00+02:00")
    for hours, expected in ((NIGHTS, [2.5, 4.5]), (EARLY, [0, 1])):
        berlin = calendar(hours, "Europe/Berlin")
        assert [berlin.working_ms(each, each + 12 * HOUR_MS) / HOUR_MS for each in midnight] == expected


def test_without_hours_it_is_always_open() -> None:
    assert ALWAYS.add(5, 7) == 12
    assert ALWAYS.working_ms(5, 12) == 7


def test_moments_out_of_order_have_no_working_time_between_them() -> None:
    assert ALWAYS.working_ms(12, 5) == 0
    assert calendar(OFFICE).working_ms(at("2026-11-20T16:00:00Z"), at("2026-11-20T15:00:00Z")) == 0


def test_no_working_time_ends_where_it_begins() -> None:
    start_ms = at("2026-11-21T16:00:00Z")
    assert calendar(OFFICE).add(start_ms, 0) == ALWAYS.add(start_ms, 0) == start_ms


def test_what_lies_after_the_last_year_is_due_at_its_end() -> None:
    assert ALWAYS.add(MAX_MS - 1, 10) == MAX_MS
    assert calendar(OFFICE).add(MAX_MS - DAY_MS, 100 * HOUR_MS) == MAX_MS


def test_a_due_of_more_than_a_hundred_years_never_comes() -> None:
    once = Calendar((((0, MINUTE_MS),),) + ((),) * 6)
    assert once.add(0, 5_200 * MINUTE_MS) < 100 * 366 * DAY_MS
    assert once.add(0, 5_300 * MINUTE_MS) == MAX_MS


def test_working_time_is_looked_for_over_a_hundred_years_at_most() -> None:
    all_day = Calendar((((0, DAY_MS),),) * 7)
    assert all_day.working_ms(0, 2 * MAX_BLOCKS * BLOCK_MS) == (MAX_BLOCKS + 1) * BLOCK_MS


def test_a_calendar_goes_from_process_to_process() -> None:
    berlin = calendar(OFFICE, "Europe/Berlin")
    assert pickle.loads(pickle.dumps(berlin)) == berlin


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_working_time_is_that_of_a_walk_from_minute_to_minute(zone: str, data: st.DataObject) -> None:
    hours = data.draw(st.sampled_from([OFFICE, LUNCH, EARLY, NIGHTS]))
    each = calendar(hours, zone, "2026-12-25", "2026-03-29")
    start_ms = at(data.draw(st.sampled_from(AROUND)) + "T00:00:00Z") + data.draw(st.integers(-1500, 1500)) * MINUTE_MS
    minutes = data.draw(st.integers(0, 1200))
    expected = walked(each, start_ms, minutes)
    assert each.working_ms(start_ms, start_ms + minutes * MINUTE_MS) == expected


@given(
    st.sampled_from([OFFICE, LUNCH, EARLY, NIGHTS]),
    st.sampled_from(ZONES),
    st.integers(at("2005-01-01T00:00:00Z"), at("2045-01-01T00:00:00Z")),
    st.integers(1, 400 * HOUR_MS),
)
def test_a_due_is_the_first_moment_after_so_much_working_time(
    hours: tuple[tuple[tuple[int, int], ...], ...], zone: str, start_ms: int, working_ms: int
) -> None:
    each = calendar(hours, zone, "2026-12-25")
    due_ms = each.add(start_ms, working_ms)
    assert each.working_ms(start_ms, due_ms) == working_ms
    assert each.working_ms(start_ms, due_ms - 1) == working_ms - 1
