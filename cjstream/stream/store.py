"""Where one partition's durable values are kept between the changelog and their use: the port, and the memory store.

Beside the values, which are those of the changelog, there are marks: what is made of them, so that a store that lasts
needs no look at every customer when it is opened again. See docs/explanation/durability.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cjstream.discretion import Told

Marks = dict[bytes, bytes | None]


class StoreError(Told):
    """The local store could not be read or written. What is not committed yet is safe in the changelog."""


class StoreCorrupt(StoreError):
    """What the local store holds cannot be trusted: it is discarded when it is next opened."""


class Store(Protocol):
    """One partition's values by key, and the offset of the newest changelog record among them (-1: none).

    All methods raise StoreError if they cannot do it. `is_lasting`: it outlives the process, and wants marks.
    """

    changelog_offset: int
    is_lasting: bool

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys, in their order."""

    def write(
        self, rows: Mapping[bytes, bytes | None], changelog_offset: int, marks: Mapping[bytes, bytes | None] = ...
    ) -> None:
        """Put values and marks (None deletes) and the changelog offset in one atomic step."""

    def items(self, prefix: bytes = ...) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys, in no order, that begin so, and their values. The store must not be written meanwhile."""

    def mark(self, key: bytes) -> bytes | None:
        """Return a mark, or None."""

    def marks(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the marks from `start` to right before `end`, in order. The store must not be written meanwhile."""

    def clear_marks(self, start: bytes, end: bytes) -> None:
        """Delete the marks from `start` to right before `end`."""

    def purge(self, before_ms: int) -> None:
        """Let no file hold values or keys that were deleted before `before_ms`, nor any deleted till now.

        Does nothing where none was. Slow; may be called in a thread of its own, also when the store is closed.
        """

    def size_bytes(self) -> int:
        """Return how much of the disk it takes, about; any thread may ask."""

    def close(self) -> None:
        """Let go of it. It is not used any more then."""


class MemoryStore:
    """Values in a dict; gone with the process, rebuilt from the changelog."""

    is_lasting = False

    def __init__(self) -> None:
        self.changelog_offset = -1
        self._rows: dict[bytes, bytes] = {}
        self._marks: dict[bytes, bytes] = {}
        self.get = self._rows.get  # the dict's own: no call in between

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys."""
        return list(map(self._rows.get, keys))

    def write(
        self,
        rows: Mapping[bytes, bytes | None],
        changelog_offset: int,
        marks: Mapping[bytes, bytes | None] = {},
    ) -> None:
        """Put values and marks; None deletes."""
        for held, changes in ((self._rows, rows), (self._marks, marks)):
            for key, value in changes.items():
                if value is None:
                    held.pop(key, None)
                else:
                    held[key] = value
        self.changelog_offset = changelog_offset

    def items(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin so, and their values."""
        if not prefix:
            return iter(self._rows.items())
        return ((key, value) for key, value in self._rows.items() if key.startswith(prefix))

    def mark(self, key: bytes) -> bytes | None:
        """Return a mark, or None."""
        return self._marks.get(key)

    def marks(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield marks in order."""
        return iter(sorted((key, value) for key, value in self._marks.items() if start <= key < end))

    def clear_marks(self, start: bytes, end: bytes) -> None:
        """Delete marks."""
        for key, _ in self.marks(start, end):
            del self._marks[key]

    def purge(self, before_ms: int) -> None:
        """Nothing is in files."""

    def size_bytes(self) -> int:
        """Return 0: nothing is on the disk."""
        return 0

    def close(self) -> None:
        """Nothing is to be let go."""
