"""Deadlines of measures: those that pass by a touchpoint change no state, and others may lie behind them."""

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from cjstream.core.definition import JourneyDefinition
from cjstream.definitions import parse
from tests.stream.test_clock import SETTINGS, SIGNALS, World

HOUR_MS = 3_600_000
CARED = parse(
    """
journey: cared
stages: [{id: a, weight: 1}, {id: b, weight: 2}]
rules: [{on: a, to: a}, {on: b, to: b}]
measures:
  feedback: {targets: [{first_response: 4h}]}
  expected: {path: [a, b], personas: [{persona: vip, path: [a, {stage: b, within: 1h}]}]}
""",
    "cared",
)

PROMISED = parse(
    """
journey: promised
stages: [{id: a, weight: 1}, {id: b, weight: 2}]
rules: [{on: a, to: a}, {on: b, to: b}]
measures:
  expected: {rules: [{id: in-time, response: [order, delivery], within: 1h}]}
""",
    "promised",
)

pytestmark = pytest.mark.asyncio


def feed(world: World, *touchpoints: dict[str, Any]) -> None:
    """Let a customer do something, each in a batch of its own."""
    for fields in touchpoints:
        world.offset += 1
        value = json.dumps({"id": f"t{world.offset}", "customer_id": "ani", **fields}).encode()
        record = ConsumerRecord(SETTINGS.touchpoints, 0, world.offset, 10 * HOUR_MS, 0, b"ani", value, None, 0, 0, ())
        partition = world.partitions[0]
        partition.advance(partition.decode([record]), [record])
        partition.publish([record], lambda: None)


async def cared(journey: JourneyDefinition = CARED) -> World:
    world = World()
    world.partitions.active = (journey,)
    await world.partitions.keep({0})
    await world.partitions.open([0])
    return world


async def fire(world: World, now_ms: int) -> None:
    partition = world.partitions[0]
    if partition.deadlines.is_due(now_ms):
        partition.fire(now_ms, lambda: True)
    await partition.publisher.drained()


async def test_behind_a_deadline_that_a_touchpoint_let_pass_the_next_one_is_not_forgotten() -> None:
    it = await cared()
    times_ms = {"visit": 60_000, "question_read": 3 * HOUR_MS + 1}
    feed(it, {"type": "review", "occurred_at": 0}, *({"type": k, "occurred_at": ms} for k, ms in times_ms.items()))
    await it.partitions[0].publisher.drained()
    assert len(it.outbox.keys(SIGNALS)) == 1  # due soon
    await fire(it, 3 * HOUR_MS + 2)
    await fire(it, 4 * HOUR_MS + 1)
    assert len(it.outbox.keys(SIGNALS)) == 2  # breached
    await it.partitions.keep(set())


async def test_a_persona_that_becomes_known_brings_its_deadlines() -> None:
    it = await cared()
    feed(it, {"type": "a", "occurred_at": 0}, {"type": "visit", "occurred_at": 1, "persona": "vip"})
    await it.partitions[0].publisher.drained()
    await fire(it, HOUR_MS + 1)
    assert it.outbox.keys(SIGNALS) == ["ani"]
    await it.partitions.keep(set())


async def test_a_touchpoint_that_moves_nobody_may_start_a_clock() -> None:
    it = await cared(PROMISED)
    feed(it, {"type": "a", "occurred_at": 0}, {"type": "order", "occurred_at": 1})
    await it.partitions[0].publisher.drained()
    await fire(it, HOUR_MS + 2)
    assert it.outbox.keys(SIGNALS) == ["ani"]
    await it.partitions.keep(set())
