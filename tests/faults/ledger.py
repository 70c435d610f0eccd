"""O1, the ledger: the input that Kafka acknowledged, and what each record of it must lead to."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.faults.harness import Acked, Record
from tests.reference import SHOP, Object, milliseconds, reduce_touchpoints


class Due(NamedTuple):
    """One touchpoint that must cause a transition."""

    offset: int
    customer: str
    touchpoint_id: str


class Ledger:
    """The input as the log has it, and what each record of it must lead to.

    `acked`: what a sender got an ack for. `unread`: those of them that the log does not have as they were sent.
    """

    def __init__(self, records: Iterable[Record], acked: Acked | None = None) -> None:
        self.touchpoints: list[Object] = []
        self.rejected: dict[int, list[Record]] = defaultdict(list)
        self.offsets: dict[bytes, tuple[int, list[int]]] = {}  # key -> partition, offsets of its touchpoints
        self.records: Counter[int] = Counter()  # by partition
        own: dict[bytes, list[tuple[int, Object]]] = defaultdict(list)
        unread = dict(acked or {})
        for record in records:
            self.records[record.partition] += 1
            if unread.get((record.partition, record.offset)) == (record.key, record.value):
                del unread[record.partition, record.offset]
            touchpoint = _parse(record)
            if touchpoint is None:
                self.rejected[record.partition].append(record)
                continue
            key = record.key or b""
            self.touchpoints.append(touchpoint)
            self.offsets.setdefault(key, (record.partition, []))[1].append(record.offset)
            own[key].append((record.offset, {**touchpoint, "occurred_at": milliseconds(touchpoint["occurred_at"])}))
        self.unread = [f"acknowledged, not in the log: offset {at[1]} of partition {at[0]}" for at in unread]
        self.causes: dict[int, list[Due]] = defaultdict(list)
        for key, history in own.items():
            self.causes[self.offsets[key][0]] += _causes(key.decode(), history)
        self.outcomes = reduce_touchpoints(self.touchpoints, SHOP)

    def repeated(self) -> int:
        """Return how many touchpoints have an id that came before."""
        return len(self.touchpoints) - len({(each["customer_id"], each["id"]) for each in self.touchpoints})

    def uncounted(self, counts: Mapping[str, float]) -> list[str]:
        """O4: return what is wrong with the counts by outcome of workers that did it all once, in one life each."""
        rejected = sum(map(len, self.rejected.values()))
        due = {"rejected": rejected, "duplicate": self.repeated(), "late": 0, "erased": 0}
        due["applied or ignored"] = sum(self.records.values()) - rejected - self.repeated()
        told = {**counts, "applied or ignored": counts.get("applied", 0) + counts.get("ignored", 0)}
        return [
            f"{told.get(name, 0):g} {name} where {due[name]} are due" for name in due if told.get(name, 0) != due[name]
        ]


def _parse(record: Record) -> Object | None:
    try:
        touchpoint = json.loads(record.value or b"")
        milliseconds(touchpoint["occurred_at"])
        if isinstance(touchpoint.get("rating"), str):
            return None
    except (ValueError, TypeError, KeyError):
        return None
    found: Object = touchpoint
    return found


def _causes(customer: str, history: Sequence[tuple[int, Object]]) -> Iterator[Due]:
    """Yield the touchpoints with which the path of a customer changes, in the order of the log."""
    path: list[Any] = []
    for number, (offset, touchpoint) in enumerate(history, start=1):
        after = reduce_touchpoints((each for _, each in history[:number]), SHOP)[customer].path
        if after != path:
            yield Due(offset, customer, touchpoint["id"])
        path = after
