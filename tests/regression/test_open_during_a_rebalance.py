"""A slow look at the input went on after rebalances had brought the partition back: it was opened half restored."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from cjstream.core.state import Position
from tests.stream.stores import KeptStores
from tests.stream.test_clock import CHANGELOG, SIGNALS, World

NAMES = ("anna", "bert", "cora", "dora")

pytestmark = pytest.mark.asyncio


async def written() -> list[Any]:
    """Return a changelog with a group of each customer."""
    world = World()
    await world.partitions.keep({0})
    await world.partitions.open([0])
    for name in NAMES:
        await world.looked(name)
    await world.partitions.close()
    return [
        ConsumerRecord(CHANGELOG, 0, at, 0, 0, key, value, None, 0, 0, ())
        for at, (key, value) in enumerate(world.outbox.log)
    ]


def slow(world: World) -> asyncio.Event:
    """Let looks at the input wait for what is returned."""
    gate = asyncio.Event()

    async def check(_: Mapping[int, Position]) -> None:
        await gate.wait()

    world.partitions.check_input = check
    return gate


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_partition_that_left_and_came_back_is_opened_when_it_is_restored(tmp_path: Path, store: str) -> None:
    log, world = await written(), World()
    if store == "rocksdb":
        world.partitions.stores = KeptStores(tmp_path)
    world.outbox.log += [(record.key, record.value) for record in log]
    gate = slow(world)
    await world.partitions.keep({0})
    world.partitions.restore(0, log[:2])
    first = asyncio.create_task(world.partitions.open([0]))
    await asyncio.sleep(0)
    await world.partitions.keep(set())
    await world.partitions.keep({0})
    world.partitions.restore(0, log[2:4] if store == "rocksdb" else log[:4])
    gate.set()
    await first
    assert list(world.partitions.opened()) == []
    world.partitions.restore(0, log[4:])
    await world.partitions.open([0])
    assert len(world.partitions[0].deadlines) == len(NAMES)
    await world.tick()
    await world.partitions.drain()
    assert sorted(world.outbox.keys(SIGNALS)) == list(NAMES)
    await world.partitions.close()


async def test_two_looks_at_the_same_rows_open_them_once() -> None:
    world = World()
    gate = slow(world)
    await world.partitions.keep({0})
    both = [asyncio.create_task(world.partitions.open([0])) for _ in range(2)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*both)
    publishers = [task for task in asyncio.all_tasks() if task.get_name() == "publisher-0"]
    assert len(publishers) == 1
    await world.partitions.close()


async def test_what_left_during_the_look_is_left_alone() -> None:
    world = World()
    gate = slow(world)
    await world.partitions.keep({0})
    opening = asyncio.create_task(world.partitions.open([0]))
    await asyncio.sleep(0)
    await world.partitions.keep(set())
    gate.set()
    await opening
    await world.partitions.open([0])
    assert list(world.partitions.opened()) == []
    assert world.partitions.changelog_offset(0) is None
