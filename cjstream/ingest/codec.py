"""The wire: bytes to a touchpoint or the reason it is none, outputs to bytes. The only importer of orjson."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from zlib import crc32

import msgspec
import orjson

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_DEPTH, MAX_DOUBLE, MAX_VALUE_BYTES
from cjstream.core.outputs import Forgotten, Output, Signal, StageTransition
from cjstream.core.touchpoint import (
    Erasure,
    Rejection,
    Touchpoint,
    depth_exceeds,
    has_visible_ids,
    is_id,
    parse,
    touchpoint_of,
)

Header = tuple[str, bytes]
CONTENT_TYPE, SPEC_VERSION = ("content-type", b"application/json"), ("ce_specversion", b"1.0")
TRANSITION, SIGNAL = ("ce_type", b"cjstream.transition.v1"), ("ce_type", b"cjstream.signal.v1")


class WireRecord(msgspec.Struct, frozen=True, gc=False):
    """One record to send. `topic` is a role (transitions, stage_current, signals, dead_letter), not yet a name.

    `timestamp_ms` is the Kafka timestamp; None means the time of sending.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    timestamp_ms: int | None = None


# The bytes of orjson, without a dict for each struct: 1 us for a transition where orjson takes 6 (docs/adr/0006).
to_json: Callable[[Output], bytes] = msgspec.json.Encoder().encode

_read: Callable[[bytes], Fields] = msgspec.json.Decoder(Fields).decode


def dumps(value: Any) -> bytes:
    """Return compact JSON. Structs are written field by field, in order."""
    return orjson.dumps(value, default=msgspec.structs.asdict)


def loads(text: bytes | str) -> Any:
    """Return the value of a JSON text. Raises ValueError if it is none."""
    return orjson.loads(text)


def decode(
    key: bytes | None, value: bytes | None, timestamp_ms: int | None, max_skew_ms: int
) -> Touchpoint | Erasure | Rejection:
    """Return what a record of the touchpoints topic says: a touchpoint, an erasure (null value), or why neither.

    `timestamp_ms` is the record's Kafka timestamp, None or negative if it has none. Never raises.
    """
    if value is None:
        return _erasure(key, timestamp_ms)
    recorded_ms = timestamp_ms if timestamp_ms is not None and timestamp_ms >= 0 else None
    try:
        fields = _read(value)
        is_sound = len(value) <= MAX_VALUE_BYTES and has_visible_ids(fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        is_sound = False
    if is_sound:
        found = touchpoint_of(fields, crc32(value), recorded_ms, max_skew_ms)
    else:
        found = decode_at_length(value, recorded_ms, max_skew_ms)
    if type(found) is Rejection:
        return found
    if key is None:
        return Rejection("no_key")
    return found if key == found.customer_id.encode() else Rejection("key_mismatch", "customer_id")  # type: ignore[union-attr]


def decode_at_length(value: bytes, recorded_ms: int | None, max_skew_ms: int) -> Touchpoint | Rejection:
    """Return what `_read` gives, with what it does not take, or the reason. Never raises."""
    fields = json_object(value)
    return fields if isinstance(fields, Rejection) else parse(fields, crc32(value), recorded_ms, max_skew_ms)


def json_object(value: bytes) -> dict[str, Any] | Rejection:
    """Return the JSON object that bytes are, or why they are none. Never raises."""
    if len(value) > MAX_VALUE_BYTES:
        return Rejection("too_large")
    try:
        fields = orjson.loads(value)
    except ValueError:
        return Rejection(_why_not_json(value))
    if type(fields) is not dict:
        return Rejection("not_object")
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and depth_exceeds(fields):
        return Rejection("too_deep")
    return fields


def _erasure(key: bytes | None, timestamp_ms: int | None) -> Erasure | Rejection:
    if key is None:
        return Rejection("no_key")
    try:
        customer_id = key.decode()
    except UnicodeDecodeError:
        return Rejection("bad_id")
    return Erasure(customer_id, max(timestamp_ms or 0, 0)) if is_id(customer_id) else Rejection("bad_id")


class _BadNumber(ValueError):
    pass


def _refuse(_: str) -> NoReturn:
    raise _BadNumber


def _finite(digits: str) -> float:
    return 0.0 if abs(float(digits)) <= MAX_DOUBLE else _refuse(digits)


def _why_not_json(value: bytes) -> str:
    """Return the reason of a value that orjson refuses, by the more lenient parser of the standard library."""
    if not value.strip():
        return "empty"
    if value[:2].count(0) == 1:
        return "encoding"  # UTF-16: JSON starts with two ASCII characters (RFC 4627 section 3)
    try:
        text = value.decode()
        found = json.loads(text, parse_constant=_refuse, parse_int=_finite, parse_float=_finite)
    except UnicodeDecodeError:
        return "encoding"
    except _BadNumber:
        return "bad_number"
    except RecursionError:
        return "too_deep"
    except ValueError:
        return "encoding" if text.startswith("\ufeff") else "not_json"
    return "too_deep" if depth_exceeds(found) else "encoding"  # orjson refuses 1024 levels and lone surrogates


def encode(output: Output, app_id: str) -> WireRecord:
    """Return the record of an output; transitions and signals are CloudEvents 1.0 in binary mode."""
    key = output.customer_id.encode()
    if isinstance(output, StageTransition):
        headers = _cloud_event(TRANSITION, output.transition_id, output.occurred_at, key, app_id)
        headers.append(("ce_sequence", b"%d" % output.sequence))
        return WireRecord("transitions", key, to_json(output), headers)
    if isinstance(output, Signal):
        headers = _cloud_event(SIGNAL, output.signal_id, output.since, key, app_id)
        return WireRecord("signals", key, to_json(output), headers)
    return WireRecord("stage_current", key, None if isinstance(output, Forgotten) else to_json(output))


def _cloud_event(kind: Header, event_id: str, time: str, subject: bytes, source: str) -> list[Header]:
    # Header values of the Kafka binding are percent-encoded nowhere: UTF-8 as it is (CloudEvents Kafka binding 3.2.3).
    return [
        CONTENT_TYPE,
        SPEC_VERSION,
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        kind,
        ("ce_subject", subject),
        ("ce_time", time.encode()),
        ("ce_partitionkey", subject),
    ]
