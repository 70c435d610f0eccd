"""The later batches of a long write went out unfenced, and two sends at once could replace a producer twice.

So each batch is confirmed and acked before the next, and the offset returned is that of the last record of all.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.ingest.codec import WireRecord
from cjstream.settings import load
from cjstream.stream import outbox as module
from cjstream.stream.outbox import Outbox

BATCH_RECORDS = 2
RECORDS = [WireRecord("transitions", b"%d" % number, b"{}") for number in range(6)]


class Batch:
    """A batch with room for two."""

    def __init__(self) -> None:
        self.records = 0

    def append(self, **_: Any) -> object:
        if self.records == BATCH_RECORDS:
            return None
        self.records += 1
        return self

    def close(self) -> None:
        pass

    def record_count(self) -> int:
        return self.records


class Kafka:
    """In the place of aiokafka's producer; `done` notes what happened to all of them. Acks wait for `gate`."""

    made: list["Kafka"]
    done: list[str]
    gate: asyncio.Event

    def __init__(self, **_: Any) -> None:
        self.made.append(self)
        self.number, self.end_offset = len(self.made), 100
        self._message_accumulator = SimpleNamespace(_batch_ttl=0.0)

    async def start(self) -> None:
        await asyncio.sleep(0)
        self.done.append(f"start {self.number}")

    async def stop(self) -> None:
        self.done.append(f"stop {self.number}")

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, _topic: str, partition: int) -> "asyncio.Task[Any]":
        self.done.append(f"send {batch.records} by {self.number}")
        offset, self.end_offset = self.end_offset, self.end_offset + batch.records
        return asyncio.create_task(self._ack(offset))

    async def _ack(self, offset: int) -> SimpleNamespace:
        await self.gate.wait()
        self.done.append(f"ack {offset}")
        return SimpleNamespace(offset=offset)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to the producers, which are fakes now."""
    Kafka.made, Kafka.done, Kafka.gate = [], [], asyncio.Event()
    Kafka.gate.set()
    monkeypatch.setattr(module, "AIOKafkaProducer", Kafka)
    return Kafka.done


async def started(done: list[str]) -> Outbox:
    async def confirm() -> None:
        done.append("confirm")

    outbox = Outbox(load({}), confirm)
    await outbox.on_start()
    done.clear()
    return outbox


def test_each_batch_is_confirmed_and_acked_before_the_next(done: list[str]) -> None:
    async def scenario() -> int:
        outbox = await started(done)
        return await outbox.send("transitions", 0, RECORDS)

    assert asyncio.run(scenario()) == 105
    assert done == [
        "confirm", "send 2 by 1", "ack 100", "confirm", "send 2 by 1", "ack 102", "confirm", "send 2 by 1", "ack 104",
    ]  # fmt: skip


def test_a_worn_out_producer_is_replaced_once_and_stopped_when_unused(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 2)

    async def scenario() -> None:
        outbox = await started(done)
        Kafka.gate.clear()
        slow = asyncio.create_task(outbox.send("transitions", 0, RECORDS[:1]))
        await asyncio.sleep(0)
        assert outbox._current is not None
        outbox._current.sent = 2  # by sends to other partitions
        later = [asyncio.create_task(outbox.send("transitions", number, RECORDS[:1])) for number in (1, 2)]
        await asyncio.sleep(0.01)
        assert done.count("start 2") == 1
        assert done.count("send 1 by 2") == 2
        assert "stop 1" not in done, "a send of its own is still under way"
        Kafka.gate.set()
        await asyncio.gather(slow, *later)
        assert done.count("stop 1") == 1
        assert len(Kafka.made) == 2
        await outbox.on_stop()
        assert done[-1] == "stop 2"

    asyncio.run(scenario())


def test_a_worn_out_producer_that_nobody_uses_is_stopped_as_it_is_replaced(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 2)

    async def scenario() -> None:
        outbox = await started(done)
        await outbox.send("transitions", 0, RECORDS[:2])
        await outbox.send("transitions", 0, RECORDS[:1])

    asyncio.run(scenario())
    assert done == [
        "confirm", "send 2 by 1", "ack 100", "start 2", "stop 1", "confirm", "send 1 by 2", "ack 100",
    ]  # fmt: skip
