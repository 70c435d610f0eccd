"""Offers touchpoints at a rate, whatever becomes of them: open loop, in a process of its own.

    python -m bench.sender RATE SECONDS SEED

Configured by the environment. All touchpoints are made before the first goes out. The id of each ends with its number,
so a reader knows when it was due: `start` + number / rate. Prints one line as it starts and one at the end.
"""

import asyncio
import sys
from collections.abc import Callable
from time import monotonic

from bench.common import DAYS, PARTITIONS, START_MS, TOUCHPOINTS_PER_CUSTOMER
from cjstream import settings
from cjstream.ingest.codec import dumps
from cjstream.kafka import BulkSender, partition_of
from cjstream.population import population
from cjstream.settings import Settings

TICK_SECONDS = 0.002
MARK = "#"  # before the number in an id
Row = tuple[bytes, bytes]


def rows(count: int, seed: int) -> list[Row]:
    """Return about `count` touchpoints in event-time order: the whole lives of customers."""
    made = []
    for number, each in enumerate(population(count // TOUCHPOINTS_PER_CUSTOMER, seed, START_MS, DAYS)):
        each["id"] = f"{each['id']}{MARK}{number}"
        made.append((each["customer_id"].encode(), dumps(each)))
        partition_of(made[-1][0], PARTITIONS)  # pure Python and slow, but it remembers
    return made


async def offer(
    config: Settings, made: list[Row], rate: float, told: Callable[[float], None] = lambda started: None
) -> float:
    """Send each touchpoint when it is due; return by how many seconds one was late at the most.

    `told` is called as it begins.
    """
    async with BulkSender(config, config.touchpoints, PARTITIONS) as sender:
        started, sent, late = monotonic(), 0, 0.0
        told(started)
        while sent < len(made):
            now = monotonic()
            due = min(len(made), int((now - started) * rate))
            if due > sent:
                late = max(late, now - started - sent / rate)
                for key, value in made[sent:due]:
                    await sender.add(key, value)
                await sender.hand_over()
                sent = due
            await asyncio.sleep(TICK_SECONDS)
    return late


def main() -> None:
    """Send, and say how many and how late."""
    rate, seconds, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    made = rows(int(rate * seconds), seed)
    late = asyncio.run(offer(settings.load(), made, rate, lambda started: print(f"start {started!r}", flush=True)))
    print(f"sent {len(made)} {late!r}", flush=True)


if __name__ == "__main__":
    main()
