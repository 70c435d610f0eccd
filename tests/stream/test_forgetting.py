"""Customers whom the clock forgets, in both stores: what is sent and kept, in which order, whenever the worker dies."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.state import MARKER_PREFIX, Marker, decode_marker, encode, is_reserved, marker_key
from cjstream.core.totals import Totals
from cjstream.definitions import parse
from cjstream.errors import StateMismatch
from cjstream.kafka import Span
from cjstream.settings import load
from cjstream.stream import sweep as module
from cjstream.stream.store import Store
from cjstream.stream.sweep import Sweep
from tests.stream.stores import KeptStores
from tests.stream.test_both_stores import TICKS, TOUCHES, Act, act, told
from tests.stream.test_clock import CHANGELOG, SETTINGS, TRANSITIONS, World

CURRENT = SETTINGS.stage_current
PLAIN = parse(
    """
journey: plain
lateness: 2s
stages: [{id: look, weight: 1}, {id: buy, weight: 2}]
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
""",
    "plain",
)
SILENCE = {"expire_inactive_seconds": "10"}
SECRET = SETTINGS.app_id.encode()
END_MS = 1_000 + 10_000 + 2_000  # of the silence of who acts at 1,000
LONG_AFTER = ("tick", 1_000_000)


def key_of(customer: str) -> bytes:
    return marker_key(customer, SECRET)


@asynccontextmanager
async def opened(root: Path | None = None, **settings: str) -> AsyncIterator[World]:
    world = World(**{**SILENCE, **settings})
    if root is not None:
        world.partitions.stores = KeptStores(root)
    world.partitions.active = (PLAIN,)
    await world.partitions.keep({0})
    await world.partitions.reopen()
    await world.partitions.open([0])
    try:
        yield world
        await world.partitions.drain()
    finally:
        await world.partitions.close()


@pytest.fixture(params=["memory", "rocksdb"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path


async def ticked(world: World, now_ms: int) -> None:
    await world.partitions.drain()
    await world.tick(now_ms)
    await world.partitions.drain()


def names(world: World) -> list[tuple[str, list[str]]]:
    """Return what was sent where, with the marker of anna as `marker`."""
    mark = key_of("anna").decode(errors="replace")
    return [(topic, ["marker" if key == mark else key for key in keys]) for topic, keys in world.outbox.sent]


def everything(store: Store) -> bytes:
    """Return all that a store holds, keys, values and marks."""
    rows = [*store.items(), *store.marks(b"", b"\xff" * 40)]
    return b" ".join(part for row in rows for part in row)


@pytest.mark.asyncio
async def test_the_null_goes_in_one_turn_and_the_state_in_the_next(root: Path | None) -> None:
    async with opened(root) as world:
        act(world, "page_view", "anna", 1_000)
        await ticked(world, END_MS)
        world.outbox.sent.clear()
        await ticked(world, END_MS + 1)
        assert names(world) == [(CHANGELOG, ["anna", "\0p"]), (CURRENT, ["anna"]), (CHANGELOG, ["\0p"])]
        world.outbox.sent.clear()
        await ticked(world, END_MS + 2)
        assert names(world)[0] == (CHANGELOG, ["marker", "anna", "\0p"])
        assert [topic for topic, _ in names(world)] == [CHANGELOG] * 2
        rows = world.partitions[0].rows
        assert b"anna" not in everything(rows.store)
        assert rows.marker("anna") == Marker((0, 0), 1_000, {"plain": 1}, END_MS + 2)
        assert (rows.totals.copy(), len(world.partitions[0].deadlines)) == ({}, 0)
        await ticked(world, END_MS + 10_000_000)
        assert len(world.outbox.log) == 10, "and nothing ever again"


@pytest.mark.asyncio
async def test_another_erasure_key_is_refused_once_there_is_a_marker() -> None:
    def set_key(key: str) -> None:
        world.partitions.settings = load({}, erasure_key=key, **SILENCE)

    async with opened() as world:
        act(world, "page_view", "anna", 1_000)
        await world.partitions.drain()
        set_key("set before production")
        await world.reopen(len(world.outbox.log))
        for now_ms in (END_MS + 1, END_MS + 2):  # the marker is made without a touchpoint
            await ticked(world, now_ms)
        for other in ("", "another"):
            set_key(other)
            with pytest.raises(StateMismatch, match="made with another CJSTREAM_ERASURE_KEY"):
                await world.reopen(len(world.outbox.log))
        set_key("set before production")
        await world.reopen(len(world.outbox.log))
        assert world.partitions[0].rows.marker("anna") is not None


@pytest.mark.asyncio
async def test_who_returns_goes_on_in_sequence_and_what_is_late_stays_forgotten(root: Path | None) -> None:
    async with opened(root) as world:
        act(world, "page_view", "anna", 1_000)
        for now_ms in (END_MS + 1, END_MS + 2):
            await ticked(world, now_ms)
        act(world, "page_view", "anna", 1_000)
        await world.partitions.drain()
        assert world.partitions[0].rows.state(b"anna") is None
        act(world, "purchase", "anna", END_MS + 5_000)
        await world.partitions.drain()
        state = world.partitions[0].rows.state(b"anna")
        assert state is not None
        assert (state.journeys["plain"].sequence, state.erased_at_ms) == (2, 1_000)
        assert world.outbox.keys(CURRENT) == ["anna"] * 3


@pytest.mark.asyncio
async def test_a_kill_after_any_changelog_record_repeats_the_null_at_most() -> None:
    """After the definition: anna, position | anna, position, position | marker, null, position, position."""
    for records in range(4, 11):
        async with opened() as world:
            act(world, "page_view", "anna", 1_000)
            for now_ms in (END_MS + 1, END_MS + 2):
                await ticked(world, now_ms)
            assert world.outbox.keys(CURRENT) == ["anna", "anna"]
            assert len(world.outbox.log) == 10
            await world.reopen(records)
            for now_ms in (END_MS + 3, END_MS + 4, END_MS + 5):
                await ticked(world, now_ms)
            assert world.outbox.keys(TRANSITIONS) == []
            assert world.outbox.keys(CURRENT) == (["anna"] if records < 6 else [])
            rows = world.partitions[0].rows
            assert b"anna" not in everything(rows.store)
            assert rows.marker("anna") is not None


@pytest.mark.asyncio
async def test_the_lookout_for_the_silent_survives_a_restart_of_a_store_that_lasts(tmp_path: Path) -> None:
    async with opened(tmp_path, expire_inactive_seconds="0") as world:
        act(world, "page_view", "anna", 1_000)
        await ticked(world, END_MS + 1)
        assert world.outbox.keys(CURRENT) == ["anna"], "the setting is off"
    log = world.outbox.log
    async with opened(tmp_path) as world:  # now it is on
        world.outbox.log += log
        assert len(world.partitions[0].deadlines) == 1
        world.offset = 0
        for now_ms in (END_MS + 1, END_MS + 2):
            await ticked(world, now_ms)
        assert b"anna" not in everything(world.partitions[0].rows.store)


async def outcome(world: World, acts: list[Act]) -> tuple[Any, list[str]]:
    found = await told(world, [*acts, *[LONG_AFTER] * 5])
    return found, sorted(world.outbox.keys(CURRENT))


@given(st.lists(st.one_of(TOUCHES, TICKS), max_size=16))
def test_whoever_falls_silent_both_stores_forget_the_same(acts: list[Act]) -> None:
    with TemporaryDirectory() as path:
        world, kept = World(**SILENCE), World(**SILENCE)
        kept.partitions.stores = KeptStores(Path(path))
        found, current = asyncio.run(outcome(world, acts))
        assert asyncio.run(outcome(kept, acts)) == (found, current)
        _, totals, states, due = found
        assert (totals, states, due) == ({}, {}, 0), "nobody is left"


@pytest.mark.asyncio
async def test_an_erasure_leaves_nothing_of_the_customer_but_the_marker(root: Path | None) -> None:
    async with opened(root) as world:
        for kind, at_ms in (("page_view", 1_000), ("purchase", 1_500), ("erase", 2_000)):
            act(world, kind, "anna", at_ms)
            await world.partitions.drain()
        rows = world.partitions[0].rows
        assert b"anna" not in everything(rows.store)
        assert rows.marker("anna") == Marker((0, 2), 2_000, {"plain": 2}, 2_000)
        assert rows.totals.counts == Totals().counts
        for at_ms in (1_700, 2_000):  # late, with new ids and offsets
            act(world, "purchase", "anna", at_ms)
        await world.partitions.drain()
        assert rows.state(b"anna") is None
        world.offset = 0  # a replay from the second record on
        act(world, "purchase", "anna", 2_500)
        await world.partitions.drain()
        assert rows.state(b"anna") is None
        world.offset = 10
        act(world, "page_view", "anna", 2_500)
        await world.partitions.drain()
        state = rows.state(b"anna")
        assert state is not None
        assert state.journeys["plain"].sequence == 3


# -- markers

KEPT_MS, NOW_MS = 100_000, 1_000_000
OVER, YOUNG, AHEAD = (Marker((0, 3), 5, {}, 5), Marker((0, 3), 5, {}, NOW_MS - 1), Marker((0, 9), 5, {}, 5))


def restored(world: World, markers: dict[str, Marker]) -> None:
    log = [
        ConsumerRecord(CHANGELOG, 0, at, 0, 0, key_of(name), encode(marker), None, 0, 0, ())
        for at, (name, marker) in enumerate(markers.items())
    ]
    world.partitions.restore(0, log)
    world.outbox.log[:] = [(key_of(name), encode(marker)) for name, marker in markers.items()]


def left(world: World) -> list[str]:
    known = {key_of(name): name for name in (*"abcdefghij", "anna")}
    return sorted(known[key] for key, _ in world.partitions[0].rows.store.items(MARKER_PREFIX))


async def swept(world: World, kept_ms: int | None = KEPT_MS, start: int = 5) -> Sequence[str]:
    sweep = Sweep(world.partitions, SETTINGS, lambda: world.consumer)
    sweep.ask({0: Span(start, 50)}, kept_ms, NOW_MS)
    await world.partitions.drain()
    return left(world)


@pytest.mark.asyncio
async def test_markers_that_have_done_their_work_are_deleted(
    root: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURN_MARKERS", 2)
    async with opened(root) as world:
        restored(world, dict.fromkeys("abcde", OVER) | {"f": YOUNG, "g": AHEAD})
        assert await swept(world) == ["f", "g"]
        assert {key for key, value in world.outbox.log if value is None} == set(map(key_of, "abcde"))
        text = world.partitions.metrics.render()[1].decode()
        assert "\ncjstream_markers_expired_total 5.0" in text
        assert await swept(world, start=10) == ["f"]


@pytest.mark.asyncio
async def test_none_is_while_the_input_is_kept_for_ever_or_the_flow_has_stopped(root: Path | None) -> None:
    async with opened(root) as world:
        restored(world, {"a": OVER})
        assert await swept(world, kept_ms=None) == ["a"]
        world.consumer.flow_active = False
        assert await swept(world) == ["a"]
        world.consumer.flow_active = True
        assert await swept(world) == []


@pytest.mark.asyncio
async def test_a_marker_that_is_made_anew_meanwhile_stays(root: Path | None) -> None:
    async with opened(root) as world:
        restored(world, {"anna": OVER})
        world.offset = 20
        act(world, "page_view", "bert", 1_000)
        await asyncio.sleep(0)  # on its way, so anna gathers
        act(world, "erase", "anna", NOW_MS)
        assert await swept(world) == ["anna"]
        [value] = [value for key, value in world.partitions[0].rows.store.items(MARKER_PREFIX)]
        assert decode_marker(value).fence == (0, 22)


@pytest.mark.asyncio
async def test_a_deleted_marker_stays_deleted_after_a_restart() -> None:
    async with opened() as world:
        act(world, "erase", "anna", 5)
        await world.partitions.drain()
        assert await swept(world) == []
        await world.reopen(len(world.outbox.log))
        assert left(world) == []
        assert all(is_reserved(key) for key, _ in world.partitions[0].rows.store.items())
