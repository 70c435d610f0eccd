"""Claims: a scrape costs a worker at most 50 ms of CPU time in its thread, and is answered within 1 s.

With three journeys that have every measure on and count by channel, device and persona: of a worker at full speed,
and of one that restores.

    python bench/scrape.py [--stores memory,rocksdb] [--customers 500000] [--scrapes 40] [--json FILE]

The CPU time is that of the serving thread from the first byte of a request to the last one of its answer. The worker
is started through this file, which looks at the clock of that thread, and answers as in operation. The time to answer
is that of the client, on the same machine. Series and bytes are those of the longest answer.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells import MEASURED
from bench.common import DAYS, PARTITIONS, SEED, START_MS, Target, conclude, load, new_app, print_machine, running
from bench.common import touchpoints as generated
from bench.customers import fill
from bench.ops import Ops
from cjstream.cli import main as cli
from cjstream.core.facts import key_of
from cjstream.ingest.codec import dumps
from cjstream.kafka import BulkSender
from cjstream.local import LocalBroker
from cjstream.ops.handler import Handler
from cjstream.population import advertising
from cjstream.settings import Settings

CPU_MS, ANSWER_MS = 50, 1000
JOURNEYS = ("shop", "club", "partners")
COUNT_BY = """
count_by:
  channel: [website, social_media, marketplace, mail, search, store, app, telephone]
  device: [desktop, phone, tablet]
  persona: [hunter, gatherer, loyal, impulse]
"""
FACTS_CUSTOMERS = 2000
BACKLOG = 400_000  # touchpoints
READY_SECONDS = 180.0
PAUSE_SECONDS = 0.2  # between scrapes
TAKEN = "cjstream_batch_records_sum"  # grows with each batch, while what is durable grows by groups
LOG = "cpu.txt"  # beside the worker's log: one line of milliseconds by scrape
Row = dict[str, float]


def serve(log: Path) -> None:
    """Be the worker, and note what each scrape costs its thread."""
    handle = Handler.handle_one_request

    def noted(self: Handler) -> None:
        began = time.thread_time()
        handle(self)
        if self.path == "/metrics":
            with log.open("a") as lines:
                lines.write(f"{(time.thread_time() - began) * 1000}\n")

    Handler.handle_one_request = noted  # type: ignore[method-assign]
    cli(["worker", "--metrics-port", "0"])


def journeys(work: Path) -> str:
    """Write the three definitions; return the value of the setting."""
    text = MEASURED.read_text()
    for name in JOURNEYS:
        (work / f"{name}.yaml").write_text(text.replace("journey: shop", f"journey: {name}") + COUNT_BY)
    return ":".join(str(work / f"{name}.yaml") for name in JOURNEYS)


class Scraper:
    """Scrapes a worker that this file started; keeps what each scrape cost and how long it took."""

    def __init__(self, ops: Ops, work: Path) -> None:
        self._ops, self._cpu = ops, work / LOG
        self._cpu.write_text("")
        self.rows: list[Row] = []

    def scrape(self, while_: Callable[[str], bool]) -> bool:
        """Scrape once; the figures count if `while_` holds for what the page said. Return whether."""
        began = time.monotonic()
        status, page = self._ops.get("metrics")
        seconds = time.monotonic() - began
        if status != 200 or not while_(page):
            return False
        series = sum(not line.startswith("#") for line in page.splitlines())
        self.rows.append({"answer_ms": seconds * 1000, "series": series, "bytes": len(page), "at": self._noted() - 1})
        return True

    def _noted(self) -> int:
        """Return how many scrapes the worker has noted, the last one too."""
        time.sleep(0.01)  # it notes a scrape after the answer has gone
        return len(self._cpu.read_text().splitlines())

    def figures(self) -> dict[str, Any]:
        """Return the median and the greatest of all that counted."""
        cpu_ms = [float(line) for line in self._cpu.read_text().splitlines()]
        for row in self.rows:
            row["cpu_ms"] = cpu_ms[int(row["at"])]
        found: dict[str, Any] = {"scrapes": len(self.rows)}
        for name in ("cpu_ms", "answer_ms"):
            values = [row[name] for row in self.rows]
            found[name] = {"median": median(values), "max": max(values)}
        return {**found, **{name: max(row[name] for row in self.rows) for name in ("series", "bytes")}}


def is_restoring(page: str) -> bool:
    """Return whether partitions were in restore."""
    name = "\ncjstream_restoring_partitions "
    return name in page and f"{name}0.0" not in page


def at_full_speed(config: Settings, work: Path, scrapes: int) -> dict[str, Any]:
    """Return the figures of scrapes of a worker that works off a backlog."""
    asyncio.run(_load(config))
    log = work / "worker.log"
    skip = log.stat().st_size if log.exists() else 0
    with running((sys.executable, __file__, "serve", str(work / LOG)), config, log) as process:
        ops = Ops(process, log, skip)
        ops.wait_ready(READY_SECONDS)
        while not ops.metric("cjstream_touchpoints_total"):  # the first of it is durable
            time.sleep(PAUSE_SECONDS)
        scraper, before = Scraper(ops, work), ops.metric(TAKEN)
        began = time.monotonic()
        while len(scraper.rows) < scrapes:
            if not scraper.scrape(lambda _: True):
                raise RuntimeError("the worker does not answer")
            time.sleep(PAUSE_SECONDS)
        speed = (ops.metric(TAKEN) - before) / (time.monotonic() - began)
        if not ops.metric("cjstream_lag_records"):
            raise RuntimeError("the backlog was too small: the worker was idle in the end")
        return {**scraper.figures(), "touchpoints_per_second": speed}


async def _load(config: Settings) -> None:
    await load(config, generated(BACKLOG))
    async with BulkSender(config, config.facts, PARTITIONS) as sender:
        for fact in advertising(FACTS_CUSTOMERS, SEED, START_MS, DAYS):
            await sender.add(key_of(fact).encode(), dumps(fact._asdict()))


def in_restore(config: Settings, work: Path, customers: int) -> dict[str, Any]:
    """Return the figures of scrapes of a worker that restores so many customers."""
    fill(replace(config, journeys=""), customers)
    log = work / "worker.log"
    skip = log.stat().st_size if log.exists() else 0
    with running((sys.executable, __file__, "serve", str(work / LOG)), config, log) as process:
        ops = Ops(process, log, skip)
        scraper, ended = Scraper(ops, work), threading.Event()
        deadline = time.monotonic() + READY_SECONDS
        while not ended.is_set():
            if scraper.rows and ops.get("readyz")[0] == 200:
                ended.set()
            if time.monotonic() > deadline:
                raise RuntimeError("the restore does not end")
            scraper.scrape(is_restoring)
            time.sleep(PAUSE_SECONDS)
        return {**scraper.figures(), "customers": customers}


def measure(servers: str, work: Path, stores: list[str], customers: int, scrapes: int) -> dict[str, Any]:
    """Return the figures by store and state of the worker."""
    results: dict[str, Any] = {}
    for store in stores:
        values = {"store": store, "journeys": journeys(work)}
        results[store] = {
            "full speed": at_full_speed(new_app(servers, work, f"busy-{store}", **values), work, scrapes),
            "restore": in_restore(new_app(servers, work, f"restore-{store}", **values), work, customers),
        }
        for name, found in results[store].items():
            print(f"{store}, {name}: {found}", flush=True)
    return results


def targets(results: dict[str, Any]) -> list[Target]:
    """Return the claims on what was measured."""
    found = []
    for store, by_state in results.items():
        for state, each in by_state.items():
            where = f"of a scrape at the most, {store}, {state}"
            found.append(Target(f"ms of CPU time {where}", each["cpu_ms"]["max"], CPU_MS, at_most=True))
            found.append(Target(f"ms to the answer {where}", each["answer_ms"]["max"], ANSWER_MS, at_most=True))
    return found


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="memory,rocksdb", help="in turn (memory,rocksdb)")
    parser.add_argument("--customers", type=int, default=500_000, help="to be restored (500000)")
    parser.add_argument("--scrapes", type=int, default=40, help="of a busy worker (40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        stores = options.stores.split(",")
        results = measure(broker.servers, Path(work), stores, options.customers, options.scrapes)
    return conclude({"stores": results}, targets(results), options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        sys.exit(main())
