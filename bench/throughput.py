"""cjstream beside its peers: one broker, one run, the same work for all, in one table.

    make bench, or: python bench/throughput.py [--only kafka-streams memory] [--seconds 6 --repetitions 1] [--json FILE]

Starts a broker of its own and loads the generated population. First every peer works off a small rough input, and the
run fails unless all send the same transitions, signals and current stages. Then each cell is measured in turn, again
and again, every time in a new group with new topics: after the first commit and a warm-up come the seconds that count,
or fewer if the input ends before. Speed is read off the committed offsets; CPU time has all threads.

The 30 seconds of a cell are by default three windows of 10, taken in turn: the machine's speed changes from minute to
minute, and the median of three hides that better than one long look. Slow peers get through less of the input: the
table says how far, and how many customers there are up to there. A ratio is the median of the ratios within a
repetition. Exit code 1 if a target is not met, a cell fails, or what peers send differs.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells import BARE, CELLS, FAUST, MEMORY, QUIX, ROCKSDB, STREAMS, TUNED
from bench.common import Target, conclude, print_machine, spread
from bench.runs import Runs
from cjstream.local import LocalBroker

RATIOS = (  # at least so many times the other, or the faster of several
    (MEMORY, (STREAMS,), 1.2),
    (MEMORY, (QUIX,), 4),
    (MEMORY, (FAUST, TUNED), 35),
    (MEMORY, (BARE,), 0.25),
    (ROCKSDB, (MEMORY,), 0.7),
    (f"{MEMORY}-measured", (MEMORY,), 0.6),
    (f"{ROCKSDB}-measured", (ROCKSDB,), 0.6),
)
TITLES = {cell.name: cell.title for cell in CELLS}


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [cell.name for cell in CELLS]
    only = "measure these alone; targets of others are not judged: " + ", ".join(names)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=only)
    parser.add_argument("--repetitions", type=int, default=3, help="how often each is measured, in turn (3)")
    parser.add_argument("--seconds", type=float, default=10, help="counted each time (10)")
    parser.add_argument("--warm-up", type=float, default=5, help="seconds from the first commit, not counted (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--no-check", action="store_true", help="do not compare what is sent first")
    parser.add_argument("--no-targets", action="store_true", help="exit with 0 also if a target is not met")
    return parser.parse_args()


def measure_all(runs: Runs, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the chosen cells in turn; return the figures by cell, those of a failed one are zero."""
    cells = [cell for cell in CELLS if cell.name in options.only]
    names = ("per_second", "cpu_us", "seconds", "touchpoints")
    figures: dict[str, Any] = {cell.name: {name: [] for name in (*names, "customers")} for cell in cells}
    for repetition in range(1, options.repetitions + 1):
        for cell in cells:
            speed = runs.speed(cell, options.warm_up, options.seconds)
            for name in names:
                figures[cell.name][name].append(getattr(speed, name))
            figures[cell.name]["customers"].append(runs.customers(cell, speed.touchpoints))
            said = f"{speed.per_second:,.0f}/s, {speed.cpu_us:.1f} us of CPU, over {speed.seconds:.1f} s"
            print(f"{repetition} of {options.repetitions}: {cell.title:40} {said}", flush=True)
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the table: also how far into the input a cell came, and how many customers there are up to there."""
    head = f"{'CPU us each':>12} {'done in all':>12} {'customers':>10}"
    print(f"\n{'touchpoints/s':42} {'median (least - greatest)':30} {head}")
    for name, found in figures.items():
        cpu_us, done, customers = (median(found[key]) for key in ("cpu_us", "touchpoints", "customers"))
        print(f"{TITLES[name]:42} {spread(found['per_second']):30} {cpu_us:12.1f} {done:12,.0f} {customers:10,.0f}")
    print()


def targets(figures: dict[str, Any]) -> list[Target]:
    """Return the claims that can be judged, and print those that cannot, and the ratios to each of several."""
    found = []
    for one, others, bound in RATIOS:
        title = f"{TITLES[one]} : {' or '.join(TITLES[other] for other in others)}"
        if not {one, *others} <= figures.keys():
            print(f"{title}: not measured")
            continue
        found.append(Target(title, ratio(figures, one, others), bound))
        for other in others if len(others) > 1 else ():
            print(f"{TITLES[one]} : {TITLES[other]} = {ratio(figures, one, (other,)):.4g}")
    return found


def ratio(figures: dict[str, Any], one: str, others: tuple[str, ...]) -> float:
    """Return how many times as fast as the fastest of the others it is, by repetition; 0 where one of these failed."""
    speeds = (figures[name]["per_second"] for name in (one, *others))
    return median(mine / max(theirs) if all(theirs) else 0.0 for mine, *theirs in zip(*speeds, strict=True))


def main() -> int:
    """Run it and return the exit code."""
    options = parse()
    began = time.monotonic()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        runs = Runs(broker.servers, Path(work), options.only)
        checked = {} if options.no_check else runs.check()
        figures = measure_all(runs, options)
    show(figures)
    minutes = (time.monotonic() - began) / 60
    results = {"minutes": minutes, "check": checked, "cells": figures, "failed": runs.failed}
    code = conclude(results, targets(figures), options.json)
    for name, why in runs.failed.items():
        print(f"FAILED: {TITLES[name]}: {why}")
    print(f"{minutes:.0f} minutes")
    return 1 if runs.failed else 0 if options.no_targets else code


if __name__ == "__main__":
    sys.exit(main())
