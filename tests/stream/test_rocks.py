"""RocksDB as a store: damage is made good, errors arrive as errors of the system, stale files are discarded."""

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.errors import ConfigError
from cjstream.kafka import Found, Span
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream import publisher, stores
from cjstream.stream.fatal import BUG, RESTART, exit_code
from cjstream.stream.rocks import RocksStore, discard, open_store
from cjstream.stream.stamps import RECORD_MARK, Stamps
from cjstream.stream.store import StoreCorrupt, StoreError
from cjstream.stream.stores import MemoryStores, RocksStores, stores_of
from tests.stream.stores import POOL, rocks
from tests.stream.test_clock import world

ROWS = 2_000


def fill(path: Path) -> None:
    """Make a store with a file, and close it."""
    store = rocks(path)
    store.write({b"k%04d" % number: os.urandom(200) for number in range(ROWS)}, 7)
    store.close()


def largest(path: Path) -> Path:
    return max(path.glob("*.sst"), key=lambda file: file.stat().st_size)


def truncate(path: Path) -> None:
    os.truncate(largest(path), largest(path).stat().st_size // 2)


def remove(path: Path) -> None:
    largest(path).unlink()


def rename(path: Path) -> None:
    (path / "CURRENT").write_text("nonsense\n")


@pytest.mark.parametrize("harm", [truncate, remove, rename])
def test_a_store_that_cannot_be_opened_is_made_anew(tmp_path: Path, harm: Any) -> None:
    fill(tmp_path)
    harm(tmp_path)
    store, why = open_store(tmp_path, POOL)
    assert why is not None
    assert (store.changelog_offset, list(store.items())) == (-1, [])
    store.close()
    store, why = open_store(tmp_path, POOL)
    assert why is None
    store.close()


def flip(path: Path) -> None:
    file = largest(path)
    data = bytearray(file.read_bytes())
    data[1_000:9_000] = bytes(byte ^ 0xFF for byte in data[1_000:9_000])
    file.write_bytes(data)


def scan(store: RocksStore) -> Any:
    return list(store.items())


def get(store: RocksStore) -> Any:
    return [store.get(b"k%04d" % number) for number in range(ROWS)]


def get_many(store: RocksStore) -> Any:
    return store.get_many([b"k%04d" % number for number in range(ROWS)])


@pytest.mark.parametrize("read", [scan, get, get_many])
def test_damage_found_by_a_read_is_an_error_and_the_next_opening_discards_the_store(tmp_path: Path, read: Any) -> None:
    fill(tmp_path)
    flip(tmp_path)
    store = rocks(tmp_path)
    with pytest.raises(StoreCorrupt, match="damaged"):
        read(store)
    store.close()
    again, why = open_store(tmp_path, POOL)
    assert (why, again.changelog_offset) == ("it was found to be damaged", -1)
    again.close()


@pytest.mark.parametrize("error", ["IO error: Too many open files", "IO error: No space left on device"])
def test_a_read_that_fails_for_want_of_room_leaves_the_store_to_the_next_opening(tmp_path: Path, error: str) -> None:
    fill(tmp_path)
    store = rocks(tmp_path)
    with pytest.raises(StoreError, match="failed: IO error") as raised:
        store._fail(OSError(error), is_read=True)
    assert not isinstance(raised.value, StoreCorrupt)
    store.close()
    again, why = open_store(tmp_path, POOL)
    assert (why, again.changelog_offset) == (None, 7)
    again.close()


def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    store = rocks(tmp_path)
    with pytest.raises(StoreError, match="LOCK"):
        open_store(tmp_path, POOL)
    assert len(list(store.items())) == ROWS
    store.close()


@pytest.fixture
def few_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 2, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_process_out_of_files_leaves_the_store_as_it_is(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fill(tmp_path)
    files = {each.name for each in tmp_path.glob("*.sst")}
    request.getfixturevalue("few_files")
    with pytest.raises(StoreError, match="Too many open files"):
        open_store(tmp_path, POOL)
    assert files <= {each.name for each in tmp_path.glob("*.sst")}


def test_what_is_not_there_is_discarded_without_ado(tmp_path: Path) -> None:
    discard(tmp_path / "nothing")


@pytest.fixture
def small_files() -> Iterator[None]:
    """Lets no file grow beyond 64 KiB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_is_an_oserror_and_no_damage(tmp_path: Path, small_files: None) -> None:
    store, rows = rocks(tmp_path), {b"%d" % number: os.urandom(10_000) for number in range(100)}
    with pytest.raises(OSError, match="failed: IO error") as caught:
        store.write(rows, 0)
    assert not isinstance(caught.value, StoreCorrupt)
    assert exit_code(caught.value) == RESTART
    assert not (tmp_path / "discard").exists()


def test_exit_codes() -> None:
    errors = (ConfigError("key", "value", "why"), StoreError("full"), ValueError("bug"))
    assert [exit_code(error) for error in errors] == [2, RESTART, BUG]


@pytest.mark.asyncio
async def test_a_store_that_cannot_be_written_ends_the_worker_before_anything_is_acked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes, acked = list[int](), list[bool]()

    def fail(*_: Any) -> None:
        raise StoreError("the disk is full")

    async with world() as ours:
        monkeypatch.setattr(publisher, "give_up", lambda code, *_: codes.append(code))
        monkeypatch.setattr(ours.partitions[0].rows.store, "write", fail)
        ours.partitions[0].publisher.group.acks.append(lambda: acked.append(True))
        ours.look("anna")
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert (codes, acked) == ([RESTART], [])
        ours.partitions[0].publisher._idle.set()  # the process would have ended


# -- the stores of a worker

RECORD = (b"anna", b"state")


def kept(tmp_path: Path) -> RocksStores:
    made = stores_of(load({}, store="rocksdb"), Metrics(), tmp_path)
    assert isinstance(made, RocksStores)
    return made


@pytest.fixture
def changelog(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """The records of each partition's changelog by offset, which the test gives."""
    logs: dict[int, Any] = {}

    async def records_at(_settings: Any, _topic: str, offsets: dict[int, int]) -> dict[int, Found]:
        found = {}
        for number, offset in offsets.items():
            record = logs[number].get(offset)
            made: Any = record and SimpleNamespace(offset=offset, key=record[0], value=record[1])
            found[number] = Found(Span(0, max(logs[number]) + 1), made)
        return found

    async def a_day(_settings: Any) -> int:
        return 86_400_000

    monkeypatch.setattr(stores, "records_at", records_at)
    monkeypatch.setattr(stores, "tombstone_retention_ms", a_day)
    return logs


def leave(tmp_path: Path, *numbers: int) -> None:
    """Leave stores whose newest changelog record is RECORD at 5."""
    for number in numbers:
        store = kept(tmp_path).open(number)
        store.write({b"anna": b"state"}, 5, {RECORD_MARK: Stamps(store).written(*RECORD)})
        store.close()


def test_what_an_earlier_process_left_is_taken_up_where_the_changelog_agrees(
    tmp_path: Path, changelog: dict[int, Any], caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, 0, 1, 2)
    changelog |= {0: {5: RECORD}, 1: {5: (b"anna", b"other")}, 2: {3: RECORD}}
    ours = kept(tmp_path)
    asyncio.run(ours.check([0, 1, 2, 3]))
    opened = [ours.open(number) for number in range(4)]
    assert [each.changelog_offset for each in opened] == [5, -1, -1, -1]
    assert [each.get(b"anna") for each in opened] == [b"state", None, None, None]
    assert "partition 1: its store is discarded" in caplog.text
    assert "the topic was made anew" in caplog.text
    assert "partition 2: its store is discarded" in caplog.text
    for each in opened:
        each.close()


def test_nothing_is_asked_where_nothing_was_left(tmp_path: Path) -> None:
    ours = kept(tmp_path)
    asyncio.run(ours.check([0]))  # there is no broker
    ours.open(0).close()
    asyncio.run(ours.check([0]))
    ours.open(0).close()


def test_of_another_app_nothing_is_taken_up(tmp_path: Path, changelog: dict[int, Any]) -> None:
    leave(tmp_path, 0)
    changelog[0] = {5: RECORD}
    ours = stores_of(load({}, store="rocksdb", app_id="other"), Metrics(), tmp_path)
    asyncio.run(ours.check([0]))
    store = ours.open(0)
    assert store.changelog_offset == -1
    store.close()


def test_without_rocksdict_the_setting_is_refused_with_the_command_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cjstream.stream.rocks", None)
    monkeypatch.delattr("cjstream.stream.rocks", raising=False)
    with pytest.raises(ConfigError, match=r"CJSTREAM_STORE='rocksdb': .*pip install 'cjstream\[rocksdb\]'"):
        stores_of(load({}, store="rocksdb"), Metrics(), tmp_path)
    assert isinstance(stores_of(load({}), Metrics(), tmp_path), MemoryStores)
