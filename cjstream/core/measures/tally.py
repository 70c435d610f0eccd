"""How often each rule of the score held, and how much of that still counts, in whole ticks of time.

A tick is 1/32 of the period (1/16 of a half-life), counted from the epoch, so that half a period is 16 ticks wherever
it begins; without decay all time is tick 0. Ages in ticks bound what is kept, and make sums exact: what counts of a
rule is a whole number of 32nds, but for a half-life, whose sums are always added up in the order of time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from math import ldexp

import msgspec

NONE, HALF_LIFE, TO_ZERO_IN, WINDOW = range(4)  # kept in states: never number them anew
PARTS = 32
PER_HALF_LIFE = 16
POWERS = tuple(2.0 ** -(part / PER_HALF_LIFE) for part in range(PER_HALF_LIFE))

Bucket = tuple[int, int, int]  # (tick, place of the rule, how many)
Placed = tuple[int, int]  # (tick, place of the rule)


class Tally(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Contributions by the place of their rule: `counts` of each.

    Of a decay that forgets: `buckets` of those that may still count, ascending, of which `counts` are the sums, and
    `moments` those of tick * count. Of a half-life: what all were worth at `tick`, which is that of the newest.
    """

    counts: tuple[int, ...] = ()
    moments: tuple[int, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    tick: int = 0
    amounts: tuple[float, ...] = ()


class Decay:
    """What a contribution counts by its age: here in full for ever."""

    __slots__ = ("kind", "parts", "period_ms")
    forgets = False  # whether old contributions count nothing, and are not kept
    fades = False  # whether `moments` are kept

    def __init__(self, kind: int, parts: int, period_ms: int) -> None:
        self.kind, self.parts, self.period_ms = kind, parts, period_ms

    def tick(self, at_ms: int) -> int:
        """Return the tick that a moment is in."""
        return at_ms * self.parts // self.period_ms

    def time_of(self, tick: int) -> int | None:
        """Return when a tick began, None if ticks tell no time."""
        return -(-tick * self.period_ms // self.parts) if self.parts else None

    def add(self, tally: Tally, tick: int, places: Iterable[int], times: int = 1) -> Tally:  # noqa: ARG002 - nothing fades
        """Return the tally with one contribution more of each place, or so many."""
        counts = list(tally.counts)
        for place in places:
            counts[place] += times
        return Tally(tuple(counts))

    def without(self, tally: Tally, base: Tally, recent: Iterable[Placed]) -> Tally:  # noqa: ARG002 - a half-life needs it
        """Return the tally without the recent contributions; a half-life has kept it as `base`."""
        for tick, place in recent:
            tally = self.add(tally, tick, (place,), -1)
        return tally

    def settle(self, base: Tally, width: int, recent: Iterable[Placed]) -> Tally:  # noqa: ARG002 - a half-life needs all
        """Return `base`, of so many places, with contributions that are recent no more, in the order of time."""
        return base

    def amounts(self, tally: Tally, tick: int) -> Sequence[float]:  # noqa: ARG002 - nothing fades
        """Return what each place is worth at `tick`, or at the newest one if that is later, in whole contributions."""
        return tally.counts

    def times(self, tally: Tally, tick: int) -> Sequence[int]:  # noqa: ARG002 - nothing fades
        """Return how many contributions of each place count at `tick`, or at the newest one if that is later."""
        return tally.counts

    def newest(self, tally: Tally) -> int:  # noqa: ARG002 - all time is one tick
        """Return the tick of the newest contribution, one before all others if there is none."""
        return 0

    def history(self, tally: Tally) -> Iterator[tuple[int | None, int, int]]:
        """Yield (time or None if it is not known, place, how many) of the contributions, in the order of time."""
        for place, times in enumerate(tally.counts):
            yield None, place, times

    def moved(self, tally: Tally, sources: Sequence[int | None]) -> Tally:
        """Return a tally of as many places as `sources`: each has what was at its source, nothing if that is None."""
        counts = tuple([0 if old is None else tally.counts[old] for old in sources])
        moments = tuple([0 if old is None else tally.moments[old] for old in sources]) if self.fades else ()
        new_of = {old: new for new, old in enumerate(sources)} if tally.buckets else {}
        buckets = [(tick, new_of[old], times) for tick, old, times in tally.buckets if old in new_of]
        return Tally(counts, moments, tuple(buckets))


class Window(Decay):
    """A contribution counts in full until it is a period old."""

    __slots__ = ()
    forgets = True

    def add(self, tally: Tally, tick: int, places: Iterable[int], times: int = 1) -> Tally:
        """Return the tally with one contribution more of each place, or so many; fewer, if they are in it."""
        counts, moments, buckets = list(tally.counts), list(tally.moments), tally.buckets
        for place in places:
            counts[place] += times
            if self.fades:
                moments[place] += tick * times
            at = bisect_left(buckets, (tick, place))
            known = buckets[at][2] if at < len(buckets) and buckets[at][:2] == (tick, place) else 0
            here = ((tick, place, known + times),) if known + times else ()
            buckets = (*buckets[:at], *here, *buckets[at + bool(known) :])
        return Tally(tuple(counts), tuple(moments), buckets)

    def amounts(self, tally: Tally, tick: int) -> Sequence[float]:
        """Return what each place is worth at `tick`, or at the newest one if that is later, in whole contributions."""
        return self.times(tally, tick)

    def times(self, tally: Tally, tick: int) -> Sequence[int]:
        """Return how many contributions of each place count at `tick`, or at the newest one if that is later."""
        return pruned(tally, max(tick, self.newest(tally))).counts

    def newest(self, tally: Tally) -> int:
        """Return the tick of the newest contribution, one before all others if there is none."""
        return tally.buckets[-1][0] if tally.buckets else -1

    def history(self, tally: Tally) -> Iterator[tuple[int | None, int, int]]:
        """Yield (time or None if it is not known, place, how many) of the contributions, in the order of time."""
        for tick, place, times in tally.buckets:
            yield self.time_of(tick), place, times


class Linear(Window):
    """A contribution counts less and less until it is a period old."""

    __slots__ = ()
    fades = True

    def amounts(self, tally: Tally, tick: int) -> Sequence[float]:
        """Return what each place is worth at `tick`, or at the newest one if that is later, in whole contributions."""
        tick = max(tick, self.newest(tally))
        tally = pruned(tally, tick)
        left = PARTS - tick
        return [(left * n + moment) / PARTS for n, moment in zip(tally.counts, tally.moments, strict=True)]


class HalfLife(Decay):
    """A contribution counts 2^(-age / half-life): 16 ticks halve it."""

    __slots__ = ()

    def add(self, tally: Tally, tick: int, places: Iterable[int], times: int = 1) -> Tally:
        """Return the tally with one contribution more of each place, or so many."""
        counts, share = list(tally.counts), float(times)
        amounts = list(self.amounts(tally, tick))
        if tick < tally.tick:
            share, tick = share * _share(tally.tick - tick), tally.tick
        for place in places:
            counts[place] += times
            amounts[place] += share
        return Tally(tuple(counts), (), (), tick, tuple(amounts))

    def without(self, tally: Tally, base: Tally, recent: Iterable[Placed]) -> Tally:  # noqa: ARG002 - as others do
        """Return the tally without the recent contributions."""
        return base if base.counts else self.moved(base, [None] * len(tally.counts))

    def settle(self, base: Tally, width: int, recent: Iterable[Placed]) -> Tally:
        """Return `base`, of so many places, with contributions that are recent no more, in the order of time."""
        base = base if base.counts else self.moved(base, [None] * width)
        counts, amounts, newest = list(base.counts), list(base.amounts), base.tick
        for tick, place in recent:
            counts[place] += 1
            if tick > newest:
                share, newest = _share(tick - newest), tick
                amounts = [amount * share for amount in amounts]
            amounts[place] += _share(newest - tick) if tick < newest else 1.0
        return Tally(tuple(counts), (), (), newest, tuple(amounts))

    def newest(self, tally: Tally) -> int:
        """Return the tick of the newest contribution, one before all others if there is none."""
        return tally.tick

    def amounts(self, tally: Tally, tick: int) -> Sequence[float]:
        """Return what each place is worth at `tick`, or at the newest one if that is later, in whole contributions."""
        if tick <= tally.tick:
            return tally.amounts
        share = _share(tick - tally.tick)
        return [amount * share for amount in tally.amounts]

    def history(self, tally: Tally) -> Iterator[tuple[int | None, int, int]]:
        """Yield as many contributions, at the time of the newest, as those of a place were worth then."""
        for place, amount in enumerate(tally.amounts):
            yield self.time_of(tally.tick), place, round(amount)

    def moved(self, tally: Tally, sources: Sequence[int | None]) -> Tally:
        """Return a tally of as many places as `sources`: each has what was at its source, nothing if that is None."""
        counts = tuple([0 if old is None else tally.counts[old] for old in sources])
        amounts = tuple([0.0 if old is None else tally.amounts[old] for old in sources])
        return Tally(counts, (), (), tally.tick, amounts)


def decay_of(kind: int, period_ms: int) -> Decay:
    """Return the decay of a kind; the period of NONE is 1."""
    made, parts = {
        NONE: (Decay, 0), HALF_LIFE: (HalfLife, PER_HALF_LIFE), TO_ZERO_IN: (Linear, PARTS), WINDOW: (Window, PARTS),
    }[kind]  # fmt: skip
    return made(kind, parts, period_ms)


def pruned(tally: Tally, tick: int) -> Tally:
    """Return the tally without the contributions that are a period old at `tick`."""
    buckets, oldest = tally.buckets, tick - PARTS
    if not buckets or buckets[0][0] > oldest:
        return tally
    counts, moments, old = list(tally.counts), list(tally.moments), bisect_left(buckets, (oldest + 1,))
    for past, place, times in buckets[:old]:
        counts[place] -= times
        if moments:
            moments[place] -= past * times
    return Tally(tuple(counts), tuple(moments), buckets[old:])


def _share(age: int) -> float:
    return ldexp(POWERS[age % PER_HALF_LIFE], -(age // PER_HALF_LIFE))
