"""Claim: a worker puts aside 5,000 bad records a second, of all kinds of the corpus, among as many good ones.

    python bench/bad_input.py [--records 200000] [--repetitions 3] [--json FILE]

Every rejected case of tests/corpus/ comes equally often, but those larger than 64 KiB, which are one record in a
thousand: there the bytes would be measured. Between two bad records is a good one. All is in the input before the
worker starts. The rate is that between a tenth and nine tenths of it, by the worker's own counts. On a machine with
other work, look at the CPU time of the worker for each record, bad or good.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import PARTITIONS, SEED, WORKER, Target, conclude, new_app, print_machine, running, spread
from bench.ops import Ops
from cjstream.ingest.codec import dumps
from cjstream.local import LocalBroker
from cjstream.settings import Settings
from tests.corpus.cases import START_MS, Case, Sent, cases
from tests.corpus.producing import produce

AT_LEAST = 5_000
LARGE_BYTES, LARGE_SHARE = 64 << 10, 0.001
CUSTOMERS = 2_000
READY_SECONDS, WORK_SECONDS = 60.0, 300.0


def bad(count: int, seed: int) -> Iterator[Sent]:
    """Yield so many records that are rejected, in random order."""
    rejected = [case for case in cases() if case.is_rejected]
    usual, large = (
        [case for case in rejected if (_size(case) > LARGE_BYTES) == is_large] for is_large in (False, True)
    )
    draw = random.Random(seed)
    for _ in range(count):
        case = draw.choice(large if draw.random() < LARGE_SHARE else usual)
        # A codec makes a batch of its own, and time goes by: neither has to do with what is bad.
        yield case.record._replace(compression="gzip", timestamp_ms=_timestamp_ms(case))


def _size(case: Case) -> int:
    sent = case.record
    return len(sent.value or b"") + len(sent.key or b"") + sum(len(text or b"") + 10 for _, text in sent.headers)


def _timestamp_ms(case: Case) -> int | None:
    return case.record.timestamp_ms if case.outcome == "future" else None


def good(count: int) -> Iterator[Sent]:
    """Yield so many touchpoints of CUSTOMERS, of one kind: after the first one they move nobody."""
    for number in range(count):
        name = f"customer-{number % CUSTOMERS}"
        at_ms = START_MS + number
        fields = {"id": f"good-{number}", "customer_id": name, "type": "page_view", "occurred_at": at_ms}
        yield Sent(name.encode(), dumps(fields), compression="gzip")


def load(config: Settings, records: int) -> None:
    """Send bad and good records by turns, the same number to each partition."""
    for partition in range(PARTITIONS):
        count = records // 2 // PARTITIONS
        pairs = zip(bad(count, SEED + partition), good(count), strict=True)
        asyncio.run(produce(config, config.touchpoints, chain.from_iterable(pairs), partition))


def measure(config: Settings, records: int, log: Path) -> dict[str, float]:
    """Let a worker do it all; return bad and all records a second."""
    with running(WORKER, config, log) as process:
        ops = Ops(process, log)
        ops.wait_ready(READY_SECONDS)
        began, marks = time.monotonic(), list[tuple[float, float, float, float]]()
        while not marks or marks[-1][2] < 0.9 * records / 2:
            time.sleep(0.05)
            count = ops.metric("cjstream_dead_letters_total")
            if count >= 0.1 * records / 2:
                total = ops.metric("cjstream_touchpoints_total")
                marks.append((time.monotonic(), _cpu_seconds(process.pid), count, total))
            if time.monotonic() - began > WORK_SECONDS:
                raise RuntimeError(f"{count:.0f} of {records // 2} bad records after {WORK_SECONDS:g} s")
    seconds, cpu, some, total = (last - first for first, last in zip(marks[0], marks[-1], strict=True))
    return {"bad_per_second": some / seconds, "all_per_second": total / seconds, "cpu_us_per_record": cpu / total * 1e6}


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far: fields 14 and 15 of its line in /proc, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print_machine()
    runs = list[dict[str, float]]()
    with tempfile.TemporaryDirectory() as work, LocalBroker(data_dir=Path(work, "kafka")) as broker:
        for number in range(options.repetitions):
            config = new_app(broker.servers, Path(work), "bad")
            load(config, options.records)
            runs.append(measure(config, options.records, Path(work, f"worker-{number}.log")))
            print(", ".join(f"{name} {rate:,.0f}" for name, rate in runs[-1].items()), flush=True)
    rates = [run["bad_per_second"] for run in runs]
    print(f"bad records a second: {spread(rates)}")
    results: dict[str, Any] = {"records": options.records, "cases": len(cases()), "runs": runs}
    return conclude(results, [Target("bad records/s", median(rates), AT_LEAST)], options.json)


if __name__ == "__main__":
    sys.exit(main())
