"""What is fetched ahead and what waits to be durable is bounded in bytes, whatever the size of a record."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from cjstream.stream.transport import ConsumerThread
from tests.stream.test_clock import world

MIB = 1 << 20


@pytest.mark.asyncio
async def test_a_partition_with_more_than_its_share_of_bytes_is_paused_until_they_are_durable() -> None:
    async with world(max_pending_bytes=str(MIB)) as ours:
        await ours.partitions.keep({0, 1})
        await ours.partitions.open([0, 1])
        paused: list[tuple[int, bool]] = []
        ours.partitions.pause = lambda number, is_full: paused.append((number, is_full))
        publisher = ours.look("anna", "x" * (MIB // 2)).publisher
        assert MIB // 2 < publisher.waiting_bytes < MIB
        for number in (0, 1):
            ours.partitions.weigh(number)
        assert paused == [(0, True), (1, False)]
        await publisher.drained()
        assert publisher.waiting_bytes == 0
        assert paused[-1] == (0, False)


@pytest.mark.parametrize(("partitions", "share"), [(0, 4 * MIB), (1, 4 * MIB), (16, 2 * MIB), (64, MIB // 2)])
def test_what_is_fetched_ahead_is_shared_by_the_partitions_of_a_topic(partitions: int, share: int) -> None:
    fetcher = SimpleNamespace(_max_partition_fetch_bytes=0)
    thread: Any = SimpleNamespace(
        app=SimpleNamespace(
            settings=SimpleNamespace(max_fetch_bytes=32 * MIB),
            conf=SimpleNamespace(consumer_max_fetch_size=4 * MIB),
        ),
        _ensure_consumer=lambda: SimpleNamespace(_fetcher=fetcher),
    )
    ConsumerThread.share(thread, {TP(topic, n) for topic in ("input", "changelog") for n in range(partitions)})
    assert fetcher._max_partition_fetch_bytes == share
