"""RocksDB as a store: one database for each partition, all with one block cache and one budget for write buffers.

The only importer of rocksdict, and imported only where the setting `store` asks for it.
"""

import resource
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import rocksdict

from cjstream.stream.stamps import now_ms
from cjstream.stream.store import StoreCorrupt, StoreError

MARKS = "marks"  # the column family
OFFSET_KEY = b"\x00offset"  # among the marks; theirs begin otherwise
DELETED_KEY = b"\x00deleted"  # since when there are deletions that files may not have yet
DISCARD = "discard"  # a file beside the database's own: it is not to be trusted
# What tells of the moment, not of the files, in the words of the system: a restart finds them whole. `/LOCK` is
# RocksDB's own file, held by whoever works with it.
PASSING = ("/LOCK", "Too many open files", "No space left", "Permission denied", "Read-only file system")
CUT_SHORT = "Shutdown in progress"
BLOCK_BYTES = 4096  # one read of the disk; a customer is about a tenth of it
BLOOM_BITS = 10  # 1 % of the look-ups in vain reach a block
MIN_BUFFER_BYTES = 1 << 20
FILE_BYTES = 16 << 20
MAX_OPEN_FILES = 128  # of one partition
LOG_BYTES = 1 << 20  # RocksDB's own log of what it does


class Pool:
    """What the databases of a worker share: `cache_bytes` for blocks, `write_buffer_bytes` for what is not in files."""

    def __init__(self, cache_bytes: int, write_buffer_bytes: int) -> None:
        self.options = _options(cache_bytes, write_buffer_bytes)
        _allow_open_files()


def _allow_open_files() -> None:
    """Take as many open files as the system lets this process have; what shells start with is for a few partitions."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _options(cache_bytes: int, write_buffer_bytes: int) -> Any:
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(rocksdict.Cache(cache_bytes))
    table.set_block_size(BLOCK_BYTES)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    table.set_cache_index_and_filter_blocks(True)  # else they grow with the state, outside of the cache
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # In parts: as a whole they outgrow a shard of the cache, and are then read again for each look-up, 750 us.
    table.set_index_type(rocksdict.BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_metadata_block_size(BLOCK_BYTES)
    table.set_pin_top_level_index_and_filter(True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_manager(rocksdict.WriteBufferManager(write_buffer_bytes, allow_stall=False))
    options.set_write_buffer_size(max(MIN_BUFFER_BYTES, write_buffer_bytes // 4))
    options.set_atomic_flush(True)  # values and marks go to the files together
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    options.set_target_file_size_base(FILE_BYTES)
    options.set_max_open_files(MAX_OPEN_FILES)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(LOG_BYTES)
    options.set_stats_dump_period_sec(0)
    options.set_max_manifest_file_size(1)  # a new one with each file: it has the first and last key of all there were
    return options


def open_store(path: Path, pool: Pool) -> tuple["RocksStore", str | None]:
    """Open the database at `path`, made if there is none. If it is damaged, or was found to be, a new one is made.

    Returns the store, and why the old one was discarded, or None. Raises StoreError if none can be made.
    """
    why = "it was found to be damaged" if (path / DISCARD).exists() else None
    if why is None:
        try:
            return RocksStore(path, pool), None
        except StoreError as error:
            if _is_passing(error):
                raise
            why = str(error)
    discard(path)
    return RocksStore(path, pool), why


def _is_passing(error: Exception) -> bool:
    return any(words in str(error) for words in PASSING)


def discard(path: Path) -> None:
    """Delete the database at `path`, if there is one; it must not be open."""
    if path.exists():
        shutil.rmtree(path)


class RocksStore:
    """One partition's values in RocksDB. The write-ahead log is not synced: what it loses is in the changelog."""

    is_lasting = True

    def __init__(self, path: Path, pool: Pool) -> None:
        self._path = path
        self._rows: Any = None
        self._handle: Any = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._rows = rocksdict.Rdict(str(path), pool.options, column_families={MARKS: pool.options})
            self._beside = self._rows.get_column_family(MARKS)
            self._handle = self._rows.get_column_family_handle(MARKS)
            held = self._beside.get(OFFSET_KEY)
        except Exception as error:
            with suppress(Exception):
                self._let_go()
            self._fail(error)
        self._is_noted = False  # that something was deleted, since the last purge
        self._noting, self._purging = threading.Lock(), threading.Lock()
        self.changelog_offset = -1 if held is None else int.from_bytes(held, "big", signed=True)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        try:
            found: bytes | None = self._rows.get(key)
        except Exception as error:
            self._fail(error, is_read=True)
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys, in their order."""
        try:
            return self._rows.get(list(keys)) or []
        except Exception as error:
            self._fail(error, is_read=True)

    def write(
        self,
        rows: Mapping[bytes, bytes | None],
        changelog_offset: int,
        marks: Mapping[bytes, bytes | None] = {},
    ) -> None:
        """Put values and marks (None deletes) and the changelog offset in one atomic step."""
        batch, handle, is_deleting = rocksdict.WriteBatch(raw_mode=True), self._handle, False
        for key, value in rows.items():
            if value is None:
                batch.delete(key)
                is_deleting = True
            else:
                batch.put(key, value)
        for key, value in marks.items():
            if value is None:
                batch.delete(key, handle)
            else:
                batch.put(key, value, handle)
        if is_deleting and not self._is_noted:
            self._note_deletion(batch)
        batch.put(OFFSET_KEY, changelog_offset.to_bytes(8, "big", signed=True), handle)
        try:
            self._rows.write(batch)
        except Exception as error:
            self._fail(error)
        self.changelog_offset = changelog_offset

    def _note_deletion(self, batch: Any) -> None:
        with self._noting:
            self._is_noted = True
            if self._beside.get(DELETED_KEY) is None:
                batch.put(DELETED_KEY, _now(), self._handle)

    def items(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin so, in order, and their values."""
        for key, value in self._walk(self._rows, prefix):
            if not key.startswith(prefix):
                return
            yield key, value

    def mark(self, key: bytes) -> bytes | None:
        """Return a mark, or None."""
        try:
            found: bytes | None = self._beside.get(key)
        except Exception as error:
            self._fail(error, is_read=True)
        return found

    def marks(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the marks from `start` to right before `end`, in order."""
        for key, value in self._walk(self._beside, start):
            if key >= end:
                return
            yield key, value

    def _walk(self, family: Any, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        try:
            at = family.iter()
            at.seek(start)
            while at.valid():
                yield at.key(), at.value()
                at.next()
            at.status()  # a damaged block ends a walk as if it were over
        except Exception as error:
            self._fail(error, is_read=True)

    def clear_marks(self, start: bytes, end: bytes) -> None:
        """Delete the marks from `start` to right before `end`."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        batch.delete_range(start, end, self._handle)
        try:
            self._rows.write(batch)
        except Exception as error:
            self._fail(error)

    def purge(self, before_ms: int) -> None:
        """Write all files anew if something was deleted before `before_ms`. Reads and writes go on meanwhile."""
        with self._purging:
            try:
                held = self._beside.get(DELETED_KEY)
                if held is None or int.from_bytes(held, "big") >= before_ms:
                    return
                self._is_noted = False  # what is deleted from here on is noted anew, for the next time
                self._rewrite()
            except Exception as error:
                if not isinstance(error, rocksdict.DbClosedError) and CUT_SHORT not in str(error):
                    self._fail(error)

    def _rewrite(self) -> None:
        options = rocksdict.CompactOptions()
        options.set_exclusive_manual_compaction(False)
        options.set_bottommost_level_compaction(rocksdict.BottommostLevelCompaction.force())
        self._rows.flush()
        self._rows.compact_range(None, None, options)
        self._beside.compact_range(None, None, options)
        with self._noting:
            if self._is_noted:
                self._beside.put(DELETED_KEY, _now())
            else:
                self._beside.delete(DELETED_KEY)
        self._beside.flush()  # one file more, so that the manifest is made anew as well

    def size_bytes(self) -> int:
        """Return how much of the disk it takes, about; 0 if it is closed."""
        try:
            families = (self._rows, self._beside)
            return sum(family.property_int_value("rocksdb.total-sst-files-size") or 0 for family in families)
        except Exception:
            return 0

    def close(self) -> None:
        """Write all to files, so that no log is read again at the next start, and let go of them."""
        try:
            if self._purging.locked():
                self._cut_short()
            else:
                self._rows.flush()
                self._let_go()
        except Exception as error:
            self._fail(error)

    def abandon(self) -> None:
        """Let go of it as it is: it is to be discarded."""
        try:
            self._let_go()
        except Exception as error:
            self._fail(error)

    def _cut_short(self) -> None:
        """Let go of it in the middle of a purge, which the next start begins anew. What is in no file is in the log."""
        self._rows.cancel_all_background(False)
        with self._purging, suppress(Exception):
            self._let_go()
        self._rows = self._beside = None

    def _let_go(self) -> None:
        self._handle = None  # RocksDB stays open, and locked, while anything holds on to it
        self._beside.close()
        self._rows.close()

    def _fail(self, error: Exception, *, is_read: bool = False) -> NoReturn:
        """Raise what says whether the store is still to be trusted. rocksdict tells it in the text only.

        What cannot be read now may never be: without the store a restart does not fail at the same place again.
        """
        is_damaged = "Corruption" in str(error) or is_read
        if isinstance(error, rocksdict.DbClosedError) or not is_damaged or _is_passing(error):
            raise StoreError(f"the store at {self._path} failed: {error}") from error
        (self._path / DISCARD).touch()
        raise StoreCorrupt(f"the store at {self._path} is damaged: {error}") from error


def _now() -> bytes:
    return now_ms().to_bytes(8, "big")
