"""Claims: a million customers on RocksDB take under 700 MB, one in memory under 1 KB; a touchpoint costs the same.

With 1,000,000 customers it costs at most 1.3 times as much as with 10,000, in both stores.

    python bench/memory.py [--stores memory,rocksdb] [--repetitions 3] [--json FILE]

The changelog is written straight from generated states, see bench/customers.py, and a worker restores it. Then all
workers, side by side on one broker, get the same number of touchpoints of uniformly random customers, in turn: at a
steady rate, where most of the cost is that of small groups, and as fast as they can be sent, a backlog. The claim is
judged for both. In a backlog few customers have an advantage: many touchpoints of one customer come in one group, and
share its changelog record. Cost is the CPU time of the process, all threads. Memory is the resident set: at its
greatest, the restore included, as Linux tells it; for a customer in memory, the growth from the few to the many right
after the restore.
Kept figures are part of docs/explanation/scaling.md: `python bench/scaling.py --write` afterwards.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil

from bench.common import WORKER, Target, conclude, load, new_app, print_machine, running, spread
from bench.customers import fill, random_touchpoints
from bench.ops import Ops
from bench.sender import offer
from cjstream.kafka import group_positions
from cjstream.local import LocalBroker
from cjstream.settings import Settings

FEW, MANY = 10_000, 1_000_000
MANY_MB, CUSTOMER_BYTES, GROWTH = 700, 1024, 1.3
STEADY, BACKLOG = "steady", "backlog"
TOUCHPOINTS = {STEADY: 80_000, BACKLOG: 150_000}  # per worker and repetition
STEADY_PER_SECOND = 8_000
READY_SECONDS = 180.0
POLL_SECONDS = 0.1


class Worker:
    """A worker with so many customers, restored; its resident bytes then, and costs by repetition."""

    def __init__(self, config: Settings, customers: int, process: Any) -> None:
        self.config, self.customers, self._process = config, customers, process
        self.restored_bytes = process.memory_info().rss
        self.costs_us: dict[str, list[float]] = {STEADY: [], BACKLOG: []}
        self._part = 0

    def work(self, how: str) -> None:
        """Send it touchpoints of random customers, wait until all are done, and note what they cost."""
        rows = list(random_touchpoints(TOUCHPOINTS[how], self.customers, self._part))
        before = self._cpu_seconds()
        asyncio.run(load(self.config, iter(rows)) if how == BACKLOG else offer(self.config, rows, STEADY_PER_SECOND))
        while sum(each.lag_records for each in asyncio.run(group_positions(self.config))):
            time.sleep(POLL_SECONDS)
        self._part += 1
        self.costs_us[how].append((self._cpu_seconds() - before) / len(rows) * 1e6)

    def peak_bytes(self) -> int:
        """Return how many bytes were resident at the most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def _cpu_seconds(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def worker(servers: str, work: Path, store: str, customers: int) -> Iterator[Worker]:
    """Yield a worker that has restored so many customers."""
    name = f"{store}-{customers}"
    config, log = new_app(servers, work, name, store=store), work / f"{name}.log"
    fill(config, customers)
    with running(WORKER, config, log) as process:
        Ops(process, log).wait_ready(READY_SECONDS)
        yield Worker(config, customers, psutil.Process(process.pid))


def measure(servers: str, work: Path, stores: list[str], repetitions: int) -> dict[str, Any]:
    """Return the figures by store."""
    with ExitStack() as stack:
        workers = {
            (store, size): stack.enter_context(worker(servers, work, store, size))
            for store in stores
            for size in (FEW, MANY)
        }
        for each in workers.values():
            each.work(BACKLOG)  # caches and compilers warm up
            each.costs_us[BACKLOG].clear()
        for how in (STEADY, BACKLOG) * repetitions:
            for each in workers.values():
                each.work(how)
        return {store: _figures(workers[store, FEW], workers[store, MANY]) for store in stores}


def _figures(few: Worker, many: Worker) -> dict[str, Any]:
    grown = many.restored_bytes - few.restored_bytes
    return {
        "few": {"costs_us": few.costs_us, "restored_bytes": few.restored_bytes, "peak_bytes": few.peak_bytes()},
        "many": {"costs_us": many.costs_us, "restored_bytes": many.restored_bytes, "peak_bytes": many.peak_bytes()},
        "customer_bytes": grown / (MANY - FEW),
        "growth": {how: _growth(few.costs_us[how], many.costs_us[how]) for how in (STEADY, BACKLOG)},
    }


def _growth(few: list[float], many: list[float]) -> float:
    return median(large / small for small, large in zip(few, many, strict=True))


def show(results: dict[str, Any]) -> None:
    """Print the figures."""
    for store, each in results.items():
        for name, customers in (("few", FEW), ("many", MANY)):
            found = each[name]
            costs = ", ".join(f"{how} {spread(values)}" for how, values in found["costs_us"].items())
            sizes = (found["restored_bytes"], found["peak_bytes"])
            restored, peak = (f"{size / 1e6:,.0f} MB" for size in sizes)
            print(f"{store}, {customers:,} customers: {restored}, at the most {peak}; us per touchpoint: {costs}")
        grown = ", ".join(f"{how} {growth:.2f}" for how, growth in each["growth"].items())
        print(f"{store}: {each['customer_bytes']:,.0f} bytes for each customer more; cost grows by {grown}")


def targets(results: dict[str, Any]) -> list[Target]:
    """Return the claims on what was measured."""
    found = []
    for store, each in results.items():
        for how, growth in each["growth"].items():
            found.append(Target(f"cost with {MANY:,} : {FEW:,}, {store}, {how}", growth, GROWTH, at_most=True))
        if store == "memory":
            found.append(Target("bytes of a customer in memory", each["customer_bytes"], CUSTOMER_BYTES, at_most=True))
        else:
            peak_mb = each["many"]["peak_bytes"] / 1e6
            found.append(Target(f"MB with {MANY:,} customers on {store}", peak_mb, MANY_MB, at_most=True))
    return found


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="memory,rocksdb", help="side by side (memory,rocksdb)")
    parser.add_argument("--repetitions", type=int, default=3, help="of every worker, in turn (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        results = measure(broker.servers, Path(work), options.stores.split(","), options.repetitions)
    show(results)
    return conclude({"stores": results}, targets(results), options.json)


if __name__ == "__main__":
    sys.exit(main())
