"""Sends what is made up: touchpoints at a pace, and facts. For `cjstream demo` and `cjstream generate`."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from cjstream import kafka
from cjstream.core.facts import Fact, key_of
from cjstream.ingest.codec import dumps
from cjstream.population import Touchpoint
from cjstream.settings import Settings

TICKS_PER_SECOND = 20  # short enough to look even, long enough to batch


async def send_touchpoints(
    config: Settings,
    partitions: int,
    touchpoints: Iterable[Touchpoint],
    per_second: int,
    show: Callable[[], None],
) -> None:
    """Send all, at most so many a second, and call `show` now and then; return when they are durable."""
    bundle = max(1, per_second // TICKS_PER_SECOND)
    started = time.monotonic()
    async with kafka.BulkSender(config, config.touchpoints, partitions) as sender:
        for number, touchpoint in enumerate(touchpoints, start=1):
            await sender.add(touchpoint["customer_id"].encode(), dumps(touchpoint))
            if number % bundle == 0:
                await sender.hand_over()
                show()
                await asyncio.sleep(started + number / per_second - time.monotonic())


async def send_facts(config: Settings, facts: Sequence[Fact]) -> None:
    """Send facts under their keys; return when they are durable."""
    count = await kafka.partition_count(config, config.facts, "Write")
    async with kafka.BulkSender(config, config.facts, count) as sender:
        for fact in facts:
            await sender.add(key_of(fact).encode(), dumps(fact._asdict()))
