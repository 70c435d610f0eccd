"""Until when the records of a forgotten customer stay, by what Kafka says of their topic."""

import errno
from typing import Any

import click
import pytest

from cjstream.cli import forget
from cjstream.cli.forget_data import Held, Holdings, _is_of
from cjstream.kafka import Keeping

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS
KEPT = Keeping(is_compacted=False, retention_ms=7 * DAY_MS, segment_ms=DAY_MS, lag_ms=None, tombstone_ms=DAY_MS)
COMPACTED = Keeping(is_compacted=True, retention_ms=None, segment_ms=DAY_MS, lag_ms=DAY_MS, tombstone_ms=DAY_MS)


@pytest.mark.parametrize(
    ("keeping", "newest_day", "gone_by_day"),
    [
        (KEPT, 99, 107),  # its segment may take records for one more day
        (KEPT, 50, 100),  # old enough, and not gone yet: any moment
        (KEPT._replace(retention_ms=None), 99, None),
        (COMPACTED, 50, 102),  # the value after a day, the null, whose key is the id, a day later
        (COMPACTED._replace(lag_ms=None), 50, None),  # Kafka sets no bound
        (COMPACTED._replace(retention_ms=7 * DAY_MS), 99, 102),  # compact,delete: what comes first
    ],
)
def test_the_latest_time_is_told_or_that_there_is_none(
    keeping: Keeping, newest_day: int, gone_by_day: int | None
) -> None:
    found = Held("topic", 3, newest_day * DAY_MS, keeping).gone_by_ms(NOW_MS)
    assert found == (None if gone_by_day is None else gone_by_day * DAY_MS)


@pytest.mark.parametrize(
    ("key", "value", "is_dead_letter", "is_mine"),
    [
        (b"ani", b"anything", False, True),
        (b"budi", b'{"customer_id":"ani"}', False, False),
        (b"budi", b'{"customer_id":"ani"}', True, True),
        (None, b'{"customer_id":"ani"}', True, True),
        (None, b'{"customer_id":"anita"}', True, False),
        (None, b'{"note":"ani"', True, False),
        (None, b"ani", True, False),
        (None, None, True, False),
        (b"ani", None, False, True),  # an erasure's own record has the id as key
    ],
)
def test_a_dead_letter_is_of_the_customer_it_names(
    key: bytes | None, value: bytes | None, is_dead_letter: bool, is_mine: bool
) -> None:
    assert _is_of(key, value, b"ani", is_dead_letter) == is_mine


def test_an_erasure_adds_its_own_record_and_the_time_of_it() -> None:
    old = Held("touchpoints", 0, None, KEPT)
    before = Holdings([old, old._replace(topic="signals")], has_state=False, has_marker=False)
    assert not before.is_known
    after = before.with_null(["touchpoints"], NOW_MS)
    assert [(held.records, held.gone_by_ms(NOW_MS)) for held in after.topics] == [(1, 108 * DAY_MS), (0, None)]
    assert after.is_known


def test_a_proof_that_stdout_does_not_take_goes_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    echo = click.echo

    def full(text: Any, *, err: bool = False) -> None:
        if not err:
            raise OSError(errno.ENOSPC, "No space left on device")
        echo(text, err=err)

    monkeypatch.setattr("cjstream.cli.forget.click.echo", full)
    with pytest.raises(OSError, match="No space left"):
        forget._echo_proof(b'{"event":"forget"}')
    assert capsys.readouterr() == ("", '{"event":"forget"}\n')
