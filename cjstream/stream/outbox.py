"""The own producer: idempotent, acks=all, batches by partition. Only awaited delivery futures count as sent."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from mode import Service

from cjstream.ingest.codec import WireRecord

MAX_BATCH_BYTES = 1 << 20
MAX_REQUEST_BYTES = 4 << 20
MAX_RECORDS = 2**30  # aiokafka's sequence number of a partition wraps at 2^31 and brokers refuse it: leave early
REQUEST_TIMEOUT_MS = 30_000


class _Producer:
    """An aiokafka producer, how often it is in use, and how much it sent to one partition at the most."""

    def __init__(self, servers: str, client_id: str) -> None:
        self.kafka = AIOKafkaProducer(
            bootstrap_servers=servers,
            client_id=client_id,
            enable_idempotence=True,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        self.users = 0
        self.sent = 0


class Outbox(Service):  # type: ignore[misc]
    """Sends records to given partitions and says at which offset they ended. One for all partitions of a worker."""

    def __init__(self, servers: str, client_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._servers, self._client_id = servers, client_id
        self._current: _Producer | None = None

    async def on_start(self) -> None:
        """Connect. Raises a KafkaError if no broker answers."""
        self._current = await self._connect()

    async def on_stop(self) -> None:
        """Wait for what is under way and disconnect."""
        if self._current is not None:
            await self._current.kafka.stop()

    async def _connect(self) -> _Producer:
        producer = _Producer(self._servers, self._client_id)
        await producer.kafka.start()
        return producer

    async def send(self, topic: str, partition: int, records: Sequence[WireRecord]) -> int:
        """Append records to one partition in order, wait for the acks of all, return the offset of the last.

        Raises the KafkaError of the first that could not be delivered. Calls for one partition must not overlap.
        """
        producer = await self._acquire()
        try:
            futures = [
                (await producer.kafka.send_batch(batch, topic, partition=partition), batch.record_count())
                for batch in _batches(producer.kafka, records)
            ]
            done = await asyncio.gather(*(future for future, _ in futures))
        finally:
            await self._release(producer, len(records))
        last: int = done[-1].offset + futures[-1][1] - 1
        return last

    async def _acquire(self) -> _Producer:
        producer = self._current
        assert producer is not None, "the outbox is started before any partition is assigned"
        if producer.sent >= MAX_RECORDS:
            self._current = await self._connect()
            producer = self._current
        producer.users += 1
        return producer

    async def _release(self, producer: _Producer, records: int) -> None:
        producer.users -= 1
        producer.sent += records
        if producer is not self._current and producer.users == 0:
            await producer.kafka.stop()


def _batches(kafka: AIOKafkaProducer, records: Iterable[WireRecord]) -> Iterable[Any]:
    """Yield the records in as few closed batches as fit; the first record of a batch is taken whatever its size."""
    now_ms = int(time.time() * 1000)
    batch = kafka.create_batch()
    for record in records:
        stamp = now_ms if record.timestamp_ms is None else record.timestamp_ms
        row = {"key": record.key, "value": record.value, "timestamp": stamp, "headers": list(record.headers)}
        if batch.append(**row) is None:
            batch.close()
            yield batch
            batch = kafka.create_batch()
            batch.append(**row)
    batch.close()
    yield batch
