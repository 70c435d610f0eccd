"""Instances for which the order of arrival could matter: a log of touchpoints within the lateness, folded again.

The log stands over a base, the instance before it. A touchpoint in order is folded into the instance itself; one that
is not is put in its place in the log, and the log is folded again over the base. What is older than the lateness goes
from the log into the base, so each touchpoint in order is folded twice, whatever the customer's past.
"""

from collections.abc import Callable, Sequence
from itertools import islice, pairwise

import msgspec
from msgspec.structs import replace

from cjstream.core.definition import MOVE, SNOOZE, JourneyDefinition
from cjstream.core.fold import NOTHING_PAST, Event, Fold
from cjstream.core.moves import inferred
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Entry, Instance, Past, StageTotal, Visit
from cjstream.core.touchpoint import Touchpoint

MAX_LOG = 256  # touchpoints of a customer in a journey; of more, the oldest can no longer be corrected
MAX_VISITS = 16  # kept of the base; older ones are added up

Order = tuple[int, int, float, str]
Scores = Callable[[Sequence[Entry]], list[float]]  # the engagement score at touchpoints in order, each included


class Times(msgspec.Struct, frozen=True, gc=False):
    """A step in the customer's own time, before and after it: the newest touchpoint, and what deadlines have passed."""

    newest_before_ms: int
    newest_ms: int
    settled_before_ms: int
    settled_ms: int


class Advanced(msgspec.Struct, frozen=True, gc=False):
    """What a step did to one instance: events that are new, and those told before that did not happen after all.

    `is_late`: the touchpoint came too late to be taken in. `is_repeat`: it is in the log already. `folded`: the
    instance with all visits that the old one has, if visits were cut off; else None.
    """

    instance: Instance
    events: Sequence[Event] = ()
    withdrawn: Sequence[Event] = ()
    refused: str | None = None
    is_late: bool = False
    is_repeat: bool = False
    folded: Instance | None = None


def entry_of(touchpoint: Touchpoint, definition: JourneyDefinition, scores: Scores | None = None) -> Entry | None:
    """Return what of a touchpoint is logged in its instance, None if nothing."""
    matches = _asked(definition.matches(touchpoint), definition)
    counted = definition.counted.index(touchpoint.type) if touchpoint.type in definition.counted else -1
    if not matches and counted < 0 and not (definition.touches_matter and touchpoint.by_customer):
        return None
    entry = Entry(
        touchpoint.at_ms, touchpoint.sequence, touchpoint.id, matches, counted, touchpoint.by_customer,
        definition.origin_of(touchpoint), _holds(touchpoint, matches, definition),
    )  # fmt: skip
    return replace(entry, score=scores((entry,))[0]) if scores is not None and definition.asks_score else entry


def _asked(matches: tuple[int, ...], definition: JourneyDefinition) -> tuple[int, ...]:
    """Return the matches that a fold can come to: after one that asks nothing of the past, none of its kind."""
    asked, done = list[int](), set[str]()
    for i in matches:
        rule = definition.table[i]
        if rule.kind not in done:
            asked.append(i)
            if rule.past is None and rule.kind != SNOOZE:
                done.add(rule.kind)
    return tuple(asked)


def _holds(touchpoint: Touchpoint, matches: tuple[int, ...], definition: JourneyDefinition) -> tuple[int, ...]:
    holds = [hold(touchpoint) for i in matches if (hold := definition.table[i].hold) is not None]
    return tuple(-1 if until_ms is None else until_ms for until_ms in holds)


def advance(
    instance: Instance,
    definition: JourneyDefinition,
    entry: Entry | None,
    times: Times,
    room: int = MAX_LOG,
    scores: Scores | None = None,
) -> Advanced:
    """Return the instance after a touchpoint, None for one that it does not log, and the deadlines up to `times`.

    `room` is how many touchpoints its log may hold then. `scores` is given if what is logged may have other scores now.
    """
    past = instance.past or NOTHING_PAST
    logged = past.log if scores is None else _rescored(past.log, scores)
    if entry is None:
        if logged is not past.log:
            return _again(instance, definition, logged, None, times, room)
        return _pass_time(instance, definition, times)
    is_next = order_of(entry, definition) > order_of(past.log[-1], definition) if past.log else True
    if entry.at_ms < past.floor_ms and not (is_next and past.log):
        return replace(_pass_time(instance, definition, times), is_late=True)
    if not is_next and any(each.touchpoint_id == entry.touchpoint_id for each in past.log):
        return replace(_pass_time(instance, definition, times), is_repeat=True)
    is_quick = is_next and (entry.at_ms >= times.settled_before_ms or not definition.has_deadlines)
    if not is_quick or logged is not past.log:
        log = tuple(sorted((*logged, entry), key=lambda each: order_of(each, definition)))
        return _again(instance, definition, log, entry, times, room)
    fold = Fold(instance, definition)
    fold.apply(entry)
    refused = fold.refused
    fold.settle(times.settled_ms)
    folded = fold.frozen()
    new = _compacted(instance, folded, definition, (*past.log, entry), times, room)
    return Advanced(new, fold.events, (), refused, folded=folded)


def _again(
    instance: Instance,
    definition: JourneyDefinition,
    log: tuple[Entry, ...],
    entry: Entry | None,
    times: Times,
    room: int,
) -> Advanced:
    """Return the instance with its log folded again, as `log`, which has `entry` in its place."""
    past = instance.past or NOTHING_PAST
    before, _ = _fold(instance, definition, past.log, times.settled_before_ms)
    untold = Fold(instance, definition)  # what passed while the journey was not active
    untold.settle(times.settled_before_ms)
    fold, refused = _fold(instance, definition, log, times.settled_ms, entry)
    told = [event for event in before.events if event not in untold.events]
    events, withdrawn = _differences(told, fold.events)
    folded = fold.frozen()
    new = _compacted(instance, folded, definition, log, times, room)
    return Advanced(new, events, withdrawn, refused, folded=folded)


def _rescored(log: tuple[Entry, ...], scores: Scores) -> tuple[Entry, ...]:
    """Return the log with the scores that hold now; the same object if they held before."""
    found = scores(log)
    if all(entry.score == score for entry, score in zip(log, found, strict=True)):
        return log
    return tuple(replace(entry, score=score) for entry, score in zip(log, found, strict=True))


def _pass_time(instance: Instance, definition: JourneyDefinition, times: Times) -> Advanced:
    past = instance.past or NOTHING_PAST
    is_outside = not instance.visits or instance.visits[-1].stage == OUTSIDE
    if past.base is None and (is_outside or not definition.has_deadlines):
        return Advanced(instance)  # nothing lies ahead, and nothing can be undone
    if past.log and not definition.has_deadlines and past.log[0].at_ms >= times.newest_ms - definition.lateness_ms:
        return Advanced(instance)  # the base can take in nothing yet
    fold = Fold(instance, definition)
    fold.settle(times.settled_ms)
    if not fold.events and past.base is None:
        return Advanced(instance)
    folded = fold.frozen()
    return Advanced(_compacted(instance, folded, definition, past.log, times), fold.events, folded=folded)


def _fold(
    instance: Instance, definition: JourneyDefinition, log: Sequence[Entry], until_ms: int, asked: Entry | None = None
) -> tuple[Fold, str | None]:
    """Return the base with a log folded in and time passed, and why a move that `asked` proposed was refused."""
    fold, refused = Fold(base_of(instance), definition), None
    for entry in log:
        fold.apply(entry)
        if entry is asked:
            refused = fold.refused
    fold.settle(until_ms)
    return fold, refused


def _differences(old: list[Event], new: list[Event]) -> tuple[list[Event], list[Event]]:
    """Return the events of `new` that `old` lacks, and the reverse. A round converts or is dropped once, whenever."""
    told, holds = set(map(_identity, old)), set(map(_identity, new))
    return (
        [event for event in new if _identity(event) not in told],
        [event for event in old if _identity(event) not in holds],
    )


def _identity(event: Event) -> tuple[object, ...]:
    return event._replace(since_ms=0) if event.kind == "stalled" else (event.kind, event.round)


def order_of(entry: Entry, definition: JourneyDefinition) -> Order:
    """Return what sorts touchpoints: event time, sequence, weight of the first stage they may lead to, id."""
    weight = float("-inf")
    for i in entry.matches:
        if definition.table[i].kind == MOVE:
            weight = definition.stages[definition.table[i].to].weight
            break
    return entry.at_ms, entry.sequence, weight, entry.touchpoint_id


def base_of(instance: Instance) -> Instance:
    """Return the instance before its log."""
    past = instance.past
    if past is None or past.base is None:
        return instance
    under = past.base.past or NOTHING_PAST
    return replace(
        past.base, definition=instance.definition, key=instance.key, visits=instance.visits[: past.kept],
        past=replace(under, trimmed=past.trimmed, before=past.before, totals=past.totals),
    )  # fmt: skip


def _compacted(
    old: Instance,
    new: Instance,
    definition: JourneyDefinition,
    log: tuple[Entry, ...],
    times: Times,
    room: int = MAX_LOG,
) -> Instance:
    """Return `new` over the base of `old` and this log, of which the base takes in what can no longer change."""
    bound_ms = times.newest_ms - definition.lateness_ms
    done = sum(entry.at_ms < bound_ms for entry in log)
    floor_ms = old.past.floor_ms if old.past is not None else -1
    if len(log) - done > room:
        done = len(log) - room
        floor_ms = log[done - 1].at_ms + 1
    base, rest = base_of(old), log[done:]
    if done:
        fold = Fold(base, definition)
        for entry in log[:done]:
            fold.apply(entry)
        base = fold.frozen()
    excess = len(base.visits) - MAX_VISITS
    if excess > 0:
        base, new = _trimmed(base, excess, definition), _trimmed(new, excess, definition)
    past = new.past
    assert past is not None
    if not rest and base == new:
        return replace(new, past=replace(past, floor_ms=floor_ms))
    under = base.past
    assert under is not None
    stripped = replace(
        base, definition="", key="", visits=(), past=replace(under, trimmed=0, before=OUTSIDE, totals=())
    )
    return replace(new, past=replace(past, log=rest, kept=len(base.visits), base=stripped, floor_ms=floor_ms))


def _trimmed(instance: Instance, count: int, definition: JourneyDefinition) -> Instance:
    """Return the instance without its first visits, which are added up instead."""
    past, visits = instance.past or NOTHING_PAST, instance.visits
    totals = {total.stage: total for total in past.totals}
    trimmed, before = past.trimmed, past.before
    for visit, following in islice(pairwise(visits), count):
        trimmed += 1 if definition.entry != "infer" else 1 + len(inferred(before, visit, definition))
        before = visit.stage
        if visit.stage != OUTSIDE:
            totals[visit.stage] = _added(totals.get(visit.stage), visit, following.at_ms)
    return replace(
        instance, visits=visits[count:],
        past=replace(past, trimmed=trimmed, before=before, totals=tuple(totals[stage] for stage in sorted(totals))),
    )  # fmt: skip


def _added(total: StageTotal | None, visit: Visit, exited_ms: int) -> StageTotal:
    stay_ms = exited_ms - visit.at_ms
    if total is None:
        return StageTotal(visit.stage, 1, stay_ms, visit.at_ms, exited_ms)
    return StageTotal(visit.stage, total.visits + 1, total.cumulative_ms + stay_ms, visit.at_ms, exited_ms)


def blank(definition: JourneyDefinition, key: str) -> Instance:
    """Return an instance not entered yet."""
    return Instance(definition.hash, key, past=None if definition.order_free else Past())
