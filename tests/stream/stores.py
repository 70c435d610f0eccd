"""Stores for tests: RocksDB in a directory of the test's own, with no changelog to compare it with."""

from collections.abc import Container, Iterable
from pathlib import Path

from cjstream.stream.rocks import Pool, RocksStore, open_store
from cjstream.stream.store import Store

POOL = Pool(8 << 20, 4 << 20)


def rocks(path: Path) -> RocksStore:
    """Open the store in a directory."""
    return open_store(path, POOL)[0]


class KeptStores:
    """Stores that last, taken up as they are."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def check(self, numbers: Iterable[int]) -> None:
        """Trust them all."""

    def open(self, number: int) -> Store:
        """Open a partition's."""
        return rocks(self.root / str(number))

    def prune(self, owned: Container[int], before_ms: int) -> list[int]:
        """Keep them all."""
        return []
