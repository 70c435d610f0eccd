"""Reading a topic from one end to the other, in no consumer group."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from math import inf
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from cjstream.errors import BrokerUnreachable
from cjstream.kafka.clients import reader
from cjstream.kafka.topics import partition_count
from cjstream.settings import Settings

STALL_SECONDS = 30.0  # a read towards a known end that gets nothing for so long has lost its broker


class Span(NamedTuple):
    """What a partition holds: offsets from `start` to right before `end`; `start` rises as retention deletes."""

    start: int
    end: int


async def topic_spans(settings: Settings, topic: str) -> dict[int, Span]:
    """Return what each partition of `topic` holds now. Raises StateMismatch if there is no such topic."""
    parts = [TopicPartition(topic, number) for number in range(await partition_count(settings, topic))]
    async with reader(settings) as consumer:
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
    return {part.partition: Span(starts[part], ends[part]) for part in parts}


class Found(NamedTuple):
    """What a partition holds, and its first record from the offset on that was asked for; None: none is left there."""

    span: Span
    record: ConsumerRecord[bytes, bytes] | None


async def records_at(settings: Settings, topic: str, offsets: Mapping[int, int]) -> dict[int, Found]:
    """Look at one offset of each of these partitions of a topic that exists."""
    parts = {TopicPartition(topic, number): at for number, at in offsets.items()}
    async with reader(settings, fetch_bytes=1) as consumer:
        # All at once: assigned, it learns of the topic without a delay; a second assignment may hang when it is stopped
        # (aiokafka 0.14); and a broker holds a fetch that finds nothing to return.
        consumer.assign([*parts])
        consumer.pause(*parts)
        for part, at in parts.items():
            consumer.seek(part, max(at, 0))
        starts, ends = await consumer.beginning_offsets([*parts]), await consumer.end_offsets([*parts])
        asked = {part for part, at in parts.items() if starts[part] <= at < ends[part]}
        consumer.resume(*asked)
        records = await _firsts(consumer, asked)
    return {part.partition: Found(Span(starts[part], ends[part]), records.get(part.partition)) for part in parts}


async def records_between(
    settings: Settings, topic: str, partition: int, start: int, end: int
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the committed records from offset `start` to right before `end`, which the log has come to."""
    part, found = TopicPartition(topic, partition), list[ConsumerRecord[bytes, bytes]]()
    async with reader(settings) as consumer:
        consumer.assign([part])
        consumer.seek(part, start)
        async for _, records in _batches(consumer, {part: end}, settings):
            found += [record for record in records if record.offset < end]
    return found


async def _firsts(consumer: Any, parts: set[TopicPartition]) -> dict[int, ConsumerRecord[bytes, bytes]]:
    found: dict[int, ConsumerRecord[bytes, bytes]] = {}
    async with asyncio.timeout(STALL_SECONDS):  # `reader` makes BrokerUnreachable of it
        while parts:
            for part, records in (await consumer.getmany(*parts, timeout_ms=100)).items():
                found[part.partition] = records[0]
                parts.discard(part)
            for part in list(parts):
                if await consumer.position(part) >= (consumer.highwater(part) or inf):  # only markers were left
                    parts.discard(part)
    return found


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
    batches = read_batches(settings, topic, follow=follow, from_end=from_end, partitions=partitions)
    async with aclosing(batches):
        async for records in batches:
            for record in records:
                yield record


async def read_batches(
    settings: Settings,
    topic: str,
    *,
    follow: bool = False,
    from_end: bool = False,
    partitions: Sequence[int] | None = None,
) -> AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]:
    """Yield what `read_topic` yields, as it comes: some records of one partition at a time."""
    wanted = range(await partition_count(settings, topic)) if partitions is None else partitions
    parts = [TopicPartition(topic, number) for number in wanted]
    async with reader(settings) as consumer:
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        for part, start in (ends if from_end else await consumer.beginning_offsets(parts)).items():
            consumer.seek(part, start)
        async for part, records in _batches(consumer, None if follow else ends, settings):
            is_whole = follow or records[-1].offset < ends[part]
            yield records if is_whole else [record for record in records if record.offset < ends[part]]


async def _batches(
    consumer: Any, ends: dict[TopicPartition, int] | None, settings: Settings
) -> AsyncGenerator[tuple[TopicPartition, list[ConsumerRecord[bytes, bytes]]], None]:
    """Yield what comes until every position is at its end; None: no end."""
    heard = time.monotonic()
    while ends is None or not await _reached(consumer, ends):
        batches = await consumer.getmany(timeout_ms=500)
        if batches:
            heard = time.monotonic()
        elif ends is not None and time.monotonic() - heard > STALL_SECONDS:
            raise BrokerUnreachable(settings.kafka_bootstrap_servers, STALL_SECONDS)
        for part, records in batches.items():
            yield part, records


async def _reached(consumer: Any, ends: dict[TopicPartition, int]) -> bool:
    for part, end in ends.items():
        if await consumer.position(part) < end:
            return False
    return True
