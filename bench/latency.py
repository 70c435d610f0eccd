"""Claims: a transition is read soon after its touchpoint was due, at 1,000/s and at 70 % of the maximum rate.

At 1,000 touchpoints a second, half of the transitions within 30 ms and 99 of 100 within 100 ms. At 70 % of the
maximum, 99 of 100 within 1 s.

    python bench/latency.py [--seconds 20] [--share 0.7] [--store memory] [--json FILE]

Open loop: see bench/offered.py. Touchpoints that move nobody have no transition and do not count. Sender, worker,
broker and reader share the machine, so the maximum is what the worker takes while all of them run and as much is
offered as it takes from a backlog with the machine to itself.
Kept figures are part of docs/explanation/scaling.md: `python bench/scaling.py --write` afterwards.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import Target, conclude, print_machine
from bench.offered import Offered, Run
from cjstream.local import LocalBroker

LOW_PER_SECOND, LOW_P50_MS, LOW_P99_MS = 1000, 30, 100
HIGH_P99_MS = 1000


def describe(rate: float, run: Run) -> dict[str, Any]:
    """Print a run's figures and return them."""
    waited_ms = run.all_ms()
    cuts = quantiles(waited_ms, n=1000)
    figures = {"p50": cuts[499], "p90": cuts[899], "p99": cuts[989], "p99.9": cuts[998], "max": max(waited_ms)}
    shown = ", ".join(f"{name} {ms:,.0f} ms" for name, ms in figures.items())
    print(f"{rate:,.0f}/s offered, {run.worker_per_second:,.0f}/s done, {len(waited_ms):,} transitions: {shown}")
    print(f"  longest by second: {' '.join(f'{max(ms):.0f}' for _, ms in sorted(run.waited_ms.items()))} ms; "
          f"the sender was late by {run.sender_late_ms:.0f} ms at the most", flush=True)  # fmt: skip
    return {
        "offered_per_second": rate,
        "done_per_second": run.worker_per_second,
        "transitions": len(waited_ms),
        "milliseconds": figures,
        "sender_late_ms": run.sender_late_ms,
        "bytes_per_touchpoint": run.log_bytes,
    }


def measure(bench: Offered, share: float) -> dict[str, Any]:
    """Return the figures of all runs: at the low rate, at the maximum, and at a share of that."""
    low = describe(LOW_PER_SECOND, bench.run(LOW_PER_SECOND))
    alone = bench.backlog_rate()
    print(f"from a backlog, with neither sender nor reader: {alone:,.0f}/s", flush=True)
    full = describe(alone, bench.run(alone))
    rate = share * min(alone, full["done_per_second"])
    return {"low": low, "backlog_per_second": alone, "full": full, "high": describe(rate, bench.run(rate))}


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="counted of each run, after the warm-up (20)")
    parser.add_argument("--share", type=float, default=0.7, help="of the maximum, for the second claim (0.7)")
    parser.add_argument("--store", default="memory", help="the worker's (memory)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        results = measure(Offered(broker.servers, Path(work), options.seconds, options.store), options.share)
    low, high = results["low"]["milliseconds"], results["high"]["milliseconds"]
    targets = [
        Target("p50 in ms at 1,000/s", low["p50"], LOW_P50_MS, at_most=True),
        Target("p99 in ms at 1,000/s", low["p99"], LOW_P99_MS, at_most=True),
        Target(f"p99 in ms at {options.share:.0%} of the maximum", high["p99"], HIGH_P99_MS, at_most=True),
    ]
    return conclude({"store": options.store, **results}, targets, options.json)


if __name__ == "__main__":
    sys.exit(main())
