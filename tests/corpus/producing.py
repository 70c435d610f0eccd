"""Sends records of the corpus byte for byte: with their headers, timestamps and codecs."""

import time
from collections.abc import Iterable
from itertools import groupby

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from cjstream.settings import Settings
from tests.corpus.cases import Sent


async def produce(settings: Settings, topic: str, sents: Iterable[Sent], partition: int = 0) -> None:
    """Append records to one partition, in order; return when all are durable."""
    for codec, group in groupby(sents, lambda sent: sent.compression):
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            compression_type=codec,
            max_batch_size=256 << 10,
            max_request_size=64 << 20,
        )
        await producer.start()
        try:
            await _produce(producer, topic, group, partition)
        finally:
            await producer.stop()


async def _produce(producer: AIOKafkaProducer, topic: str, sents: Iterable[Sent], partition: int) -> None:
    batch, futures = producer.create_batch(), []
    for sent in sents:
        row = {"key": sent.key, "value": sent.value, "headers": list(sent.headers), "timestamp": _timestamp_ms(sent)}
        if batch.append(**row) is None:
            batch.close()
            futures.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**row)  # an empty batch takes a record of any size
    batch.close()
    futures.append(await producer.send_batch(batch, topic, partition=partition))
    for future in futures:
        await future


def _timestamp_ms(sent: Sent) -> int:
    return int(time.time() * 1000) if sent.timestamp_ms is None else sent.timestamp_ms


async def produce_with_header_name(settings: Settings, topic: str, sent: Sent, name: bytes) -> None:
    """Append one record with a header of this name, which need be no UTF-8, as librdkafka sends it."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        batch, stand_in = producer.create_batch(), "#" * len(name)
        batch.append(key=sent.key, value=sent.value, timestamp=None, headers=[(stand_in, b"x"), ("plain", None)])
        batch.close()
        packed = bytearray(batch._build())
        at = packed.index(stand_in.encode())
        packed[at : at + len(name)] = name
        packed[17:21] = calc_crc32c(bytes(packed[21:])).to_bytes(4, "big")
        batch._buffer = bytes(packed)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
