"""Sending one record and knowing where it went."""

from aiokafka import AIOKafkaProducer

from cjstream.kafka.clients import reaching, started
from cjstream.kafka.options import client_options
from cjstream.kafka.topics import partition_count, partition_of
from cjstream.settings import Settings


async def send_record(settings: Settings, topic: str, key: bytes, value: bytes | None) -> tuple[int, int]:
    """Send one record to its key's partition and return partition and offset, when it is durable.

    Raises BrokerUnreachable, StateMismatch if there is no such topic, NotAuthorised if it may not be written.
    """
    partition = partition_of(key, await partition_count(settings, topic, "Write"))
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, acks="all")
    async with started(producer, settings):
        with reaching(settings):
            sent = await producer.send_and_wait(topic, value=value, key=key, partition=partition)
    return partition, sent.offset
