"""The codec: every reason with an example, nothing that makes it raise, and what records look like on the wire."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cjstream.core.limits import MAX_VALUE_BYTES
from cjstream.core.outputs import Forgotten
from cjstream.core.touchpoint import REASONS, Erasure, Rejection, Touchpoint
from cjstream.ingest.codec import WireRecord, decode, dumps, encode, loads
from tests.core.builders import SHOP, START_MS, Customer, fields, touchpoint

SKEW_MS = 300_000
GOOD = fields("t1", "page_view", 0)
TEXT = dumps(GOOD)


def read(value: bytes | None, key: bytes | None = b"ani", timestamp_ms: int | None = START_MS) -> Any:
    return decode(key, value, timestamp_ms, SKEW_MS)


def with_field(name: str, json_text: str) -> bytes:
    """Return the good touchpoint with one field more, given as JSON."""
    return TEXT[:-1] + f',"{name}":{json_text}}}'.encode()


def nested(levels: int) -> bytes:
    """Return a touchpoint whose arrays and objects nest `levels` deep."""
    return with_field("properties", '{"x":' + "[" * (levels - 2) + "]" * (levels - 2) + "}")


GIANT = "9" * 5_000
WRONG_TIMES: list[Any] = [
    "soon", -1, 1e308, "2026-01-01T00:00:00", "2016-12-31T23:59:60Z", 253_402_300_800_000, True, [],
]  # fmt: skip

# What arrives, by the reason it is refused for: reliability.md section 6 as a table.
REFUSED: dict[str, list[bytes]] = {
    "empty": [b"", b" ", b" \n\t\r "],
    "encoding": [
        b"\xef\xbb\xbf" + TEXT,
        TEXT.decode().encode("utf-16"),
        TEXT.decode().encode("utf-16-le"),
        with_field("text", '"?"').replace(b"?", b"\xff"),
        with_field("text", '"?"').replace(b"?", b"\xc0\xaf"),
        with_field("text", '"?"').replace(b"?", b"\xed\xa0\x80"),
        with_field("unknown", '"?"').replace(b"?", b"\xff"),
        with_field("text", r'"\ud800"'),
        with_field("unknown", r'"\udc00\ud800"'),
    ],
    "not_json": [
        TEXT[:-1], TEXT[:20], TEXT + b"x", TEXT + TEXT, TEXT + b"\n" + TEXT, TEXT[:-1] + b",}", b"// hello\n" + TEXT,
        TEXT.replace(b'"', b"'"), with_field("value", "01"), with_field("value", "+1"), with_field("value", ".5"),
        with_field("value", "0x10"), with_field("value", "1."), with_field("text", '"\n"'), b"hello", b"True",
        b"\x00\x00\x00\x00\x2a" + TEXT, b"Obj\x01\x04", b"\x0a\x03ani",
    ],
    "not_object": [b"null", b"42", b"[]", b'"x"', b"true", b"[" + TEXT + b"]", b"1e3"],
    "too_deep": [
        nested(33), with_field("unknown", "[" * 40 + "]" * 40), nested(1_024), nested(1_025),
        with_field("unknown", "[" * 1_100 + r'"\u00e9"' + "]" * 1_100),
        b"[" * 1_000_000, b"[" * 500_000 + b"]" * 500_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    "too_large": [
        with_field("text", '"' + "x" * MAX_VALUE_BYTES + '"'), with_field("text", '"' + "x" * 10_001 + '"'),
        with_field("channel", '"' + "x" * 65_536 + '"'), b" " * (MAX_VALUE_BYTES + 1),
    ],
    "missing_field": [b"{}", dumps({**GOOD, "id": None}), dumps({"id": "t1", "customer_id": "ani", "type": "x"})],
    "bad_type": [
        dumps({**GOOD, "id": 7}), with_field("duration_ms", "1.0"), with_field("sequence", "true"),
        with_field("scale", '"STARS"'), with_field("properties", "[]"), dumps({**GOOD, "type": ""}),
    ],
    "bad_number": [
        with_field("value", "NaN"), with_field("value", "-Infinity"), with_field("value", "1e400"),
        with_field("unknown", "-1e400"), with_field("value", "1e300"), with_field("sequence", str(2**64)),
        with_field("sequence", "-1"), with_field("value", "9" * 500), with_field("unknown", GIANT),
        with_field("duration_ms", "1" + "0" * 19),
    ],
    "bad_id": [
        dumps({**GOOD, "id": odd}) for odd in ("", "a b", "a\x00b", "a\nb", "\u202e", "\u200b", "\x1b[31m", "x" * 129)
    ],
    "bad_timestamp": [
        dumps({**GOOD, "occurred_at": odd})
        for odd in WRONG_TIMES
    ],
    "future": [
        dumps({**GOOD, "occurred_at": START_MS + SKEW_MS + 1}), dumps({**GOOD, "occurred_at": "9999-01-01T00:00:00Z"}),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        pytest.param(reason, value, id=f"{reason}-{n}")
        for reason, all_ in REFUSED.items()
        for n, value in enumerate(all_)
    ],
)
def test_bad_input_is_refused_with_its_reason(reason: str, value: bytes) -> None:
    assert read(value).reason == reason


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, TEXT, "no_key"),
        (None, None, "no_key"),
        (b"budi", TEXT, "key_mismatch"),
        (b"", TEXT, "key_mismatch"),
        (b"ANI", TEXT, "key_mismatch"),
        (b"\xff", TEXT, "key_mismatch"),
        (b"\xff", None, "bad_id"),
        (b"", None, "bad_id"),
        (b"a b", None, "bad_id"),
        (b"\x00p", None, "bad_id"),
    ],
)
def test_a_bad_key_is_refused_with_its_reason(key: bytes | None, value: bytes | None, reason: str) -> None:
    assert read(value, key).reason == reason


def test_every_reason_of_the_closed_list_has_an_example() -> None:
    """Only internal_error is given by nobody here: it stands for a bug of ours."""
    assert set(REFUSED) | {"no_key", "key_mismatch", "internal_error"} == set(REASONS)


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        b" " + TEXT + b"\n",
        nested(32),
        with_field("__faust", '{"ns":"evil"}'),
        with_field("text", r'"<script>\u2028\ud83d\ude00=1+1"'),
        with_field("text", '"' + "{[" * 100 + '"'),
        with_field("value", "1e-400"),
        with_field("unknown", str(2**64)),
        dumps({**GOOD, **{f"unknown{n}": n for n in range(10_000)}}),
        dumps({**GOOD, "occurred_at": START_MS + SKEW_MS}),
        dumps({**GOOD, "occurred_at": 0}),
    ],
)
def test_odd_but_legal_input_is_taken(value: bytes) -> None:
    found = read(value)
    assert isinstance(found, Touchpoint)
    assert found.id == "t1"


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    assert read(with_field("type", '"purchase"')).type == "purchase"


def test_a_rejection_names_the_field_at_fault_but_never_its_value() -> None:
    assert read(dumps({**GOOD, "rating": "secret"})) == Rejection("bad_type", "rating")
    assert read(with_field("colour", "NaN")) == Rejection("bad_number")


def test_ids_beyond_ascii_fit_their_key() -> None:
    assert read(dumps({**GOOD, "customer_id": "zoë-中"}), "zoë-中".encode()).customer_id == "zoë-中"


def test_the_fingerprint_tells_payloads_apart() -> None:
    prints = {read(value).fingerprint for value in (TEXT, with_field("channel", '"email"'))}
    assert len(prints) == 2
    assert read(TEXT).fingerprint in prints


@pytest.mark.parametrize("timestamp_ms", [None, -1])
def test_without_a_kafka_timestamp_nothing_is_future(timestamp_ms: int | None) -> None:
    assert isinstance(read(dumps({**GOOD, "occurred_at": 253_402_300_799_999}), timestamp_ms=timestamp_ms), Touchpoint)


def test_a_null_value_asks_for_erasure_as_of_the_records_time() -> None:
    assert read(None) == Erasure("ani", START_MS)
    assert read(None, timestamp_ms=None) == read(None, timestamp_ms=-1) == Erasure("ani", 0)


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(), st.none() | st.integers(-1, 2**53))
@example(b"ani", b"[" * 100_000, 0)
def test_no_bytes_make_it_raise(key: bytes | None, value: bytes | None, timestamp_ms: int | None) -> None:
    found = decode(key, value, timestamp_ms, SKEW_MS)
    assert not isinstance(found, Rejection) or found.reason in REASONS


@given(st.integers(0, len(TEXT)), st.integers(0, 20), st.binary(max_size=8) | st.text('{}[]":,\\u019eE+-', max_size=8))
def test_no_damage_to_good_json_makes_it_raise(start: int, length: int, patch: bytes | str) -> None:
    patched = patch if isinstance(patch, bytes) else patch.encode()
    found = read(TEXT[:start] + patched + TEXT[start + length :])
    assert isinstance(found, Touchpoint) or found.reason in REASONS


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_what_the_standard_library_reads_and_orjson_does_not_has_a_reason(value: Any) -> None:
    found = read(with_field("properties", json.dumps({"x": value})))
    assert isinstance(found, Touchpoint) or found.reason in ("encoding", "bad_number")


def test_json_is_written_compact_and_read_back() -> None:
    value = {"a": [1, 2.5, None, True], "b": "é"}
    assert dumps(value) == '{"a":[1,2.5,null,true],"b":"é"}'.encode()
    assert loads(dumps(value)) == loads(dumps(value).decode()) == value
    with pytest.raises(ValueError, match="unexpected"):
        loads(b"{")


@pytest.fixture
def ani() -> Customer:
    customer = Customer.of(SHOP)
    customer.feed(touchpoint("t1", "purchase", 0, channel="website", customer_id="zoë"))
    return customer


def test_a_transition_is_a_cloud_event_in_binary_mode(ani: Customer) -> None:
    transition = ani.transitions[0]
    record = encode(transition, "shop-app")
    assert (record.topic, record.key, record.timestamp_ms) == ("transitions", "zoë".encode(), None)
    assert dict(record.headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": transition.transition_id.encode(),
        "ce_source": b"shop-app",
        "ce_type": b"cjstream.transition.v1",
        "ce_subject": "zoë".encode(),
        "ce_time": b"2026-01-01T00:00:00.000Z",
        "ce_partitionkey": "zoë".encode(),
        "ce_sequence": b"1",
    }
    assert record.value is not None
    assert list(loads(record.value)) == list(transition.__struct_fields__)
    assert loads(record.value)["cause"] == {"touchpoint_id": "t1", "type": "purchase", "rule": "rule-3"}


def test_a_signal_is_a_cloud_event_too(ani: Customer) -> None:
    signal = ani.signals[0]
    record = encode(signal, "shop-app")
    headers = dict(record.headers)
    assert record.topic == "signals"
    assert (headers["ce_id"], headers["ce_type"]) == (signal.signal_id.encode(), b"cjstream.signal.v1")
    assert headers["ce_time"] == signal.since.encode()
    assert "ce_sequence" not in headers


def test_a_current_stage_is_plain_json_with_journeys_by_name(ani: Customer) -> None:
    record = encode(ani.outputs[-1], "shop-app")
    assert (record.topic, list(record.headers)) == ("stage_current", [])
    assert record.value is not None
    assert loads(record.value)["journeys"]["shop"]["stage"] == "purchase"


def test_who_is_forgotten_is_a_null_record() -> None:
    assert encode(Forgotten("ani"), "shop-app") == WireRecord("stage_current", b"ani", None)
