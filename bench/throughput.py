"""Claims: a worker takes at least 20,000 touchpoints a second, and 25 times what stock Faust takes for the same work.

With every measure on (bench/measured.yaml) it keeps at least 60 % of its speed.

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
FIGURES = ("cjstream", "cjstream_cpu_us", "measured", "measured_cpu_us", "ceiling", "stock_faust", "tuned_faust")
MEASURED = ROOT / "bench" / "measured.yaml"
TARGET_PER_SECOND, TARGET_RATIO, TARGET_MEASURED = 20_000, 25, 0.6


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
    figures: dict[str, Any] = {name: [] for name in FIGURES}
    for repetition in range(options.repetitions):
        for name, journeys in (("cjstream", unmeasured(work)), ("measured", MEASURED)):
            config = new_app(servers, work, name, topics_touchpoints=topic, journeys=str(journeys))
            worker = group_speed(WORKER, config, total, work / "worker.log")
            figures[name].append(worker.per_second)
            figures[f"{name}_cpu_us"].append(worker.cpu_us)
        if not options.no_peers:
            run_peers(servers, work, topic, total, figures, options)
        latest = {name: round(values[-1]) for name, values in figures.items() if values}
        print(f"repetition {repetition + 1}: {latest}", flush=True)
    return figures


def unmeasured(work: Path) -> Path:
    """Return the file of the same journey without its measures."""
    file = work / "unmeasured.yaml"
    file.write_text(MEASURED.read_text().partition("\nmeasures:")[0] + "\n")
    return file


def run_peers(
    servers: str, work: Path, topic: str, total: int, figures: dict[str, Any], options: argparse.Namespace
) -> None:
    """Measure the peers once, into `figures`."""
    config = new_app(servers, work, "ceiling", topics_touchpoints=topic)
    figures["ceiling"].append(ceiling(config, total))
    for name, command in (("stock_faust", STOCK), ("tuned_faust", TUNED)):
        config = new_app(servers, work, name, topics_touchpoints=topic)
        counted = min(total, options.stock_touchpoints)
        figures[name].append(group_speed(command, config, counted, work / f"{name}.log").per_second)


TITLES = {
    "cjstream": "cjstream worker, no measure on",
    "measured": "the same with every measure on",
    "tuned_faust": "stock Faust agent, tuned settings",
    "stock_faust": "stock Faust agent, as it comes",
    "ceiling": "aiokafka getmany + JSON: ceiling",
}


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    print(f"\n{'touchpoints/s':34} median (least - greatest)")
    for name, title in TITLES.items():
        if figures[name]:
            print(f"{title:34} {spread(figures[name])}")
    without, with_all = (median(figures[name]) for name in ("cjstream_cpu_us", "measured_cpu_us"))
    print(f"CPU of the worker, all threads: {without:.1f} us per touchpoint, with every measure on {with_all:.1f} us\n")


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touchpoints", type=int, default=400_000, help="about how many (400000)")
    parser.add_argument("--stock-touchpoints", type=int, default=40_000, help="of them, for stock Faust (40000)")
    parser.add_argument("--repetitions", type=int, default=3, help="of every peer, in turn (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--no-peers", action="store_true", help="measure cjstream alone")
    parser.add_argument("--no-targets", action="store_true", help="exit with 0 also if a target is not met")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        figures = run(broker.servers, Path(work), options)
    show(figures)
    speed = median(figures["cjstream"])
    pairs = zip(figures["measured"], figures["cjstream"], strict=True)
    targets = [
        Target("cjstream touchpoints/s", speed, TARGET_PER_SECOND),
        Target("every measure on : off", median(on / off for on, off in pairs), TARGET_MEASURED),
    ]
    if not options.no_peers:
        print(f"cjstream : stock Faust as it comes = {speed / median(figures['stock_faust']):.1f}")
        targets.append(Target("cjstream : stock Faust, tuned", speed / median(figures["tuned_faust"]), TARGET_RATIO))
    code = conclude({"figures": figures}, targets, options.json)
    return 0 if options.no_targets else code


if __name__ == "__main__":
    sys.exit(main())
