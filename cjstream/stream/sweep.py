"""Clears away what is left of forgotten customers: markers that have done their work, and bytes in local files.

A marker is needed while the input may still hold records of the time before it. So now and then a worker asks how long
the input keeps its records, and where each partition begins.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from time import time
from typing import Any

from aiokafka.errors import KafkaError
from mode import Service

from cjstream.core.forgetting import is_over
from cjstream.core.state import MARKER_PREFIX, decode_marker
from cjstream.errors import CjstreamError
from cjstream.kafka import Span, keeping, topic_spans
from cjstream.logs import tell
from cjstream.settings import Settings
from cjstream.stream.partition import Partition
from cjstream.stream.partitions import Partitions
from cjstream.stream.publisher import Group
from cjstream.stream.store import StoreError

FIRST_SECONDS = 60.0  # after the start: also a worker that never lives for long clears away
EVERY_SECONDS = 3600.0
PURGE_AFTER_SECONDS = 86_400.0  # a purge writes all files of a partition anew
TURN_MARKERS = 1000  # deleted in one group
SLICES = 256  # of a store that lasts, by the first byte of the hash: each is looked at in a turn of its own


class Sweep(Service):  # type: ignore[misc]
    """One task for all partitions of a worker. `consumer` returns the app's, once there are partitions."""

    def __init__(self, partitions: Partitions, settings: Settings, consumer: Callable[[], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._partitions, self._settings, self._consumer = partitions, settings, consumer

    @Service.task
    async def _work(self) -> None:
        await self.sleep(FIRST_SECONDS)
        while not self.should_stop:
            await self.sweep(int(time() * 1000))
            await self.sleep(EVERY_SECONDS)

    async def sweep(self, now_ms: int) -> None:
        """Look at all partitions once. What Kafka does not answer waits for the next time."""
        topic, changelog = self._settings.touchpoints, self._settings.state_changelog
        try:
            kept = await keeping(self._settings, [topic, changelog])
            spans = await topic_spans(self._settings, topic)
        except (CjstreamError, KafkaError, OSError) as error:
            tell("markers_stay", why=error)
        else:
            self.ask(spans, kept[topic].retention_ms, now_ms)
            self._prune(now_ms - kept[changelog].tombstone_ms)
        await self._purge(now_ms - int(1000 * PURGE_AFTER_SECONDS))

    def _prune(self, before_ms: int) -> None:
        try:
            gone = self._partitions.prune(before_ms)
        except OSError as error:
            tell("files_not_deleted", why=error)
            return
        if gone:
            tell("files_deleted", partitions=gone)

    async def _purge(self, before_ms: int) -> None:
        for partition in self._partitions.opened():
            try:
                await asyncio.to_thread(partition.rows.store.purge, before_ms)
            except StoreError as error:
                tell("files_not_purged", partition=partition.number, why=error)

    def ask(self, spans: dict[int, Span], kept_ms: int | None, now_ms: int) -> None:
        """Ask for turns in which markers are deleted; none if the input is kept for ever (None)."""
        if kept_ms is None:
            return
        for partition in self._partitions.opened():
            if partition.number in spans:
                turns = Turns(partition, spans[partition.number].start, now_ms - kept_ms, self._may_go)
                partition.publisher.put_alone(turns.next)

    def _may_go(self) -> bool:
        return bool(self._consumer().flow_active) and not self.should_stop


class Turns:
    """Turns of one partition: each looks at a part of the markers, and asks for the next one."""

    def __init__(self, partition: Partition, log_start: int, before_ms: int, may_go: Callable[[], bool]) -> None:
        self._partition, self._before_ms, self._may_go = partition, before_ms, may_go
        self._log_start = partition.rows.position().fence[0], log_start
        numbers = range(SLICES) if partition.rows.store.is_lasting else ()
        self._parts = [MARKER_PREFIX + bytes([number]) for number in numbers] or [MARKER_PREFIX]

    def next(self) -> Group | None:
        """Return the group that deletes those that are over, or None: there are none, or no group may begin."""
        if not self._may_go():
            return None
        found = list(islice(self._over(self._parts[-1]), TURN_MARKERS))
        if len(found) < TURN_MARKERS:
            self._parts.pop()
        if self._parts:
            self._partition.publisher.put_alone(self.next)
        group = Group(by_clock=True)
        group.states |= dict.fromkeys(found)
        group.tally["cjstream_markers_expired_total", ()] += len(found)
        return group if found else None

    def _over(self, prefix: bytes) -> Iterator[bytes]:
        rows = self._partition.rows
        for key, value in rows.store.items(prefix):
            if is_over(decode_marker(value), self._log_start, self._before_ms) and not rows.is_gathering(key):
                yield key
