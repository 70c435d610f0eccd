"""Reading a topic from one end to the other, in no consumer group."""

import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from cjstream.errors import BrokerUnreachable
from cjstream.kafka.clients import reader
from cjstream.kafka.topics import partition_count
from cjstream.settings import Settings

STALL_SECONDS = 30.0  # a read towards a known end that gets nothing for so long has lost its broker


async def read_topic(
    settings: Settings,
    topic: str,
    *,
    follow: bool = False,
    from_end: bool = False,
    partitions: Sequence[int] | None = None,
) -> AsyncGenerator[ConsumerRecord[bytes, bytes], None]:
    """Yield the committed records of `topic`, in order within a partition.

    From the beginning, or with `from_end` from now on; to the end as it is at the start, or with `follow` for
    ever. `partitions`: only these. Raises StateMismatch if there is no such topic. Leave it early only under
    contextlib.aclosing, which closes the consumer.
    """
    wanted = range(await partition_count(settings, topic)) if partitions is None else partitions
    parts = [TopicPartition(topic, number) for number in wanted]
    async with reader(settings) as consumer:
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        for part, start in (ends if from_end else await consumer.beginning_offsets(parts)).items():
            consumer.seek(part, start)
        async for part, record in _records(consumer, None if follow else ends, settings):
            if follow or record.offset < ends[part]:
                yield record


async def _records(
    consumer: Any, ends: dict[TopicPartition, int] | None, settings: Settings
) -> AsyncGenerator[tuple[TopicPartition, ConsumerRecord[bytes, bytes]], None]:
    """Yield what comes until every position is at its end; None: no end."""
    heard = time.monotonic()
    while ends is None or not await _reached(consumer, ends):
        batches = await consumer.getmany(timeout_ms=500)
        if batches:
            heard = time.monotonic()
        elif ends is not None and time.monotonic() - heard > STALL_SECONDS:
            raise BrokerUnreachable(settings.kafka_bootstrap_servers, STALL_SECONDS)
        for part, records in batches.items():
            for record in records:
                yield part, record


async def _reached(consumer: Any, ends: dict[TopicPartition, int]) -> bool:
    for part, end in ends.items():
        if await consumer.position(part) < end:
            return False
    return True
