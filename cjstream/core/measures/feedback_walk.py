"""A walk over threads of feedback in the order of events: which clocks run, and which were stopped when.

It tells the same as a walk over all touchpoints sorted, whatever of them is in the base of a thread already.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from cjstream.core.measures.feedback_threads import (
    ANSWER,
    ASKED,
    CLOCKS,
    FIRST,
    FOLLOW_UP,
    KEPT_MS,
    NEXT,
    RESOLUTION,
    WITHDRAWN,
    Message,
    Opening,
    Running,
    Thread,
    order_of,
)

NO_TARGETS = (0,) * len(CLOCKS)


class Span(NamedTuple):
    """One run of a clock with a target. `stop_ms` None: it still runs; `is_met`: what stopped it was what is asked."""

    clock: int
    thread_id: str
    since_ms: int
    target_ms: int
    stop_ms: int | None
    is_met: bool
    opening: Opening


class Walk:
    """Threads after their messages, those before `until_ms` or all; `spans` are the runs of clocks with targets.

    `threads`: their messages say nothing, all are walked over that were to be.
    """

    def __init__(self, threads: Iterable[Thread], until_ms: int | None = None) -> None:
        self.threads = dict[str, Thread]()
        self.stopped = list[Span]()
        messages = list[tuple[str, Message]]()
        for thread in threads:
            if thread.opening is not None or thread.alias:
                self.threads[thread.id] = thread
            for each in thread.messages:
                if until_ms is None or each.at_ms < until_ms:
                    messages.append((thread.id, each))
        if len(messages) > 1:
            messages.sort(key=lambda each: (order_of(each[1]), each[0]))
        for thread_id, message in messages:
            self._take(thread_id, message)

    @property
    def running(self) -> list[Span]:
        """The clocks with targets that run."""
        return [
            Span(each.clock, thread.id, each.since_ms, each.target_ms, None, False, thread.opening)
            for thread in self.threads.values()
            if thread.opening is not None
            for each in thread.running
            if each.target_ms
        ]

    @property
    def spans(self) -> list[Span]:
        """All runs of clocks with targets; those that were final before are not among them once they stopped."""
        return self.stopped + self.running

    def known(self, thread_id: str, at_ms: int) -> Thread | None:
        """Return the thread that a message of this time belongs to, if it names this one; None if it is forgotten."""
        thread, since_ms = self.threads.get(thread_id), at_ms
        if thread is not None and thread.alias:
            since_ms, thread = thread.last_ms, self.threads.get(thread.alias)
        if thread is None or thread.opening is None or thread.opening.at_ms > since_ms:
            return None  # the last: another thread of the same id, opened after the follow-up
        return thread if thread.running or at_ms <= thread.last_ms + KEPT_MS else None

    def _take(self, thread_id: str, message: Message) -> None:
        role, at_ms = message.role, message.at_ms
        thread = self.known(thread_id, at_ms)
        is_opener = message.opening is not None  # of a thread that is known it is an edit
        if thread is None and role == ASKED:
            thread, is_opener = self.known(message.parent, at_ms), False
            if thread is not None:
                self.threads[thread_id] = Thread(thread_id, last_ms=at_ms, alias=thread.id)
        if thread is None:
            if message.opening is not None:
                self.threads[thread_id] = _opened(thread_id, message.opening)
            return
        if is_opener:
            thread = _reopened(thread, message)
        elif role <= FOLLOW_UP:
            thread = _asked_again(thread, at_ms)
        else:
            thread = self._answered(thread, message)
        self.threads[thread.id] = replace(thread, last_ms=at_ms)

    def _answered(self, thread: Thread, message: Message) -> Thread:
        assert thread.opening is not None
        role, running = message.role, list[Running]()
        for each in thread.running:
            is_resolution = each.clock == RESOLUTION
            if is_resolution and role == ANSWER:
                running.append(each)
            elif each.target_ms:
                is_met = is_resolution or role != WITHDRAWN
                self.stopped.append(
                    Span(each.clock, thread.id, each.since_ms, each.target_ms, message.at_ms, is_met, thread.opening)
                )
        return replace(thread, running=tuple(running))


def _opened(thread_id: str, opening: Opening) -> Thread:
    first_ms, _, resolution_ms = opening.targets_ms or NO_TARGETS
    running: tuple[Running, ...] = (Running(FIRST, opening.at_ms, first_ms),)
    if resolution_ms:
        running = *running, Running(RESOLUTION, opening.at_ms, resolution_ms)
    return Thread(thread_id, opening, running, opening.at_ms)


def _reopened(thread: Thread, message: Message) -> Thread:
    """Return the thread with the clocks that an edit starts again: those that do not run."""
    old, new = thread.opening, message.opening
    assert old is not None
    assert new is not None
    opening = replace(
        old,
        sentiment=old.sentiment if new.sentiment is None else new.sentiment,
        topic=old.topic if new.topic is None else new.topic,
        rating=old.rating if new.rating is None else new.rating,
        targets_ms=new.targets_ms or old.targets_ms,
    )
    clocks = {each.clock for each in thread.running}
    running = [
        Running(clock, message.at_ms, _target(opening, clock))
        for clock in (FIRST, RESOLUTION)
        if clock not in clocks and (clock == FIRST or _target(opening, clock))
    ]
    return replace(thread, opening=opening, running=(*thread.running, *running))


def _asked_again(thread: Thread, at_ms: int) -> Thread:
    if thread.owed_ms is not None:
        return thread
    assert thread.opening is not None
    return replace(thread, running=(*thread.running, Running(NEXT, at_ms, _target(thread.opening, NEXT))))


def _target(opening: Opening, clock: int) -> int:
    return opening.targets_ms[clock] if opening.targets_ms else 0
