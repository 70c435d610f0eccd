"""Totals that are kept beside the customers they are made of, so that they need no recount after a restart.

They tell what a group of records changed, so that only that is written, and count beside the bookings of a population

    ("definition", hash)    runs under a definition, ended ones too: without it their customers cannot be read
    ("due",)                customers with a deadline ahead
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import msgspec

from cjstream.core.definition import JourneyDefinition
from cjstream.core.state import CustomerState, JourneyState
from cjstream.core.totals import Booking, Totals, bookings

DEFINITION, DUE = "definition", "due"

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(tuple[str, ...])
_NO_JOURNEYS: Mapping[str, JourneyState] = {}


class KeptTotals(Totals):
    """Totals with a list of what changed since it was last taken. `beside` has the counts that no population shows."""

    def __init__(self) -> None:
        super().__init__()
        self.beside: Counter[Booking] = Counter()
        self._gathered: dict[Booking, int] = {}  # by how much, since the last `take`
        self._aside: dict[Booking, int] = {}

    def change(
        self, old: CustomerState | None, new: CustomerState | None, by_hash: Mapping[str, JourneyDefinition]
    ) -> None:
        """Book a customer from `old` to `new`, as Totals does, and what is counted beside."""
        super().change(old, new, by_hash)
        before = _NO_JOURNEYS if old is None else old.journeys
        after = _NO_JOURNEYS if new is None else new.journeys
        if before is after:
            return
        for name, journey in after.items():
            was = before.get(name)
            if was is not journey:
                self._repin(_definitions(was), _definitions(journey))
        for name, was in before.items():
            if name not in after:
                self._repin(_definitions(was), [])

    def _repin(self, old: list[str], new: list[str]) -> None:
        if old != new:
            for each in old:
                self.count((DEFINITION, each), -1)
            for each in new:
                self.count((DEFINITION, each), 1)

    def _book(self, booking: Booking | None, by: int) -> None:
        super()._book(booking, by)
        if booking is not None:
            self._gathered[booking] = self._gathered.get(booking, 0) + by

    def count(self, booking: Booking, by: int) -> None:
        """Change what is counted beside the population."""
        self.beside[booking] += by
        self._gathered[booking] = self._gathered.get(booking, 0) + by

    def bring(self, booking: Booking, by: int) -> None:
        """Take this much of what is set aside with what changes now."""
        self._aside[booking] = self._aside.get(booking, 0) - by
        self._gathered[booking] = self._gathered.get(booking, 0) + by

    def _now(self, booking: Booking) -> int:
        return self.counts[booking] + self.beside[booking]

    def take(self) -> dict[Booking, int]:
        """Return the counts, as they are now, that changed since the last call; what is set aside is not in them."""
        gathered, self._gathered = self._gathered, {}
        aside = self._aside
        return {booking: self._now(booking) - aside.get(booking, 0) for booking in gathered}

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave what has changed so far for later: `take` meanwhile returns what changes inside of the context."""
        self._aside, self._gathered = self._gathered, {}
        try:
            yield
        finally:
            for booking, by in self._gathered.items():  # not taken
                self._aside[booking] = self._aside.get(booking, 0) + by
            self._gathered, self._aside = self._aside, {}

    def load(self, counts: Mapping[Booking, int]) -> None:
        """Begin with these counts."""
        self.counts = Counter({booking: count for booking, count in counts.items() if not _is_beside(booking)})
        self.beside = Counter({booking: count for booking, count in counts.items() if _is_beside(booking)})
        self._gathered = {}

    def recount(self, states: Iterable[CustomerState], by_hash: Mapping[str, JourneyDefinition]) -> None:
        """Count `states` from nothing, all but who is due; all of it is what changed then."""
        counts: Counter[Booking] = Counter()
        for state in states:
            counts.update(bookings(state, by_hash))
            for journey in state.journeys.values():
                counts.update((DEFINITION, each) for each in _definitions(journey))
        self.load(counts)
        self._gathered = dict(counts)

    def definitions(self) -> set[str]:
        """Return the hash of each definition that somebody has a run under."""
        return {booking[1] for booking, count in self.beside.items() if booking[0] == DEFINITION and count}


def _is_beside(booking: Booking) -> bool:
    return booking[0] in {DEFINITION, DUE}


def _definitions(journey: JourneyState | None) -> list[str]:
    return [] if journey is None else [instance.definition for instance in journey.instances]


@lru_cache(maxsize=1 << 14)  # the same few are changed again and again
def encode_booking(booking: Booking) -> bytes:
    """Return the byte form of a booking."""
    return _encode(booking)


def decode_booking(data: bytes) -> Booking:
    """Return the booking of `encode_booking`."""
    return _decoder.decode(data)
