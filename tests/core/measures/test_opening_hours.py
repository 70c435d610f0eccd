"""A calendar as a definition tells it: what is read, and which faults are named where."""

from typing import Any

import pytest

from cjstream.core.measures.calendar import DAY_MS
from cjstream.core.measures.opening_hours import MAX_HOLIDAYS, MAX_INTERVALS, read_calendar
from cjstream.core.reading import Reader

HOUR_MS = 3_600_000
OFFICE = (9 * HOUR_MS, 17 * HOUR_MS)


def faults(value: Any) -> list[str]:
    reader = Reader()
    read_calendar(reader, value, "calendar")
    return [problem.path for problem in reader.problems]


def test_hours_holidays_and_time_zone_are_read() -> None:
    reader = Reader()
    told = {
        "time_zone": "Asia/Jakarta",
        "hours": {"mon-fri": ["13:00-17:00", "09:00-12:00"], "sat": "09:00-24:00"},
        "holidays": ["1970-01-02", "2026-12-25"],
    }
    found = read_calendar(reader, told, "calendar")
    assert not reader.problems
    assert found.time_zone == str(found.zone) == "Asia/Jakarta"
    split = (9 * HOUR_MS, 12 * HOUR_MS), (13 * HOUR_MS, 17 * HOUR_MS)
    assert found.hours == (split,) * 5 + (((9 * HOUR_MS, DAY_MS),), ())
    assert found.holidays == {1, 20_812}


def test_days_may_go_over_the_end_of_the_week() -> None:
    found = read_calendar(Reader(), {"hours": {"sun-thu": "09:00-17:00"}}, "calendar")
    assert found.hours == ((OFFICE,),) * 4 + ((), ()) + ((OFFICE,),)


def test_without_hours_all_days_but_the_holidays_are_open_all_day_in_utc() -> None:
    found = read_calendar(Reader(), {"holidays": ["1970-01-02"]}, "calendar")
    assert (found.hours, found.time_zone) == ((((0, DAY_MS),),) * 7, "UTC")
    assert found.working_ms(0, 3 * DAY_MS) == 2 * DAY_MS


def test_intervals_may_meet() -> None:
    assert faults({"hours": {"mon": ["09:00-12:00", "12:00-17:00"]}}) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ["calendar"]),
        ({"zone": "UTC"}, ["calendar.zone"]),
        ({"time_zone": "Asia/Nowhere"}, ["calendar.time_zone"]),
        ({"time_zone": "America"}, ["calendar.time_zone"]),
        ({"time_zone": "../etc"}, ["calendar.time_zone"]),
        ({"time_zone": ""}, ["calendar.time_zone"]),
        ({"time_zone": 7}, ["calendar.time_zone"]),
        ({"time_zone": None}, ["calendar.time_zone"]),
        ({"hours": None}, ["calendar.hours"]),
        ({"hours": {}}, ["calendar.hours"]),
        ({"hours": {"mon": []}}, ["calendar.hours.mon", "calendar.hours"]),
        ({"hours": {"monday": "09:00-17:00", "mon": "09:00-17:00"}}, ["calendar.hours.monday"]),
        ({"hours": {"mon-": "09:00-17:00", "mon": "09:00-17:00"}}, ["calendar.hours.mon-"]),
        ({"hours": {1: "09:00-17:00", "mon": "09:00-17:00"}}, ["calendar.hours.1"]),
        ({"hours": {"mon-fri": "09:00-17:00", "fri": "09:00-12:00"}}, ["calendar.hours.fri"]),
        ({"hours": {"mon": "22:00-06:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "09:00-09:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "9:00-17:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "09.00-17.00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "09:60-17:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "009:0-17:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "09:00-24:01"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": "0٩:00-17:00"}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": 9}}, ["calendar.hours.mon"]),
        ({"hours": {"mon": ["09:00-12:00", "11:00-13:00"]}}, ["calendar.hours.mon[1]"]),
        ({"hours": {"mon": ["09:00-12:00"] * (MAX_INTERVALS + 1)}}, ["calendar.hours.mon", "calendar.hours"]),
        ({"holidays": []}, ["calendar.holidays"]),
        ({"holidays": ["2026-02-30"]}, ["calendar.holidays[0]"]),
        ({"holidays": ["2026-12-25", "25.12."]}, ["calendar.holidays[1]"]),
        ({"holidays": [20261225]}, ["calendar.holidays[0]"]),
        ({"holidays": ["2026-12-25"] * (MAX_HOLIDAYS + 1)}, ["calendar.holidays"]),
    ],
)
def test_a_fault_is_named_by_its_path(value: Any, expected: list[str]) -> None:
    assert faults(value) == expected
