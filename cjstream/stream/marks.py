"""The marks of a partition: records beside the customers, which say what a look at every one of them would find.

Totals have a mark for each booking, deadlines one for each customer who is due. The mark `made` says what they were
made of: the definitions, and the form of all this. It is gone while they may be wrong, and then they are made anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b

from cjstream import __version__
from cjstream.core.engine import Journeys
from cjstream.core.kept import DUE, KeptTotals, decode_booking, encode_booking
from cjstream.core.state import VERSION, CustomerState, decode_state, has_pending, is_reserved
from cjstream.core.totals import Booking
from cjstream.ingest.codec import dumps
from cjstream.stream.due import DUE_PREFIX, ENTRY_PREFIX, KeptDeadlines, marks_of
from cjstream.stream.store import Marks, Store

FORMAT = 1  # of the marks; raise it when what they say of the same customers changes
PENDING_PREFIX = b"p"  # of a customer: the changelog offset up to which outputs of the clock were not known to be sent
TOTALS_PREFIX, MADE_MARK, HOME_MARK = b"t", b"made", b"home"
LAST = b"\xff"
REPLAYED_CUSTOMERS = 10_000  # beyond so many restored customers, a look at all of them is as quick
MARKS_A_WRITE = 10_000
COUNT_BYTES = 8  # of a count, or an offset


class Ledger:
    """Totals and deadlines of a store that lasts. What a group changes of them is taken, and written, with it."""

    def __init__(self, store: Store) -> None:
        self.totals = KeptTotals()
        self._deadlines: KeptDeadlines | None = None  # of an open partition
        self._store = store
        self._made = store.mark(MADE_MARK)
        self._replayed: dict[bytes, bytes | None] = {}  # customers restored since, as they were before
        pending = store.marks(PENDING_PREFIX, PENDING_PREFIX + LAST)
        self.pending = {key[len(PENDING_PREFIX) :]: int.from_bytes(offset) for key, offset in pending}

    def pending_changes(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> Marks:
        """Return the marks of customers in `rows` who have, or have no longer, outputs of the clock to be sent.

        Who has some must be found without a look at every customer.
        """
        marks: Marks = {}
        for key, value in rows.items():
            if value is not None and not is_reserved(key) and has_pending(value):
                self.pending[key] = changelog_offset
                marks[PENDING_PREFIX + key] = changelog_offset.to_bytes(COUNT_BYTES, "big")
            elif self.pending.pop(key, None) is not None:
                marks[PENDING_PREFIX + key] = None
        return marks

    def take(self) -> Marks:
        """Return the marks that changed since the last call."""
        marks: Marks = {_key(booking): _count(count) for booking, count in self.totals.take().items()}
        return marks if self._deadlines is None else marks | self._deadlines.take_changes()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave what has changed so far for later: `take` meanwhile returns what changes inside of the context."""
        assert self._deadlines is not None, "the clock has turns of open partitions"
        with self.totals.aside(), self._deadlines.aside():
            yield

    def written(self) -> None:
        """What was taken is in the store."""
        if self._deadlines is not None:
            self._deadlines.written()

    def restored(self, before: Mapping[bytes, bytes | None]) -> Marks:
        """Take note of customers restored, as they were before, and return the marks to write with them."""
        if self._made is None or not before:
            return {}
        for key, value in before.items():
            self._replayed.setdefault(key, value)
        if len(self._replayed) > REPLAYED_CUSTOMERS:
            self._made, self._replayed = None, {}
        return {MADE_MARK: None}

    def open(self, journeys: Journeys, customers: Iterable[tuple[bytes, CustomerState]]) -> tuple[KeptDeadlines, bool]:
        """Return the deadlines, brought up like the totals, and whether that took a look at all `customers`.

        What was restored into marks that stand is booked one by one.
        """
        made, self._deadlines = _made_of(journeys), KeptDeadlines(self._store, journeys, self.totals)
        is_valid = self._made == made
        if is_valid:
            self._load()
            self._book_replayed(self._deadlines, journeys)
        else:
            self._make(self._deadlines, journeys, customers)
        if not is_valid or self._replayed:
            self._write({**self.take(), MADE_MARK: made})
            self.written()
        self._made, self._replayed = made, {}
        return self._deadlines, not is_valid

    def _load(self) -> None:
        marks = self._store.marks(TOTALS_PREFIX, TOTALS_PREFIX + LAST)
        self.totals.load({decode_booking(key[len(TOTALS_PREFIX) :]): int.from_bytes(each) for key, each in marks})

    def _book_replayed(self, deadlines: KeptDeadlines, journeys: Journeys) -> None:
        changed: dict[bytes, CustomerState | None] = {}
        for key, value in self._replayed.items():
            before, after = (None if data is None else decode_state(data) for data in (value, self._store.get(key)))
            self.totals.change(before, after, journeys.by_hash)
            changed[key] = after
        if not self.totals.definitions() <= journeys.by_hash.keys():
            return  # whoever opens the partition says so, and gives up
        for key, after in changed.items():
            deadlines.note(key, after)

    def _make(
        self, deadlines: KeptDeadlines, journeys: Journeys, customers: Iterable[tuple[bytes, CustomerState]]
    ) -> None:
        self._write({MADE_MARK: None})
        for prefix in (TOTALS_PREFIX, DUE_PREFIX, ENTRY_PREFIX):
            self._store.clear_marks(prefix, prefix + LAST)
        due = 0

        def noted() -> Iterator[CustomerState]:
            nonlocal due
            marks: Marks = {}
            for key, state in customers:
                at = deadlines.time_of(state) if journeys.has_deadlines else None
                if at is not None:
                    due += 1
                    marks.update(marks_of(key, at))
                if len(marks) >= MARKS_A_WRITE:
                    self._write(marks)
                    marks = {}
                yield state
            self._write(marks)

        self.totals.recount(noted(), journeys.by_hash)
        self.totals.count((DUE,), due)

    def _write(self, marks: Marks) -> None:
        self._store.write({}, self._store.changelog_offset, marks)


def _key(booking: Booking) -> bytes:
    return TOTALS_PREFIX + encode_booking(booking)


def _count(count: int) -> bytes | None:
    return count.to_bytes(COUNT_BYTES, "big") if count else None


def _made_of(journeys: Journeys) -> bytes:
    """Return a hash of all that totals and deadlines are made of beside the customers."""
    known = sorted(dumps(each.data) for each in journeys.by_hash.values())
    active = sorted(each.hash.encode() for each in journeys.active.values())
    form = f"{FORMAT} {VERSION} {__version__} {journeys.expire_ms}".encode()
    return blake2b(b"\x00".join((form, *active, b"", *known)), digest_size=16).digest()
