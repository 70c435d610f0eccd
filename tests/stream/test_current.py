"""What others write to the topic of current stages does not stay there, without a broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from cjstream.ingest.codec import WireRecord
from cjstream.stream import current as module
from tests.stream.stores import KeptStores
from tests.stream.test_both_stores import act
from tests.stream.test_clock import SETTINGS, Outbox, World

TOPIC = SETTINGS.stage_current
OLD = b'{"old": true}'
FOREIGN: list[tuple[bytes, bytes | None]] = [
    (b"anna", OLD),
    (b"bert", None),
    (b"zoe", OLD),
    (b"\0p", OLD),
    (b"\xff", OLD),
]

pytestmark = pytest.mark.asyncio


class Log(Outbox):
    """Keeps the topic, too. `before` is what somebody else writes there before each of our next records."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.before: list[list[tuple[bytes, bytes | None]]] = []
        self.reads = 0
        self.unreadable = set[int]()  # offsets of transaction markers

    async def send(self, topic: str, partition: int, records: Sequence[WireRecord]) -> int:
        last = await super().send(topic, partition, records)
        if topic != TOPIC:
            return last
        for record in records:
            self.rows += self.before.pop(0) if self.before else []
            self.rows.append((record.key or b"", record.value))
        return len(self.rows) - 1

    async def between(self, _settings: Any, topic: str, _partition: int, start: int, end: int) -> list[Any]:
        assert topic == TOPIC
        self.reads += 1
        found = [SimpleNamespace(key=key, value=value) for key, value in self.rows]
        return [record for at, record in enumerate(found) if start <= at < end and at not in self.unreadable]

    async def current_ends(self, numbers: Iterable[int]) -> Mapping[int, int]:
        return dict.fromkeys(numbers, len(self.rows))

    def newest(self) -> dict[bytes, str | None]:
        """Return what compaction leaves: the stage of each customer."""
        found = {key: json.loads(value) for key, value in dict(self.rows).items() if value is not None}
        return {key: told["journeys"]["quick"]["stage"] if "journeys" in told else "old" for key, told in found.items()}


@pytest_asyncio.fixture(params=["memory", "rocksdb"])
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """Anna and bert, who have looked."""
    made, log = World(), Log()
    made.outbox = log
    made.partitions._outbox = log  # type: ignore[assignment]
    made.partitions.current_ends = log.current_ends
    if request.param == "rocksdb":
        made.partitions.stores = KeptStores(tmp_path)
    monkeypatch.setattr(module, "records_between", log.between)
    await made.partitions.keep({0})
    await made.partitions.open([0])
    await made.looked("anna", "bert")
    yield made
    await made.partitions.close()


def log_of(world: World) -> Log:
    assert isinstance(world.outbox, Log)
    return world.outbox


def foreign_records(world: World) -> float:
    [line] = [
        row for row in world.partitions.metrics.render()[1].splitlines() if row.startswith(b"cjstream_foreign_rec")
    ]
    return float(line.split()[1])


async def test_without_a_gap_nothing_is_read(world: World) -> None:
    await world.looked("cora")
    world.partitions.mend({}, await log_of(world).current_ends([0]), lambda: True)
    await world.partitions.drain()
    assert (len(log_of(world).rows), log_of(world).reads) == (3, 0)


@pytest.mark.parametrize("place", range(4), ids=["before the group", "in it", "near its end", "in the mend"])
async def test_what_others_wrote_is_hidden_by_ours_in_the_end(world: World, place: int) -> None:
    log = log_of(world)
    log.before = [*([[]] * place), [*FOREIGN, (b"dora", OLD)]]
    if place == 3:
        log.before[0] = [(b"anna", OLD)]
    await world.looked("cora", "dora", "emma")
    assert log.newest() == dict.fromkeys((b"anna", b"bert", b"cora", b"dora", b"emma"), "look")
    assert foreign_records(world) == len(FOREIGN) + 1 + (place == 3)
    reads = log.reads
    await world.looked("fred")
    assert log.reads == reads, "and then all is known"


async def test_of_an_erased_customer_nothing_comes_back(world: World) -> None:
    act(world, "erase", "anna", 2_000)
    await world.partitions.drain()
    log_of(world).rows.append((b"anna", OLD))
    await world.looked("cora")
    assert log_of(world).newest() == {b"bert": "look", b"cora": "look"}


async def test_who_is_idle_mends_when_told_of_the_end(world: World) -> None:
    log = log_of(world)
    log.rows += FOREIGN
    world.partitions.mend({}, await log.current_ends([0]), lambda: True)
    await world.partitions.drain()
    assert log.newest() == {b"anna": "look", b"bert": "look"}
    assert foreign_records(world) == len(FOREIGN)


async def test_who_is_about_to_leave_mends_nothing(world: World) -> None:
    log_of(world).rows += FOREIGN
    world.partitions.mend({}, await log_of(world).current_ends([0]), lambda: False)
    await world.partitions.drain()
    assert log_of(world).reads == 0


async def test_an_end_asked_for_while_ours_was_under_way_is_no_gap(world: World) -> None:
    partition = world.look("cora")
    await asyncio.sleep(0)  # it is on its way
    world.partitions.mend({}, {0: 3}, lambda: True)
    await partition.publisher.drained()
    assert log_of(world).reads == 0


async def test_what_comes_between_the_opening_and_the_first_write_is_seen(world: World) -> None:
    log = log_of(world)
    await world.reopen(len(log.log))
    log.rows.append((b"anna", OLD))
    await world.looked("cora")
    assert log.newest() == dict.fromkeys((b"anna", b"bert", b"cora"), "look")


async def test_a_gap_with_nothing_readable_in_it_needs_nothing(world: World) -> None:
    log = log_of(world)
    log.rows.append((b"", None))
    log.unreadable = {2}
    await world.looked("cora")
    assert (len(log.rows), log.reads, foreign_records(world)) == (4, 1, 0)


async def test_a_topic_made_anew_is_taken_as_it_is(world: World) -> None:
    log_of(world).rows.clear()
    await world.looked("cora")
    assert (log_of(world).newest(), log_of(world).reads) == ({b"cora": "look"}, 0)
