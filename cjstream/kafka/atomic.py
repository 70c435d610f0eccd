"""Sending to several topics at once: all of it or nothing, and never by two processes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from cjstream.kafka.clients import UNREACHABLE, reaching, started
from cjstream.kafka.options import client_options
from cjstream.kafka.rights import DENIED
from cjstream.kafka.sending import BATCH_BYTES, NO_CLIENT_LIMIT_BYTES, SendRefused
from cjstream.settings import Settings

BATCH_HEADER_BYTES = 61
RECORD_BYTES, HEADER_BYTES = 36, 10  # beside key, value, name: lengths and deltas at their longest


class Row(NamedTuple):
    """A record and where it goes; its timestamp is that of sending."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def most_bytes(self) -> int:
        """Return how large it is at most as sent by itself, uncompressed."""
        headers = sum(HEADER_BYTES + len(name.encode()) + len(text or b"") for name, text in self.headers)
        return BATCH_HEADER_BYTES + RECORD_BYTES + len(self.key or b"") + len(self.value or b"") + headers


class AtomicSender:
    """Sends rows in Kafka transactions. An async context manager.

    Entered, it is the only one of its app and `name`: one that was entered before gets SendRefused from then on, and
    what that had under way is undone. So all that others ever sent can be read before the first `send`.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._id = settings, f"{settings.app_id}-{name}"
        self._clients = AsyncExitStack()

    async def send(self, rows: Sequence[Row]) -> None:
        """Return when all rows are durable. Raises BrokerUnreachable or SendRefused: then all were sent, or none.

        After an error it sends nothing more.
        """
        with reaching(self._settings):
            try:
                async with self._producer.transaction():
                    await self._send(rows)
            except ProducerFenced:
                raise SendRefused(f"another process has begun as {self._id}: let that one end") from None
            except (*UNREACHABLE, *DENIED):
                raise
            except KafkaError as error:
                raise SendRefused(f"the broker refused a transaction of {self._id}: {error!r}") from error

    async def _send(self, rows: Sequence[Row]) -> None:
        by_place: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            by_place.setdefault((row.topic, row.partition), []).append(row)
        under_way = [
            await self._producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), some in by_place.items()
            for batch in self._batches(some)
        ]
        for failure in await asyncio.gather(*under_way, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure

    def _batches(self, rows: Sequence[Row]) -> Iterator[Any]:
        # By hand: the producer's own `send` takes no record without key and value.
        batch = self._producer.create_batch()
        for row in rows:
            record = {"timestamp": None, "key": row.key, "value": row.value, "headers": list(row.headers)}
            if batch.append(**record) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(**record)  # an empty batch takes a record of any size
        yield batch

    async def __aenter__(self) -> Self:
        self._producer: Any = AIOKafkaProducer(
            **client_options(self._settings),
            transactional_id=self._id,
            max_batch_size=BATCH_BYTES,
            max_request_size=NO_CLIENT_LIMIT_BYTES,
        )
        await self._clients.enter_async_context(started(self._producer, self._settings))
        await self.send([])  # fences the others off
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._clients.aclose()
