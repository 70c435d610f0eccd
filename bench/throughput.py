"""Claim: a worker takes at least 20,000 touchpoints a second, and 25 times what stock Faust takes for the same work.

    python bench/throughput.py [--repetitions 3] [--touchpoints 400000] [--json FILE]

Starts a broker of its own, loads a generated population, then lets each peer work it off, in turn, every time in a
new group with new topics. Speed is counted by committed offsets. Exit code 1 if a target is not met. Ratios hold only
between figures of one run.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import (
    PARTITIONS,
    ROOT,
    WORKER,
    Target,
    conclude,
    load,
    new_app,
    print_machine,
    running,
    spread,
    touchpoints,
)
from bench.progress import Speed, measure
from cjstream.local import LocalBroker
from cjstream.settings import Settings, environment

STOCK = (sys.executable, "-m", "bench.peers.stock_faust")
TUNED = (*STOCK, "tuned")
CEILING = (sys.executable, "-m", "bench.peers.ceiling")
FIGURES = ("cjstream", "cjstream_cpu_us", "ceiling", "stock_faust", "tuned_faust")
TARGET_PER_SECOND, TARGET_RATIO = 20_000, 25


def group_speed(command: tuple[str, ...], config: Settings, total: int, log: Path) -> Speed:
    """Return the speed of a peer that commits offsets."""
    where = (config.kafka_bootstrap_servers, config.app_id, config.touchpoints, PARTITIONS)
    with running(command, config, log) as process:
        return asyncio.run(measure(*where, total, process.pid))


def ceiling(config: Settings, total: int) -> float:
    """Return the speed of fetching and decoding alone."""
    done = subprocess.run([*CEILING, str(total)], env=environment(config), cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def run(servers: str, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure all peers `repetitions` times and return the figures by peer."""
    config = new_app(servers, work, "input")
    topic, total = config.touchpoints, asyncio.run(load(config, touchpoints(options.touchpoints)))
    print(f"{total:,} touchpoints in {PARTITIONS} partitions", flush=True)
    figures: dict[str, Any] = {
        "cjstream": [],
        "cjstream_cpu_us": [],
        "ceiling": [],
        "stock_faust": [],
        "tuned_faust": [],
    }
    for repetition in range(options.repetitions):
        config = new_app(servers, work, "cjstream", topics_touchpoints=topic)
        worker = group_speed(WORKER, config, total, work / "worker.log")
        figures["cjstream"].append(worker.per_second)
        figures["cjstream_cpu_us"].append(worker.cpu_us)
        figures["ceiling"].append(ceiling(config, total))
        for name, command in (("stock_faust", STOCK), ("tuned_faust", TUNED)):
            config = new_app(servers, work, name, topics_touchpoints=topic)
            counted = min(total, options.stock_touchpoints)
            figures[name].append(group_speed(command, config, counted, work / f"{name}.log").per_second)
        latest = {name: round(values[-1]) for name, values in figures.items()}
        print(f"repetition {repetition + 1}: {latest}", flush=True)
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    print(f"\n{'touchpoints/s':34} median (least - greatest)")
    print(f"{'cjstream worker, one process':34} {spread(figures['cjstream'])}")
    print(f"{'stock Faust agent, tuned settings':34} {spread(figures['tuned_faust'])}")
    print(f"{'stock Faust agent, as it comes':34} {spread(figures['stock_faust'])}")
    print(f"{'aiokafka getmany + JSON: ceiling':34} {spread(figures['ceiling'])}")
    print(f"CPU of the worker, all threads: {median(figures['cjstream_cpu_us']):.1f} us per touchpoint\n")


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touchpoints", type=int, default=400_000, help="about how many (400000)")
    parser.add_argument("--stock-touchpoints", type=int, default=40_000, help="of them, for stock Faust (40000)")
    parser.add_argument("--repetitions", type=int, default=3, help="of every peer, in turn (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--no-targets", action="store_true", help="exit with 0 also if a target is not met")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        figures = run(broker.servers, Path(work), options)
    show(figures)
    speed = median(figures["cjstream"])
    print(f"cjstream : stock Faust as it comes = {speed / median(figures['stock_faust']):.1f}")
    targets = [
        Target("cjstream touchpoints/s", speed, TARGET_PER_SECOND),
        Target("cjstream : stock Faust, tuned", speed / median(figures["tuned_faust"]), TARGET_RATIO),
    ]
    code = conclude({"figures": figures}, targets, options.json)
    return 0 if options.no_targets else code


if __name__ == "__main__":
    sys.exit(main())
