"""The lifecycle of customers per interval of time, from when they were active.

In an interval a customer who is active is `new` (for the first time), `returning` (active in the one before too) or
`resurrecting` (active before, but not in the interval right before). Who was active in the interval before and is not
now is `dormant`, once. Intervals are numbered; number n starts n intervals after the origin.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NEW, RETURNING, RESURRECTING, DORMANT = "new", "returning", "resurrecting", "dormant"
KINDS = (NEW, RETURNING, RESURRECTING, DORMANT)
Counts = Counter[tuple[int, str]]  # customers by (number of the interval, kind)


class Interval(NamedTuple):
    """One interval and its customers; `is_over`: it ended by the time the report is of, so nobody can still come."""

    start_ms: int
    end_ms: int
    is_over: bool
    new: int
    returning: int
    resurrecting: int
    dormant: int


def note(active: list[int], number: int) -> None:
    """Add an interval to the ones that a customer was active in: kept sorted, each once."""
    if active and active[-1] == number:
        return
    at = bisect_left(active, number)
    if at == len(active) or active[at] != number:
        active.insert(at, number)


def kinds_of(active: Sequence[int], last: int) -> Iterable[tuple[int, str]]:
    """Yield what a customer was in each interval up to number `last`, from the ones it was active in, sorted."""
    for place, number in enumerate(active):
        was_active = place > 0 and active[place - 1] == number - 1
        yield number, RETURNING if was_active else RESURRECTING if place else NEW
        if number < last and active[place + 1 : place + 2] != [number + 1]:
            yield number + 1, DORMANT


def intervals(counts: Counts, interval_ms: int, origin_ms: int, as_of_ms: int) -> list[Interval]:
    """Return the intervals in which there was anybody, in order; the last one may not be over at `as_of_ms`."""
    rows = []
    for number in sorted({number for number, _ in counts}):
        start_ms = origin_ms + number * interval_ms
        end_ms = start_ms + interval_ms
        rows.append(Interval(start_ms, end_ms, end_ms <= as_of_ms, *(counts[number, kind] for kind in KINDS)))
    return rows
