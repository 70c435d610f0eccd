"""One partition's customers: the durable store, and over it what is under way to the changelog."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from aiokafka import ConsumerRecord

from cjstream.core.state import (
    DEFINITION_PREFIX,
    MARKER_PREFIX,
    POSITION_KEY,
    CustomerState,
    Marker,
    Position,
    decode_marker,
    decode_position,
    decode_state,
    encode,
    fence_of,
    has_pending,
    is_older,
    is_reserved,
    marker_key,
)
from cjstream.core.totals import Totals
from cjstream.stream.hidden import Hidden
from cjstream.stream.marks import Ledger
from cjstream.stream.stamps import RECORD_MARK, Stamps
from cjstream.stream.store import Marks, Store

Value = CustomerState | Marker | Position | bytes  # bytes: a definition, already encoded
Changes = dict[bytes, Value | None]


class Rows:
    """Reads see the newest value, durable or not; only `commit`, `settle` and `restore` touch the store."""

    def __init__(self, store: Store, erasure_key: bytes) -> None:
        self.store = store
        self.ledger = Ledger(store) if store.is_lasting else None
        self._stamps = Stamps(store) if store.is_lasting else None
        self._hidden = Hidden(store)
        self.totals = self.ledger.totals if self.ledger else Totals()
        # key -> changelog offset of a value with pending outputs that an earlier process left
        self.pending: dict[bytes, int] = dict(self.ledger.pending) if self.ledger else {}
        self._erasure_key = erasure_key
        self._gathering: Changes = {}
        self._in_flight: Changes = {}
        self._marks: Marks = {}  # of what is in flight
        self._has_markers = self.has_markers()

    def state(self, key: bytes) -> CustomerState | None:
        """Return a customer's state, or None."""
        for overlay in (self._gathering, self._in_flight):
            if key in overlay:
                value = overlay[key]
                assert value is None or isinstance(value, CustomerState)
                return value
        data = self.store.get(key)
        return None if data is None else decode_state(data)

    def marker(self, customer_id: str) -> Marker | None:
        """Return what is kept of an erased customer, or None."""
        key = self.marker_key(customer_id)
        for overlay in (self._gathering, self._in_flight):
            value = overlay.get(key)
            if isinstance(value, Marker):
                return value
        data = self.store.get(key)
        return None if data is None else decode_marker(data)

    def marker_key(self, customer_id: str) -> bytes:
        """Return the reserved key of a customer's marker."""
        return marker_key(customer_id, self._erasure_key)

    def position(self) -> Position:
        """Return how far the partition was applied, durably."""
        data = self.store.get(POSITION_KEY)
        return Position() if data is None else decode_position(data)

    def has_markers(self) -> bool:
        """Return whether a marker is durable. Looks at all keys in memory."""
        return any(True for _ in self.store.items(MARKER_PREFIX))

    def put(self, key: bytes, value: Value | None) -> None:
        """Change a value in the group that is gathering. A deletion goes last: what tells of it stands before it."""
        if value is None:
            self._gathering.pop(key, None)
        elif type(value) is Marker:
            self._has_markers = True
        self._gathering[key] = value

    def take(self) -> Changes:
        """Return the changes gathered since the last call; they stay visible until `commit`."""
        assert not self._in_flight, "groups of one partition are serial"
        self._in_flight, self._gathering = self._gathering, {}
        self._marks = self.ledger.take() if self.ledger else {}
        return self._in_flight

    def take_alone(self, changes: Changes) -> Changes:
        """Take these changes, and leave what is gathered for later; none may be of a key that `is_gathering`."""
        assert not self._in_flight, "groups of one partition are serial"
        self._has_markers = self._has_markers or any(type(value) is Marker for value in changes.values())
        self._in_flight = changes
        self._marks = self.ledger.take() if self.ledger else {}
        return changes

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let what a turn of the clock changes be taken by itself, by `take_alone` inside of the context."""
        if self.ledger is None:
            yield
            return
        with self.ledger.aside():
            yield

    def is_gathering(self, key: bytes) -> bool:
        """Return whether the newest value of a key waits for the next `take`."""
        return key in self._gathering

    def hidden(self) -> dict[bytes, bytes | None]:
        """Return what the next write to the changelog must repeat: values that another writer's records hide there."""
        return {key: self.store.get(key) for key in sorted(self._hidden.keys)}

    def commit(self, encoded: dict[bytes, bytes | None], changelog_offset: int) -> None:
        """Make the changes taken durable: the changelog has acked them, in this order, up to `changelog_offset`."""
        if self._stamps is not None and encoded:
            self._marks[RECORD_MARK] = self._stamps.written(*next(reversed(encoded.items())))
        if self._hidden.keys:
            self._marks |= self._hidden.discard(encoded)
        self._write(encoded, changelog_offset)
        self._in_flight = {}

    def _write(self, rows: dict[bytes, bytes | None], changelog_offset: int) -> None:
        """Write rows, with the marks that wait, in one step."""
        if self.ledger is None:
            self.store.write(rows, changelog_offset)
            self._marks = {}
            return
        self._marks |= self.ledger.pending_changes(rows, changelog_offset)
        self.store.write(rows, changelog_offset, self._marks)
        self.ledger.written()
        self._marks = {}

    def settle(self, keys: Iterable[bytes]) -> None:
        """Drop the pending outputs of these customers from the store: they are sent, and the changelog says so.

        The changelog's record stays as it is. Call it when nothing is in flight; what gathers has none of them anyway.
        """
        assert not self._in_flight, "groups of one partition are serial"
        settled: dict[bytes, bytes | None] = {}
        for key in keys:
            self.pending.pop(key, None)
            value = self.store.get(key)
            if value is not None and has_pending(value):
                settled[key] = encode(msgspec.structs.replace(decode_state(value), pending=()))
        self._write(settled, self.store.changelog_offset)

    def restore(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply changelog records in order, but none whose fence is below that of the value held: a zombie wrote it."""
        held = dict(zip(keys := sorted({record.key for record in records}), self.store.get_many(keys), strict=True))
        fresh: dict[bytes, bytes | None] = {}
        hidden = set[bytes]()
        for record in records:
            key, value = record.key, record.value
            if self._is_stale(key, value, fresh, held):
                hidden.add(key)
                continue
            hidden.discard(key)
            fresh[key] = value
            if is_reserved(key):
                self._has_markers = self._has_markers or key.startswith(MARKER_PREFIX)
                continue
            self.pending.pop(key, None)
            if value is not None and has_pending(value):
                self.pending[key] = record.offset
        self._marks |= self._hidden.discard(fresh) | self._hidden.add(hidden)
        if self.ledger is not None:
            self._marks |= self.ledger.restored({key: held[key] for key in fresh if not is_reserved(key)})
        if self._stamps is not None:
            self._marks[RECORD_MARK] = self._stamps.restored(records[-1].key, records[-1].value)
        self._write(fresh, records[-1].offset)

    def _is_stale(
        self,
        key: bytes,
        value: bytes | None,
        fresh: dict[bytes, bytes | None],
        held: dict[bytes, bytes | None],
    ) -> bool:
        """Return whether what is held for the key is newer: its value, or the marker of an erasure.

        A deleted customer's marker stands before the deletion; a deletion whose marker is older than the state held
        is a zombie's, of a customer who has returned. One without a marker takes back what a zombie wrote.
        """
        if key.startswith(DEFINITION_PREFIX):
            return False
        known = fresh[key] if key in fresh else held[key]
        if is_reserved(key):
            return value is not None and known is not None and fence_of(value) < fence_of(known)
        if value is None:
            if known is None:
                return False
            marker = self._marker_held(key, fresh)
            return marker is not None and fence_of(marker) < fence_of(known)
        if known is None:  # who has returned since the erasure has a fence above that of the marker
            marker = self._marker_held(key, fresh)
            return marker is not None and fence_of(value) <= fence_of(marker)
        return is_older(value, known)

    def _marker_held(self, key: bytes, fresh: dict[bytes, bytes | None]) -> bytes | None:
        if not self._has_markers:
            return None
        marker_key_ = self.marker_key(key.decode())
        return fresh[marker_key_] if marker_key_ in fresh else self.store.get(marker_key_)

    def definitions(self) -> Iterator[bytes]:
        """Yield the definitions kept in this partition, encoded."""
        return (value for _, value in self.store.items(DEFINITION_PREFIX))

    def customers(self) -> Iterator[tuple[bytes, CustomerState]]:
        """Yield the durable customers."""
        for key, value in self.store.items():
            if not is_reserved(key):
                yield key, decode_state(value)


def encode_changes(changes: Changes) -> dict[bytes, bytes | None]:
    """Return the byte form of a group's changes."""
    return {
        key: value if value is None or isinstance(value, bytes) else encode(value) for key, value in changes.items()
    }
