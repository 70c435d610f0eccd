"""Feedback and what was said about it, as the state keeps it: threads of messages.

A thread is a base, the final messages already walked, and the messages that are not final yet. So the threads are the
same whatever the order of arrival.
"""

import msgspec

CLOCKS = ("first_response", "next_response", "resolution")
FIRST, NEXT, RESOLUTION = range(3)
OPENED, EDITED, ASKED, FOLLOW_UP, ANSWER, WITHDRAWN, RESOLVED = range(7)  # in this order at equal time and sequence
KEPT_MS = 30 * 86_400_000  # after the last message of a thread in which no clock runs

Order = tuple[int, bool, int, int]


class Opening(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of feedback: when it was given, the run it names, its fields, and its targets in milliseconds.

    `targets_ms`: by the place of the clock in CLOCKS, 0 for none; empty if no target is for this feedback.
    """

    at_ms: int
    key: str | None
    type: str
    channel: str | None = None
    sentiment: str | None = None
    topic: str | None = None
    rating: int | float | None = None
    targets_ms: tuple[int, ...] = ()


class Message(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A touchpoint in a thread. What may open a thread has an `opening`; ASKED has the thread that it replies to.

    ASKED is feedback that is a reply: a follow-up if that thread is known, else it opens a thread of its own.
    """

    at_ms: int
    sequence: int
    role: int
    parent: str = ""
    opening: Opening | None = None


class Running(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A clock that runs. `target_ms` 0: nothing is due, but an answer is still owed."""

    clock: int
    since_ms: int
    target_ms: int


class Thread(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Feedback by its id, after its final messages, and the `messages` that are not final, in their order.

    `opening` None: no feedback of this id is known (yet). `alias`: the thread in which it is a follow-up; answers may
    name either. `last_ms`: its last final message.
    """

    id: str
    opening: Opening | None = None
    running: tuple[Running, ...] = ()
    last_ms: int = -1
    alias: str = ""
    messages: tuple[Message, ...] = ()

    @property
    def owed_ms(self) -> int | None:
        """Since when the customer waits for an answer; None: it does not."""
        since_ms = None
        for each in self.running:
            if each.clock != RESOLUTION and (since_ms is None or each.since_ms < since_ms):
                since_ms = each.since_ms
        return since_ms


def order_of(message: Message) -> Order:
    """Return what sorts messages. Feedback comes before all of its moment, so an answer of the same time counts."""
    return message.at_ms, message.role != OPENED, message.sequence, message.role
