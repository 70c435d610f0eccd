"""Sending single records to given partitions, and knowing where they went."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from cjstream.kafka.clients import started
from cjstream.kafka.options import client_options
from cjstream.kafka.topics import partition_count, partition_of
from cjstream.settings import Settings


async def send_record(settings: Settings, topic: str, key: bytes, value: bytes | None) -> tuple[int, int]:
    """Send one record to its key's partition and return partition and offset, when it is durable.

    Raises BrokerUnreachable, StateMismatch if there is no such topic, NotAuthorised if it may not be written.
    """
    partition = partition_of(key, await partition_count(settings, topic, "Write"))
    offsets = await send_to(settings, topic, {partition: (key, value)})
    return partition, offsets[partition]


async def send_to(settings: Settings, topic: str, records: Mapping[int, tuple[bytes, bytes | None]]) -> dict[int, int]:
    """Append one key and value to each of these partitions; return the offset of each when all are durable."""
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, acks="all")
    async with started(producer, settings):
        waiting = (producer.send_and_wait(topic, value, key, number) for number, (key, value) in records.items())
        sent = await asyncio.gather(*waiting)
    return {each.partition: each.offset for each in sent}
