"""The own producer: idempotent, acks=all, batches by partition. Only awaited delivery futures count as sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError
from mode import Service

from cjstream.ingest.codec import WireRecord
from cjstream.kafka import RECORD_LIMIT_BYTES
from cjstream.kafka.options import client_options
from cjstream.settings import Settings
from cjstream.stream.unwritten import fail

REQUEST_SECONDS = 30.0  # without an answer, then it is sent again on a new connection: Kafka knows what it has
MAX_BATCH_BYTES = 1 << 20
MAX_REQUEST_BYTES = RECORD_LIMIT_BYTES  # one record may fill a batch, and more, by itself
MAX_RECORDS = 2**30  # aiokafka's sequence number of a partition wraps at 2^31 and brokers refuse it: leave early


class _Producer:
    """An aiokafka producer, how often it is in use, and how many records it sent, to all partitions together."""

    def __init__(self, config: Settings) -> None:
        self.kafka = AIOKafkaProducer(
            **client_options(config),
            client_id=f"{config.app_id}-outbox",
            enable_idempotence=True,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=int(min(config.publish_timeout_seconds, REQUEST_SECONDS) * 1000),
        )
        self.kafka._message_accumulator._batch_ttl = config.publish_timeout_seconds  # while no leader is known
        self.users = 0
        self.sent = 0


class Outbox(Service):  # type: ignore[misc]
    """Sends records to given partitions and says at which offset they ended. One for all partitions of a worker.

    `confirm` is awaited before each hand-over to the producer: it returns when writing is safe.
    """

    def __init__(self, config: Settings, confirm: Callable[[], Awaitable[None]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._config, self._confirm = config, confirm
        self._current: _Producer | None = None
        self._swapping = asyncio.Lock()

    async def on_start(self) -> None:
        """Connect. Raises a KafkaError if no broker answers."""
        self._current = await self._connect()

    async def on_stop(self) -> None:
        """Wait for what is under way and disconnect."""
        if self._current is not None:
            await self._current.kafka.stop()

    async def _connect(self) -> _Producer:
        producer = _Producer(self._config)
        await producer.kafka.start()
        return producer

    async def send(self, topic: str, partition: int, records: Sequence[WireRecord]) -> int:
        """Append records to one partition in order, wait for the acks of all, return the offset of the last.

        Raises CjstreamError for the first that could not be delivered, or was not acked within the publish timeout.
        Calls for one partition must not overlap.
        """
        producer, last = await self._acquire(), -1
        try:
            # One by one: aiokafka has one batch of a partition under way anyway, and each needs the fence before it.
            for batch in _batches(producer.kafka, records):
                await self._confirm()
                async with asyncio.timeout(self._config.publish_timeout_seconds):
                    sent = await (await producer.kafka.send_batch(batch, topic, partition=partition))
                last = sent.offset + batch.record_count() - 1
        except (KafkaError, TimeoutError) as error:
            await fail(self._config, topic, partition, error)
        finally:
            await self._release(producer, len(records))
        return last

    def reconnect(self) -> None:
        """Send on new connections, also what waits for its ack. May be called from any thread."""
        if self._current is not None:
            self.loop.call_soon_threadsafe(drop_connections, self._current.kafka.client)

    async def _acquire(self) -> _Producer:
        async with self._swapping:
            producer = self._current
            assert producer is not None, "the outbox is started before any partition is assigned"
            if producer.sent >= MAX_RECORDS:
                self._current = await self._connect()
                await self._stop_if_unused(producer)
                producer = self._current
        producer.users += 1
        return producer

    async def _release(self, producer: _Producer, records: int) -> None:
        producer.users -= 1
        producer.sent += records
        await self._stop_if_unused(producer)

    async def _stop_if_unused(self, producer: _Producer) -> None:
        if producer is not self._current and producer.users == 0:
            await producer.kafka.stop()


def drop_connections(client: Any) -> None:
    """Close the connections of an aiokafka client; it makes new ones as it needs them. Call it on the client's loop."""
    for connection in list(client._conns.values()):
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)


def _batches(kafka: AIOKafkaProducer, records: Iterable[WireRecord]) -> Iterable[Any]:
    """Yield the records in as few closed batches as fit; the first record of a batch is taken whatever its size."""
    now_ms = int(time.time() * 1000)
    batch = kafka.create_batch()
    for record in records:
        stamp = now_ms if record.timestamp_ms is None else record.timestamp_ms
        key, value, headers = record.key, record.value, list(record.headers)
        if batch.append(timestamp=stamp, key=key, value=value, headers=headers) is None:
            batch.close()
            yield batch
            batch = kafka.create_batch()
            batch.append(timestamp=stamp, key=key, value=value, headers=headers)
    batch.close()
    yield batch
