"""Threads of feedback take messages in, and let go of what can no longer change; bounded."""

from collections.abc import Sequence

from msgspec.structs import replace

from cjstream.core.measures.feedback_threads import KEPT_MS, Message, Thread, order_of
from cjstream.core.measures.feedback_walk import Walk

MAX_THREADS = 16
MAX_MESSAGES = 16  # of a thread, that are not final yet


def with_message(threads: tuple[Thread, ...], thread_id: str, message: Message) -> tuple[Thread, ...]:
    """Return the threads, by id, with one message more; the same object if it is there already.

    Of two edits with one time and sequence one is kept, whichever came first.
    """
    thread, others = Thread(thread_id), [each for each in threads if each.id != thread_id]
    for each in threads:
        if each.id == thread_id:
            thread = each
    order, messages = order_of(message), [message]
    for kept in thread.messages:
        if order_of(kept) != order:
            messages.append(kept)
        elif repr(message) <= repr(kept):
            return threads
    if len(messages) > 1:
        messages.sort(key=order_of)
    others.append(replace(thread, messages=tuple(messages)))
    if len(others) > 1:
        others.sort(key=lambda each: each.id)
    return tuple(others)


def compacted(threads: tuple[Thread, ...], final_ms: int) -> tuple[Thread, ...]:
    """Return the threads with what is before `final_ms` walked and, if done with, forgotten; the same if nothing is.

    Beyond MAX_MESSAGES of a thread the oldest count as final. Beyond MAX_THREADS those are dropped first in which no
    clock runs, then those whose feedback is unknown, then those that wait for their resolution only, then those that
    wait for an answer; of a kind the one whose last message is the oldest.
    """
    for each in threads:
        if len(each.messages) > MAX_MESSAGES:
            final_ms = max(final_ms, each.messages[-MAX_MESSAGES - 1].at_ms + 1)
    if len(threads) <= MAX_THREADS and not _is_stale(threads, final_ms):
        return threads
    walk = Walk(threads, final_ms)
    rest = {each.id: tuple(m for m in each.messages if m.at_ms >= final_ms) for each in threads}
    found = list[Thread]()
    for thread_id in sorted(walk.threads.keys() | rest.keys()):
        messages = rest.get(thread_id, ())
        base = walk.threads.get(thread_id)
        if base is not None and walk.known(thread_id, final_ms) is None:
            base = None
        if base is not None or messages:
            found.append(replace(base or Thread(thread_id), messages=messages))
    new = _fewest(found)
    return threads if new == threads else new


def _is_stale(threads: tuple[Thread, ...], final_ms: int) -> bool:
    for each in threads:
        if each.messages and each.messages[0].at_ms < final_ms:
            return True
        if not each.running and 0 <= each.last_ms < final_ms - KEPT_MS:
            return True
    return False


def _fewest(threads: Sequence[Thread]) -> tuple[Thread, ...]:
    excess = len(threads) - MAX_THREADS
    if excess <= 0:
        return tuple(threads)
    walk = Walk(threads)

    def worth(thread: Thread) -> tuple[int, int, str]:
        now = walk.threads.get(thread.id)
        last_ms = thread.messages[-1].at_ms if thread.messages else thread.last_ms
        if now is None:
            return 1, last_ms, thread.id
        kind = 0 if not now.running else 2 if now.owed_ms is None else 3
        return kind, last_ms, thread.id

    dropped = {each.id for each in sorted(threads, key=worth)[:excess]}
    return tuple(each for each in threads if each.id not in dropped)
