"""Files of partitions that went to other workers do not stay for ever."""

import os
from pathlib import Path

import pytest

from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream.stores import MemoryStores, RocksStores

LONG_AGO_S = 1_000_000


@pytest.fixture
def stores(tmp_path: Path) -> RocksStores:
    """Stores of three partitions, closed long ago."""
    made = RocksStores(load({}, store="rocksdb"), Metrics(), tmp_path)
    for number in (0, 1, 12):
        store = made.open(number)
        store.write({b"anna": b"state"}, 5)
        store.close()
        for each in (tmp_path / str(number)).iterdir():
            os.utime(each, (LONG_AGO_S, LONG_AGO_S))
    (tmp_path / "note").touch()
    return made


def test_only_those_go_that_are_not_owned_and_were_not_touched_since(stores: RocksStores, tmp_path: Path) -> None:
    os.utime(tmp_path / "12" / "CURRENT", (LONG_AGO_S + 10, LONG_AGO_S + 10))
    assert stores.prune({0}, 1000 * (LONG_AGO_S + 5)) == [1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0", "12", "note"]
    assert stores.prune({0}, 1000 * (LONG_AGO_S + 11)) == [12]
    assert stores.open(1).get(b"anna") is None, "it may come back, and begins anew"


def test_none_is_left_of_stores_in_memory() -> None:
    assert MemoryStores().prune(set(), 0) == []
