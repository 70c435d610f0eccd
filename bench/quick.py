"""Claim: no change has halved a worker's lead over stock Faust, or its share of what a bare consumer reads.

    python bench/quick.py [--repetitions 3] [--keep]

All work off the same topic, in turn, in one run on one broker. Only ratios are compared with the kept baseline,
`bench/results/quick.json`: they depend less on the machine than speeds do. Exit code 1 if a ratio is less than half of
the baseline's, or if the worker itself fails whenever it is tried; a peer that fails or hangs, or a machine too slow,
does not. On a slow machine there are fewer repetitions. `--keep` makes this run the baseline.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.cells import BARE, CELLS, MEMORY, TUNED
from bench.common import ROOT, Target, conclude, load, new_app, print_machine, spread, touchpoints
from bench.runs import Runs
from cjstream.ingest.codec import loads
from cjstream.local import LocalBroker

BASELINE = ROOT / "bench" / "results" / "quick.json"
PEERS = {"cjstream : stock Faust, tuned": TUNED, "cjstream : bare consumer": BARE}
NAMES = (MEMORY, TUNED, BARE)
HALF = 0.5
TOUCHPOINTS = 360_000
WARM_UP_SECONDS, SECONDS = 2.0, 6.0
LIMIT_SECONDS = 160  # of all repetitions: under 3 minutes with the start and the end
MORE_SECONDS = 3
Figures = dict[str, list[float]]


def run(servers: str, work: Path, repetitions: int) -> tuple[Figures, bool]:
    """Return the touchpoints a second of each, by repetition, and whether the worker failed whenever it was tried.

    A repetition in which any of them failed does not count.
    """
    config = new_app(servers, work, "input")
    runs = Runs(servers, work, NAMES)
    runs.inputs["even"] = config.touchpoints, asyncio.run(load(config, touchpoints(TOUCHPOINTS)))
    cells = {cell.name: cell for cell in CELLS}
    figures: Figures = {name: [] for name in NAMES}
    own: list[float] = []
    try:
        for _ in range(repetitions):
            began, speeds = time.monotonic(), dict[str, float]()
            for name in NAMES:
                speeds[name] = runs.speed(cells[name], WARM_UP_SECONDS, SECONDS).per_second
            runs.failed.clear()
            own.append(speeds[MEMORY])
            for name, speed in speeds.items() if all(speeds.values()) else ():
                figures[name].append(speed)
            if time.monotonic() - began > signal.getitimer(signal.ITIMER_REAL)[0]:  # no time for another
                break
    except TimeoutError as error:  # between two cells: a cell takes it for its own failure
        print(f"stopped: {error}")
    return figures, bool(own) and not any(own)


def _stop(*_: object) -> None:
    """Let what is running fail, and soon what runs after it: a peer that hangs must not hold up CI."""
    signal.alarm(MORE_SECONDS)
    raise TimeoutError(f"not done after {LIMIT_SECONDS} s")


def ratios(figures: Figures) -> dict[str, float]:
    """Return the medians of the ratios within each repetition; nothing if no repetition counts."""
    ours = figures[MEMORY]
    pairs = {name: zip(ours, figures[peer], strict=True) for name, peer in PEERS.items() if ours}
    return {name: median(mine / theirs for mine, theirs in each) for name, each in pairs.items()}


def targets(found: dict[str, float]) -> list[Target]:
    """Return what each ratio must be of the kept one; nothing where none is kept."""
    kept = loads(BASELINE.read_bytes())["ratios"] if BASELINE.exists() else {}
    for name, ratio in found.items():
        print(f"{name} = {ratio:.3g}, kept: {kept.get(name, float('nan')):.3g}")
    return [Target(f"{name}, of the kept one", found[name] / kept[name], HALF) for name in found if name in kept]


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="of every peer, in turn (3)")
    parser.add_argument("--keep", action="store_true", help="make this run the baseline")
    options = parser.parse_args()
    print_machine()
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(LIMIT_SECONDS)
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        figures, is_broken = run(broker.servers, Path(work), options.repetitions)
        signal.alarm(0)
    found = ratios(figures)
    if not found:
        print(f"NOTHING COMPARED: {'the worker failed' if is_broken else 'no repetition was whole'}")
        return int(is_broken)
    for name, values in figures.items():
        print(f"{name:12} {spread(values)} touchpoints/s")
    return conclude({"figures": figures, "ratios": found}, targets(found), BASELINE if options.keep else None)


if __name__ == "__main__":
    sys.exit(main())
