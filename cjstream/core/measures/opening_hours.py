"""The calendar of a definition, read from plain data: time zone, open hours of each day of the week, holidays."""

from datetime import UTC, date, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, reset_tzpath

from cjstream.core.measures.calendar import DAY_MS, Calendar, Interval
from cjstream.core.reading import DATE, Reader
from cjstream.core.times import EPOCH

reset_tzpath(())  # only the tables of the package tzdata: then hours are the same on every machine
CALENDAR_KEYS = ("time_zone", "hours", "holidays")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_INTERVALS = 24  # of a day
MAX_HOLIDAYS = 1000


def read_calendar(reader: Reader, value: Any, path: str) -> Calendar:
    """Return the calendar of a definition: `{time_zone: UTC, hours: {mon-fri: "09:00-17:00"}, holidays: [DATE]}`.

    Without `hours` each day but the holidays is open all day. An interval ends on the day on which it begins, at 24:00
    at the latest; a night is told as two. One with no open hour is reported.
    """
    data = reader.mapping(value, path, CALENDAR_KEYS)
    name, zone = _zone(reader, data.get("time_zone", "UTC"), f"{path}.time_zone")
    hours = _hours(reader, data["hours"], f"{path}.hours") if "hours" in data else (((0, DAY_MS),),) * 7
    holidays = _holidays(reader, data["holidays"], f"{path}.holidays") if "holidays" in data else frozenset[int]()
    return Calendar(hours, holidays, name, zone)


def _zone(reader: Reader, value: Any, path: str) -> tuple[str, tzinfo]:
    try:
        return value, ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):  # a folder of zones is an OSError
        reader.report(path, f"must be a time zone such as Asia/Jakarta or Europe/Berlin, not {value!r}")
        return "UTC", UTC


def _hours(reader: Reader, value: Any, path: str) -> tuple[tuple[Interval, ...], ...]:
    found = dict[int, tuple[Interval, ...]]()
    data = value if isinstance(value, dict) else {}
    for key, told in data.items():
        where = f"{path}.{key}"
        days = _days(key)
        if not days:
            reader.report(where, f"must be a day or days, such as sat or mon-fri, of {', '.join(DAYS)}")
        for day in days:
            if day in found:
                reader.report(where, f"tells {DAYS[day]} twice")
            found[day] = ()
        found |= dict.fromkeys(days, _intervals(reader, told, where))
    if not any(found.values()):
        reader.report(path, "has no open hour; tell some, such as {mon-fri: ['09:00-12:00', '13:00-17:00']}")
    return tuple(found.get(day, ()) for day in range(7))


def _days(key: Any) -> list[int]:
    """Return the days of the week that `sat`, `mon-fri` or `sun-thu` names; none if it names none."""
    first, _, last = key.partition("-") if isinstance(key, str) else ("", "", "")
    last = last or first
    if first not in DAYS or last not in DAYS or key not in (first, f"{first}-{last}"):
        return []
    start = DAYS.index(first)
    return [(start + n) % 7 for n in range((DAYS.index(last) - start) % 7 + 1)]


def _intervals(reader: Reader, value: Any, path: str) -> tuple[Interval, ...]:
    told = reader.entries(value, path, MAX_INTERVALS) if isinstance(value, list) else [(path, value)]
    found = [_interval(reader, text, where) for where, text in told]
    for i, (opens_ms, closes_ms) in enumerate(found):
        if any(opens_ms < other[1] and other[0] < closes_ms for other in found[:i]):
            reader.report(told[i][0], "overlaps another interval of the day")
    return tuple(sorted(found))


def _interval(reader: Reader, value: Any, path: str) -> Interval:
    opens, _, closes = value.partition("-") if isinstance(value, str) else ("", "", "")
    opens_ms, closes_ms = _clock(opens), _clock(closes)
    if opens_ms is None or closes_ms is None:
        reader.report(path, f"must be an interval such as '09:00-17:00', at most to '24:00', not {value!r}")
    elif opens_ms < closes_ms:
        return opens_ms, closes_ms
    else:
        reader.report(path, "ends before it begins; tell a night as two, such as '22:00-24:00' and '00:00-06:00'")
    return 0, 0


def _clock(text: str) -> int | None:
    """Return `09:30` as milliseconds since midnight; `24:00` is the end of the day."""
    hour, _, minute = text.partition(":")
    if len(text) != 5 or not (hour + minute).isascii() or not (hour.isdigit() and minute.isdigit()):
        return None
    minutes = 60 * int(hour) + int(minute)
    return minutes * 60_000 if len(hour) == 2 and int(minute) < 60 and minutes <= 24 * 60 else None


def _holidays(reader: Reader, value: Any, path: str) -> frozenset[int]:
    days = (_day(reader, told, where) for where, told in reader.entries(value, path, MAX_HOLIDAYS))
    return frozenset(day for day in days if day is not None)


def _day(reader: Reader, value: Any, path: str) -> int | None:
    try:
        if isinstance(value, str) and DATE.fullmatch(value):
            return (date.fromisoformat(value) - EPOCH.date()).days
    except ValueError:
        pass
    reader.report(path, f"must be a date such as 2026-12-25, not {value!r}")
    return None
