"""A worker under touchpoints offered at a rate by a process of their own, and how long their transitions take.

The clock of a touchpoint starts when it is due, not when it goes out, so a sender held up counts too. Sender, worker
and reader are processes of one machine, whose monotonic clock they share.
"""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.common import PARTITIONS, ROOT, WORKER, load, new_app, running, touchpoints
from bench.ops import Ops
from bench.progress import measure
from bench.sender import MARK
from cjstream.ingest.codec import loads
from cjstream.kafka import group_positions
from cjstream.settings import Settings, environment

WARM_UP_SECONDS = 8.0  # not counted: caches fill, the population grows
SETTLE_SECONDS = 5.0  # after the last touchpoint
READY_SECONDS = 60.0
COMMIT_SECONDS = 2.0  # a worker commits once a second, if there is something to commit
POLL_SECONDS = 0.1
BACKLOG = 180_000  # for the first guess at the maximum
SEED = "7"


class Run(NamedTuple):
    """One run at a rate: latencies by the whole second of the due time, and what worker and broker did meanwhile.

    `log_bytes`: what the log of each topic has grown by for each touchpoint, by the topic's default name.
    """

    waited_ms: dict[int, list[float]]
    sender_late_ms: float
    worker_per_second: float
    log_bytes: dict[str, float]

    def all_ms(self) -> list[float]:
        """Return the latencies of all counted transitions."""
        return [each for second in self.waited_ms.values() for each in second]


class Offered:
    """Runs at given rates on one broker, every time with a new app and worker, `seconds` of each counted."""

    def __init__(self, servers: str, work: Path, seconds: float, store: str) -> None:
        self.servers, self.work, self.seconds, self.store = servers, work, seconds, store

    def backlog_rate(self) -> float:
        """Return how many touchpoints a second a worker takes from a backlog, with neither sender nor reader."""
        config = new_app(self.servers, self.work, "backlog", store=self.store)
        total = asyncio.run(load(config, touchpoints(BACKLOG)))
        with running(WORKER, config, self.work / "backlog.log") as process:
            speed = measure(self.servers, config.app_id, config.touchpoints, PARTITIONS, total, process.pid)
            return asyncio.run(speed).per_second

    def run(self, rate: float) -> Run:
        """Offer touchpoints at a rate, read the transitions."""
        config, log = new_app(self.servers, self.work, "latency", store=self.store), self.work / "latency.log"
        skip = log.stat().st_size if log.exists() else 0
        with running(WORKER, config, log) as process:
            Ops(process, log, skip).wait_ready(READY_SECONDS)
            return asyncio.run(self._observe(config, rate))

    def _log_bytes(self, config: Settings, touchpoints: int) -> dict[str, float]:
        """Return the bytes of each topic's log for each touchpoint; the broker keeps its files in our directory."""
        topics = (config.touchpoints, config.transitions, config.stage_current, config.signals, config.state_changelog)
        return {
            topic.removeprefix(f"{config.app_id}.").removeprefix(f"{config.app_id}-"): sum(
                file.stat().st_size for file in self.work.rglob(f"{topic}-*/*.log")
            )
            / touchpoints
            for topic in topics
        }

    async def _observe(self, config: Settings, rate: float) -> Run:
        command = (sys.executable, "-m", "bench.sender", str(rate), str(WARM_UP_SECONDS + self.seconds), SEED)
        sender = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment(config), stdout=asyncio.subprocess.PIPE
        )
        assert sender.stdout is not None
        consumer = await _reader(config)
        try:
            started = float((await sender.stdout.readline()).split()[1])
            reading = asyncio.create_task(_read(consumer, started, rate))
            await asyncio.sleep(max(0.0, started + WARM_UP_SECONDS - monotonic()))
            first = await _next_commit(config)
            _, count, late = (await sender.stdout.readline()).split()
            last = await _next_commit(config)
            await sender.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            reading.cancel()
            [waited] = await asyncio.gather(reading)
        finally:
            await consumer.stop()
        speed = (last[1] - first[1]) / (last[0] - first[0])
        return Run(waited, float(late) * 1000, speed, self._log_bytes(config, int(count)))


async def _reader(config: Settings) -> Any:
    consumer = AIOKafkaConsumer(bootstrap_servers=config.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    parts = [TopicPartition(config.transitions, number) for number in range(PARTITIONS)]
    consumer.assign(parts)
    await consumer.seek_to_beginning(*parts)
    return consumer


async def _read(consumer: Any, started: float, rate: float) -> dict[int, list[float]]:
    """Return the milliseconds from due to read, by second, when it is cancelled; without those of the warm-up."""
    waited: dict[int, list[float]] = defaultdict(list)
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            now = monotonic() - started
            for record in (record for records in batches.values() for record in records):
                due = int(loads(record.value)["cause"]["touchpoint_id"].rpartition(MARK)[2]) / rate
                if due >= WARM_UP_SECONDS:
                    waited[int(due)].append((now - due) * 1000)
    except asyncio.CancelledError:
        return waited


async def _next_commit(config: Settings) -> tuple[float, int]:
    """Return when the group commits next, and how much it has then: so the speed between two of them is exact."""
    before = now = await _committed(config)
    ends = monotonic() + COMMIT_SECONDS
    while now == before and monotonic() < ends:
        await asyncio.sleep(POLL_SECONDS)
        now = await _committed(config)
    return monotonic(), now


async def _committed(config: Settings) -> int:
    return sum(each.committed or 0 for each in await group_positions(config))
