"""How fast a consumer group gets on, by its committed offsets: durable work, the same measure for every peer."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psutil
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

POLL_SECONDS = 0.05
COUNTED = (0.10, 0.95)  # share of the records between which the clock runs: neither start-up nor tail
GIVE_UP_SECONDS = 120.0  # without any progress


class Sample(NamedTuple):
    """How many records were committed at a time, and the CPU seconds the process had used."""

    at: float
    committed: int
    cpu_seconds: float


class Speed(NamedTuple):
    """Touchpoints per second, and CPU microseconds of the process per touchpoint."""

    per_second: float
    cpu_us: float


async def measure(servers: str, group: str, topic: str, partitions: int, total: int, pid: int) -> Speed:
    """Return the speed at which process `pid` works off the `total` records of `topic`; returns when it is done.

    Raises RuntimeError if the process ends, or commits nothing for two minutes.
    """
    parts = [TopicPartition(topic, number) for number in range(partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        return speed(await _samples(lambda: _committed(admin, group, parts), total, psutil.Process(pid)), total)
    finally:
        await admin.close()


def speed(samples: list[Sample], total: int) -> Speed:
    """Return the speed between the first and the last sample inside COUNTED; raises RuntimeError for fewer than two."""
    low, high = (share * total for share in COUNTED)
    inside = [sample for sample in samples if low <= sample.committed <= high]
    if len(inside) < 2:
        raise RuntimeError(f"too few commits within {total} records: take more records")
    first, last = inside[0], inside[-1]
    records = last.committed - first.committed
    return Speed(records / (last.at - first.at), (last.cpu_seconds - first.cpu_seconds) / records * 1e6)


async def _samples(committed: Callable[[], Any], total: int, process: Any) -> list[Sample]:
    samples = [Sample(time.monotonic(), 0, 0.0)]
    while samples[-1].committed < total:
        if process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"process {process.pid} ended; see its log")
        done = await committed()
        if done > samples[-1].committed:
            used = process.cpu_times()
            samples.append(Sample(time.monotonic(), done, used.user + used.system))
        elif time.monotonic() - samples[-1].at > GIVE_UP_SECONDS:
            raise RuntimeError(f"process {process.pid} stands still at {done} of {total} records; see its log")
        await asyncio.sleep(POLL_SECONDS)
    return samples


async def _committed(admin: Any, group: str, parts: list[TopicPartition]) -> int:
    try:
        offsets = await admin.list_consumer_group_offsets(group, None, parts)
    except KafkaError as error:
        if not error.retriable:
            raise
        return 0  # the coordinator of a new group loads
    return sum(max(0, found.offset) for found in offsets.values())
