"""The tables of docs/explanation/performance.md, from the figures in bench/results/.

    python bench/figures.py [--write]

Prints them; `--write` puts them into the page. Nothing is measured here: run the scripts that are named in the tables
with `--json` first.
"""

import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells import CELLS
from bench.common import spread
from bench.pages import Page, read, show, table

PAGE = Page("performance.md", "figures.py")
JUDGED = ("throughput", "latency", "restore", "memory", "scrape")  # results with targets, each of its script


def cells(found: Any) -> str:
    """Return the table of cjstream and its peers."""
    rows = [_cell(each.title, found["cells"][each.name]) for each in CELLS if each.name in found["cells"]]
    head = ("", "touchpoints/s, median (least - greatest)", "CPU us each", "done in a window's run", "customers")
    return table(head, rows)


def _cell(title: str, found: Any) -> list[str]:
    done, customers = (f"{median(found[key]):,.0f}" for key in ("touchpoints", "customers"))
    return [title, spread(found["per_second"]), f"{median(found['cpu_us']):.1f}", done, customers]


def targets() -> str:
    """Return the table of all targets, and how far off those are that are not met."""
    rows = [_target(name, each) for name in JUDGED for each in read(f"{name}.json")["targets"]]
    return table(("claim", "measured", "target", "", "by"), rows)


def _target(script: str, found: Any) -> list[str]:
    value, bound = found["value"], found["bound"]
    gap = value / bound if found["at_most"] else bound / value
    verdict = "met" if found["met"] else f"**not met**, by a factor of {gap:.1f}"
    limit = f"{'at most' if found['at_most'] else 'at least'} {bound:,g}"
    return [found["name"], _number(value), limit, verdict, f"`bench/{script}.py`"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def waits(found: Any) -> str:
    """Return the table of latencies."""
    loads = {"low": "at a low rate", "high": "at 70 % of the maximum", "full": "at more than it can take"}
    rows = []
    for name, title in loads.items():
        each, ms = found[name], found[name]["milliseconds"]
        rates = (f"{each['offered_per_second']:,.0f}", f"{each['done_per_second']:,.0f}")
        rows.append([title, *rates, *(f"{ms[key]:,.0f}" for key in ("p50", "p90", "p99", "max"))])
    return table(("", "offered/s", "done/s", "p50 ms", "p90 ms", "p99 ms", "longest ms"), rows)


def processes(found: Any) -> str:
    """Return the table of several processes on one machine."""
    speeds = {count: [run["per_second"] for run in runs] for count, runs in found["figures"].items()}
    rows = [
        [
            count,
            spread(speeds[count]),
            f"{median(speeds[count]) / median(speeds['1']):.2f}",
            *(f"{median(run[key] for run in runs):.2f}" for key in ("workers_cores", "broker_cores", "machine_cores")),
        ]
        for count, runs in found["figures"].items()
    ]
    head = ("processes", "touchpoints/s, median (least - greatest)", "times one",
            "cores busy: workers", "broker", "all")  # fmt: skip
    return table(head, rows)


def scrapes(found: Any) -> str:
    """Return the table of what a scrape costs a worker."""
    rows = []
    for store, by_state in found["stores"].items():
        for state, each in by_state.items():
            times = (f"{each[key][part]:,.0f}" for key in ("cpu_ms", "answer_ms") for part in ("median", "max"))
            rows.append([f"{store}, {state}", *times, f"{each['series']:,.0f}", f"{each['bytes'] / 1000:,.0f}"])
    head = ("", "CPU ms, median", "most", "ms to the answer, median", "most", "series", "kB")
    return table(head, rows)


def page() -> str:
    """Return what is made of the page."""
    throughput = read("throughput.json")
    machine = ", ".join(f"{name} {value}" for name, value in throughput["machine"].items())
    parts = (
        (f"Throughput (`bench/throughput.py`; {machine})", cells(throughput)),
        ("Targets", targets()),
        ("Latency, from when a touchpoint is due to when its transition is read (`bench/latency.py`)",
         waits(read("latency.json"))),
        ("Several processes (`bench/processes.py`)", processes(read("processes.json"))),
        ("Scrapes of `/metrics`, three journeys with every measure on (`bench/scrape.py`)",
         scrapes(read("scrape.json"))),
    )  # fmt: skip
    return "\n".join(f"{title}:\n\n{made}" for title, made in parts)


if __name__ == "__main__":
    sys.exit(show(PAGE, page, __doc__))
