"""A restore cut short left rows of a partition that had gone: Faust's buffer applied them after it was dropped.

Regained, the partition was restored from there on, without the customers before.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

from cjstream.core.state import CustomerState, encode
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream.partitions import Partitions


def chunk(offset: int) -> list[Any]:
    return [SimpleNamespace(key=b"anna", value=encode(CustomerState((0, offset))), offset=offset)]


def test_a_late_changelog_chunk_leaves_nothing_of_a_partition_that_left() -> None:
    outbox: Any = None  # nothing is sent before a partition opens
    partitions = Partitions(load({}), Metrics(), outbox)

    async def scenario() -> None:
        await partitions.keep({0, 3})
        partitions.restore(3, chunk(7))
        assert partitions.changelog_offset(3) == 7
        await partitions.keep({0})
        partitions.restore(3, chunk(8))
        assert partitions.changelog_offset(3) is None
        await partitions.keep({0, 3})
        assert partitions.changelog_offset(3) is None, "its restore starts from nothing"
        assert partitions.restored_records == 1

    asyncio.run(scenario())
