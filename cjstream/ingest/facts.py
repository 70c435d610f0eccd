"""The wire of facts: bytes to a fact, to the withdrawal of one, or to the reason they are neither."""

from cjstream.core.facts import KEY_FIELDS, Fact, Withdrawal, key_of, parse_fact
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.codec import json_object, loads


def decode_fact(key: bytes | None, value: bytes | None) -> Fact | Withdrawal | Rejection:
    """Return what a record of the facts topic says: a fact, a withdrawal (null value), or why neither. Never raises."""
    if value is None:
        return _withdrawal(key)
    found = read_fact(value)
    if isinstance(found, Rejection):
        return found
    if key is None:
        return Rejection("no_key")
    return found if key == key_of(found).encode() else Rejection("key_mismatch")


def read_fact(value: bytes) -> Fact | Rejection:
    """Return the fact that a record's value or a line of a file is, or why it is none. Never raises."""
    fields = json_object(value)
    return fields if isinstance(fields, Rejection) else parse_fact(fields)


def _withdrawal(key: bytes | None) -> Withdrawal | Rejection:
    if key is None:
        return Rejection("no_key")
    try:
        parts = loads(key)
    except ValueError:
        return Rejection("key_mismatch")
    if type(parts) is list and len(parts) == len(KEY_FIELDS):
        found = parse_fact({**dict(zip(KEY_FIELDS, parts, strict=True)), "value": 0})
        if isinstance(found, Fact) and key_of(found).encode() == key:
            return Withdrawal(key_of(found))
    return Rejection("key_mismatch")
