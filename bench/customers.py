"""Many customers at once: their states as a worker writes them into the changelog, and touchpoints of random ones.

The states are those of a few thousand generated customers, made by the engine, each under many ids. So a million of
them take seconds, and have the sizes of real ones. What is left out: ids of touchpoints in states repeat.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from bench.common import DAYS, PARTITIONS, SEED, START_MS, touchpoints
from cjstream import definitions
from cjstream.core.engine import Journeys, advance
from cjstream.core.state import POSITION_KEY, CustomerState, Position, definition_key, encode
from cjstream.core.touchpoint import Touchpoint
from cjstream.ingest.codec import decode, dumps, loads
from cjstream.kafka import BulkSender
from cjstream.settings import Settings

TEMPLATES = 20_000  # touchpoints whose customers are copied
END_MS = START_MS + (DAYS + 1) * 86_400_000
NO_INPUT = CustomerState().fence
PER_SECOND = 1000  # of event time, of random touchpoints


def customer_id(number: int) -> str:
    """Return the id of a customer, as long as those of the generated population."""
    return f"c0-{number:07d}"


def fill(config: Settings, customers: int) -> int:
    """Write the states of so many customers into the app's changelog, with all that a worker keeps beside them.

    Returns how many records there are.
    """
    return asyncio.run(_fill(config, customers))


async def _fill(config: Settings, customers: int) -> int:
    made = _states()
    definition = definitions.find(config.journeys or definitions.DEFAULT)
    await _put_each(config, definition_key(definition.hash), dumps(definition.data))
    async with BulkSender(config, config.state_changelog, PARTITIONS) as sender:
        for number in range(customers):
            await sender.add(customer_id(number).encode(), made[number % len(made)])
    await _put_each(config, POSITION_KEY, encode(Position(topic=config.touchpoints)))
    return customers + 2 * PARTITIONS


async def _put_each(config: Settings, key: bytes, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=config.kafka_bootstrap_servers, acks="all")
    await producer.start()
    try:
        for number in range(PARTITIONS):
            await producer.send_and_wait(config.state_changelog, value, key, partition=number)
    finally:
        await producer.stop()


def _states() -> list[bytes]:
    """Return the states of generated customers after their whole lives, as if no input record had been applied.

    The input is empty, and with other fences its first touchpoints would be taken for replays.
    """
    journeys = Journeys.of([definitions.shipped()])
    states: dict[bytes, CustomerState] = {}
    for offset, (key, value) in enumerate(touchpoints(TEMPLATES)):
        touchpoint = decode(key, value, END_MS, 0)
        assert isinstance(touchpoint, Touchpoint), "the generated population has no bad touchpoint"
        state = advance(states.get(key), touchpoint, (0, offset), journeys).state
        if state is not None:
            states[key] = state
    return [encode(replace(state, fence=NO_INPUT)) for state in states.values()]


def random_touchpoints(count: int, customers: int, part: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of touchpoints of uniformly random customers, newer than all in `fill` and earlier parts.

    Types and fields are those of the generated population.
    """
    dice = Random(SEED + part)
    templates = [loads(value) for _, value in touchpoints(TEMPLATES)]
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=END_MS, days=part)
    for number in range(count):
        name = customer_id(int(dice.random() * customers))
        at = start + timedelta(seconds=number / PER_SECOND)
        fields = {"customer_id": name, "id": f"{part}-{number:08d}", "occurred_at": f"{at.isoformat()[:23]}Z"}
        yield name.encode(), dumps({**templates[number % len(templates)], **fields})
