"""Who waits for an answer, and until when: what depends on the threads alone, worked out once for each state.

A step and what follows it ask several times: for findings, deadlines, totals and where the customer stands.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cjstream.core.measures.feedback_spec import Spec
from cjstream.core.measures.feedback_threads import Thread
from cjstream.core.measures.feedback_walk import Walk

MAX_STATES = 1 << 10  # of customers who wait, known at a time: those of the batches at hand
MAX_CLOCKS = 1 << 12

State = tuple[Thread, ...]


class Open(NamedTuple):
    """Feedback of a customer who waits for an answer, since when; `type` and `topic` are those of the feedback."""

    id: str
    type: str
    since_ms: int
    topic: str | None


class Waits(NamedTuple):
    """The feedback that waits, longest first, the clocks that run, and whether messages that are kept stopped some.

    `clocks`: (since, target) in milliseconds. No field of a touchpoint that may be a number has a place here: states
    that differ in 1 and 1.0 only share this.
    """

    open: tuple[Open, ...]
    clocks: tuple[tuple[int, int], ...]
    is_stopped: bool


NOBODY = Waits((), (), is_stopped=False)
_last: list[tuple[State, Walk]] = [((), Walk(()))]


def walked(state: State) -> Walk:
    """Return the walk over all messages; that of the last state is at hand, as a step asks for one several times."""
    kept, walk = _last[0]
    if kept is not state:
        walk = Walk(state)
        _last[0] = state, walk
    return walk


def waits(state: State) -> Waits:
    """Return what waits in these threads; nothing once all is resolved."""
    for each in state:
        if each.running or each.messages:
            return _waits(state)
    return NOBODY


@lru_cache(maxsize=MAX_STATES)
def _waits(state: State) -> Waits:
    walk = walked(state)
    found = [
        Open(thread.id, thread.opening.type, owed_ms, thread.opening.topic)
        for thread in walk.threads.values()
        if thread.opening is not None and (owed_ms := thread.owed_ms) is not None
    ]
    if len(found) > 1:
        found.sort(key=lambda each: (each.since_ms, each.id))
    clocks = tuple([(each.since_ms, each.target_ms) for each in walk.running])
    return Waits(tuple(found), clocks, bool(walk.stopped))


def dues(spec: Spec, state: State) -> Sequence[int]:
    """Return when each clock that runs is due soon, and due, in milliseconds, passed or not."""
    clocks = waits(state).clocks
    return _dues(spec, clocks) if clocks else ()


@lru_cache(maxsize=MAX_CLOCKS)
def _dues(spec: Spec, clocks: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    return tuple(due_ms for since_ms, target_ms in clocks for due_ms in deadlines(spec, since_ms, target_ms))


def is_early(spec: Spec, waiting: Waits, settled_ms: int) -> bool:
    """Return whether nothing is to be told, as a quick look tells that asks no calendar."""
    if waiting.is_stopped:
        return False
    for since_ms, target_ms in waiting.clocks:  # noqa: SIM110 - each message asks, and a loop is quicker
        if since_ms + warning_ms(spec, target_ms) < settled_ms:
            return False
    return True


def warning_ms(spec: Spec, target_ms: int) -> int:
    """Return after how much of a target, in working time, it is due soon."""
    return int(target_ms * spec.due_soon)


@lru_cache(maxsize=MAX_CLOCKS)
def deadlines(spec: Spec, since_ms: int, target_ms: int) -> tuple[int, int]:
    """Return when a clock with this target is due soon, and due, in milliseconds."""
    add = spec.calendar.add
    return add(since_ms, warning_ms(spec, target_ms)), add(since_ms, target_ms)
