"""Deadlines in a store that lasts: an index in the order of time, of which memory holds only what is not durable yet.

Each customer who is due has one entry, not later than that: most changes move the deadline on, and then nothing is
written. An entry that comes up too early is moved by whoever looks at the customer, see `put_back`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import merge
from itertools import islice

from cjstream.core import dues
from cjstream.core.engine import Journeys
from cjstream.core.kept import DUE, KeptTotals
from cjstream.core.state import CustomerState
from cjstream.stream.store import Marks, Store

DUE_PREFIX, ENTRY_PREFIX = b"d", b"e"  # d, time, customer: nothing; e, customer: the time of its entry
TIME_BYTES = 8
KEY_AT = len(DUE_PREFIX) + TIME_BYTES


class KeptDeadlines:
    """The customers of one partition by when they are due. Holds nobody if no definition has deadlines."""

    def __init__(self, store: Store, journeys: Journeys, totals: KeptTotals) -> None:
        self._store, self._journeys, self._totals = store, journeys, totals
        self._gathering: dict[bytes, bytes | None] = {}  # customer -> time of the entry; not durable yet
        self._aside: dict[bytes, bytes | None] = {}
        self._back: dict[bytes, CustomerState] = {}  # put back, and to be moved when the turn has ended
        self._in_flight: dict[bytes, bytes | None] = {}
        self._taken: set[bytes] = set()  # customers who have their turn: their entries do not count
        self._start = DUE_PREFIX  # no entry that counts is before it

    def __len__(self) -> int:
        return self._totals.beside[DUE,]

    def note(self, key: bytes, state: CustomerState | None) -> None:
        """Keep when a customer in this state is due; None: gone."""
        if not self._journeys.has_deadlines:
            return
        is_passed = key in self._taken  # its entry lies before those that count
        self._taken.discard(key)
        old, new = self._entry(key), self.time_of(state)
        if is_passed or old is None or new is None or new < old:
            self._move(key, old, new)

    def put_back(self, key: bytes, state: CustomerState) -> None:
        """Take back that a customer was taken: the clock has nothing to do with this state now."""
        self._back[key] = state

    def time_of(self, state: CustomerState | None) -> bytes | None:
        """Return when a customer in this state is due, in the order of time, or None."""
        due_ms = None if state is None else dues.next_due(state, self._journeys)
        return None if due_ms is None else _time(due_ms)

    def _entry(self, key: bytes) -> bytes | None:
        for overlay in (self._gathering, self._aside, self._in_flight):
            if key in overlay:
                return overlay[key]
        return self._store.mark(ENTRY_PREFIX + key)

    def _move(self, key: bytes, old: bytes | None, new: bytes | None) -> None:
        if new is not None:
            self._start = min(self._start, DUE_PREFIX + new + key)
        if old != new:
            if key in self._aside:  # what was left for later goes with this
                was = self._store.mark(ENTRY_PREFIX + key)
                self._totals.bring((DUE,), (self._aside.pop(key) is not None) - (was is not None))
            self._gathering[key] = new
            self._totals.count((DUE,), (new is not None) - (old is not None))

    def is_due(self, now_ms: int) -> bool:
        """Return whether somebody has an entry before `now_ms`."""
        if any(True for _ in self._due(now_ms)):
            return True
        self._start = max(self._start, DUE_PREFIX + _time(now_ms))
        return False

    def take(self, now_ms: int, limit: int) -> list[bytes]:
        """Return at most `limit` customers with an entry before `now_ms`, earliest first.

        Their entries stay until they are noted in a new state or put back, but do not count before a restart.
        """
        entries = list(islice(self._due(now_ms), limit))
        if entries:
            self._start = entries[-1]
        keys = [entry[KEY_AT:] for entry in entries]
        self._taken.update(keys)
        return keys

    def _due(self, now_ms: int) -> Iterator[bytes]:
        end = DUE_PREFIX + _time(now_ms)
        if self._start >= end:
            return
        changed = {**self._in_flight, **self._aside, **self._gathering}
        entries = (DUE_PREFIX + at + key for key, at in changed.items() if at is not None)
        fresh = sorted(entry for entry in entries if self._start <= entry < end)
        durable = (entry for entry, _ in self._store.marks(self._start, end) if entry[KEY_AT:] not in changed)
        for entry in merge(fresh, durable):
            if entry[KEY_AT:] not in self._taken:
                yield entry

    # -- what is not durable yet

    def take_changes(self) -> Marks:
        """Return the marks that changed since the last call; they are in flight until `written`."""
        marks: Marks = {}
        for key, new in self._gathering.items():
            old = self._store.mark(ENTRY_PREFIX + key)
            if old is not None:
                marks[DUE_PREFIX + old + key] = None
            if new is not None:
                marks[DUE_PREFIX + new + key] = b""
            marks[ENTRY_PREFIX + key] = new
        self._in_flight, self._gathering = self._gathering, {}
        return marks

    def written(self) -> None:
        """What was taken is in the store."""
        self._in_flight = {}

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave what has changed so far for later, as KeptTotals does."""
        self._aside, self._gathering = self._gathering, {}
        try:
            yield
        finally:
            self._gathering, self._aside = {**self._aside, **self._gathering}, {}
            back, self._back = self._back, {}
            for key, state in back.items():
                self._taken.discard(key)
                self._move(key, self._entry(key), self.time_of(state))


def marks_of(key: bytes, at: bytes) -> Marks:
    """Return the marks of a customer with an entry at this time."""
    return {DUE_PREFIX + at + key: b"", ENTRY_PREFIX + key: at}


def _time(due_ms: int) -> bytes:
    return max(0, due_ms).to_bytes(TIME_BYTES, "big")
