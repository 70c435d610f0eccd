"""Sending many records fast: batches filled here, per partition, spare the producer's cost per record."""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from cjstream.errors import CjstreamError
from cjstream.kafka.clients import UNREACHABLE, reaching, started
from cjstream.kafka.options import client_options
from cjstream.kafka.rights import DENIED
from cjstream.kafka.topics import partition_of
from cjstream.settings import Settings

BATCH_BYTES = 262_144  # enough to spread the cost of a request, and far below the usual record limits
NO_CLIENT_LIMIT_BYTES = 1 << 30  # what is too large the broker says


class SendRefused(CjstreamError):
    """The broker refused a record for good: too large for the topic, not authorised, or the like."""

    exit_code = 1


class BulkSender:
    """Sends to one topic, idempotent and with acks=all. An async context manager.

    Leaving it without an error waits until every record is durable. Every method may raise BrokerUnreachable
    or SendRefused, also for records added earlier.
    """

    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self._settings, self._topic, self._partitions = settings, topic, partitions
        self._open: dict[int, Any] = {}
        self._under_way: set[asyncio.Future[Any]] = set()
        self._failure: BaseException | None = None
        self._keyless = 0
        self._clients = AsyncExitStack()

    async def add(self, key: bytes | None, value: bytes | None) -> None:
        """Put a record, timestamp now, into its partition's open batch; waits while the broker is behind."""
        partition = self._next_partition() if key is None else partition_of(key, self._partitions)
        batch = self._open.get(partition)
        if batch is not None and batch.append(timestamp=None, key=key, value=value):
            return
        if batch is not None:
            await self._hand_over(partition)
        batch = self._open[partition] = self._producer.create_batch()
        batch.append(timestamp=None, key=key, value=value)  # an empty batch takes a record of any size

    async def hand_over(self) -> None:
        """Give all open batches to the producer, without waiting for their acks."""
        for partition in list(self._open):
            await self._hand_over(partition)

    async def flush(self) -> None:
        """Return when every record added so far is durable."""
        await self.hand_over()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._raise_failure()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **client_options(self._settings),
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=NO_CLIENT_LIMIT_BYTES,
        )
        await self._clients.enter_async_context(started(self._producer, self._settings))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._clients:
            if kind is None:
                await self.flush()

    def _next_partition(self) -> int:
        self._keyless += 1
        return self._keyless % self._partitions

    async def _hand_over(self, partition: int) -> None:
        self._raise_failure()
        batch = self._open.pop(partition)
        future = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._under_way.add(future)
        future.add_done_callback(self._delivered)

    def _delivered(self, future: asyncio.Future[Any]) -> None:
        self._under_way.discard(future)
        failure = None if future.cancelled() else future.exception()
        self._failure = self._failure or failure

    def _raise_failure(self) -> None:
        if self._failure is None:
            return
        with reaching(self._settings):
            if isinstance(self._failure, (*UNREACHABLE, *DENIED)):
                raise self._failure
        raise SendRefused(f"the broker refused a record for {self._topic}: {self._failure}")
