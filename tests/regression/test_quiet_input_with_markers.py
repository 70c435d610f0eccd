"""The watchdog ended an idle worker every minute: it took the transaction marker at the log's end for waiting input."""

import asyncio
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Subscription
from faust.types import TP

from cjstream.core.state import Position
from cjstream.stream import gauges
from cjstream.stream.transport import BatchConsumer
from cjstream.stream.watchdog import STALL_SECONDS

INPUT = TP("touchpoints", 0)


async def seen(position: int, stable: int) -> Subscription:
    """Return what aiokafka keeps of the partition; its futures are of the running loop."""
    subscription = Subscription([INPUT.topic])
    subscription._assign({TopicPartition(*INPUT)})
    state = subscription.assignment.state_value(TopicPartition(*INPUT))
    state.seek(position)
    state.lso = stable
    return subscription


def consumer(*, position: int, stable: int, read: int, applied: int) -> Any:
    """A consumer that saw this of the log; not connected to anything."""
    made: Any = object.__new__(BatchConsumer)
    aiokafka = SimpleNamespace(_subscription=SimpleNamespace(subscription=asyncio.run(seen(position, stable))))
    made._thread = SimpleNamespace(_ensure_consumer=lambda: aiokafka)
    made._read, made._applied, made._committed_offset = {INPUT: read}, {INPUT: applied}, {}
    return made


def progress(consumer: Any, waiting: int = 0) -> tuple[float, int]:
    rows = SimpleNamespace(position=lambda: Position((0, 4)))
    partition = SimpleNamespace(number=0, rows=rows, publisher=SimpleNamespace(waiting=waiting))
    app: Any = SimpleNamespace(
        partitions=SimpleNamespace(opened=lambda: iter([partition]), restored_records=0),
        membership=SimpleNamespace(is_fresh=lambda: True),
        settings=SimpleNamespace(touchpoints=INPUT.topic),
        rebalancing=False,
        consumer=consumer,
    )
    return gauges.progress(app)


def test_a_marker_at_the_end_of_the_log_is_not_waiting_input() -> None:
    quiet = consumer(position=6, stable=6, read=5, applied=5)  # offset 5 is the marker
    assert quiet.lag(INPUT) == 0
    assert progress(quiet) == (inf, 4)
    assert progress(quiet, waiting=1) == (STALL_SECONDS, 4)


@pytest.mark.parametrize(
    ("stable", "applied", "lag"), [(6, 2, 3), (9, 5, 3), (9, 2, 6)], ids=["not applied", "not fetched", "both"]
)
def test_input_that_waits_counts(stable: int, applied: int, lag: int) -> None:
    busy = consumer(position=6, stable=stable, read=5, applied=applied)
    assert busy.lag(INPUT) == lag
    assert progress(busy) == (STALL_SECONDS, 4)
