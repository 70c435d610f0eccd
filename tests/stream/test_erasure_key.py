"""Another CJSTREAM_ERASURE_KEY than that of the markers is refused, in both stores; with no marker it is taken."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from cjstream.core.state import POSITION_KEY, Marker, Position, decode_position, encode, hash_of_secret, marker_key
from cjstream.errors import StateMismatch
from cjstream.stream.partitions import Partitions
from tests.stream.stores import KeptStores
from tests.stream.test_both_stores import act
from tests.stream.test_clock import CHANGELOG, SETTINGS, World

OURS, OTHERS = "ours", "another"
SAID = "made with another CJSTREAM_ERASURE_KEY"
Log = list[tuple[bytes, bytes | None]]

pytestmark = pytest.mark.asyncio


@pytest.fixture(params=["memory", "rocksdb"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path


def give(partitions: Partitions, number: int, log: Log) -> None:
    """Restore a partition from its changelog, as far as its store does not have it."""
    held = partitions.changelog_offset(number)
    records = [
        ConsumerRecord(CHANGELOG, number, at, 0, 0, key, value, None, 0, 0, ()) for at, (key, value) in enumerate(log)
    ]
    if fresh := records[0 if held is None else held + 1 :]:
        partitions.restore(number, fresh)


@asynccontextmanager
async def opened(root: Path | None, key: str, *logs: Log) -> AsyncIterator[World]:
    """A worker with this key, on partitions with these changelogs; to the end of which more is written."""
    world = World(erasure_key=key)
    partitions, numbers = world.partitions, range(len(logs))
    if root is not None:
        partitions.stores = KeptStores(root)
    await partitions.keep(set(numbers))
    await partitions.reopen()
    for number, log in enumerate(logs):
        give(partitions, number, log)
        world.outbox.logs[number][:] = log
    try:
        await partitions.open(numbers)
        yield world
        await partitions.drain()
    finally:
        await partitions.close()


async def forgotten(root: Path | None, key: str) -> Log:
    """Return the changelog of a worker that has forgotten anna."""
    async with opened(root, key, []) as world:
        act(world, "page_view", "anna", 1_000)
        act(world, "erase", "anna", 2_000)
        await world.partitions.drain()
        return world.outbox.log


def hashes(log: Iterable[tuple[bytes, Any]]) -> list[bytes]:
    """Return of which secrets the positions are, in order, the same ones in a row as one."""
    found = [decode_position(value).secret_hash for key, value in log if key == POSITION_KEY]
    return [each for at, each in enumerate(found) if at == 0 or found[at - 1] != each]


@pytest.mark.parametrize(("made", "now"), [(OURS, OTHERS), (OURS, ""), ("", OURS)])
async def test_it_is_refused_once_somebody_is_forgotten(root: Path | None, made: str, now: str) -> None:
    log = await forgotten(root, made)
    with pytest.raises(StateMismatch, match=SAID):
        async with opened(root, now, log):
            pass
    async with opened(root, made, log) as world:
        assert world.partitions[0].rows.marker("anna") is not None
        assert world.outbox.log == log, "the key that was there has nothing to say"


async def test_a_first_key_is_taken_over_and_told_at_once_while_nobody_is_forgotten(root: Path | None) -> None:
    async with opened(root, "", []) as world:
        assert world.outbox.log == [], "nothing is known of a partition before its first record"
        act(world, "page_view", "anna", 1_000)
        await world.partitions.drain()
        log = world.outbox.log
    async with opened(root, OURS, log) as world:
        log = list(world.outbox.log)
        assert hashes(log) == [hash_of_secret(SETTINGS.app_id.encode()), hash_of_secret(OURS.encode())]
        world.offset = 0
        act(world, "erase", "anna", 2_000)
        await world.partitions.drain()
        assert hashes(world.outbox.log) == hashes(log)
        log = world.outbox.log
    with pytest.raises(StateMismatch, match=SAID):
        async with opened(root, "", log):
            pass


async def test_a_turn_of_the_clock_tells_it_as_well(root: Path | None) -> None:
    async with opened(root, OURS, []) as world:
        act(world, "page_view", "anna", 1_000)
        await world.partitions.drain()
        await world.tick(100_000)
        await world.partitions.drain()
        assert len([key for key, _ in world.outbox.log if key == POSITION_KEY]) == 3
        assert hashes(world.outbox.log) == [hash_of_secret(OURS.encode())]


async def test_a_state_that_does_not_say_is_taken_and_says_it_from_then_on(root: Path | None) -> None:
    marker = (marker_key("anna", OURS.encode()), encode(Marker((0, 0), 5)))
    old: Log = [marker, (POSITION_KEY, encode(Position((0, 0), topic=SETTINGS.touchpoints)))]
    async with opened(root, OURS, old) as world:
        log = world.outbox.log
    assert hashes(log) == [b"", hash_of_secret(OURS.encode())]
    with pytest.raises(StateMismatch, match=SAID):
        async with opened(root, OTHERS, log):
            pass
