"""How far a partition has come: records that were read are applied, and what is no record is passed over."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Subscription
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from cjstream.stream import transport
from cjstream.stream.table import StageTables
from cjstream.stream.transport import BatchConsumer

INPUT, OTHER = TP("touchpoints", 0), TP("touchpoints", 1)
CHANGELOG = TP("state-changelog", 0)

pytestmark = pytest.mark.asyncio


def rows(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


class Log:
    """A consumer of two partitions, not connected to anything; `position` is how far aiokafka has handed out."""

    def __init__(self, position: int = 0) -> None:
        subscription = Subscription([INPUT.topic])
        subscription._assign({TopicPartition(*INPUT), TopicPartition(*OTHER)})
        self.state = subscription.assignment.state_value(TopicPartition(*INPUT))
        self.state.seek(position)
        self.kafka = SimpleNamespace(_subscription=SimpleNamespace(subscription=subscription))
        made: Any = object.__new__(BatchConsumer)
        made.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={CHANGELOG.topic}))
        made._thread = SimpleNamespace(_ensure_consumer=lambda: self.kafka, thread_loop=asyncio.get_running_loop())
        made._batched, made._read, made._passed, made.watched = {INPUT.topic}, {}, {}, {INPUT}
        self.consumer = made

    def fetch(self, position: int, *offsets: int) -> None:
        """A fetch of both partitions is over: it gave records, and aiokafka stands at `position`."""
        self.state.seek(position)
        self.consumer._note_read({INPUT: rows(*offsets)} if offsets else {}, {INPUT, OTHER})


async def test_records_up_to_the_end_are_applied() -> None:
    log = Log()
    log.fetch(5, 3, 4)
    assert not log.consumer.has_applied(INPUT, 5, 4)
    assert log.consumer.has_applied(INPUT, 5, 5)


async def test_under_load_it_does_not_have_to_catch_up_with_all_that_was_read() -> None:
    log = Log()
    log.fetch(900, 899)
    assert log.consumer.has_applied(INPUT, 400, 401)


async def test_a_marker_at_the_end_is_passed_over_when_the_fetch_has_passed_it() -> None:
    log = Log()
    log.fetch(5, 3, 4)
    assert not log.consumer.has_applied(INPUT, 6, 5), "offset 5 could be a record"
    log.state.seek(6)
    assert not log.consumer.has_applied(INPUT, 6, 5), "it could be on its way between the threads"
    log.fetch(6)
    assert log.consumer.has_applied(INPUT, 6, 5)
    assert not log.consumer.has_applied(INPUT, 6, 4), "offset 4 was read, and waits for the agent"
    assert not log.consumer.has_applied(OTHER, 6, 5), "not watched"


async def test_the_position_of_a_paused_partition_says_nothing() -> None:
    log = Log()
    log.state.seek(6)
    log.consumer._note_read({}, {OTHER})
    assert not log.consumer.has_applied(INPUT, 6, 5)


async def test_the_ends_of_all_come_with_one_call_of_the_client() -> None:
    log = Log()
    calls: list[list[TopicPartition]] = []

    async def end_offsets(tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        calls.append(tps)
        return dict.fromkeys(tps, 7)

    log.kafka.end_offsets = end_offsets
    assert await log.consumer.stable_ends([INPUT, OTHER]) == {INPUT: 7, OTHER: 7}
    assert len(calls) == 1


async def test_no_answer_in_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ENDS_SECONDS", 0.01)
    log = Log()
    log.kafka.end_offsets = lambda tps: asyncio.sleep(60)
    with pytest.raises(TimeoutError):
        await log.consumer.stable_ends([INPUT])


async def test_an_error_of_the_broker_comes_through() -> None:
    async def end_offsets(_: Any) -> None:
        raise KafkaConnectionError

    log = Log()
    log.kafka.end_offsets = end_offsets
    with pytest.raises(KafkaConnectionError):
        await log.consumer.stable_ends([INPUT])


async def test_a_restore_ends_where_the_last_offsets_of_a_changelog_are_no_records() -> None:
    log = Log()
    tables: Any = object.__new__(StageTables)
    tables.app = SimpleNamespace(consumer=log.consumer)
    tables._recovery = recovery = SimpleNamespace(
        in_recovery=True, active_tps={INPUT}, active_highwaters={INPUT: 9}, active_offsets={INPUT: -1}
    )
    log.fetch(8, 0, 1, 2)
    tables.pass_over_ends()
    assert recovery.active_offsets[INPUT] == -1, "there is more to fetch"
    log.fetch(10)
    recovery.active_offsets[INPUT] = 1
    tables.pass_over_ends()
    assert recovery.active_offsets[INPUT] == 1, "a record that was read is not restored yet"
    recovery.active_offsets[INPUT] = 2
    tables.pass_over_ends()
    assert recovery.active_offsets[INPUT] == 9
    recovery.active_offsets[INPUT], recovery.in_recovery = 2, False
    tables.pass_over_ends()
    assert recovery.active_offsets[INPUT] == 2
