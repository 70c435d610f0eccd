"""The watchdog ended an idle worker every minute: it took the transaction marker at the log's end for waiting input."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Subscription
from faust.types import TP

from cjstream.stream import liveness
from cjstream.stream.transport import BatchConsumer

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
    made._read, made._applied, made._committed_offset = {INPUT: read}, {INPUT: applied}, {INPUT: applied}
    return made


def waits(consumer: Any, end: int) -> list[str]:
    """What a worker with this consumer waits for, where the log ends there."""
    app: Any = SimpleNamespace(
        should_stop=False,
        partitions=SimpleNamespace(
            opened=lambda: iter([SimpleNamespace(number=0, applied_to=consumer._applied[INPUT])])
        ),
        membership=SimpleNamespace(is_fresh=lambda: True, has_joined=True),
        lookout=SimpleNamespace(ends={INPUT: end}, unowned=[]),
        facts=SimpleNamespace(owned=list),
        settings=SimpleNamespace(touchpoints=INPUT.topic, facts="facts", publish_timeout_seconds=120.0),
        rebalancing=False,
        consumer=consumer,
    )
    return [each.what for each in liveness.waits(app)]


def test_a_marker_at_the_end_of_the_log_is_not_waiting_input() -> None:
    quiet = consumer(position=6, stable=6, read=5, applied=5)  # offset 5 is the marker
    assert quiet.lag(INPUT) == 0
    assert waits(quiet, end=6) == []
    assert waits(quiet, end=7) == ["touchpoints partition 0: there is input, and it is not fetched"]


@pytest.mark.parametrize(
    ("stable", "applied", "lag"), [(6, 2, 3), (9, 5, 3), (9, 2, 6)], ids=["not applied", "not fetched", "both"]
)
def test_input_that_waits_counts(stable: int, applied: int, lag: int) -> None:
    busy = consumer(position=6, stable=stable, read=5, applied=applied)
    assert busy.lag(INPUT) == lag
    assert waits(busy, end=stable) != []
