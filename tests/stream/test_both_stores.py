"""Both stores, fed the same: the clock comes to the same customers, and what is kept of them is the same."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.state import is_reserved
from cjstream.definitions import parse
from tests.stream.stores import KeptStores
from tests.stream.test_clock import SETTINGS, SIGNALS, World

TWO_CLOCKS = parse(
    """
journey: quick
lateness: 1s
goal: {on: purchase}
window: 8s
stages:
  - {id: look, weight: 1, stall: {since_entered: 1s}}
  - {id: cart, weight: 2, stall: {since_last_touch: 2s}}
  - {id: buy, weight: 3}
rules: [{on: page_view, to: look}, {on: cart_add, to: cart}, {on: purchase, to: buy}]
""",
    "two clocks",
)
LONG_AFTER_MS = 1_000_000
TOUCHES = st.tuples(
    st.sampled_from(["page_view", "cart_add", "purchase", "visit", "erase"]), st.sampled_from(["anna", "bert", "cora"])
)
TICKS = st.tuples(st.just("tick"), st.sampled_from([100, 900, 2_500, 6_000]))
Act = tuple[str, Any]


async def begun(world: World) -> World:
    world.partitions.active = (TWO_CLOCKS,)
    await world.partitions.keep({0})
    await world.partitions.reopen()
    await world.partitions.open([0])
    return world


def act(world: World, kind: str, customer: str, now_ms: int) -> None:
    world.offset += 1
    fields = {"id": f"t{world.offset}", "customer_id": customer, "type": kind, "occurred_at": now_ms}
    value = None if kind == "erase" else json.dumps(fields).encode()
    record = ConsumerRecord(SETTINGS.touchpoints, 0, world.offset, now_ms, 0, customer.encode(), value, None, 0, 0, ())
    partition = world.partitions[0]
    partition.advance(partition.decode([record]), [record])
    partition.publish([record], lambda: None)


async def told(world: World, acts: list[Act]) -> object:
    """Let customers act and the clock turn, the last time long after; return what was told, and what is kept."""
    now_ms = 1_000
    await begun(world)
    for what, more in [*acts, ("tick", LONG_AFTER_MS)]:
        now_ms += more if what == "tick" else 100
        if what == "tick":
            for _ in range(3):  # a stall may be followed by another, and a window by nothing
                await world.tick(now_ms)
                await world.partitions.drain()
        else:
            act(world, what, more, now_ms)
            await asyncio.sleep(0)
    await world.partitions.drain()
    partition = world.partitions[0]
    states = {key: value for key, value in partition.rows.store.items() if not is_reserved(key)}
    found = sorted(world.outbox.keys(SIGNALS)), partition.rows.totals.copy(), states, len(partition.deadlines)
    await world.partitions.close()
    return found


def kept(root: Path) -> World:
    world = World()
    world.partitions.stores = KeptStores(root)
    return world


@given(st.lists(st.one_of(TOUCHES, TICKS), max_size=16))
def test_whatever_happens_both_stores_tell_and_keep_the_same(acts: list[Act]) -> None:
    with TemporaryDirectory() as path:
        assert asyncio.run(told(kept(Path(path)), acts)) == asyncio.run(told(World(), acts))


@pytest.mark.asyncio
async def test_of_customers_who_stall_in_one_turn_each_is_dropped_when_the_window_ends(tmp_path: Path) -> None:
    world = await begun(kept(tmp_path))
    act(world, "page_view", "anna", 1_000)
    act(world, "page_view", "bert", 1_100)
    for now_ms in (5_000, 50_000):
        await world.partitions.drain()
        await world.tick(now_ms)
    await world.partitions.drain()
    assert world.outbox.keys(SIGNALS) == ["anna", "bert", "anna", "bert"]
    assert len(world.partitions[0].deadlines) == 0
    await world.partitions.close()


@pytest.mark.asyncio
async def test_a_customer_put_back_in_a_turn_is_counted_once(tmp_path: Path) -> None:
    world = await begun(kept(tmp_path))
    act(world, "page_view", "anna", 1_000)
    await world.partitions.drain()
    for now_ms in (2_500, 3_500, 12_000, 13_000):
        await world.tick(now_ms)
        await world.partitions.drain()
        assert 0 <= len(world.partitions[0].deadlines) <= 1
    assert world.outbox.keys(SIGNALS) == ["anna", "anna"]
    await world.partitions.close()
