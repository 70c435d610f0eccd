"""Dead letters: a rejected record with the reason and from where; read back; and made input again.

Our headers stand last, so that none of the record's own can pass for one of them.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from cjstream.core.limits import DEAD_LETTER_BYTES, DEAD_LETTER_KEY_BYTES
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.codec import Header, WireRecord, dumps

TOPIC, PARTITION, OFFSET = (f"__streams.errors.{name}" for name in ("topic", "partition", "offset"))
MESSAGE, REASON = "__streams.errors.message", "cjstream-reason"
HASHED: Header = ("cjstream-value", b"sha256")  # the value is hash and size of what was too large
REPLAYED = "cjstream-replayed"  # the last header of a note, which is no letter
NUMBER_DIGITS = 19  # of an offset or a time: what is longer is a producer's joke, and Python refuses 5,000
HEADER_BYTES = 10  # of a header on the wire beside name and value, at most
Headers = Sequence[tuple[str, bytes | None]]


class Origin(NamedTuple):
    """Where a record was read."""

    topic: str
    partition: int
    offset: int


class Identity(NamedTuple):
    """What tells a letter from all others but its repeats: an input that was made anew has other records in a place."""

    origin: Origin
    timestamp_ms: int  # of the letter's record in Kafka: -1 for none


class Letter(NamedTuple):
    """What the headers of a dead letter say. `first` is where its record was before any replay.

    `message` is reason and field; `own` are the headers of the record, `is_whole`: nothing of it was left out.
    """

    origin: Origin
    first: Origin
    reason: str
    message: str
    own: Headers
    is_whole: bool


def dead_letter(
    rejection: Rejection,
    coordinates: tuple[str, int, int],
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    timestamp_ms: int | None,
    limit_bytes: int = DEAD_LETTER_BYTES,
) -> WireRecord:
    """Return the dead letter of a record read at `coordinates` (topic, partition, offset): itself, and why.

    One that with its headers exceeds `limit_bytes` goes as hash and size of its value instead.
    """
    message = f"{rejection.reason}: {rejection.field}" if rejection.field else rejection.reason
    reasons = [*_headers_of(Origin(*coordinates)), (MESSAGE, message.encode()), (REASON, rejection.reason.encode())]
    if _size(key, value, headers) > limit_bytes:
        value = dumps({"sha256": sha256(value or b"").hexdigest(), "size_bytes": len(value or b"")})
        headers, key = (), key if key is not None and len(key) <= DEAD_LETTER_KEY_BYTES else None
        reasons.append(HASHED)
    return WireRecord("dead_letter", key, value, [*headers, *reasons], timestamp_ms)  # type: ignore[list-item]


def _size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    own = sum(HEADER_BYTES + len(name.encode()) + len(text or b"") for name, text in headers)
    return len(key or b"") + len(value or b"") + own


def _headers_of(origin: Origin) -> list[Header]:
    topic, partition, offset = origin
    return [(TOPIC, topic.encode()), (PARTITION, b"%d" % partition), (OFFSET, b"%d" % offset)]


def read_letter(headers: Headers) -> Letter | None:
    """Return what these headers of a record of the dead-letter topic say; None: it is no letter of ours."""
    is_whole = not headers or tuple(headers[-1]) != HASHED
    ours = headers[-5:] if is_whole else headers[-6:-1]
    if [name for name, _ in ours] != [TOPIC, PARTITION, OFFSET, MESSAGE, REASON]:
        return None
    origin = _origin(ours)
    own = headers[: len(headers) - (5 if is_whole else 6)]
    if origin is None:
        return None
    reason, message = ((text or b"").decode(errors="replace") for text in (ours[4][1], ours[3][1]))
    return Letter(origin, _origin(own[-3:]) or origin, reason, message, own, is_whole)


def _origin(headers: Headers) -> Origin | None:
    if [name for name, _ in headers[:3]] != [TOPIC, PARTITION, OFFSET]:
        return None
    topic, partition, offset = (text or b"" for _, text in headers[:3])
    if not (_is_number(partition) and _is_number(offset)):
        return None
    return Origin(topic.decode(errors="replace"), int(partition), int(offset))


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= NUMBER_DIGITS


def replay_headers(letter: Letter) -> list[tuple[str, bytes | None]]:
    """Return the headers of a letter's record as it goes back to the input: its own, and where it was at first."""
    own = list(letter.own)
    return own if letter.first != letter.origin else [*own, *_headers_of(letter.origin)]


def replay_note(identity: Identity) -> list[Header]:
    """Return the headers of the note that a letter was replayed: a record of its topic without key and value."""
    return [*_headers_of(identity.origin), (REPLAYED, b"%d" % max(identity.timestamp_ms, -1))]


def read_note(headers: Headers) -> Identity | None:
    """Return whose note a record of the dead-letter topic is; None: it is none."""
    if not headers or headers[-1][0] != REPLAYED:
        return None
    origin, time = _origin(headers[-4:-1]), headers[-1][1] or b""
    if origin is None or not (_is_number(time) or time == b"-1"):
        return None
    return Identity(origin, int(time))
