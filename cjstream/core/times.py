"""Event time: integer milliseconds since the epoch inside, RFC 3339 on the wire."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cjstream.core.limits import MAX_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-][0-2]\d:[0-5]\d)", re.ASCII)
DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# An hour as it is written, from `MM:SS` on.
SECONDS = [f"{minute:02}:{second:02}" for minute in range(60) for second in range(60)]
ENDS = [f".{ms:03}Z" for ms in range(1000)]
SECOND_MS = {text: 1000 * second for second, text in enumerate(SECONDS)}
END_MS = {"Z": 0} | {text: ms for ms, text in enumerate(ENDS)}


def parse_time(value: object) -> int | None:
    """Return an RFC 3339 text with zone, or integer milliseconds, as milliseconds; None if it is neither.

    Fractions below a millisecond are cut off. Nothing is guessed: no zone, seconds as a number, leap seconds and
    times outside 1970..9999 are None. Source: RFC 3339 section 5.6.
    """
    if not isinstance(value, str):
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_MS else None
    try:  # the form most often written
        return _hour_ms(value[:14]) + SECOND_MS[value[14:19]] + END_MS[value[19:]]
    except KeyError:
        return _parse_text(value)


def parse_day(text: str) -> int | None:
    """Return a day, as its beginning in UTC, or a time with zone, in milliseconds; None if it is neither."""
    return parse_time(f"{text}T00:00:00Z" if len(text) == len("2026-01-31") else text)


@lru_cache(maxsize=1 << 14)
def _hour_ms(text: str) -> int:
    ms = _parse_text(f"{text}00:00Z")
    if ms is None:
        raise KeyError(text)
    return ms


def _parse_text(text: str) -> int | None:
    if not RFC3339.fullmatch(text):
        return None
    try:
        delta = datetime.fromisoformat(text.upper()) - EPOCH
    except (ValueError, OverflowError):
        return None
    ms = delta.days * 86_400_000 + delta.seconds * 1_000 + delta.microseconds // 1_000
    return ms if 0 <= ms <= MAX_MS else None


def format_time(ms: int) -> str:
    """Return milliseconds since the epoch as RFC 3339, UTC, milliseconds: `2026-01-01T00:00:00.000Z`.

    A moment after the year 9999, such as a deadline, is told as the last one that can be written.
    """
    if ms > MAX_MS:  # noqa: PLR1730 - four times as fast as min
        ms = MAX_MS
    return _hour(ms // 3_600_000) + SECONDS[ms // 1000 % 3600] + ENDS[ms % 1000]


@lru_cache(maxsize=1 << 12)
def _hour(hour: int) -> str:
    return (EPOCH + timedelta(hours=hour)).isoformat()[:14]


def parse_duration(text: object) -> int | None:
    """Return `30s`, `15m`, `4h`, `14d` or `500ms` as milliseconds; None if it is no such text. 0 needs no unit."""
    if text == 0 and not isinstance(text, bool):
        return 0
    match = DURATION.fullmatch(text) if isinstance(text, str) else None
    return int(match[1]) * UNIT_MS[match[2]] if match else None
