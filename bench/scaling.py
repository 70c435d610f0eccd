"""What to run for 10,000, 100,000 and 1,000,000 touchpoints a second: on paper, from the figures in bench/results/.

    python bench/scaling.py [--write]

Prints the tables of docs/explanation/scaling.md; `--write` puts them there. Nothing is measured here, and nothing that
was measured is written here: run bench/processes.py, latency.py, restore.py and memory.py with `--json` first.
"""

import sys
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.fleet import LOAD, LOAD_LEFT, WORKERS_PER_MACHINE, Fleet, Speeds, by_worker, lose, plan, shares, skew
from bench.pages import Page, read, show, table

PAGE = Page("scaling.md", "scaling.py")
RATES = (10_000, 100_000, 1_000_000)
CUSTOMERS_PER_RATE = 100  # kept customers for each touchpoint a second; assumed
COPIES = 3  # of each topic
BROKER_MB_PER_SECOND = 100  # that a broker may have to write; assumed: most of a 1 Gbit/s line
LEAST_BROKERS = 3
STORE = "rocksdb"


class Measured:
    """The figures that everything else follows from."""

    def __init__(self, processes: Any, latency: Any, restore: Any, memory: Any) -> None:
        restored = restore["stores"][STORE]
        figures = processes["figures"].items()
        self.processes = {int(count): median(run["per_second"] for run in runs) for count, runs in figures}
        self.store = processes["store"]
        self.cost_us = median(memory["stores"][STORE]["many"]["costs_us"]["backlog"])
        self.speeds = Speeds(1e6 / self.cost_us, restored["runs"][-1]["per_second"])
        self.ready_seconds = restored["runs"][-1]["warm"]["seconds"]
        self.customer_bytes = restored["runs"][-1]["cold"]["disk_bytes"] / restored["runs"][-1]["customers"]
        self.log_bytes = latency["low"]["bytes_per_touchpoint"]
        self.log_rate = latency["low"]["offered_per_second"]

    @classmethod
    def kept(cls) -> "Measured":
        """Return the kept figures."""
        return cls(*map(read, ("processes.json", "latency.json", "restore.json", "memory.json")))


def inputs(found: Measured) -> str:
    """Return the table of measured figures."""
    rows = [
        (f"touchpoints/s, `--processes {count}`, few customers, `{found.store}`", f"{speed:,.0f}", "processes.json")
        for count, speed in found.processes.items()
    ]
    rows += [
        ("CPU us of a touchpoint, 1,000,000 customers on RocksDB, backlog", f"{found.cost_us:,.1f}", "memory.json"),
        ("so touchpoints/s of a worker process", f"{found.speeds.touchpoints:,.0f}", ""),
        ("changelog records/s restored into RocksDB", f"{found.speeds.restored:,.0f}", "restore.json"),
        ("seconds until ready after a clean stop, 1,000,000 customers", f"{found.ready_seconds:.1f}", "restore.json"),
        ("bytes of a customer on the worker's disk", f"{found.customer_bytes:,.0f}", "restore.json"),
    ]
    rows += [
        (f"bytes in the log of `{topic}` a touchpoint, at {found.log_rate:,}/s", f"{size:,.0f}", "latency.json")
        for topic, size in found.log_bytes.items()
    ]
    return table(("measured", "", "in bench/results/"), rows)


def fleets(found: Measured) -> list[Fleet]:
    """Return what to run for each of RATES."""
    return [plan(rate, rate * CUSTOMERS_PER_RATE, found.speeds.touchpoints) for rate in RATES]


def sizes(found: Measured) -> str:
    """Return the table of what to run."""
    head = ("rate", "workers", "machines", "partitions", "brokers", "written by them", "customers", "state",
            "of a partition", "of a worker", "its restore")  # fmt: skip
    return table(head, [_size(found, each) for each in fleets(found)])


def _size(found: Measured, each: Fleet) -> list[str]:
    log_mb = each.rate * sum(found.log_bytes.values()) * COPIES / 1e6
    brokers = max(LEAST_BROKERS, ceil(log_mb / BROKER_MB_PER_SECOND))
    state_mb = each.customers * found.customer_bytes / 1e6
    restore_seconds = each.customers / each.workers / found.speeds.restored
    counts = [f"{each.rate:,}/s", *(f"{count:,}" for count in (each.workers, each.machines, each.partitions, brokers))]
    states = [f"{size_mb:,.0f} MB" for size_mb in (state_mb, state_mb / each.partitions, state_mb / each.workers)]
    return [*counts, f"{log_mb:,.0f} MB/s", f"{each.customers:,}", *states, f"{restore_seconds:,.0f} s"]


def losses(found: Measured) -> str:
    """Return the table of what the loss of a worker and of a machine costs."""
    rows = []
    for each in fleets(found):
        for name, lost in (("worker", 1), ("machine", each.per_machine)):
            loss = lose(each, lost, found.speeds)
            caught_up = f"{loss.caught_up_seconds:,.0f} s" if loss.load < 1 else "never"
            seconds = f"{loss.resumed_seconds:,.0f} s"
            rows.append((f"{each.rate:,}/s", f"{lost:,}: a {name}", f"{loss.load:.0%}", seconds, caught_up))
    head = ("rate", "workers lost", "load of the busiest left", "all is read again after", "nobody is behind after")
    return table(head, rows)


def skews(found: Measured) -> str:
    """Return the table of how unevenly the load falls."""
    rows = []
    for each in fleets(found):
        for hot, name in ((False, "alike"), (True, "Zipf")):
            by_partition = shares(each.partitions, each.customers, hot)
            workers = by_worker(by_partition, each.workers)
            busy = max(workers) * each.rate / found.speeds.touchpoints
            ratios = (f"{skew(each_share):.2f}" for each_share in (by_partition, workers))
            rows.append((f"{each.rate:,}/s", name, *ratios, f"{busy:.0%}"))
    return table(("rate", "customers", "busiest partition : mean", "busiest worker : mean", "its load"), rows)


def page(found: Measured) -> str:
    """Return what is made of the page."""
    shares_of_speed = f"{LOAD:.0%} of a worker's speed, {LOAD_LEFT:.0%} when a machine is lost"
    planned = f"{shares_of_speed}, at most {WORKERS_PER_MACHINE} workers on a machine, {COPIES} copies"
    parts = (
        ("Measured", inputs(found)),
        (f"To run, with {planned}", sizes(found)),
        ("What a loss costs, for good and with nobody in place of the lost", losses(found)),
        ("How unevenly the load falls", skews(found)),
    )
    return "\n".join(f"{title}:\n\n{made}" for title, made in parts)


if __name__ == "__main__":
    sys.exit(show(PAGE, lambda: page(Measured.kept()), __doc__))
