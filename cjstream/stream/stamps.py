"""What a store that lasts knows of the newest changelog record in it: enough to tell later whether to trust it."""

from hashlib import blake2b
from time import time

import msgspec

from cjstream.stream.store import Store

RECORD_MARK = b"record"


class Record(msgspec.Struct, array_like=True, frozen=True):
    """The changelog record at the store's offset: a hash of it; and when the store was known to have all there was."""

    content: bytes
    used_ms: int


_decoder = msgspec.msgpack.Decoder(Record)


def content_of(key: bytes | None, value: bytes | None) -> bytes:
    """Return a short hash of a changelog record."""
    return blake2b((key or b"") + b"\x00" + (value or b""), digest_size=8).digest()


def record_of(store: Store) -> Record | None:
    """Return what is known of the newest changelog record in the store, or None; also if it is of another form."""
    data = store.mark(RECORD_MARK)
    try:
        return None if data is None else _decoder.decode(data)
    except msgspec.DecodeError:
        return None


class Stamps:
    """Makes the mark of the newest changelog record in a store."""

    def __init__(self, store: Store) -> None:
        held = record_of(store)
        self._used_ms = now_ms() if held is None else held.used_ms

    def written(self, key: bytes, value: bytes | None) -> bytes:
        """Return the mark of a changelog record that we have just written, so that nothing is after it."""
        return msgspec.msgpack.encode(Record(content_of(key, value), now_ms()))

    def restored(self, key: bytes | None, value: bytes | None) -> bytes:
        """Return the mark of a changelog record restored. What comes after it counts as old as what was held before.

        Deletions that stand there may be gone as long after that as they are kept, also if this restore is cut short.
        """
        return msgspec.msgpack.encode(Record(content_of(key, value), self._used_ms))


def now_ms() -> int:
    """Return the time of day."""
    return int(time() * 1000)
