"""Where one partition's durable values are kept between the changelog and their use. A port; memory is one store."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol


class Store(Protocol):
    """One partition's values by key, and the offset of the newest changelog record among them (-1: none)."""

    changelog_offset: int

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""

    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        """Put values (None deletes) and the changelog offset in one atomic step. Raises OSError if it cannot."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and values, in no order. The store must not be written meanwhile."""


class MemoryStore:
    """Values in a dict; gone with the process, rebuilt from the changelog."""

    def __init__(self) -> None:
        self.changelog_offset = -1
        self._rows: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        return self._rows.get(key)

    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        """Put values; None deletes."""
        for key, value in rows.items():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value
        self.changelog_offset = changelog_offset

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and values."""
        return iter(self._rows.items())


STORES: Mapping[str, Callable[[], Store]] = {"memory": MemoryStore}  # by the setting `store`
