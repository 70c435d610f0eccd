"""Periods of a calendar, in UTC: days, ISO weeks (from Monday on) and months."""

from datetime import date, timedelta
from functools import lru_cache

from cjstream.core.limits import MAX_MS

DAY, WEEK, MONTH = PERIODS = ("day", "week", "month")
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)  # a Thursday


def period_start(at_ms: int, every: str) -> int:
    """Return when the period began in which a moment lies; all in milliseconds. `every`: one of PERIODS."""
    return _first_day(at_ms // DAY_MS, every) * DAY_MS


@lru_cache(maxsize=1 << 12)
def _first_day(day: int, every: str) -> int:
    if every == DAY:
        return day
    if every == WEEK:
        return day - (day + EPOCH.weekday()) % 7
    return (_date(day).replace(day=1) - EPOCH).days


def next_start(start_ms: int, every: str) -> int:
    """Return the start of the period after the one that begins at `start_ms`; the last month of all is 31 days long."""
    end_ms = start_ms + {DAY: 1, WEEK: 7, MONTH: 31}[every] * DAY_MS
    return period_start(end_ms, every) if end_ms <= MAX_MS else end_ms


def label(start_ms: int, every: str) -> str:
    """Return the name of the period that begins at `start_ms`: `2026-01-31`, `2026-W05` (ISO 8601) or `2026-01`."""
    first = _date(start_ms // DAY_MS)
    if every == WEEK:
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return first.isoformat() if every == DAY else f"{first:%Y-%m}"


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
