"""The clock without a broker: when it asks, when it fires, and whose turn it is."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from msgspec.structs import replace

from cjstream.core import engine
from cjstream.core.state import CustomerState, decode_state, has_pending
from cjstream.definitions import parse
from cjstream.ingest.codec import WireRecord
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream import partition as module
from cjstream.stream import sizes
from cjstream.stream.clock import Clock
from cjstream.stream.partition import Partition
from cjstream.stream.partitions import Partitions

STALLS = parse(
    """
journey: quick
lateness: 0s
stages:
  - {id: look, weight: 1, stall: {since_entered: 1s}}
  - {id: buy, weight: 2}
rules:
  - {on: page_view, to: look}
  - {on: purchase, to: buy}
""",
    "quick",
)
DUE_MS = 2_000  # of a customer who looked at 1,000
SETTINGS = load({})
CHANGELOG, SIGNALS, TRANSITIONS = SETTINGS.state_changelog, SETTINGS.signals, SETTINGS.transitions

pytestmark = pytest.mark.asyncio


class Outbox:
    """Takes a moment, and notes what was sent in which order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.ends: dict[tuple[str, int], int] = defaultdict(int)
        self.logs: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)  # the changelog, by partition
        self.log = self.logs[0]

    async def send(self, topic: str, partition: int, records: Sequence[WireRecord]) -> int:
        await asyncio.sleep(0.001)
        self.sent.append((topic, [(record.key or b"").decode(errors="replace") for record in records]))
        if topic == CHANGELOG:
            self.logs[partition] += ((record.key or b"", record.value) for record in records)
            return len(self.logs[partition]) - 1
        self.ends[topic, partition] += len(records)
        return self.ends[topic, partition] - 1

    def keys(self, topic: str) -> list[str]:
        return [key for name, keys in self.sent if name == topic for key in keys]

    def turns(self) -> list[str]:
        """Say whose turns they were, in order."""
        return ["clock" if name == SIGNALS else "input" for name, _ in self.sent if name in {SIGNALS, TRANSITIONS}]


class Consumer:
    """Stands for the consumer: says where logs end, counts how often it is asked."""

    def __init__(self) -> None:
        self.flow_active, self.watched, self.asked = True, set[TP](), list[list[int]]()
        self.end, self.behind, self.fails = 0, 0, False

    async def stable_ends(self, tps: list[TP]) -> dict[TP, int]:
        self.asked.append([tp.partition for tp in tps])
        if self.fails:
            raise KafkaConnectionError
        return dict.fromkeys(tps, self.end)

    def has_applied(self, tp: TP, end: int, applied_to: int) -> bool:
        return applied_to >= end

    def lag(self, tp: TP) -> int:
        return self.behind


class World:
    """Open partitions, a clock, and what they are told."""

    def __init__(self, **settings: str) -> None:
        self.outbox, self.consumer = Outbox(), Consumer()
        outbox: Any = self.outbox
        self.partitions = Partitions(load({}, **settings), Metrics(), outbox)
        self.partitions.active = (STALLS,)
        self.clock = Clock(self.partitions, SETTINGS.touchpoints, lambda: self.consumer)
        self.offset = -1

    def look(self, *customers: str, number: int = 0) -> Partition:
        """Let customers look at 1,000, in one batch."""
        partition = self.partitions[number]
        records = []
        for customer in customers:
            self.offset += 1
            fields = {"id": f"t{self.offset}", "customer_id": customer, "type": "page_view", "occurred_at": 1_000}
            value = json.dumps(fields).encode()
            records.append(
                ConsumerRecord(
                    SETTINGS.touchpoints, number, self.offset, 1_000, 0, customer.encode(), value, None, 0, 0, ()
                )
            )
        partition.advance(partition.decode(records), records)
        partition.publish(records, lambda: None)
        return partition

    async def looked(self, *customers: str, number: int = 0) -> Partition:
        """Let customers look, and wait until it is durable."""
        partition = self.look(*customers, number=number)
        await partition.publisher.drained()
        return partition

    def stored(self, customer: str) -> CustomerState:
        """Return a customer as the store has it, whatever is under way."""
        return decode_state(self.partitions[0].rows.store.get(customer.encode()) or b"")

    async def reopen(self, records: int) -> None:
        """Give the partition away, and take it over as if only the first `records` had come to its changelog."""
        await self.partitions.keep(set())
        await self.partitions.keep({0})
        log: Any = [
            ConsumerRecord(CHANGELOG, 0, at, 0, 0, key, value, None, 0, 0, ())
            for at, (key, value) in enumerate(self.outbox.log[:records])
        ]
        del self.outbox.log[records:]
        self.outbox.sent.clear()
        self.partitions.restore(0, log)
        await self.partitions.open([0])

    def errors(self) -> int:
        """Return cjstream_deadline_errors_total."""
        text = self.partitions.metrics.render()[1].decode()
        return int(float(text.partition("\ncjstream_deadline_errors_total ")[2].partition("\n")[0]))

    async def tick(self, now_ms: int = DUE_MS + 1) -> None:
        await self.clock.ask(now_ms)
        self.clock.fire()


@asynccontextmanager
async def world(*numbers: int, **settings: str) -> AsyncIterator[World]:
    made = World(**settings)
    await made.partitions.keep(set(numbers or (0,)))
    await made.partitions.open(numbers or (0,))
    try:
        yield made
        await made.partitions.drain()
    finally:
        await made.partitions.keep(set())


async def test_nothing_is_asked_while_nobody_is_due() -> None:
    async with world() as w:
        await w.looked("anna")
        await w.tick(DUE_MS)
        await w.partitions.drain()
    assert w.consumer.asked == []
    assert w.outbox.keys(SIGNALS) == []


async def test_one_request_serves_all_partitions_with_somebody_due() -> None:
    async with world(0, 1, 2) as w:
        await w.looked("anna", number=0)
        await w.looked("bert", number=2)
        await w.tick()
        await w.partitions.drain()
        assert [len(each.deadlines) for each in w.partitions.opened()] == [0, 0, 0]
    assert w.consumer.asked == [[0, 2]]
    assert sorted(w.outbox.keys(SIGNALS)) == ["anna", "bert"]


async def test_it_waits_until_the_input_is_applied_and_asks_only_once() -> None:
    async with world() as w:
        await w.looked("anna")
        w.consumer.end = w.consumer.behind = 2
        await w.tick()
        await w.tick(DUE_MS + 5_000)
        await w.partitions.drain()
        assert w.outbox.keys(SIGNALS) == []
        assert w.consumer.watched == {TP(SETTINGS.touchpoints, 0)}
        await w.looked("bert")
        w.clock.fire()
        await w.partitions.drain()
    assert w.consumer.asked == [[0]]
    assert w.outbox.keys(SIGNALS)[0] == "anna"
    assert w.consumer.watched == set()


async def test_an_end_that_the_log_has_lost_is_asked_for_again() -> None:
    async with world() as w:
        await w.looked("anna")
        w.consumer.end = 5
        await w.tick()
        w.consumer.end = 1
        await w.tick()
    assert w.outbox.keys(SIGNALS) == ["anna"]


async def test_without_an_answer_it_asks_again_at_the_next_tick() -> None:
    async with world() as w:
        await w.looked("anna")
        w.consumer.fails = True
        await w.tick()
        w.consumer.fails = False
        await w.tick()
    assert len(w.consumer.asked) == 2
    assert w.outbox.keys(SIGNALS) == ["anna"]


async def test_no_group_of_the_clock_begins_when_the_flow_has_stopped() -> None:
    async with world() as w:
        await w.looked("anna")
        await w.tick()
        w.consumer.flow_active = False  # a rebalance, whose drain now waits
        await w.partitions.drain()
        await w.tick()
        assert (len(w.consumer.asked), w.outbox.keys(SIGNALS)) == (1, [])
        w.consumer.flow_active = True
        await w.tick()
    assert w.outbox.keys(SIGNALS) == ["anna"]


async def test_the_state_goes_first_and_then_it_is_noted_what_is_sent() -> None:
    async with world() as w:
        await w.looked("anna")
        w.outbox.sent.clear()
        await w.tick()
        await w.partitions.drain()
        assert w.outbox.sent == [
            (CHANGELOG, ["anna", "\0p"]),
            (SIGNALS, ["anna"]),
            (CHANGELOG, ["\0p"]),
        ]
        assert [key for key, _ in w.outbox.log[3:5]] == [b"anna", b"\0p"]
        assert w.partitions[0].rows.position().pending_acked == 4


async def test_touchpoints_and_clock_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_CUSTOMERS", 2)
    async with world() as w:
        await w.looked(*(f"due-{number}" for number in range(5)))
        w.outbox.sent.clear()
        w.look("first")
        await asyncio.sleep(0)  # it is on its way
        await w.tick()
        for number in range(1_000):
            w.look(f"more-{number}")
            await asyncio.sleep(0)
    assert w.outbox.turns()[:6] == ["input", "clock", "input", "clock", "input", "clock"]
    assert len(set(w.outbox.keys(SIGNALS))) == len(w.outbox.keys(SIGNALS))


async def test_a_customer_with_a_touchpoint_under_way_has_a_later_turn() -> None:
    async with world() as w:
        await w.looked("anna", "bert")
        w.outbox.sent.clear()
        w.look("cora")
        await asyncio.sleep(0)  # it is on its way, so anna gathers
        w.look("anna")
        await w.tick()
        await w.partitions.drain()
        assert w.outbox.keys(SIGNALS) == ["bert", "cora"]
        await w.tick()
    assert w.outbox.keys(SIGNALS) == ["bert", "cora", "anna"]


async def test_an_erased_customer_has_no_deadline() -> None:
    async with world() as w:
        partition = await w.looked("anna")
        assert len(partition.deadlines) == 1
        record: Any = ConsumerRecord(SETTINGS.touchpoints, 0, 9, 1_500, 0, b"anna", None, None, 0, 0, ())
        partition.advance(partition.decode([record]), [record])
        partition.publish([record], lambda: None)
        assert len(partition.deadlines) == 0


async def test_deadlines_are_found_again_when_a_partition_is_opened() -> None:
    async with world() as w:
        partition = await w.looked("anna", "bert")
        rows = [(key, value) for key, value in partition.rows.store.items()]
        await w.partitions.keep(set())
        await w.partitions.keep({0})
        records: Any = [
            ConsumerRecord(CHANGELOG, 0, at, 0, 0, key, value, None, 0, 0, ()) for at, (key, value) in enumerate(rows)
        ]
        w.partitions.restore(0, records)
        await w.partitions.open([0])
        assert len(w.partitions[0].deadlines) == 2
        assert w.partitions[0].applied_to == 2
        await w.tick()
    assert sorted(w.outbox.keys(SIGNALS)) == ["anna", "bert"]


def fail(*_: Any) -> Any:
    raise ValueError


async def test_a_bug_in_the_engine_leaves_the_customer_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world() as w:
        await w.looked("anna")
        with monkeypatch.context() as patch:
            patch.setattr(engine, "expire", fail)
            await w.tick()
            await w.partitions.drain()
        await w.tick()
        await w.looked("anna")
        await w.partitions.drain()
        assert w.errors() == 1
    assert len(w.consumer.asked) == 1, "it is not tried again every second"
    assert "partition 0: the engine failed on a deadline (ValueError)" in caplog.text
    assert "anna" not in caplog.text


async def test_or_ends_the_worker_if_so_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: list[Any] = []
    monkeypatch.setattr(engine, "expire", fail)
    monkeypatch.setattr(module, "give_up", lambda *args: given_up.append(args))
    async with world(on_internal_error="stop") as w:
        await w.looked("anna")
        await w.tick()
    assert given_up[0][0] == 70


async def test_no_error_is_counted_when_deadlines_pass() -> None:
    async with world() as w:
        await w.looked("anna")
        await w.tick()
        await w.partitions.drain()
        assert w.errors() == 0


async def test_a_step_whose_state_would_be_too_large_is_counted_and_leaves_the_customer_as_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world() as w:
        await w.looked("anna", "bert")
        before, totals = w.stored("anna"), w.partitions[0].rows.totals
        counted = totals.copy()
        monkeypatch.setattr(sizes, "MAX_STATE_BYTES", 300)  # less than two outputs
        await w.tick()
        await w.partitions.drain()
        assert w.stored("anna") == before
        assert (w.errors(), w.outbox.keys(SIGNALS), totals.copy()) == (2, [], counted)
    assert "the engine failed on a deadline (TooLarge)" in caplog.text


async def test_pending_outputs_leave_the_store_when_they_are_sent_without_a_changelog_record() -> None:
    async with world() as w:
        await w.looked("anna")
        rows = w.partitions[0].rows
        await w.tick()
        await w.partitions.drain()
        assert [key for key, _ in w.outbox.log[1:]] == [b"anna", b"\0p"] * 2 + [b"\0p"], "the definition, and no more"
        [*_, noted] = [value for key, value in w.outbox.log if key == b"anna"]
        assert noted is not None
        assert has_pending(noted), "the changelog's record keeps them"
        assert w.stored("anna") == replace(decode_state(noted), pending=())
        assert rows.store.changelog_offset == len(w.outbox.log) - 1
        assert len(w.partitions[0].deadlines) == 0
        await w.tick(DUE_MS + 100_000)
        await w.partitions.drain()
    assert w.outbox.keys(SIGNALS) == ["anna"]


async def test_a_touchpoint_that_gathers_meanwhile_wins_and_has_no_pending_outputs() -> None:
    async with world() as w:
        partition = await w.looked("anna")
        await w.tick()
        await asyncio.sleep(0)  # the clock's group is on its way
        assert partition.rows.state(b"anna").pending  # type: ignore[union-attr]
        w.look("anna")
        newest = partition.rows.state(b"anna")
        while w.outbox.keys(SIGNALS) == []:
            await asyncio.sleep(0)
            assert partition.rows.state(b"anna") == newest
        await w.partitions.drain()
        assert w.stored("anna") == newest
        assert newest is not None
        assert (newest.fence, newest.pending) == ((0, 1), ())


async def test_what_is_known_to_be_sent_is_stored_without_pending_outputs_at_opening() -> None:
    async with world() as w:
        await w.looked("anna", "bert")
        await w.tick()
        await w.partitions.drain()
        totals, stored = state_of(w), w.stored("anna")
        await w.reopen(len(w.outbox.log))
        assert w.outbox.sent == []
        assert (w.stored("anna"), w.stored("bert").pending) == (stored, ())
        assert w.partitions[0].rows.pending == {}
        assert state_of(w) == totals


async def test_what_was_just_sent_again_is_stored_without_pending_outputs() -> None:
    async with world() as w:
        await w.looked("anna", "bert")
        await w.tick()
        await w.partitions.drain()
        totals, stored = state_of(w), w.stored("anna")
        await w.reopen(len(w.outbox.log) - 1)  # the note that they are sent was lost
        assert sorted(w.outbox.keys(SIGNALS)) == ["anna", "bert"]
        assert (w.stored("anna"), w.stored("bert").pending) == (stored, ())
        assert w.partitions[0].rows.pending == {}
        assert state_of(w) == totals


def state_of(w: World) -> tuple[list[Any], int]:
    """Return what is counted of the customers, and how many have a deadline ahead."""
    return sorted(w.partitions[0].rows.totals.copy().items(), key=repr), len(w.partitions[0].deadlines)
