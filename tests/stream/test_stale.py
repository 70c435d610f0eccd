"""A store of an earlier process is taken up only where the changelog has all that it lacks."""

import pytest

from cjstream.stream.stale import Held, Log, why_stale

HOUR_MS = 3_600_000
NOW_MS = 1_000 * HOUR_MS
HELD = Held(b"home", 90, b"content", NOW_MS - HOUR_MS)
LOG = Log(b"home", 0, 100, b"content", 24 * HOUR_MS)


def why(*, held: dict[str, object] | None = None, log: dict[str, object] | None = None) -> str | None:
    return why_stale(HELD._replace(**held or {}), LOG._replace(**log or {}), NOW_MS)  # type: ignore[arg-type]


def test_a_store_that_is_a_little_behind_is_taken_up() -> None:
    assert why() is None


@pytest.mark.parametrize(
    ("held", "log", "says"),
    [
        ({"home": b"elsewhere"}, {}, "another app"),
        ({"home": b""}, {}, "another app"),
        ({"offset": 100}, {}, "ends at offset 100, but the changelog before 100"),
        ({}, {"end": 0, "content": None}, "changelog before 0"),
        ({}, {"start": 92}, "begins at 92"),
        ({}, {"content": None}, "is gone"),
        ({}, {"content": b"other"}, "made anew"),
        ({"content": b""}, {}, "made anew"),
        ({"used_ms": NOW_MS - 20 * HOUR_MS}, {}, "longer than the changelog keeps deletions"),
        ({"used_ms": NOW_MS + 1}, {}, "longer"),  # a clock that went back tells nothing
        ({}, {"retention_ms": HOUR_MS}, "longer"),
    ],
)
def test_what_is_foreign_or_cannot_be_told_is_discarded(
    held: dict[str, object], log: dict[str, object], says: str
) -> None:
    assert says in (why(held=held, log=log) or "")


def test_a_store_that_lacks_nothing_is_never_too_old() -> None:
    assert why(held={"offset": 99, "used_ms": 0}) is None
    assert why(held={"offset": 98, "used_ms": 0}) is not None


def test_a_store_right_before_the_start_of_the_changelog_lacks_nothing_that_is_gone() -> None:
    assert why(log={"start": 90}) is None
    assert why(log={"start": 91}) is None
