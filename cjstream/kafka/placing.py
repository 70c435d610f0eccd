"""Sending single records to given partitions."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from cjstream.kafka.clients import started
from cjstream.kafka.options import client_options
from cjstream.settings import Settings


async def send_to(settings: Settings, topic: str, records: Mapping[int, tuple[bytes, bytes | None]]) -> None:
    """Append one key and value to each of these partitions, and return when all are durable."""
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, acks="all")
    async with started(producer, settings):
        waiting = (producer.send_and_wait(topic, value, key, number) for number, (key, value) in records.items())
        await asyncio.gather(*waiting)
