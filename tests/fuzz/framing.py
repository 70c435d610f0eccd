"""Records as plain bytes, for a fuzzer: two bytes of how one is sent, then its value."""

import json

from tests.corpus.cases import START_MS, Case, Header, Sent

FRAME_BYTES = 2
NO_VALUE, NO_KEY, OTHER_KEY, IS_KNOWN, HAS_HEADERS = 1, 2, 4, 8, 16  # bits of the first byte
TIMES: tuple[int | None, ...] = (START_MS, None, -1, 0, 2**62)
HEADERS: tuple[Header, ...] = (("source", b"fuzz"), ("cjstream-value", b"sha256"), ("", None))


def framed(case: Case) -> bytes:
    """Return the bytes that stand for a record of the corpus: two of how it is sent, then its value."""
    sent = case.record
    flags = (NO_VALUE if sent.value is None else 0) | (NO_KEY if sent.key is None else 0) | IS_KNOWN
    return bytes([flags | (HAS_HEADERS if sent.headers else 0), 0]) + (sent.value or b"")


def record_of(data: bytes) -> tuple[Sent, bool]:
    """Return the record that bytes stand for, and whether its customer is known."""
    flags, time, value = data[0], data[1], None if data[0] & NO_VALUE else data[2:]
    key = None if flags & NO_KEY else data[2:20] if flags & OTHER_KEY else own_key(value)
    headers = HEADERS if flags & HAS_HEADERS else ()
    return Sent(key, value, headers, TIMES[time % len(TIMES)]), bool(flags & IS_KNOWN)


def own_key(value: bytes | None) -> bytes:
    """Return the key that a producer of this value would have taken."""
    try:
        return str(json.loads(value or b"")["customer_id"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return b"ani"
