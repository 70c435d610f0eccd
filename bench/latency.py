"""Claim: at 1,000 touchpoints a second, 99 of 100 transitions are read within 150 ms after their touchpoint was sent.

    python bench/latency.py [--rate 1000] [--seconds 30] [--json FILE]

Sender and reader are one process with one clock. The clock of a touchpoint starts when it is due, not when it goes
out, so a sender held up by a slow broker counts too. Touchpoints that move nobody have no transition and do not count.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from time import monotonic
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.common import PARTITIONS, WORKER, Target, conclude, new_app, print_machine, running, touchpoints
from cjstream.ingest.codec import loads
from cjstream.kafka import partition_of
from cjstream.local import LocalBroker
from cjstream.settings import Settings

TARGET_P99_MS = 150
WARM_UP_SECONDS = 10.0  # not counted: the worker starts, joins and fills its caches
SETTLE_SECONDS = 5.0  # after the last touchpoint
TICK_SECONDS = 0.001


class Latency:
    """Sends touchpoints at a rate, reads the transitions they cause, and keeps the milliseconds between."""

    def __init__(self, config: Settings, rate: int, seconds: float) -> None:
        self.config, self.rate = config, rate
        self.number = int(rate * (WARM_UP_SECONDS + seconds))
        self.sent: dict[str, float] = {}  # when it was due, by touchpoint id
        self.waited_ms: list[float] = []

    async def run(self) -> None:
        """Send all, read all."""
        servers = self.config.kafka_bootstrap_servers
        producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
        await producer.start()
        await consumer.start()
        parts = [TopicPartition(self.config.transitions, number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        reading = asyncio.create_task(self._read(consumer))
        await self._send(producer, touchpoints(2 * self.number))
        await asyncio.sleep(SETTLE_SECONDS)
        if reading.done():
            reading.result()  # it ends only by an error
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await producer.stop()
        await consumer.stop()

    async def _send(self, producer: Any, rows: Iterator[tuple[bytes, bytes]]) -> None:
        started, sent = monotonic(), 0
        while sent < self.number:
            due = min(self.number, int((monotonic() - started) * self.rate))
            for number in range(sent, due):
                key, value = next(rows)
                self.sent[loads(value)["id"]] = started + number / self.rate
                await producer.send(self.config.touchpoints, value, key, partition=partition_of(key, PARTITIONS))
            sent = due
            await asyncio.sleep(TICK_SECONDS)

    async def _read(self, consumer: Any) -> None:
        counted_from = monotonic() + WARM_UP_SECONDS
        async for record in consumer:
            now = monotonic()
            sent = self.sent[loads(record.value)["cause"]["touchpoint_id"]]
            if sent >= counted_from:
                self.waited_ms.append((now - sent) * 1000)


def measure(config: Settings, rate: int, seconds: float, log: Path) -> list[float]:
    """Return the latencies in milliseconds with one worker."""
    latency = Latency(config, rate, seconds)
    with running(WORKER, config, log):
        asyncio.run(latency.run())
    return latency.waited_ms


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000, help="touchpoints a second (1000)")
    parser.add_argument("--seconds", type=float, default=30, help="counted, after the warm-up (30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        config = new_app(broker.servers, Path(work), "latency")
        waited_ms = measure(config, options.rate, options.seconds, Path(work, "worker.log"))
    cuts = quantiles(waited_ms, n=100)
    figures = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(waited_ms)}
    print(f"{len(waited_ms):,} transitions: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in figures.items()))
    results = {"rate_per_second": options.rate, "transitions": len(waited_ms), "milliseconds": figures}
    return conclude(results, [Target("p99 in ms", figures["p99"], TARGET_P99_MS, at_most=True)], options.json)


if __name__ == "__main__":
    sys.exit(main())
