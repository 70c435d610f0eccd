"""When each customer of a partition is due next. Kept in memory: the states that it is made of are what is durable."""

from heapq import heapify, heappop, heappush, heapreplace

from cjstream.core import dues
from cjstream.core.engine import Journeys
from cjstream.core.state import CustomerState

SLACK_ENTRIES = 1024  # entries that stand for nothing any more, beyond one for each customer, before they are dropped


class Deadlines:
    """Customers by the time after which the clock has work with them. Holds nobody if no definition has deadlines."""

    def __init__(self, journeys: Journeys) -> None:
        self._journeys = journeys
        self._due: dict[bytes, int] = {}
        # For each customer an entry that is not later than when it is due: most changes move that on, and cost nothing
        # here but the look at an entry that has come up too early.
        self._heap: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._due)

    def note(self, key: bytes, state: CustomerState | None) -> None:
        """Keep when a customer in this state is due; None: gone."""
        if self._journeys.has_deadlines:
            self.put(key, None if state is None else dues.next_due(state, self._journeys))

    def put_back(self, key: bytes, state: CustomerState) -> None:
        """Take back that a customer was taken: the state is the same."""
        self.note(key, state)

    def put(self, key: bytes, due_ms: int | None) -> None:
        """Keep when a customer is due; None: never."""
        if due_ms is None:
            self._due.pop(key, None)
            return
        known_ms = self._due.get(key)
        self._due[key] = due_ms
        if known_ms is None or due_ms < known_ms:
            heappush(self._heap, (due_ms, key))
            if len(self._heap) > 2 * len(self._due) + SLACK_ENTRIES:
                self._heap = [(due_ms, key) for key, due_ms in self._due.items()]
                heapify(self._heap)

    def is_due(self, now_ms: int) -> bool:
        """Return whether somebody was due before `now_ms`."""
        heap = self._heap
        while heap and heap[0][0] < now_ms:
            entry_ms, key = heap[0]
            due_ms = self._due.get(key)
            if due_ms == entry_ms:
                return True
            if due_ms is None:
                heappop(heap)
            else:
                heapreplace(heap, (due_ms, key))
        return False

    def take(self, now_ms: int, limit: int) -> list[bytes]:
        """Return at most `limit` customers that were due before `now_ms`, earliest first, and forget them here."""
        taken: list[bytes] = []
        while len(taken) < limit and self.is_due(now_ms):
            _, key = heappop(self._heap)
            del self._due[key]
            taken.append(key)
        return taken
