"""CustomerState: one customer in all journeys; and the byte forms of all that the changelog holds.

A value starts with a version byte and a flag byte; the rest is MessagePack of an array, so fields may only be added
at the end, with defaults: then older bytes stay readable as they are. The version says which fields there may be, so
that an older release refuses what it would cut off. tests/core/states/ keeps some bytes of each version.
Keys of customers are their ids in UTF-8. Keys that start with a zero byte are reserved: no id holds one.

`gc=False`: these values hold no cycles, and the collector would visit millions of them for nothing.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

import msgspec

from cjstream.core.measures.feedback import Thread
from cjstream.core.measures.score_state import ScoreState
from cjstream.core.measures.watches import Watch
from cjstream.core.stages import OUTSIDE
from cjstream.errors import StateMismatch

VERSION = 3
VERSIONS = (1, 2, VERSION)  # readable
HAS_PENDING = 1  # flag: `pending` is not empty, so restore finds such values without decoding all
RECENT_IDS = 16  # how many touchpoint ids a customer's window of duplicates holds
ENTRY_BYTES = 10  # 8 of the id's hash, 2 of the payload's fingerprint

POSITION_KEY = b"\x00p"
DEFINITION_PREFIX = b"\x00d"
MARKER_PREFIX = b"\x00e"

TIMEOUT_ENTERED, TIMEOUT_TOUCH = -2, -3  # in place of a rule: the stall clock that moved the customer

Fence = tuple[int, int]  # (epoch of the input topic, offset)
_Kind = TypeVar("_Kind")


class Visit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One stay in a stage: its index in the definition, and the touchpoint that began it.

    Stage OUTSIDE: the customer left the journey. `touchpoint_id` is empty if a deadline began it. `rule` is an index in
    the definition's table, a TIMEOUT, or -1 where it was not kept. `inferred` is only ever true in what is told: the
    state keeps what was seen.
    """

    stage: int
    at_ms: int
    sequence: int
    touchpoint_id: str
    inferred: bool = False
    rule: int = -1


class Reached(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The earliest touchpoint that met the goal; `origin` is its channel, device and persona."""

    at_ms: int
    sequence: int
    touchpoint_id: str
    origin: int = 0


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A touchpoint as logged: what a fold needs of it. `matches`: rules of the table whose own conditions hold.

    `counted`: index of its type among those that conditions count, or -1. `holds_ms`: until when stalls wait, by each
    snooze in `matches`, -1 if it does not say. `score`: the engagement score then, this touchpoint included; 0.0 if
    the definition does not ask for it.
    """

    at_ms: int
    sequence: int
    touchpoint_id: str
    matches: tuple[int, ...] = ()
    counted: int = -1
    by_customer: bool = True
    origin: int = 0
    holds_ms: tuple[int, ...] = ()
    score: float = 0.0


class StageTotal(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The visits of one stage that are no longer kept: how many, their time in all, and the last one."""

    stage: int
    visits: int
    cumulative_ms: int
    entered_ms: int
    exited_ms: int


class Past(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What an instance keeps beside its visits if the order of arrival could matter to its definition.

    `base` is the instance before the touchpoints of `log`, without its visits: they are the first `kept` ones. None:
    the instance itself. `floor_ms`: nothing older can be taken in. `trimmed`: visits told and no longer kept, the last
    of them in stage `before`. `left`: the stage it was in when it was dropped.
    """

    counts: tuple[int, ...] = ()
    touched_ms: int = -1
    stalled: int = 0
    snoozed_ms: int = -1
    entered_ms: int = -1
    furthest: int = OUTSIDE
    log: tuple[Entry, ...] = ()
    kept: int = 0
    base: "Instance | None" = None
    floor_ms: int = -1
    trimmed: int = 0
    before: int = OUTSIDE
    totals: tuple[StageTotal, ...] = ()
    left: int = OUTSIDE


class Instance(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One run through a journey under one definition, given by its hash; `visits` in order, the last is where it is.

    `goal`, `origin` (of the first touchpoint) and `dropped_ms` are those of the newest round.
    """

    definition: str
    key: str = ""
    round: int = 0
    visits: tuple[Visit, ...] = ()
    goal: Reached | None = None
    origin: int = 0
    dropped_ms: int | None = None
    past: Past | None = None


class JourneyState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A customer in one journey: the last sequence sent, and the instances, that entered last at the end.

    `settled_ms`: deadlines before it have passed by the clock; -1 if the customer's own time is ahead of it.
    """

    sequence: int = 0
    instances: tuple[Instance, ...] = ()
    settled_ms: int = -1


class Latest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The value of an attribute at the customer's newest touchpoint that has one; ties: sequence, then value."""

    at_ms: int
    sequence: int
    value: str


class Experience(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the measures of a journey keep of a customer: open feedback, score, and what declared rules wait for."""

    threads: tuple[Thread, ...] = ()
    score: ScoreState | None = None
    watches: tuple[Watch, ...] = ()


class Measured(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is kept of a customer for measures: how it judged last, the type of what it did last, and by journey."""

    judgement: Latest | None = None
    last: Latest | None = None
    journeys: dict[str, Experience] = {}


class PendingRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record to send, as it will be on the wire; `topic` is a role such as `signals`."""

    topic: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class CustomerState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All that is kept of one customer. `fence`: the last input position applied. `newest_ms`: the customer's clock.

    `recent` is the window of duplicate ids, ENTRY_BYTES each, newest last. `erased_at_ms`: touchpoints up to then
    belong to somebody forgotten. `pending`: outputs of a step fired by the clock, not yet known to be sent.
    `heard_ms`: the newest touchpoint of the business, if it is newer than all of the customer; else -1. `measured`:
    None where no journey measures.
    """

    fence: Fence = (0, -1)
    newest_ms: int = -1
    recent: bytes = b""
    journeys: dict[str, JourneyState] = {}
    account_id: Latest | None = None
    persona: Latest | None = None
    channel: Latest | None = None
    erased_at_ms: int | None = None
    pending: tuple[PendingRecord, ...] = ()
    heard_ms: int = -1
    measured: Measured | None = None


NOT_BEGUN = JourneyState()
NOTHING_KEPT = Experience()


def value_of(latest: Latest | None) -> str | None:
    """Return the value of an attribute, None if it was never told."""
    return None if latest is None else latest.value


def experience_of(measured: Measured | None, journey: str) -> Experience:
    """Return what is kept of a customer for the measures of a journey; perhaps nothing."""
    return NOTHING_KEPT if measured is None else measured.journeys.get(journey, NOTHING_KEPT)


class Marker(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What stays of a forgotten customer: the fence, up to when all is forgotten, the last sequence per journey.

    `made_ms`: when it was made, by the clock or the null record; -1 in older markers.
    """

    fence: Fence
    erased_at_ms: int
    sequences: dict[str, int] = {}
    made_ms: int = -1


class Position(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How far a partition was applied: the last record's position, timestamp (-1: none), value hash, and topic.

    `pending_acked`: outputs of clock-fired steps up to this changelog offset are durable. `partitions`: how many the
    topic had then; 0: not known. `secret_hash`: of the secret that markers were made with; empty: not known.
    """

    fence: Fence = (0, -1)
    timestamp_ms: int = -1
    value_hash: bytes = b""
    pending_acked: int = -1
    topic: str = ""
    partitions: int = 0
    secret_hash: bytes = b""


_HEAD, _HEAD_WITH_PENDING = bytes((VERSION, 0)), bytes((VERSION, HAS_PENDING))
_to_bytes = msgspec.msgpack.Encoder().encode
_read_state = msgspec.msgpack.Decoder(CustomerState).decode
_read_marker = msgspec.msgpack.Decoder(Marker).decode
_read_position = msgspec.msgpack.Decoder(Position).decode


def encode(value: CustomerState | Marker | Position) -> bytes:
    """Return the byte form of a changelog value."""
    head = _HEAD_WITH_PENDING if isinstance(value, CustomerState) and value.pending else _HEAD
    return head + _to_bytes(value)


def decode_state(data: bytes) -> CustomerState:
    """Return the customer of `encode`. Raises StateMismatch for bytes of an unknown version, or damaged ones."""
    return _decode(data, _read_state)


def decode_marker(data: bytes) -> Marker:
    """Return the erasure marker of `encode`; raises as `decode_state`."""
    return _decode(data, _read_marker)


def decode_position(data: bytes) -> Position:
    """Return the position record of `encode`; raises as `decode_state`."""
    return _decode(data, _read_position)


def newer_position(held: Position, value: bytes | None) -> Position:
    """Return the position in force after one more of its records, as a restore has it; raises as `decode_state`."""
    position = Position() if value is None else decode_position(value)
    return position if value is None or position.fence >= held.fence else held


def _decode(data: bytes, read: Callable[[bytes], _Kind]) -> _Kind:
    version = data[0] if data else None
    if version not in VERSIONS:
        raise StateMismatch(f"state of version {version} is newer than this cjstream", "upgrade cjstream")
    try:
        return read(data[2:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateMismatch(f"a value in the state changelog is damaged ({error})", "restore the changelog") from None


class _Head(msgspec.Struct, array_like=True):
    fence: Fence


_head_decoder = msgspec.msgpack.Decoder(_Head)


def fence_of(data: bytes) -> Fence:
    """Return the fence of an encoded customer, marker or position, decoding nothing else."""
    return _head_decoder.decode(data[2:]).fence


def is_older(data: bytes, than: bytes) -> bool:
    """Return whether one encoded customer is of a time before another of the same customer.

    The clock changes a customer without moving the fence; then who has sent fewer records is older.
    """
    fence, other = fence_of(data), fence_of(than)
    if fence != other or data == than:
        return fence < other
    return _sent(data) < _sent(than)


def _sent(data: bytes) -> tuple[int, int]:
    """Return how many records were sent, and up to when the customer is forgotten: who fell silent sent none for it."""
    state = decode_state(data)
    sequences = sum(journey.sequence for journey in state.journeys.values())
    return sequences, -1 if state.erased_at_ms is None else state.erased_at_ms


def has_pending(data: bytes) -> bool:
    """Return whether an encoded customer carries pending outputs, without decoding it."""
    return bool(data[1] & HAS_PENDING)


def is_reserved(key: bytes) -> bool:
    """Return whether `key` is ours and no customer's."""
    return key[:1] == b"\x00"


def marker_key(customer_id: str, secret: bytes) -> bytes:
    """Return the reserved key of a customer's erasure marker: a hash keyed with at most 64 bytes of `secret`."""
    return MARKER_PREFIX + blake2b(customer_id.encode(), digest_size=16, key=secret[:64]).digest()


def hash_of_secret(secret: bytes) -> bytes:
    """Return 8 bytes that tell the secret of the erasure markers from another one: a keyed hash of no customer.

    Who guesses at secrets learns no more from it than from the marker of a known id.
    """
    return blake2b(b"\x00erasure markers", digest_size=8, key=secret[:64]).digest()


def hashed_id(customer_id: str, secret: bytes) -> str:
    """Return what stands for a customer where the id must not: the hash in the key of the erasure marker, in hex."""
    return marker_key(customer_id, secret)[len(MARKER_PREFIX) :].hex()


def definition_key(content_hash: str) -> bytes:
    """Return the reserved key under which a definition is kept."""
    return DEFINITION_PREFIX + content_hash.encode()


def hash_of_value(value: bytes | None) -> bytes:
    """Return the hash of an input record's value that a position keeps."""
    return blake2b(value or b"", digest_size=8).digest()


def id_entry(touchpoint_id: str, fingerprint: int) -> bytes:
    """Return one entry of the window of recent ids."""
    return blake2b(touchpoint_id.encode(), digest_size=8).digest() + (fingerprint & 0xFFFF).to_bytes(2, "big")


def find_entry(recent: bytes, entry: bytes) -> bytes | None:
    """Return the entry of the same id in the window, or None. Its last two bytes tell if the payload is known too."""
    at = recent.find(entry[:8])
    while at >= 0 and at % ENTRY_BYTES:
        at = recent.find(entry[:8], at + 1)
    return recent[at : at + ENTRY_BYTES] if at >= 0 else None


def remember(recent: bytes, entry: bytes) -> bytes:
    """Return the window with `entry` added and the oldest dropped when it is full."""
    return (recent + entry)[-RECENT_IDS * ENTRY_BYTES :]
