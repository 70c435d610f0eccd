"""Refuses a state that no changelog record could hold: it would stop its partition at every start anew."""

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import Journeys
from cjstream.core.state import CustomerState, Experience, Instance, Measured, encode

MAX_STATE_BYTES = 6 << 20  # the changelog's limit, see kafka.topics, less ample room for key and batch

# Upper sizes of parts, encoded. Ids and keys have up to 128 characters of 4 bytes, numbers up to 9 bytes.
STATE_BYTES = 4096  # all but journeys and pending outputs
JOURNEY_BYTES = 640  # its name and numbers
INSTANCE_BYTES = 4608  # key, goal, 64 counts and 64 totals; no visits, no log
VISIT_BYTES = 576
ENTRY_BYTES = 640  # without matches
MATCH_BYTES = 12  # of one entry and one rule: its index, and a time for a snooze
THREAD_BYTES = 8192  # of feedback: ids, what was told when it was opened, the clocks that run; without messages
MESSAGE_BYTES = 8192
SCORE_BYTES = 1024
RULE_BYTES = 640  # its id, and numbers of both tallies
CONTRIBUTION_BYTES = 36  # or a bucket of them, or a turn of a mark
MARK_BYTES = 576
WATCH_BYTES = 32  # without ids and times
TIME_BYTES = 9
MANY_WATCHES = 500
PENDING_BYTES = 8192  # of one record, beside its value: mostly headers


class TooLarge(Exception):
    """A customer's state would be larger than MAX_STATE_BYTES."""


class Sizes:
    """Tells whether a state is too large. It counts parts first, and encodes none that could not be."""

    def __init__(self, journeys: Journeys) -> None:
        by_hash = journeys.by_hash
        # Order-free journeys have one instance, and one visit per stage: a state of these alone is never large.
        self._is_needed = not all(each.order_free for each in by_hash.values())
        self.is_idle = not self._is_needed and not any(_has_watches(each) for each in journeys.active.values())
        self._entry_bytes = {name: ENTRY_BYTES + MATCH_BYTES * len(each.table) for name, each in by_hash.items()}

    def require(self, state: CustomerState) -> None:
        """Raise TooLarge if the state, with its pending outputs, is larger than MAX_STATE_BYTES."""
        is_needed = self._is_needed or (state.measured is not None and _has_many_watches(state.measured))
        if is_needed and self.bound(state) > MAX_STATE_BYTES and len(encode(state)) > MAX_STATE_BYTES:
            raise TooLarge

    def bound(self, state: CustomerState) -> int:
        """Return a number of bytes that the encoded state does not exceed."""
        size = STATE_BYTES
        for pending in state.pending:
            size += PENDING_BYTES + len(pending.value or b"")
        for journey in state.journeys.values():
            size += JOURNEY_BYTES
            for instance in journey.instances:
                size += self._bound_of(instance)
        if state.measured is not None:
            size += sum(JOURNEY_BYTES + _bound_of_experience(each) for each in state.measured.journeys.values())
        return size

    def _bound_of(self, instance: Instance) -> int:
        size, past = INSTANCE_BYTES + VISIT_BYTES * len(instance.visits), instance.past
        if past is None:
            return size
        if past.log:
            size += self._entry_bytes[instance.definition] * len(past.log)
        return size if past.base is None else size + self._bound_of(past.base)


def _has_watches(definition: JourneyDefinition) -> bool:
    return definition.measures is not None and definition.measures.expected is not None


def _has_many_watches(measured: Measured) -> bool:
    """Return whether the only part of the measures that can be large is: threads and scores take 3 MiB at the most."""
    for kept in measured.journeys.values():  # noqa: SIM110 - every touchpoint asks, and a loop is quicker
        if len(kept.watches) > MANY_WATCHES:
            return True
    return False


def _bound_of_experience(kept: Experience) -> int:
    size = sum(THREAD_BYTES + MESSAGE_BYTES * len(thread.messages) for thread in kept.threads)
    for watch in kept.watches:
        size += WATCH_BYTES + 4 * (len(watch.key) + len(watch.rule))
        size += TIME_BYTES * (len(watch.firsts) + len(watch.seconds))
    if kept.score is None:
        return size
    score = kept.score
    size += SCORE_BYTES + RULE_BYTES * len(score.rules) + CONTRIBUTION_BYTES * len(score.recent)
    size += CONTRIBUTION_BYTES * (len(score.now.buckets) + len(score.base.buckets))
    return size + sum(MARK_BYTES + CONTRIBUTION_BYTES * len(mark.turns) for mark in score.marks)
