"""What others may do to an app's topics: delete one and make it anew, cut its start off, write into the changelog."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from cjstream.core.state import is_reserved
from cjstream.kafka import check_topics, create_topics
from cjstream.settings import Settings
from cjstream.stream.rows import Rows
from cjstream.stream.store import MemoryStore
from tests.faults.harness import Record, TopicLog, run

VISIBLE_SECONDS = 30
Row = tuple[bytes, bytes | None]


async def _admin(settings: Settings, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await work(admin)
    finally:
        await admin.close()


def make_anew(settings: Settings, topic: str, partitions: int) -> None:
    """Delete a topic of the app, and make it again, empty."""

    async def anew() -> None:
        await _admin(settings, lambda admin: admin.delete_topics([topic]))
        deadline = time.monotonic() + VISIBLE_SECONDS
        while (await check_topics(settings))[topic] is not None:
            assert time.monotonic() < deadline, f"{topic} was not deleted"
            await asyncio.sleep(0.1)
        await create_topics(settings, partitions)

    run(anew())


def cut_off(settings: Settings, topic: str, starts: dict[int, int]) -> None:
    """Delete the records of partitions before these offsets, as retention does."""
    wanted = {TopicPartition(topic, number): RecordsToDelete(before_offset=at) for number, at in starts.items()}
    run(_admin(settings, lambda admin: admin.delete_records(wanted)))


def write(settings: Settings, rows: Iterable[Row], partition: int = 0, topic: str | None = None) -> None:
    """Write into the changelog, or another topic, as another worker would."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all")
        await producer.start()
        try:
            for key, value in rows:
                await producer.send_and_wait(topic or settings.state_changelog, value, key, partition)
        finally:
            await producer.stop()

    run(send())


class Compacted:
    """The changelog, or another topic, as an outsider may see it: the last value of each key, by partition."""

    def __init__(self, settings: Settings, topic: str | None = None) -> None:
        self._log = TopicLog(settings, topic or settings.state_changelog)

    def read(self) -> dict[tuple[int, bytes], bytes]:
        """Return the values as they are now."""
        return {at: record.value for at, record in self.records().items() if record.value is not None}

    def records(self) -> dict[tuple[int, bytes], Record]:
        """Return the last record of each key."""
        self._log.read_on()
        return {(record.partition, record.key or b""): record for record in self._log.records}

    def customers(self) -> dict[bytes, bytes]:
        """Return the customers among them."""
        return {key: value for (_, key), value in self.read().items() if not is_reserved(key)}

    def restored(self, partition: int, secret: str, *, is_compacted: bool) -> dict[bytes, bytes]:
        """Return the customers that a worker finds in the whole log of a partition, or in what compaction leaves."""
        records = self.records().values() if is_compacted else self._log.records
        rows = Rows(MemoryStore(), secret.encode())
        rows.restore(sorted((each for each in records if each.partition == partition), key=lambda each: each.offset))
        return {key: value for key, value in rows.store.items() if not is_reserved(key)}
