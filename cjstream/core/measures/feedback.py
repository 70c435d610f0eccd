"""The feedback clock: how long a review, complaint, question or survey answer of the customer waits for the business.

Three clocks. First response: from the feedback, or an edit that opens it again, to the first answer. Next response:
from the customer's next message after an answer to the next answer. Resolution: from the feedback to its end. A stop at
or before the due moment is a hit; a late one stays a miss.
"""

from collections.abc import Sequence

from cjstream.core.measures.feedback_clocks import findings
from cjstream.core.measures.feedback_log import compacted, with_message
from cjstream.core.measures.feedback_spec import Spec, read
from cjstream.core.measures.feedback_threads import (
    ANSWER,
    ASKED,
    EDITED,
    FOLLOW_UP,
    OPENED,
    RESOLVED,
    WITHDRAWN,
    Message,
    Opening,
    Thread,
)
from cjstream.core.measures.feedback_waits import Open, State, dues, waits
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.touchpoint import Touchpoint

__all__ = ["Open", "Spec", "State", "Thread", "advance", "dues", "open_count", "open_of", "read"]


def advance(spec: Spec, state: State, touchpoint: Touchpoint | None, moment: Moment) -> tuple[State, Sequence[Finding]]:
    """Return the threads after a touchpoint (None: only time passes), and what came true.

    The same state if nothing changed. Whatever the order of arrival within the lateness, the state is the same.
    """
    taken = state if touchpoint is None else _taken(spec, state, touchpoint, moment.key)
    if not taken:
        return taken, ()
    return compacted(taken, moment.newest_ms - moment.lateness_ms), findings(spec, state, taken, moment)


def _taken(spec: Spec, state: State, touchpoint: Touchpoint, key: str | None) -> State:
    reply_to = touchpoint.fields.reply_to
    if reply_to is None or reply_to == touchpoint.id:
        if touchpoint.type not in spec.on or not touchpoint.by_customer:
            return state
        role, reply_to = OPENED, None
    else:
        role = _role(spec, touchpoint)
    thread_id, parent = reply_to or touchpoint.id, ""
    if role == ASKED:
        thread_id, parent = touchpoint.id, thread_id
    opening = _opening(spec, touchpoint, key) if role in (OPENED, EDITED, ASKED) else None
    message = Message(touchpoint.at_ms, touchpoint.sequence, role, parent, opening)
    return with_message(state, thread_id, message)


def _role(spec: Spec, touchpoint: Touchpoint) -> int:
    """Return what a touchpoint with `reply_to` is to the thread it names."""
    if touchpoint.type in spec.resolved_by:
        return WITHDRAWN if touchpoint.by_customer else RESOLVED
    if not touchpoint.by_customer:
        return ANSWER
    if touchpoint.type in spec.edited_by:
        return EDITED
    return ASKED if touchpoint.type in spec.on else FOLLOW_UP


def _opening(spec: Spec, touchpoint: Touchpoint, key: str | None) -> Opening:
    told = touchpoint.fields
    target = next((each for each in spec.targets if each.when is None or each.when(touchpoint)), None)
    return Opening(
        touchpoint.at_ms, key, touchpoint.type, told.channel, told.sentiment, told.topic, told.rating,
        () if target is None else target.times_ms,
    )  # fmt: skip


def open_of(state: State) -> Sequence[Open]:
    """Return the feedback whose customer waits for an answer, first or next, longest first; none once resolved."""
    return waits(state).open


def open_count(state: State) -> int:
    """Return how many of the customer's feedback wait for an answer."""
    return len(waits(state).open) if state else 0
