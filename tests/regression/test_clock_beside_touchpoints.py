"""A step fired by the clock took the place of touchpoints that came at the same moment, or was mixed with them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cjstream.core.outputs import Signal
from cjstream.core.state import CustomerState, Position
from cjstream.ingest.codec import WireRecord, encode
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream.current import CurrentStages
from cjstream.stream.publisher import Group, Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.store import MemoryStore

SIGNAL = Signal(
    signal_id="0" * 32, kind="stalled", severity="warning", journey="shop", instance="", stage="awareness",
    customer_id="anna", since="2026-01-01T00:00:00.000Z", due=None, cause=None, owner=None, detail=None,
)  # fmt: skip


class Outbox:
    """Takes a moment, and notes what was sent in which order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[bytes | None]]] = []
        self.ends: Counter[str] = Counter()

    async def send(self, topic: str, _partition: int, records: Sequence[WireRecord]) -> int:
        await asyncio.sleep(0.001)
        self.sent.append((topic, [record.key for record in records]))
        self.ends[topic] += len(records)
        return self.ends[topic] - 1


def touch(publisher: Publisher, customer: bytes, offset: int, acked: list[int]) -> None:
    publisher.rows.put(customer, CustomerState((0, offset)))
    publisher.group.outputs.append(WireRecord("transitions", customer, b"{}"))
    publisher.group.acks.append(lambda: acked.append(offset))
    publisher.group.position = Position((0, offset))
    publisher.put(1, 0)


def fired() -> Group:
    return Group(outputs=[encode(SIGNAL, "app")], states={b"anna": CustomerState((0, 0))}, by_clock=True)


def test_touchpoints_that_come_with_a_fired_step_keep_their_own_group() -> None:
    acked: list[int] = []
    outbox: Any = Outbox()

    async def scenario() -> None:
        current = CurrentStages(0, None, lambda _: None, outbox, load({}), Metrics())
        publisher = Publisher(0, Rows(MemoryStore(), b""), outbox, load({}), Metrics(), current)

        def make() -> Group:
            asyncio.get_running_loop().call_soon(touch, publisher, b"cora", 2, acked)
            return fired()

        touch(publisher, b"anna", 0, acked)
        await asyncio.sleep(0)  # it is on its way
        publisher.put_alone(make)
        touch(publisher, b"bert", 1, acked)
        await asyncio.sleep(0.02)
        await publisher.drained()
        await publisher.close()

    asyncio.run(scenario())
    assert acked == [0, 1, 2]
    transitions = [key for topic, keys in outbox.sent if topic == "transitions" for key in keys]
    assert transitions == [b"anna", b"bert", b"cora"]
    topics = [topic for topic, _ in outbox.sent]
    signal = topics.index("signals")
    assert topics[:signal] == ["transitions", *["cjstream-state-changelog"] * 2], "after the group that was on its way"
    assert outbox.sent[signal - 1][1] == [b"anna", b"\0p"], "state first, and of this step only"
    assert outbox.sent[signal][1] == [b"anna"]
