"""Names of headers that are no UTF-8, which aiokafka gives up on: one such record would stop its partition for ever.

Kafka's protocol says they are UTF-8, and Java's client sees to that; librdkafka and others send what they are given.
"""

from collections.abc import Iterator
from struct import unpack_from
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH_AT, COUNTED_FROM = 8, 12  # of a batch: where its length stands, and what it leaves out


class _Bytes(bytearray):
    """Bytes whose parts can be read as text whatever they are: what is no UTF-8 stands there as Python writes it."""

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        found = super().__getitem__(at)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)


class _Batch:
    """A batch as aiokafka has it, but for the names of headers."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(_LenientBatch(self._raw))


class LenientRecords:
    """Stands for aiokafka's MemoryRecords: what one fetch brought of one partition."""

    def __init__(self, raw: bytes) -> None:
        self._records, self._raw, self._at = MemoryRecords(raw), raw, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        """Return the next batch; None: there is none."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        (length,) = unpack_from(">i", self._raw, self._at + LENGTH_AT)
        began, self._at = self._at, self._at + COUNTED_FROM + length
        return _Batch(batch, self._raw[began : self._at])


def read_any_header_names() -> None:
    """Let every consumer of this process read such records. May be called again."""
    fetcher.MemoryRecords = LenientRecords
