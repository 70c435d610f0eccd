"""A zombie that repeated an erasure deleted the state of a customer who had returned since, at the next restore."""

from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.core.state import CustomerState, Marker, encode
from cjstream.stream.rows import Rows
from cjstream.stream.store import MemoryStore

RETURNED = CustomerState((0, 101))


def records(*rows: tuple[bytes, bytes | None]) -> list[Any]:
    return [SimpleNamespace(key=key, value=value, offset=offset) for offset, (key, value) in enumerate(rows)]


@pytest.fixture
def rows() -> Rows:
    """Rows of one customer, erased at 100 and back at 101."""
    made = Rows(MemoryStore(), b"secret")
    made.restore(
        records((made.marker_key("anna"), encode(Marker((0, 100), 5))), (b"anna", None), (b"anna", encode(RETURNED)))
    )
    return made


@pytest.mark.parametrize("is_one_chunk", [True, False])
@pytest.mark.parametrize(("fence", "left"), [(100, RETURNED), (102, None)], ids=["zombie", "genuine"])
def test_only_an_erasure_newer_than_the_state_deletes_it(
    rows: Rows, fence: int, left: CustomerState | None, is_one_chunk: bool
) -> None:
    erasure = records((rows.marker_key("anna"), encode(Marker((0, fence), 5))), (b"anna", None))
    for part in [erasure] if is_one_chunk else [[record] for record in erasure]:
        rows.restore(part)
    assert rows.state(b"anna") == left


def test_a_deletion_stands_behind_its_marker_in_a_group_that_had_the_state() -> None:
    rows = Rows(MemoryStore(), b"secret")
    rows.put(b"anna", CustomerState((0, 1)))
    rows.put(rows.marker_key("anna"), Marker((0, 2), 5))
    rows.put(b"anna", None)
    assert list(rows.take().items()) == [(rows.marker_key("anna"), Marker((0, 2), 5)), (b"anna", None)]
