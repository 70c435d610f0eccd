"""What every store must do, and that the two are alike."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.stream.store import MemoryStore, Store
from tests.stream.stores import rocks

Open = Callable[[], Store]
KEYS = st.sampled_from([b"anna", b"bert", b"cora", b"\x00p", b"\x00d1", b"\x00d2", "émile".encode()])
MARKS = st.sampled_from([b"t1", b"t2", b"d\x00\x01", b"d\x00\x02", b"made"])
VALUES = st.one_of(st.none(), st.binary(max_size=20))
WRITES = st.lists(st.tuples(st.dictionaries(KEYS, VALUES), st.dictionaries(MARKS, VALUES), st.booleans()), max_size=12)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else rocks(tmp_path / "0")
    yield made
    made.close()


def test_an_empty_store_holds_nothing(store: Store) -> None:
    assert (store.changelog_offset, store.get(b"anna"), store.mark(b"t")) == (-1, None, None)
    assert (list(store.items()), list(store.marks(b"a", b"\xff"))) == ([], [])
    assert store.get_many([]) == []
    assert store.size_bytes() == 0


def test_values_and_marks_of_one_key_are_two_things(store: Store) -> None:
    store.write({b"a": b"value"}, 7, {b"a": b"mark"})
    assert (store.get(b"a"), store.mark(b"a"), store.changelog_offset) == (b"value", b"mark", 7)
    store.write({b"a": None}, 8)
    assert (store.get(b"a"), store.mark(b"a"), store.changelog_offset) == (None, b"mark", 8)


def test_many_are_read_in_the_order_asked_for(store: Store) -> None:
    store.write({b"a": b"1", b"b": b"", b"c": b"3"}, 1)
    assert store.get_many([b"c", b"none", b"b", b"a", b"c"]) == [b"3", None, b"", b"1", b"3"]


def test_items_are_found_by_how_they_begin(store: Store) -> None:
    store.write({b"\x00d1": b"one", b"\x00d2": b"two", b"\x00p": b"position", b"anna": b"state"}, 1)
    assert sorted(store.items(b"\x00d")) == [(b"\x00d1", b"one"), (b"\x00d2", b"two")]
    assert len(list(store.items())) == 4


def test_marks_come_in_order_from_start_to_before_the_end_and_are_cleared_alike(store: Store) -> None:
    store.write({}, 1, dict.fromkeys((b"b3", b"b1", b"c", b"a", b"b2"), b""))
    assert [key for key, _ in store.marks(b"b1", b"c")] == [b"b1", b"b2", b"b3"]
    store.clear_marks(b"b", b"b3")
    assert [key for key, _ in store.marks(b"a", b"\xff")] == [b"a", b"b3", b"c"]


@given(WRITES)
def test_after_any_writes_and_reopenings_both_stores_agree(writes: list[tuple[dict, dict, bool]]) -> None:  # type: ignore[type-arg]
    memory = MemoryStore()
    with TemporaryDirectory() as path:
        ours = rocks(Path(path))
        for offset, (rows, marks, is_reopened) in enumerate(writes):
            for each in (memory, ours):
                each.write(rows, offset, marks)
            if is_reopened:
                ours.close()
                ours = rocks(Path(path))
        assert list(ours.items()) == sorted(memory.items())
        assert list(ours.marks(b"a", b"\xff")) == list(memory.marks(b"a", b"\xff"))
        assert ours.changelog_offset == memory.changelog_offset
        ours.close()


WRITER = """
import sys
from pathlib import Path
from tests.stream.stores import rocks
store = rocks(Path(sys.argv[1]))
for offset in range(1_000_000):
    value = offset.to_bytes(4, "big")
    rows = {b"a%d" % (offset % 50): value * 100, b"last": value}
    store.write(rows, offset, {b"last": value, b"t%d" % (offset % 7): value})
    if offset == 200:
        print("go", flush=True)
"""


def test_a_kill_between_writes_leaves_all_of_one_write_or_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"go\n"
            os.kill(writer.pid, signal.SIGKILL)
        left = rocks(tmp_path)
        last = left.changelog_offset.to_bytes(4, "big")
        assert left.changelog_offset >= 200
        assert (left.get(b"last"), left.mark(b"last")) == (last, last)
        assert left.get(b"a%d" % (left.changelog_offset % 50)) == last * 100
        left.close()
