"""The stores of a worker's partitions, as the setting `store` says. What earlier processes left is checked first."""

import asyncio
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Protocol

from cjstream.errors import ConfigError
from cjstream.kafka import Found, records_at, tombstone_retention_ms
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.marks import FORMAT, HOME_MARK
from cjstream.stream.patience import answered
from cjstream.stream.stale import Held, Log, why_stale
from cjstream.stream.stamps import content_of, record_of
from cjstream.stream.store import MemoryStore, Store

if TYPE_CHECKING:
    from cjstream.stream.rocks import RocksStore


class Stores(Protocol):
    """Opens the store of a partition by number."""

    async def check(self, numbers: Iterable[int]) -> None:
        """Discard what earlier processes left of these partitions, where it is not to be trusted."""

    def open(self, number: int) -> Store:
        """Return the store of a partition, after `check`. Raises StoreError if there can be none."""

    def prune(self, owned: Container[int], before_ms: int) -> list[int]:
        """Delete what is left of partitions that are not owned and untouched since before; return their numbers."""


class MemoryStores:
    """Stores in memory: nothing is left by earlier processes."""

    async def check(self, numbers: Iterable[int]) -> None:
        """Nothing is to be checked."""

    def open(self, number: int) -> Store:
        """Return an empty store."""
        return MemoryStore()

    def prune(self, owned: Container[int], before_ms: int) -> list[int]:
        """Nothing is left."""
        return []


class RocksStores:
    """Stores in a directory, one database each. A partition that has left keeps its files, for its return."""

    def __init__(self, settings: Settings, metrics: Metrics, root: Path) -> None:
        try:
            from cjstream.stream import rocks  # noqa: PLC0415 - an extra, which the memory store does not need
        except ImportError:
            todo = "needs rocksdict: pip install 'cjstream[rocksdb]'"
            raise ConfigError("CJSTREAM_STORE", settings.store, todo) from None
        self._rocks, self._settings, self._metrics, self._root = rocks, settings, metrics, root
        self._pool = rocks.Pool(settings.rocksdb_cache_bytes, settings.rocksdb_write_buffer_bytes)
        self._taken_up: dict[int, RocksStore] = {}

    async def check(self, numbers: Iterable[int]) -> None:
        """Discard what is damaged or stale, and say so. Raises BrokerUnreachable if there is no changelog to ask."""
        left = {number: self._new(number) for number in numbers if self._path(number).exists()}
        held = {number: self._held(store) for number, store in left.items() if store.changelog_offset >= 0}
        logs = await answered(lambda: self._look(held)) if held else {}
        now_ms = int(time() * 1000)
        for number, each in held.items():
            why = why_stale(each, logs[number], now_ms)
            if why is not None:
                left.pop(number).abandon()
                self._rocks.discard(self._path(number))
                self._tell(number, why)
        self._taken_up = left

    async def _look(self, held: Mapping[int, Held]) -> dict[int, Log]:
        """Ask what the changelog holds now."""
        topic = self._settings.state_changelog
        found, retention_ms = await asyncio.gather(
            records_at(self._settings, topic, {number: each.offset for number, each in held.items()}),
            tombstone_retention_ms(self._settings),
        )
        return {number: self._log(number, each, held[number].offset, retention_ms) for number, each in found.items()}

    def _log(self, number: int, found: Found, offset: int, retention_ms: int) -> Log:
        record = found.record
        content = content_of(record.key, record.value) if record is not None and record.offset == offset else None
        return Log(self._home(number), *found.span, content, retention_ms)

    @staticmethod
    def _held(store: "RocksStore") -> Held:
        record = record_of(store)
        content, used_ms = (b"", 0) if record is None else (record.content, record.used_ms)
        return Held(store.mark(HOME_MARK) or b"", store.changelog_offset, content, used_ms)

    def open(self, number: int) -> Store:
        """Return the store of a partition: that of `check`, or an empty one."""
        store = self._taken_up.pop(number, None) or self._new(number)
        if store.changelog_offset < 0:
            store.write({}, -1, {HOME_MARK: self._home(number)})
        return store

    def prune(self, owned: Container[int], before_ms: int) -> list[int]:
        """Delete the directories of partitions that left so long ago that they would not be taken up any more."""
        left = [int(each.name) for each in self._root.glob("*") if each.name.isdecimal()]
        gone = [number for number in left if number not in owned and _touched_ms(self._path(number)) < before_ms]
        for number in gone:
            self._rocks.discard(self._path(number))
        return sorted(gone)

    def _new(self, number: int) -> "RocksStore":
        store, why = self._rocks.open_store(self._path(number), self._pool)
        if why is not None:
            self._tell(number, why)
        return store

    def _tell(self, number: int, why: str) -> None:
        tell("store_discarded", partition=number, why=why)
        self._metrics.inc("cjstream_stores_discarded_total")

    def _path(self, number: int) -> Path:
        return self._root / str(number)

    def _home(self, number: int) -> bytes:
        """Return what a store of this partition says of whose it is."""
        return f"{FORMAT} {self._settings.app_id} {self._settings.state_changelog} {number}".encode()


def _touched_ms(path: Path) -> float:
    """Return when any file of a directory was last written."""
    return 1000 * max((each.stat().st_mtime for each in path.iterdir()), default=0.0)


def stores_of(settings: Settings, metrics: Metrics, slot: Path) -> Stores:
    """Return the stores that the settings ask for; raises ConfigError if something for them is not installed."""
    return MemoryStores() if settings.store == "memory" else RocksStores(settings, metrics, slot / settings.store)
