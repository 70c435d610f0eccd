"""Claim: `cjstream worker --processes N` does more with each process, until the machine's cores are used up.

    python bench/processes.py [--touchpoints 900000] [--repetitions 2] [--store memory] [--json FILE]

Starts a broker of its own and loads a generated population into 8 partitions once. Then 1, 2 and 4 processes work all
of it off, in turn, every time in a new group with new topics. Speed is counted by committed offsets, from when all
processes are ready until 95 % are done. Broker and workers share the machine, so the broker's CPU time is told too:
where both together use all cores, more processes cannot help here. Before all are ready the first has taken more from
some partitions than from others; the more touchpoints, the less that counts. Kept figures are part of
docs/explanation/scaling.md: `python bench/scaling.py --write` afterwards.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.common import PARTITIONS, WORKER, conclude, load, new_app, print_machine, running, spread, touchpoints
from bench.ops import Ops
from bench.progress import committed_records
from cjstream.local import LocalBroker
from cjstream.settings import Settings

PROCESSES = (1, 2, 4)
LAST_COUNTED = 0.95  # of the records: not the tail, in which some partitions are done before others
READY_SECONDS = 90.0
POLL_SECONDS = 0.05
GAIN = 1.1  # less than that is no gain


class Sample(NamedTuple):
    """What was committed at a time, and the CPU seconds used up to then."""

    at: float
    committed: int
    workers: float
    broker: float
    machine: float


class Figures(NamedTuple):
    """One run: speed, CPU microseconds per touchpoint, and how many cores were busy in the mean."""

    per_second: float
    workers_us: float
    broker_us: float
    workers_cores: float
    broker_cores: float
    machine_cores: float


def cpu_seconds(processes: Sequence[Any]) -> float:
    """Return the CPU seconds of processes, all threads."""
    return sum(float(times.user + times.system) for times in (each.cpu_times() for each in processes))


def machine_seconds() -> float:
    """Return the CPU seconds that the machine was not idle."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


async def follow(config: Settings, total: int, workers: Sequence[Any], broker: Any) -> list[Sample]:
    """Return a sample per commit seen, until LAST_COUNTED; raises NoSuchProcess if a worker ends."""
    parts = [TopicPartition(config.touchpoints, number) for number in range(PARTITIONS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=config.kafka_bootstrap_servers)
    await admin.start()
    samples: list[Sample] = []
    try:
        while not samples or samples[-1].committed < LAST_COUNTED * total:
            done = await committed_records(admin, config.app_id, parts)
            if not samples or done > samples[-1].committed:
                used = cpu_seconds(workers), cpu_seconds([broker]), machine_seconds()
                samples.append(Sample(time.monotonic(), done, *used))
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await admin.close()
    return samples


def run(config: Settings, processes: int, total: int, broker: Any, log: Path) -> Figures:
    """Let so many processes work off the input."""
    with running((*WORKER, "--processes", str(processes)), config, log) as process:
        Ops(process, log).wait_ready(READY_SECONDS)
        one = psutil.Process(process.pid)
        samples = asyncio.run(follow(config, total, [one, *one.children()], broker))
    if len(samples) < 3:
        raise RuntimeError("it was done before it could be measured: take more touchpoints")
    first, last = samples[1], samples[-1]  # the first of all was not taken at a commit
    records, seconds = last.committed - first.committed, last.at - first.at
    workers, of_broker = last.workers - first.workers, last.broker - first.broker
    return Figures(
        records / seconds,
        workers / records * 1e6,
        of_broker / records * 1e6,
        workers / seconds,
        of_broker / seconds,
        (last.machine - first.machine) / seconds,
    )


def show(figures: dict[int, list[Figures]]) -> None:
    """Print the table of medians, and where the machine ends."""
    cores = os.cpu_count() or 1
    print("\nprocesses  touchpoints/s (least - greatest)  times  CPU us: workers  broker  cores: workers  broker  all")
    mid = {count: Figures(*map(median, zip(*runs, strict=True))) for count, runs in figures.items()}
    alone = mid[min(mid)].per_second
    for count, runs in figures.items():
        m, speeds = mid[count], [each.per_second for each in runs]
        print(
            f"{count:9}  {spread(speeds):33}  {m.per_second / alone:5.2f}  {m.workers_us:15.1f}  {m.broker_us:6.1f}"
            f"  {m.workers_cores:14.2f}  {m.broker_cores:6.2f}  {m.machine_cores:.2f}"
        )
    print(f"\n{verdict(mid, cores)}")


def verdict(mid: dict[int, Figures], cores: int) -> str:
    """Say from which number of processes on the machine is the limit."""
    for fewer, more in pairwise(sorted(mid)):
        m, times = mid[fewer], mid[more].per_second / mid[fewer].per_second
        if times < GAIN:
            return (
                f"The machine ends at {fewer}: {more} processes do {times:.2f} times the work of {fewer}. "
                f"With {fewer}, {m.machine_cores:.2f} of {cores} cores are busy: {m.workers_cores:.2f} by the workers, "
                f"{m.broker_cores:.2f} by the broker."
            )
    return f"The machine does not end with {max(mid)} processes."


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touchpoints", type=int, default=900_000, help="about how many (900000)")
    parser.add_argument("--repetitions", type=int, default=2, help="of every number of processes, in turn (2)")
    parser.add_argument("--store", default="memory", help="where the workers keep the state (memory)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    figures: dict[int, list[Figures]] = {count: [] for count in PROCESSES}
    with tempfile.TemporaryDirectory() as folder, LocalBroker(data_dir=Path(folder, "kafka")) as broker:
        work, jvm = Path(folder), psutil.Process(broker.pid)
        source = new_app(broker.servers, work, "input")
        total = asyncio.run(load(source, touchpoints(options.touchpoints)))
        print(f"{total:,} touchpoints in {PARTITIONS} partitions, state in {options.store}", flush=True)
        for repetition in range(options.repetitions):
            for count in PROCESSES:
                name, more = f"processes-{count}", {"store": options.store, "topics_touchpoints": source.touchpoints}
                config = new_app(broker.servers, work, name, **more)
                figures[count].append(run(config, count, total, jvm, work / f"{config.app_id}.log"))
            latest = {count: round(runs[-1].per_second) for count, runs in figures.items()}
            print(f"repetition {repetition + 1}: {latest}", flush=True)
    show(figures)
    rows = {str(count): [each._asdict() for each in runs] for count, runs in figures.items()}
    return conclude({"store": options.store, "touchpoints": total, "figures": rows}, [], options.json)


if __name__ == "__main__":
    sys.exit(main())
