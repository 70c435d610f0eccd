"""Refuses a state that no changelog record could hold: it would stop its partition at every start anew."""

from cjstream.core.engine import Journeys
from cjstream.core.state import CustomerState, Instance, encode

MAX_STATE_BYTES = 6 << 20  # the changelog's limit, see kafka.topics, less ample room for key and batch

# Upper sizes of parts, encoded. Ids and keys have up to 128 characters of 4 bytes, numbers up to 9 bytes.
STATE_BYTES = 4096  # all but journeys and pending outputs
JOURNEY_BYTES = 640  # its name and numbers
INSTANCE_BYTES = 4608  # key, goal, 64 counts and 64 totals; no visits, no log
VISIT_BYTES = 576
ENTRY_BYTES = 640  # without matches
MATCH_BYTES = 12  # of one entry and one rule: its index, and a time for a snooze
PENDING_BYTES = 8192  # of one record, beside its value: mostly headers


class TooLarge(Exception):
    """A customer's state would be larger than MAX_STATE_BYTES."""


class Sizes:
    """Tells whether a state is too large. It counts parts first, and encodes none that could not be."""

    def __init__(self, journeys: Journeys) -> None:
        by_hash = journeys.by_hash
        # Order-free journeys have one instance, and one visit per stage: a state of these alone is never large.
        self._is_needed = not all(each.order_free for each in by_hash.values())
        self._entry_bytes = {name: ENTRY_BYTES + MATCH_BYTES * len(each.table) for name, each in by_hash.items()}

    def require(self, state: CustomerState) -> None:
        """Raise TooLarge if the state, with its pending outputs, is larger than MAX_STATE_BYTES."""
        if self._is_needed and self.bound(state) > MAX_STATE_BYTES and len(encode(state)) > MAX_STATE_BYTES:
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
        return size

    def _bound_of(self, instance: Instance) -> int:
        size, past = INSTANCE_BYTES + VISIT_BYTES * len(instance.visits), instance.past
        if past is None:
            return size
        if past.log:
            size += self._entry_bytes[instance.definition] * len(past.log)
        return size if past.base is None else size + self._bound_of(past.base)
