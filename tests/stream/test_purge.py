"""What was deleted leaves the files of the local store, also the keys: values, marks, logs, lists of files."""

import os
import threading
from pathlib import Path

import pytest

from cjstream.stream.rocks import RocksStore
from cjstream.stream.stamps import now_ms
from tests.stream.stores import rocks

CANARY = b"canary-7f3a"
LONG_AHEAD_MS = 10**15


def files_with(root: Path, text: bytes = CANARY) -> list[str]:
    return sorted(each.name for each in root.rglob("*") if each.is_file() and text in each.read_bytes())


def write_customers(store: RocksStore, *, batches: int = 30, canary_in: int = 12) -> None:
    """Fill some files of several levels, with the canary as the last key of one of them."""
    for batch in range(batches):
        rows: dict[bytes, bytes | None] = {b"customer-%06d" % (batch * 1000 + n): os.urandom(300) for n in range(1000)}
        if batch == canary_in:
            rows[CANARY] = CANARY + os.urandom(200)
        marks: dict[bytes, bytes | None] = {b"e" + key: b"12345678" for key in rows}
        store.write(rows, batch, marks | {b"d12345678" + key: b"" for key in rows})


def forget(store: RocksStore) -> None:
    store.write({CANARY: None}, 1000, {b"e" + CANARY: None, b"d12345678" + CANARY: None})


@pytest.fixture
def filled(tmp_path: Path) -> RocksStore:
    store = rocks(tmp_path / "0")
    write_customers(store)
    assert any(name.endswith(".sst") for name in files_with(tmp_path))
    return store


def test_after_a_purge_no_file_holds_what_was_deleted(filled: RocksStore, tmp_path: Path) -> None:
    before = dict(filled.items())
    forget(filled)
    filled.purge(LONG_AHEAD_MS)
    assert files_with(tmp_path) == []
    del before[CANARY]
    assert dict(filled.items()) == before
    assert filled.changelog_offset == 1000
    filled.close()
    again = rocks(tmp_path / "0")
    assert dict(again.items()) == before
    again.close()
    assert files_with(tmp_path) == []


def test_nothing_is_written_anew_where_nothing_was_deleted_long_enough_ago(
    filled: RocksStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewritten: list[None] = []
    monkeypatch.setattr(filled, "_rewrite", lambda *_: rewritten.append(None))
    filled.purge(LONG_AHEAD_MS)
    forget(filled)
    filled.purge(now_ms() - 60_000)
    assert rewritten == []
    filled.purge(LONG_AHEAD_MS)
    assert rewritten == [None]
    filled.close()


def test_a_deletion_is_remembered_over_a_restart(filled: RocksStore, tmp_path: Path) -> None:
    forget(filled)
    filled.close()
    again = rocks(tmp_path / "0")
    assert files_with(tmp_path) != []
    again.purge(LONG_AHEAD_MS)
    assert files_with(tmp_path) == []
    again.close()


def test_a_store_may_be_closed_in_the_middle_of_a_purge_and_the_next_one_does_the_rest(
    filled: RocksStore, tmp_path: Path
) -> None:
    before = dict(filled.items())
    forget(filled)
    begun, rewrite = threading.Event(), filled._rewrite

    def announced() -> None:
        begun.set()
        rewrite()

    filled._rewrite = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=filled.purge, args=(LONG_AHEAD_MS,))
    thread.start()
    begun.wait(10)
    filled.close()
    thread.join(10)
    assert not thread.is_alive()
    again = rocks(tmp_path / "0")
    del before[CANARY]
    assert dict(again.items()) == before
    again.purge(LONG_AHEAD_MS)
    assert files_with(tmp_path) == []
    again.close()


def test_a_closed_store_has_nothing_to_purge(filled: RocksStore) -> None:
    forget(filled)
    filled.close()
    filled.purge(LONG_AHEAD_MS)


def test_a_deletion_during_a_purge_is_left_for_the_next_one(filled: RocksStore, tmp_path: Path) -> None:
    filled.write({b"customer-000001": None}, 999)
    rewrite = filled._rewrite

    def meanwhile() -> None:
        forget(filled)
        rewrite()

    filled._rewrite = meanwhile  # type: ignore[method-assign]
    filled.purge(LONG_AHEAD_MS)
    filled._rewrite = rewrite  # type: ignore[method-assign]
    filled.purge(LONG_AHEAD_MS)
    assert files_with(tmp_path) == []
    assert filled.mark(b"\x00deleted") is None
    filled.close()
