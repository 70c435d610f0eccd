"""Times: RFC 3339 or milliseconds in, milliseconds inside, RFC 3339 with milliseconds out. Nothing is guessed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.limits import MAX_MS
from cjstream.core.times import RFC3339, format_time, parse_day, parse_duration, parse_time


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (0, 0),
        (MAX_MS, MAX_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00.000Z", 1_767_225_600_000),
        ("2026-01-01t00:00:00z", 1_767_225_600_000),
        ("2026-01-01T07:00:00+07:00", 1_767_225_600_000),
        ("2025-12-31T19:30:00.5-04:30", 1_767_225_600_500),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("9999-12-31T23:59:59.999Z", MAX_MS),
    ],
)
def test_a_time_is_read(value: object, ms: int) -> None:
    assert parse_time(value) == ms


@pytest.mark.parametrize(
    "value",
    [
        None, True, -1, MAX_MS + 1, 1.0, 1e308, [], {}, "", "now", "1767225600000",
        "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z", "2026-01-01 00:00:00Z", "20260101T000000Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+0700",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+29:00",
        "2016-12-31T23:59:60Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00",
        "\uff12026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "2026-W01-1T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None


@given(st.integers(0, MAX_MS))
def test_what_is_written_is_read_back(ms: int) -> None:
    assert parse_time(format_time(ms)) == ms


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001, the zone comes next
    st.integers(-23 * 60, 23 * 60),
)
def test_every_zone_gives_the_moment_that_python_gives(naive: datetime, offset_minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_time(moment.isoformat()) == since_epoch // timedelta(milliseconds=1)


PRINTED = "2026-01-01T07:08:09.012Z"


@given(st.lists(st.tuples(st.integers(0, 23), st.sampled_from([*"0123456789+-:.,TtZzW \x00\u0663"])), max_size=4))
def test_what_looks_like_a_written_time_is_one_or_none(changes: list[tuple[int, str]]) -> None:
    text = [*PRINTED]
    for at, letter in changes:
        text[at] = letter
    assert parse_time("".join(text)) is None or RFC3339.fullmatch("".join(text))


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", fullmatch=True))
def test_any_text_is_a_time_within_bounds_or_none(text: str) -> None:
    ms = parse_time(text)
    assert ms is None or 0 <= ms <= MAX_MS


def test_a_time_is_written_with_milliseconds_in_utc() -> None:
    assert format_time(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"
    assert format_time(MAX_MS) == format_time(MAX_MS + 1) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("text", "ms"),
    [(0, 0), ("0s", 0), ("500ms", 500), ("30s", 30_000), ("15m", 900_000), ("4h", 14_400_000), ("14d", 1_209_600_000)],
)
def test_a_duration_is_read(text: object, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text", [None, False, 1, 10.5, "", "10", "m", "-1s", "1.5h", "1 h", "1H", "1w", "1s\n", "٣s", []]
)
def test_what_is_no_duration_is_none(text: object) -> None:
    assert parse_duration(text) is None


def test_a_day_is_its_beginning_in_utc_and_a_time_is_itself() -> None:
    assert parse_day("2026-01-31") == parse_time("2026-01-31T00:00:00Z")
    assert parse_day("2026-01-31T10:00:00+07:00") == parse_time("2026-01-31T03:00:00Z")
    assert parse_day("31.1.2026") is None
