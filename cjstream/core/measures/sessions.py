"""Sessions: how often a customer was on the site, and for how long. All is worked out when every touchpoint is in.

A session is what one `session_id` names. Touchpoints on the site without one make sessions by their times: 30 minutes
without any end one. Those within 30 minutes of a named session belong to it, and tell nothing new. A session is as long
as the `duration_ms` of its touchpoints together, if any tells one, else from its first touchpoint to its last.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

GAP_MS = 30 * 60_000


class Visits(NamedTuple):
    """How many sessions there were, and their length together, in milliseconds."""

    number: int
    length_ms: int


class Named:
    """A session that a producer named."""

    __slots__ = ("duration_ms", "first_ms", "last_ms")

    def __init__(self, at_ms: int, duration_ms: int | None) -> None:
        self.first_ms = self.last_ms = at_ms
        self.duration_ms = duration_ms  # of the touchpoints that tell one; None: none does

    def take(self, at_ms: int, duration_ms: int | None) -> None:
        """Take in one more touchpoint."""
        if at_ms > self.last_ms:
            self.last_ms = at_ms
        elif at_ms < self.first_ms:
            self.first_ms = at_ms
        if duration_ms is not None:
            self.duration_ms = (self.duration_ms or 0) + duration_ms

    @property
    def length_ms(self) -> int:
        """How long it was."""
        return self.last_ms - self.first_ms if self.duration_ms is None else self.duration_ms


def visits(named: Collection[Named], times_ms: Iterable[int], durations_ms: Mapping[int, int]) -> Visits:
    """Return the sessions of a customer.

    `times_ms`: of the touchpoints without a session's name, in any order. `durations_ms`: of those that tell one, by
    time.
    """
    number, length_ms = len(named), sum(each.length_ms for each in named)
    times = sorted(times_ms)
    for each in named:
        del times[bisect_left(times, each.first_ms - GAP_MS) : bisect_right(times, each.last_ms + GAP_MS)]
    if times:
        breaks = [place for place, (one, next_) in enumerate(pairwise(times), 1) if next_ - one > GAP_MS]
        for start, end in pairwise([0, *breaks, len(times)]):
            number += 1
            length_ms += _length(times[start:end], durations_ms)
    return Visits(number, length_ms)


def _length(times: list[int], durations_ms: Mapping[int, int]) -> int:
    told = durations_ms.keys() & times if durations_ms else ()
    return sum(map(durations_ms.__getitem__, told)) if told else times[-1] - times[0]
