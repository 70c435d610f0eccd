"""A slow agent on another topic held up the input: the fetch loop waited for room in the agent's queue.

Seen as a worker ended by its watchdog, its input untouched, while an agent of `transitions` slept 20 ms per event.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from faust.transport.consumer import ThreadDelegateConsumer
from faust.types import TP

from cjstream.stream import transport
from cjstream.stream.transport import BatchConsumer

INPUT, OTHER, FACTS = TP("touchpoints", 0), TP("transitions", 0), TP("facts", 0)
ROOM = 2


class Log:
    """In the place of the consumer's thread: fetches by script, and notes which partitions were asked for."""

    def __init__(self) -> None:
        self.fetches: list[dict[TP, list[Any]]] = []
        self.asked: list[set[TP]] = []

    async def getmany(self, partitions: set[TP], _timeout: float) -> dict[TP, list[Any]]:
        self.asked.append(partitions)
        fetched = self.fetches.pop(0) if self.fetches else {}
        return {tp: rows for tp, rows in fetched.items() if tp in partitions}

    def highwater(self, tp: TP) -> int:
        return 100

    async def seek_to_committed(self) -> dict[TP, int]:
        return {}

    def assignment(self) -> set[TP]:
        return set()


@pytest.fixture
def queue() -> "asyncio.Queue[Any]":
    """The queue of the slow agent."""
    return asyncio.Queue(ROOM)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch, queue: "asyncio.Queue[Any]") -> Any:
    """A consumer of the input and a topic with a slow agent, whose messages flow."""
    app = SimpleNamespace(
        batched_topics={INPUT.topic, FACTS.topic},
        settings=SimpleNamespace(facts=FACTS.topic),
        facts=SimpleNamespace(position=lambda _: 0),
        consumer_generation_id=1,
        client_only=False,
        monitor=SimpleNamespace(track_tp_end_offset=lambda *_: None),
        topics=SimpleNamespace(_tp_index={tp: [SimpleNamespace(queue=queue)] for tp in (OTHER, FACTS)}),
    )
    monkeypatch.setattr(ThreadDelegateConsumer, "__init__", lambda self, *_, **__: self._reset_state())
    monkeypatch.setattr(BatchConsumer, "_is_changelog_tp", lambda *_: False)
    monkeypatch.setattr(BatchConsumer, "should_stop", False)
    monkeypatch.setattr(BatchConsumer, "app", app, raising=False)
    for name in ("can_resume_flow", "suspend_flow", "not_waiting_next_records"):
        monkeypatch.setattr(BatchConsumer, name, asyncio.Event(), raising=False)
    made: Any = BatchConsumer()
    made._thread, made._committed_offset, made._read_offset = Log(), {}, {}
    made._set_active_tps({INPUT, OTHER, FACTS})
    made.resume_flow()
    return made


def rows(tp: TP, *offsets: int) -> list[Any]:
    return [ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"anna", b"{}", None, 4, 2, ()) for offset in offsets]


async def take(consumer: Any, queue: "asyncio.Queue[Any]") -> list[tuple[TP, int]]:
    """Take what there is as Faust does: into the agent's queue, and never waiting for room in it."""
    taken = []
    async for tp, message in consumer.getmany(0.01):
        taken.append((tp, message.offset))
        if tp != INPUT:
            queue.put_nowait(message)
    return taken


def test_records_without_room_wait_apart_from_the_input(consumer: Any, queue: "asyncio.Queue[Any]") -> None:
    log = consumer._thread
    log.fetches = [{OTHER: rows(OTHER, 0, 1, 2, 3, 4), INPUT: rows(INPUT, 0, 1)}, {INPUT: rows(INPUT, 2)}]

    async def scenario() -> None:
        assert sorted(await take(consumer, queue)) == [(INPUT, 1), (OTHER, 0), (OTHER, 1)]
        assert await take(consumer, queue) == [(INPUT, 2)]
        queue.get_nowait()
        assert await take(consumer, queue) == [(OTHER, 2)]
        for _ in range(ROOM):
            queue.get_nowait()
        assert await take(consumer, queue) == [(OTHER, 3), (OTHER, 4)]
        await take(consumer, queue)

    asyncio.run(scenario())
    assert log.asked == [{INPUT, OTHER, FACTS}, *([{INPUT, FACTS}] * 3), {INPUT, OTHER, FACTS}]


def test_a_seek_forgets_them_as_they_are_read_again(consumer: Any, queue: "asyncio.Queue[Any]") -> None:
    log = consumer._thread
    log.fetches = [{OTHER: rows(OTHER, 0, 1, 2)}, {OTHER: rows(OTHER, 0, 1)}]

    async def scenario() -> None:
        await take(consumer, queue)
        await consumer.perform_seek()
        for _ in range(ROOM):
            queue.get_nowait()
        assert await take(consumer, queue) == [(OTHER, 0), (OTHER, 1)]

    asyncio.run(scenario())
    assert log.asked == [{INPUT, OTHER, FACTS}, {INPUT, OTHER, FACTS}]


def test_facts_come_in_chunks_and_wait_apart_from_the_input_too(
    consumer: Any, queue: "asyncio.Queue[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CHUNK_RECORDS", 2)
    consumer._thread.fetches = [{FACTS: rows(FACTS, *range(7)), INPUT: rows(INPUT, 0)}]

    async def scenario() -> None:
        assert sorted(await take(consumer, queue)) == [(FACTS, 1), (FACTS, 3), (INPUT, 0)]
        assert await take(consumer, queue) == []
        for _ in range(ROOM):
            queue.get_nowait()
        assert await take(consumer, queue) == [(FACTS, 5), (FACTS, 6)]

    asyncio.run(scenario())
