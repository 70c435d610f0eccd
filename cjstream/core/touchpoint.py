"""Touchpoint v1: one contact between one customer and the business; and the closed list of why input is refused.

The wire contract is schemas/touchpoint.v1.schema.json; FIELDS is tested equal to it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_DEPTH, MAX_ID, MAX_LABEL, MAX_NUMBER, MAX_SAFE_INTEGER, MAX_TEXT
from cjstream.core.times import parse_time

REASONS = (
    "empty", "encoding", "not_json", "not_object", "too_deep", "too_large", "missing_field", "bad_type", "bad_number",
    "bad_id", "bad_timestamp", "future", "no_key", "key_mismatch", "internal_error",
)  # fmt: skip

Check = Callable[[Any], str | None]


class Touchpoint(msgspec.Struct, frozen=True, gc=False):
    """A valid touchpoint. `fields` are all that it told; `fingerprint` tells payloads with one id apart."""

    id: str
    customer_id: str
    type: str
    at_ms: int
    sequence: int
    by_customer: bool
    fields: Fields
    fingerprint: int

    def with_field(self, name: str, value: Any) -> "Touchpoint":
        """Return it as if it had told this too."""
        return replace(self, fields=replace(self.fields, **{name: value}))


class Rejection(NamedTuple):
    """Why a record is no touchpoint: `reason` is one of REASONS, `field` names ours at fault, or is empty."""

    reason: str
    field: str = ""


class Erasure(NamedTuple):
    """A null value under a key: forget this customer. `at_ms` is the record's Kafka timestamp."""

    customer_id: str
    at_ms: int


def is_id(text: str) -> bool:
    """Return whether `text` is 1 to 128 visible characters: no space, control, format or unassigned one."""
    return _id(text) is None


def _id(value: Any) -> str | None:
    if type(value) is not str:
        return "bad_type"
    return None if 0 < len(value) <= MAX_ID and value.isprintable() and " " not in value else "bad_id"


def _string(limit: int) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not str:
            return "bad_type"
        return None if len(value) <= limit else "too_large"

    return check


_label = _string(MAX_LABEL)


def _type(value: Any) -> str | None:
    return "bad_type" if value == "" else _label(value)


def _one_of(*words: str) -> Check:
    return lambda value: None if value in words and type(value) is str else "bad_type"


def _number(value: Any) -> str | None:
    if type(value) is not float and type(value) is not int:
        return "bad_type"
    return None if -MAX_NUMBER <= value <= MAX_NUMBER else "bad_number"


def _natural(value: Any) -> str | None:
    if type(value) is not int:
        # a whole number beyond 64 bits arrives as a float: it is a number, and out of range
        return "bad_number" if type(value) is float and abs(value) > MAX_SAFE_INTEGER else "bad_type"
    return None if 0 <= value <= MAX_SAFE_INTEGER else "bad_number"


def _object(value: Any) -> str | None:
    return None if type(value) is dict else "bad_type"


REQUIRED = ("id", "customer_id", "type", "occurred_at")
FIELDS: Mapping[str, Check | None] = {
    "id": _id, "customer_id": _id, "type": _type, "occurred_at": None,  # `parse` reads it, once
    "account_id": _id, "anonymous_id": _id, "previous_id": _id,
    "initiator": _one_of("customer", "business"),
    "channel": _label, "device": _label, "persona": _label, "campaign": _label,
    "session_id": _id, "duration_ms": _natural,
    "rating": _number, "scale": _one_of("stars", "csat", "ces", "nps"), "expected_rating": _number,
    "sentiment": _one_of("positive", "neutral", "negative"), "emotion": _label, "thought": _string(MAX_TEXT),
    "topic": _label, "text": _string(MAX_TEXT), "language": _label,
    "value": _number, "cost": _number, "currency": _label,
    "reply_to": _id, "referred_by": _id, "exit_reason": _label,
    "sequence": _natural, "properties": _object,
}  # fmt: skip
_check_of = FIELDS.get


def has_visible_ids(fields: Fields) -> bool:
    """Return whether no id holds a space or an invisible character. Their types and lengths are looked at elsewhere."""
    ids = (
        f"{fields.id}{fields.customer_id}{fields.session_id or ''}{fields.account_id or ''}{fields.anonymous_id or ''}"
        f"{fields.previous_id or ''}{fields.reply_to or ''}{fields.referred_by or ''}"
    )
    return ids.isprintable() and " " not in ids


def parse(
    fields: Mapping[str, Any], fingerprint: int, recorded_ms: int | None, max_skew_ms: int
) -> Touchpoint | Rejection:
    """Return the touchpoint that a JSON object is, or why it is none.

    `recorded_ms` is the record's Kafka timestamp (None: unknown); an event time more than `max_skew_ms` beyond it is
    `future`. A null field counts as absent, an unknown one is ignored. Never raises.
    """
    known = {name: value for name, value in fields.items() if name in FIELDS}
    typed = _typed(known)
    if typed is None:
        refused = _refusal(fields)
        if refused is not None:
            return refused
        typed = Fields(**known)
    return touchpoint_of(typed, fingerprint, recorded_ms, max_skew_ms)


def touchpoint_of(
    fields: Fields, fingerprint: int, recorded_ms: int | None, max_skew_ms: int
) -> Touchpoint | Rejection:
    """As `parse`, of fields with nothing to refuse but the time."""
    at_ms = parse_time(fields.occurred_at)
    if at_ms is None:
        return Rejection("bad_timestamp", "occurred_at")
    if recorded_ms is not None and at_ms > recorded_ms + max_skew_ms:
        return Rejection("future", "occurred_at")
    return Touchpoint(
        fields.id, fields.customer_id, fields.type, at_ms, fields.sequence or 0, fields.initiator != "business", fields,
        fingerprint,
    )  # fmt: skip


def _typed(known: dict[str, Any]) -> Fields | None:
    """Return the fields if there is nothing to refuse in them; None is no verdict."""
    try:
        fields = msgspec.convert(known, Fields)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the second: a lone surrogate
        return None
    return fields if has_visible_ids(fields) else None


def _refusal(fields: Mapping[str, Any]) -> Rejection | None:
    for name, value in fields.items():
        check = _check_of(name)
        if check is not None and value is not None:
            reason = check(value)
            if reason is not None:
                return Rejection(reason, name)
    for name in REQUIRED:
        if fields.get(name) is None:
            return Rejection("missing_field", name)
    return None


def depth_exceeds(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Return whether arrays and objects in `value` nest deeper than `limit`. Recurses at most `limit` deep."""
    if type(value) is dict:
        return limit == 0 or any(depth_exceeds(item, limit - 1) for item in value.values())
    if type(value) is list:
        return limit == 0 or any(depth_exceeds(item, limit - 1) for item in value)
    return False
