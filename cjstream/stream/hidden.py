"""The keys of a partition whose newest changelog record is not ours: what another writer wrote last hides our value.

A restore finds them, and the first group of the partition writes them again. Till then a lasting store remembers them.
"""

from collections.abc import Iterable

from cjstream.stream.store import Marks, Store

HIDDEN_PREFIX = b"hidden"  # of a key
LAST = b"\xff"


class Hidden:
    """The keys, as a set in `keys`. What it returns is to be written to the store with what made it change."""

    def __init__(self, store: Store) -> None:
        marks = store.marks(HIDDEN_PREFIX, HIDDEN_PREFIX + LAST)
        self.keys: set[bytes] = {mark[len(HIDDEN_PREFIX) :] for mark, _ in marks}

    def add(self, keys: Iterable[bytes]) -> Marks:
        """Note that these are hidden."""
        fresh = set(keys) - self.keys
        self.keys |= fresh
        return {HIDDEN_PREFIX + key: b"" for key in fresh}

    def discard(self, keys: Iterable[bytes]) -> Marks:
        """Note that the newest record of these is ours."""
        gone = self.keys.intersection(keys)
        self.keys -= gone
        return {HIDDEN_PREFIX + key: None for key in gone}
