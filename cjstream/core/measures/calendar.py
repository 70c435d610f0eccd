"""Business hours: when working time passes, and which moment is so much working time after another.

Working time passes while the clock on the wall, in the calendar's time zone, reads an open hour of no holiday. So an
hour that daylight saving skips is not worked, and one that it repeats is worked twice. Exact to the millisecond.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from cjstream.core.limits import MAX_MS
from cjstream.core.times import EPOCH

DAY_MS = 86_400_000
BLOCK_MS = 32 * DAY_MS  # hours are laid out in blocks of this length, counted from the epoch
MAX_BLOCKS = 1142  # 100 years: working time is looked for no further
LAST_MS = MAX_MS - 2 * DAY_MS  # after it Python has no local time in some zones
MONDAY = 3  # 1970-01-01 was a Thursday: weekday = (day + MONDAY) % 7

Interval = tuple[int, int]  # milliseconds since local midnight


class Block(NamedTuple):
    """The open spans of a block in order, and how much working time lies before the end of each of them."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    worked: tuple[int, ...]

    def before(self, at_ms: int) -> int:
        """Return the working time from the beginning of the block to `at_ms`."""
        place = bisect_right(self.starts, at_ms) - 1
        return self.worked[place] - max(0, self.ends[place] - at_ms) if place >= 0 else 0

    @property
    def total(self) -> int:
        """The working time of the block."""
        return self.worked[-1] if self.worked else 0


@dataclass(frozen=True, slots=True)
class Calendar:
    """Open hours by day of the week, Monday first, and the holidays as days since 1970-01-01.

    No hours at all: always open, whatever the holidays. The tables of the zone are read when the calendar is made.
    """

    hours: tuple[tuple[Interval, ...], ...] = ()
    holidays: frozenset[int] = frozenset()
    time_zone: str = "UTC"
    zone: tzinfo = field(default=UTC, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash(self.time_zone)  # a process knows few calendars, and each look at a clock that runs asks for it

    def add(self, start_ms: int, working_ms: int) -> int:
        """Return the first moment that is `working_ms` of working time after `start_ms`.

        MAX_MS for what lies after the year 9999, or more than 100 years of `start_ms`: it never comes.
        """
        if working_ms <= 0 or not self.hours:
            return min(start_ms + max(0, working_ms), MAX_MS)
        return _add(self, start_ms, working_ms)

    def working_ms(self, start_ms: int, end_ms: int) -> int:
        """Return the working time between two moments, of the first 100 years; 0 if they are not in order."""
        if end_ms <= start_ms or not self.hours:
            return max(0, end_ms - start_ms)
        first, last = start_ms // BLOCK_MS, min(end_ms // BLOCK_MS, start_ms // BLOCK_MS + MAX_BLOCKS)
        block = _block(self, first)
        if first == last:
            return block.before(end_ms) - block.before(start_ms)
        between = sum(_block(self, number).total for number in range(first, last))
        return between + _block(self, last).before(end_ms) - block.before(start_ms)


ALWAYS = Calendar()


@lru_cache(maxsize=1 << 12)  # a clock that runs is asked at each touchpoint of its customer
def _add(calendar: Calendar, start_ms: int, working_ms: int) -> int:
    first = start_ms // BLOCK_MS
    block = _block(calendar, first)
    need_ms = working_ms + block.before(start_ms)
    last = min(first + MAX_BLOCKS, MAX_MS // BLOCK_MS)
    while not block.worked or need_ms > block.worked[-1]:
        if first == last:
            return MAX_MS
        need_ms -= block.total
        first += 1
        block = _block(calendar, first)
    place = bisect_left(block.worked, need_ms)
    return min(block.ends[place] - (block.worked[place] - need_ms), MAX_MS)


@lru_cache(maxsize=1 << 12)
def _block(calendar: Calendar, number: int) -> Block:
    starts, ends, worked, total = list[int](), list[int](), list[int](), 0
    for start_ms, end_ms, offset_ms in _offsets(calendar.zone, number * BLOCK_MS, (number + 1) * BLOCK_MS):
        for opens_ms, closes_ms in _open(calendar, start_ms + offset_ms, end_ms + offset_ms):
            total += closes_ms - opens_ms
            starts.append(opens_ms - offset_ms)
            ends.append(closes_ms - offset_ms)
            worked.append(total)
    return Block(tuple(starts), tuple(ends), tuple(worked))


def _open(calendar: Calendar, start_ms: int, end_ms: int) -> Iterator[Interval]:
    """Yield the open spans between two local times without a change of the clock in between."""
    for day in range(start_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1):
        if day in calendar.holidays:
            continue
        for opens_ms, closes_ms in calendar.hours[(day + MONDAY) % 7]:
            span = max(start_ms, day * DAY_MS + opens_ms), min(end_ms, day * DAY_MS + closes_ms)
            if span[0] < span[1]:
                yield span


def _offsets(zone: tzinfo, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, offset from UTC) of the spans between two moments in which the offset stays.

    Looks once a day: no zone has changed its clock twice within one since 1970.
    """
    since_ms, offset_ms = start_ms, _offset(zone, start_ms)
    for at_ms in range(start_ms + DAY_MS, end_ms + 1, DAY_MS):
        changed_ms = _offset(zone, at_ms)
        if changed_ms != offset_ms:
            change_ms = _change(zone, at_ms - DAY_MS, at_ms)
            yield since_ms, change_ms, offset_ms
            since_ms, offset_ms = change_ms, changed_ms
    yield since_ms, end_ms, offset_ms


def _change(zone: tzinfo, before_ms: int, after_ms: int) -> int:
    """Return the first moment with the offset of `after_ms`; changes come at whole seconds."""
    offset_ms, seconds = _offset(zone, after_ms), range(before_ms // 1000, after_ms // 1000)
    return bisect_left(seconds, x=True, key=lambda second: _offset(zone, second * 1000) == offset_ms) * 1000 + before_ms


def _offset(zone: tzinfo, at_ms: int) -> int:
    offset = (EPOCH + timedelta(milliseconds=min(at_ms, LAST_MS))).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)
