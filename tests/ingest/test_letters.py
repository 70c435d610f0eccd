"""Dead letters: the record unchanged with the reason; what is too large; read back, and made input again."""

from hashlib import sha256
from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.limits import DEAD_LETTER_BYTES
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.codec import WireRecord, loads
from cjstream.ingest.letters import (
    HASHED,
    Identity,
    Letter,
    Origin,
    dead_letter,
    read_letter,
    read_note,
    replay_headers,
    replay_note,
)
from cjstream.kafka.topics import DEAD_LETTER_EXTRA_BYTES, INPUT_LIMIT_BYTES
from tests.core.builders import START_MS

COORDINATES = ("touchpoints", 3, 42)
REASON_HEADERS = [
    ("__streams.errors.topic", b"touchpoints"),
    ("__streams.errors.partition", b"3"),
    ("__streams.errors.offset", b"42"),
    ("__streams.errors.message", b"bad_type: rating"),
    ("cjstream-reason", b"bad_type"),
]

NAMES = [*(name for name, _ in REASON_HEADERS), "cjstream-replayed", "cjstream-value"]


def letter(key: bytes | None, value: bytes | None, headers: Any = (), limit_bytes: int = 1_000) -> WireRecord:
    return dead_letter(Rejection("bad_type", "rating"), COORDINATES, key, value, headers, START_MS, limit_bytes)


@given(
    st.none() | st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)))
)
def test_a_dead_letter_keeps_key_value_headers_and_timestamp(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    assert letter(key, value, headers, limit_bytes=10_000) == WireRecord(
        "dead_letter", key, value, [*headers, *REASON_HEADERS], START_MS
    )


def test_a_reason_without_a_field_is_its_own_message() -> None:
    record = dead_letter(Rejection("empty"), COORDINATES, b"k", b"", (), None, 1_000)
    assert dict(record.headers)["__streams.errors.message"] == b"empty"
    assert record.timestamp_ms is None


def test_a_dead_letter_that_is_too_large_goes_as_hash_and_size() -> None:
    value = b"x" * 986
    assert letter(b"k", value, [("a", b"bc")]).value == value
    record = letter(b"k", value + b"x", [("a", b"bc")])
    assert record.value is not None
    assert loads(record.value) == {"sha256": sha256(value + b"x").hexdigest(), "size_bytes": 987}
    assert (record.key, list(record.headers)) == (b"k", [*REASON_HEADERS, ("cjstream-value", b"sha256")])


def test_a_key_too_large_to_keep_goes_too() -> None:
    record = letter(b"k" * 1_025, None)
    assert record.key is None
    assert record.value is not None
    assert loads(record.value)["size_bytes"] == 0
    assert letter(None, b"x" * 2_000).key is None
    assert letter(b"k" * 1_024, b"x").key == b"k" * 1_024


def test_the_limit_is_that_of_bytes_on_the_wire() -> None:
    """A name counts by its bytes, and a header without any has its lengths: a packed record may have a million."""
    assert not read(letter(b"k", b"v", [("\U0001f600" * 300, b"")])).is_whole
    assert not read(letter(b"k", b"v", [("", b"")] * 101)).is_whole
    assert read(letter(b"k", b"v", [("", b"")] * 99)).is_whole
    assert read(letter(b"k", b"v", [("n", None)])).own == [("n", None)]


def test_the_default_limit_leaves_room_below_that_of_the_topic() -> None:
    topic_limit = INPUT_LIMIT_BYTES + DEAD_LETTER_EXTRA_BYTES
    batch = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 30)
    rejection, place = Rejection("missing_field", "expected_rating"), ("t" * 249, 2**31 - 1, 2**63 - 1)
    headers = [("", b"")] * 50_000
    value = b"x" * (DEAD_LETTER_BYTES - 10 * len(headers))
    found = dead_letter(rejection, place, None, value, headers, START_MS)
    assert read(found).is_whole
    assert batch.append(0, START_MS, found.key, found.value, list(found.headers))
    assert len(batch.build()) <= topic_limit


def read(record: WireRecord) -> Letter:
    found = read_letter(record.headers)
    assert found is not None
    return found


def test_a_letter_is_read_back() -> None:
    origin = Origin(*COORDINATES)
    own = [("a", b"b")]
    assert read(letter(b"k", b"v", own)) == Letter(origin, origin, "bad_type", "bad_type: rating", own, True)
    assert read(letter(b"k", b"x" * 1_000, own)) == Letter(origin, origin, "bad_type", "bad_type: rating", [], False)


def test_a_record_rejected_again_after_a_replay_says_where_it_was_at_first_and_where_it_is_now() -> None:
    once = letter(b"k", b"v", [("a", b"b")])
    sent = replay_headers(read(once))
    assert sent == [("a", b"b"), *REASON_HEADERS[:3]]
    twice = dead_letter(Rejection("future"), ("touchpoints", 3, 900), b"k", b"v", sent, START_MS)
    again = read(twice)
    assert (again.origin, again.first) == (("touchpoints", 3, 900), COORDINATES)
    assert replay_headers(again) == sent, "however often it goes round, its headers do not grow"


def test_a_note_is_no_letter_and_a_letter_no_note() -> None:
    found = letter(b"k", b"v", [("a", b"b")])
    for time_ms in (START_MS, -1):
        note = replay_note(Identity(read(found).origin, time_ms))
        assert (read_note(note), read_letter(note)) == ((COORDINATES, time_ms), None)
    assert read_note(found.headers) is None


@pytest.mark.parametrize("own", [REASON_HEADERS, [*REASON_HEADERS[:3], ("cjstream-replayed", b"1")], [HASHED]])
def test_headers_of_a_producer_do_not_pass_for_ours(own: list[Any]) -> None:
    forged = letter(b"k", b"v", own)
    assert (read(forged).own, read(forged).origin, read_note(forged.headers)) == (own, COORDINATES, None)


@given(st.lists(st.tuples(st.text(max_size=5) | st.sampled_from(NAMES), st.none() | st.binary(max_size=5))))
def test_no_headers_make_it_raise(headers: list[tuple[str, bytes | None]]) -> None:
    long = [*REASON_HEADERS[:2], (REASON_HEADERS[2][0], b"9" * 5_000)]  # more digits than int() takes
    for each in (
        headers,
        [*headers, *REASON_HEADERS],
        [*headers, *long, *REASON_HEADERS],
        [*long, ("cjstream-replayed", b"9" * 5_000)],
    ):
        found = read_letter(each)
        assert found is None or replay_headers(found) is not None
        assert read_note(each) is None or not found
