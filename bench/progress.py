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


class Window(NamedTuple):
    """For how many seconds is counted, and for how many after the first commit is not: caches and compilers warm up."""

    warm_up_seconds: float
    seconds: float


class Sample(NamedTuple):
    """How many records were committed at a time, and the CPU seconds the process had used."""

    at: float
    committed: int
    cpu_seconds: float


class Speed(NamedTuple):
    """Touchpoints per second, CPU microseconds of the process, all threads, per touchpoint; over so many seconds.

    `touchpoints`: how many of the input were done at the end, from its start.
    """

    per_second: float
    cpu_us: float
    seconds: float = 0.0
    touchpoints: int = 0


async def measure(
    servers: str, group: str, topic: str, partitions: int, total: int, pid: int, window: Window | None = None
) -> Speed:
    """Return the speed at which process `pid` works off the `total` records of `topic`.

    Returns when it is done, or when `window` is over; the window ends before the tail in any case. Raises RuntimeError
    if the process ends, or commits nothing for two minutes.
    """
    return speed(await follow(servers, group, topic, partitions, total, pid, window), total, window)


async def follow(
    servers: str, group: str, topic: str, partitions: int, total: int, pid: int, window: Window | None = None
) -> list[Sample]:
    """Return a sample per commit seen, until all records are committed or `window` is over; raises as `measure`."""
    parts = [TopicPartition(topic, number) for number in range(partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        return await _samples(lambda: committed_records(admin, group, parts), total, psutil.Process(pid), window)
    finally:
        await admin.close()


def speed(samples: list[Sample], total: int, window: Window | None = None) -> Speed:
    """Return the speed inside COUNTED, or `window`, from sample to sample; raises RuntimeError for fewer than two."""
    low, high = (share * total for share in COUNTED)
    if window is None:
        inside = [sample for sample in samples if low <= sample.committed <= high]
    else:
        warm = [sample for sample in samples if sample.committed and sample.at >= _warm_at(samples, window)]
        inside = [sample for sample in warm if sample.committed <= high]
    if len(inside) < 2:
        raise RuntimeError(f"too few commits within {total} records: take more records, or a shorter warm-up")
    first, last = inside[0], inside[-1]
    records, seconds = last.committed - first.committed, last.at - first.at
    cpu_us = (last.cpu_seconds - first.cpu_seconds) / records * 1e6
    return Speed(records / seconds, cpu_us, seconds, last.committed)


def _warm_at(samples: list[Sample], window: Window) -> float:
    """Return when the window begins; samples[0] is before the first commit."""
    return samples[1].at + window.warm_up_seconds if len(samples) > 1 else float("inf")


async def _samples(committed: Callable[[], Any], total: int, process: Any, window: Window | None) -> list[Sample]:
    samples = [Sample(time.monotonic(), 0, 0.0)]
    while samples[-1].committed < total:
        if process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"process {process.pid} ended; see its log")
        if window is not None and samples[-1].at >= _warm_at(samples, window) + window.seconds:
            break
        done = await committed()
        if done > samples[-1].committed:
            used = process.cpu_times()
            samples.append(Sample(time.monotonic(), done, used.user + used.system))
        elif time.monotonic() - samples[-1].at > GIVE_UP_SECONDS:
            raise RuntimeError(f"process {process.pid} stands still at {done} of {total} records; see its log")
        await asyncio.sleep(POLL_SECONDS)
    return samples


async def committed_records(admin: Any, group: str, parts: list[TopicPartition]) -> int:
    """Return how many records the group has done."""
    try:
        offsets = await admin.list_consumer_group_offsets(group, None, parts)
    except KafkaError as error:
        if not error.retriable:
            raise
        return 0  # the coordinator of a new group loads
    return sum(max(0, found.offset) for found in offsets.values())
