"""Bytes are read into types in one pass: what that takes, the way by a JSON object and checks takes and reads alike."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cjstream.core.touchpoint import FIELDS, Rejection, Touchpoint
from cjstream.ingest.codec import decode, decode_at_length, dumps
from tests.core.builders import START_MS, fields

SKEW_MS = 300_000
FULL = {
    **fields("t1", "review", 0, account_id="acme", session_id="s1", initiator="customer", channel="email", rating=4.5),
    "scale": "csat", "text": 'a "word" or\u2028two', "value": 10, "duration_ms": 7, "reply_to": None, "sequence": 3,
    "occurred_at": "2026-01-01T00:00:00.123Z", "properties": {"cart": "x", "items": [{"n": 1}, 2.5, None, True]},
}  # fmt: skip
TEXT = dumps(FULL)
SNIPPETS = [
    b"\\ud800", b"\\ud83d\\ude00", b"\\udc00", b"\\u0000", b"\\u00ad", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf",
    b"\x7f", b"\xc3\xa9", b"\xc2\x85", b"\x00", b"\x1f", b"\x0b", b" ", b"\n", b"\xef\xbb\xbf", b"//", b",", b"}",
    b"1e400", b"1e-400", b"-0", b"-0.0", b"01", b"1.", b".5", b"+1", b"1E5", b"1.0", b"NaN", b"null", b"true",
    b"0.1234567890123456789", b"9007199254740993", b"18446744073709551616", b"[", b"{", b"[" * 40 + b"]" * 40, b'"a',
    b'"x":1,', b'"id":"b",', b'"\\u0069d":"c",', b'"rating":1e3,', b'"sequence":1.0,', b'"properties":null,',
    b'"properties":{"a":1e400},', b'"properties":{"a":18446744073709551616},', b'"properties":{"a":"\xff"},',
    b'"properties":{"a":{"b":{"c":{"d":{}}}}},',
]  # fmt: skip


def assert_same(value: bytes, recorded_ms: int | None = START_MS) -> None:
    found, wanted = decode(b"ani", value, recorded_ms, SKEW_MS), decode_at_length(value, recorded_ms, SKEW_MS)
    if isinstance(wanted, Touchpoint) and wanted.customer_id != "ani":
        wanted = Rejection("key_mismatch", "customer_id")
    assert repr(found) == repr(wanted)  # tells 1 from 1.0 and 0.0 from -0.0


def test_a_full_touchpoint_is_read_alike() -> None:
    assert isinstance(decode(b"ani", TEXT, START_MS, SKEW_MS), Touchpoint)
    assert_same(TEXT)
    assert_same(TEXT, START_MS - SKEW_MS)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_anywhere_is_read_alike(snippet: bytes) -> None:
    for at in range(len(TEXT) + 1):
        assert_same(TEXT[:at] + snippet + TEXT[at:])
        assert_same(TEXT[:at] + snippet + TEXT[at + 1 :])


@given(st.integers(0, len(TEXT)), st.integers(0, 20), st.binary(max_size=8) | st.text('{}[]":,\\u019eE+-', max_size=8))
@example(len(TEXT), 0, b" " * (1 << 20))
def test_damage_anywhere_is_read_alike(start: int, length: int, patch: bytes | str) -> None:
    patched = patch if isinstance(patch, bytes) else patch.encode()
    assert_same(TEXT[:start] + patched + TEXT[start + length :])


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "colour"]), json_values, max_size=4), json_values)
def test_any_json_object_is_read_alike(changes: dict[str, Any], properties: Any) -> None:
    try:
        text = dumps({**FULL, **changes, "properties": {"x": properties}})
    except TypeError:  # orjson writes no integer beyond 64 bits
        return
    assert_same(text)
