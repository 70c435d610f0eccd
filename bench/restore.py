"""Claims: a worker restores 100,000 records a second into memory and 60,000 into RocksDB.

After a clean stop with RocksDB it is ready within 3 s, with 100,000 customers as with 1,000,000.

    python bench/restore.py [--stores memory,rocksdb] [--customers 100000,1000000] [--json FILE]

The changelog is written straight from generated states, see bench/customers.py, and has as many records as customers:
as after compaction. The time of a restore is that from the start of the process until it takes input, less that of
an empty worker; so it has all in it: fetching, storing, counting. The rate is that of the most customers. The kill -9
is of a worker that works off 40,000 touchpoints, so it starts with what it had not written of them.
Kept figures are part of docs/explanation/scaling.md: `python bench/scaling.py --write` afterwards.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import WORKER, Target, conclude, load, new_app, print_machine, running
from bench.customers import fill, random_touchpoints
from bench.ops import Ops
from cjstream.local import LocalBroker
from cjstream.settings import Settings

RATES = {"memory": 100_000, "rocksdb": 60_000}  # records a second, at least
WARM_SECONDS = 3
BEFORE_KILL = 40_000  # touchpoints
READY_SECONDS = 180.0


def start(config: Settings, log: Path, kill_among: int = 0) -> dict[str, float]:
    """Start a worker, wait until it takes input, and end it. Return seconds until ready, records restored, bytes.

    `kill_among`: kill it instead, while it works off touchpoints of so many customers.
    """
    skip = log.stat().st_size if log.exists() else 0
    began = time.monotonic()
    with running(WORKER, config, log) as process:
        ops = Ops(process, log, skip)
        ops.wait_ready(READY_SECONDS)
        ready = time.monotonic() - began
        restored = ops.metric("cjstream_restored_records_total")
        if kill_among:
            asyncio.run(load(config, random_touchpoints(BEFORE_KILL, kill_among, 0)))
            process.send_signal(signal.SIGKILL)
    return {"seconds": ready, "restored": restored, "disk_bytes": _disk_bytes(config.data_dir)}


def _disk_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def restores(servers: str, work: Path, store: str, customers: int, empty_seconds: float) -> dict[str, Any]:
    """Return how long a worker with so many customers takes to start: without files, after a stop, after a kill."""
    config, log = new_app(servers, work, f"{store}-{customers}", store=store), work / "worker.log"
    records = fill(config, customers)
    cold, warm = start(config, log), start(config, log, kill_among=customers)
    killed = start(config, log)
    rate = cold["restored"] / (cold["seconds"] - empty_seconds)
    print(
        f"{store}, {customers:,} customers: {rate:,.0f} records/s; ready {cold['seconds']:.1f} s after a start without "
        f"files, {warm['seconds']:.1f} s after a clean stop, {killed['seconds']:.1f} s after a kill at work",
        flush=True,
    )
    assert cold["restored"] == records, "all of the changelog is restored"
    return {"customers": customers, "per_second": rate, "cold": cold, "warm": warm, "killed": killed}


def measure(servers: str, work: Path, stores: list[str], sizes: list[int]) -> dict[str, Any]:
    """Return the figures by store."""
    results: dict[str, Any] = {}
    for store in stores:
        empty = [start(new_app(servers, work, "empty", store=store), work / "worker.log")["seconds"] for _ in range(2)]
        print(f"{store}, empty: ready after {min(empty):.1f} s", flush=True)
        runs = [restores(servers, work, store, size, min(empty)) for size in sizes]
        results[store] = {"empty_seconds": min(empty), "runs": runs}
    return results


def targets(results: dict[str, Any]) -> list[Target]:
    """Return the claims on what was measured."""
    found = []
    for store, each in results.items():
        found.append(Target(f"records/s restored, {store}", each["runs"][-1]["per_second"], RATES[store]))
        for run in each["runs"] if store == "rocksdb" else ():
            name = f"s until ready after a clean stop, {run['customers']:,} customers"
            found.append(Target(name, run["warm"]["seconds"], WARM_SECONDS, at_most=True))
    return found


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="memory,rocksdb", help="in turn (memory,rocksdb)")
    parser.add_argument("--customers", default="100000,1000000", help="the most last (100000,1000000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    sizes = [int(size) for size in options.customers.split(",")]
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        results = measure(broker.servers, Path(work), options.stores.split(","), sizes)
    return conclude({"stores": results}, targets(results), options.json)


if __name__ == "__main__":
    sys.exit(main())
