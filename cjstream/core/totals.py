"""Totals: what a set of customers adds up to. At every moment equal to a recount of the table.

A customer counts once in each journey entered, by its newest run there, in these bookings:

    ("customers", journey, stage, outcome)                  `none` in place of the stage: outside of the journey
    ("entered", journey, dimension, value, outcome)         of the first touchpoint; or dimension `day`, in UTC
    ("furthest", journey, stage, outcome)
    ("conversions", journey, touch, dimension, value)       converted: of the `first` and the `last` touchpoint
    ("left", journey, stage)                                dropped: the stage it was in then
    ("late_conversions", journey)                           dropped, and met the goal afterwards
    ("judged", journey, stage, judgement)                   judges the business so, if a journey asks
    ("open_feedback", journey)                              has feedback that waits for an answer

Dimensions are those of `count_by` that name values; any other value counts as `other`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from itertools import zip_longest

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.feedback import open_of
from cjstream.core.outcome import entered_ms, furthest, is_late, left_stage, outcome
from cjstream.core.state import CustomerState, Instance, JourneyState, Measured

Booking = tuple[str, ...]

NONE = "none"
CONVERTED, DROPPED = "converted", "dropped"
TOUCHES = FIRST, LAST = "first", "last"
DAY = "day"
DAY_MS = 86_400_000
EPOCH_DAY = date(1970, 1, 1).toordinal()

_Booked = tuple[Instance | None, str | None]  # the newest instance, and how the customer judges the business
_NO_JOURNEYS: Mapping[str, JourneyState] = {}


class Totals:
    """How often each booking is made; one made by nobody is not there. Changed only by what a step did."""

    def __init__(self) -> None:
        self.counts: Counter[Booking] = Counter()

    def change(
        self, old: CustomerState | None, new: CustomerState | None, by_hash: Mapping[str, JourneyDefinition]
    ) -> None:
        """Book a customer from `old`, which must be what is booked of it, to `new`; None stands for no such customer.

        Costs next to nothing if no journey changed, and touches only bookings that differ.
        """
        before = _NO_JOURNEYS if old is None else old.journeys
        after = _NO_JOURNEYS if new is None else new.journeys
        judged = judges = None
        kept = None if old is None else old.measured
        keeps = None if new is None else new.measured
        if kept is not None or keeps is not None:
            judged, judges = _judgement(kept), _judgement(keeps)
            waited, waits = _waiting(kept), _waiting(keeps)
            if waited != waits:
                self._rebook_waiting(waited, waits)
        if before is after and judged == judges:
            return
        for name, journey in after.items():
            was = before.get(name)
            if was is not journey or judged != judges:
                self._rebook(name, (_newest(was), judged), (_newest(journey), judges), by_hash)
        for name, was in before.items():
            if name not in after:
                self._rebook(name, (_newest(was), judged), (None, None), by_hash)

    def _rebook_waiting(self, before: list[str], after: list[str]) -> None:
        for name in before:
            self._book(("open_feedback", name), -1)
        for name in after:
            self._book(("open_feedback", name), 1)

    def _rebook(self, name: str, old: _Booked, new: _Booked, by_hash: Mapping[str, JourneyDefinition]) -> None:
        was, now = old[0], new[0]
        is_same = was is now or (was is not None and now is not None and _counts_the_same(was, now))
        if is_same and old[1] == new[1]:
            return
        for gone, come in zip_longest(_booked(name, *old, by_hash), _booked(name, *new, by_hash)):
            if gone != come:
                self._book(gone, -1)
                self._book(come, 1)

    def _book(self, booking: Booking | None, by: int) -> None:
        if booking is None:
            return
        count = self.counts.get(booking, 0) + by
        if count:
            self.counts[booking] = count
        else:
            del self.counts[booking]

    def recount(self, states: Iterable[CustomerState], by_hash: Mapping[str, JourneyDefinition]) -> None:
        """Count `states` from nothing."""
        self.counts = Counter(booking for state in states for booking in bookings(state, by_hash))

    def copy(self) -> dict[Booking, int]:
        """Return the counts as they are now; any thread may ask."""
        return dict(self.counts)  # one step of the interpreter: nothing can change them in between


def bookings(state: CustomerState, by_hash: Mapping[str, JourneyDefinition]) -> Iterator[Booking]:
    """Yield the bookings of one customer, each once; none for a journey never entered, or of an unknown definition."""
    for name, journey in state.journeys.items():
        yield from _booked(name, _newest(journey), _judgement(state.measured), by_hash)
    for name in _waiting(state.measured):
        yield "open_feedback", name


def _newest(journey: JourneyState | None) -> Instance | None:
    return journey.instances[-1] if journey is not None and journey.instances else None


def _judgement(measured: Measured | None) -> str | None:
    return None if measured is None or measured.judgement is None else measured.judgement.value


def _waiting(measured: Measured | None) -> list[str]:
    """Return the journeys in which feedback of the customer has no answer yet."""
    if measured is None:
        return []
    return [name for name, kept in measured.journeys.items() if kept.threads and open_of(kept.threads)]


def _counts_the_same(one: Instance, other: Instance) -> bool:
    """Return whether all that bookings are made of is equal; the rest, such as the log, changes far more often."""
    return (
        one.visits == other.visits
        and one.goal == other.goal
        and one.dropped_ms == other.dropped_ms
        and one.origin == other.origin
        and one.definition == other.definition
        and entered_ms(one) == entered_ms(other)
        and (one.past and one.past.furthest) == (other.past and other.past.furthest)
    )


def _booked(
    name: str, instance: Instance | None, judgement: str | None, by_hash: Mapping[str, JourneyDefinition]
) -> list[Booking]:
    definition = None if instance is None else by_hash.get(instance.definition)
    if instance is None or definition is None or not instance.visits:
        return []
    result, stage = outcome(instance), definition.stage_name
    made: list[Booking] = [
        ("customers", name, stage(instance.visits[-1].stage) or NONE, result),
        ("furthest", name, stage(furthest(instance)) or NONE, result),
        ("entered", name, DAY, _day((entered_ms(instance) or 0) // DAY_MS), result),
    ]
    if definition.digits:
        made += _by_values(name, instance, definition, result)
    if result == DROPPED:
        made.append(("left", name, left_stage(instance, definition) or NONE))
        if is_late(instance):
            made.append(("late_conversions", name))
    if judgement is not None:
        made.append(("judged", name, stage(instance.visits[-1].stage) or NONE, judgement))
    return made


def _by_values(name: str, instance: Instance, definition: JourneyDefinition, result: str) -> Iterator[Booking]:
    dimensions = [dimension for dimension, _ in definition.digits]
    first = definition.origin_values(instance.origin)
    for dimension in dimensions:
        yield "entered", name, dimension, first[dimension], result
    if instance.goal is not None and result == CONVERTED:
        last = definition.origin_values(instance.goal.origin)
        for dimension in dimensions:
            yield "conversions", name, FIRST, dimension, first[dimension]
            yield "conversions", name, LAST, dimension, last[dimension]


@lru_cache(maxsize=1 << 10)  # most customers enter within the same few months
def _day(number: int) -> str:
    return date.fromordinal(EPOCH_DAY + number).isoformat()
