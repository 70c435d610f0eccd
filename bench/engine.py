"""How long the work on a touchpoint takes by itself: no Kafka, one process, CPU time by step.

    python bench/engine.py [--touchpoints 200000] [--journey shop] [--json FILE]

The records go through in chunks, as in a worker: a customer's state is decoded once and encoded once per chunk. The
engine alone is `advance`: touchpoint and state in, state and outputs out.
"""

import argparse
import gc
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import process_time_ns

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import DAYS, START_MS, conclude, print_machine, touchpoints
from cjstream import definitions
from cjstream.core.engine import Journeys, advance, news
from cjstream.core.outputs import Output, StageTransition
from cjstream.core.state import CustomerState, decode_state
from cjstream.core.state import encode as encode_state
from cjstream.core.touchpoint import Touchpoint
from cjstream.ingest.codec import decode, encode

CHUNK = 1000
RECORDED_MS = START_MS + (DAYS + 1) * 86_400_000
STEPS = ("decode", "decode state", "advance", "encode outputs", "encode state")
Row = tuple[bytes, bytes]


class Bench:
    """Customers of one partition, and the CPU time spent on them by step."""

    def __init__(self, journey: str) -> None:
        self.journeys = replace(Journeys.of([definitions.find(journey)]), tells_current=False)
        self.store: dict[bytes, bytes] = {}
        self.spent_ns: Counter[str] = Counter()
        self.offset = self.transitions = 0

    def run(self, rows: list[Row]) -> None:
        """Take one chunk through all steps."""
        marks = [process_time_ns()]
        items = [decode(key, value, RECORDED_MS, 0) for key, value in rows]
        marks.append(process_time_ns())
        states = {key: decode_state(self.store[key]) for key, _ in rows if key in self.store}
        marks.append(process_time_ns())
        outputs = self._advance(rows, items, states)
        marks.append(process_time_ns())
        for output in outputs:
            encode(output, "bench")
        marks.append(process_time_ns())
        self.store.update({key: encode_state(state) for key, state in states.items()})
        marks.append(process_time_ns())
        for step, began, ended in zip(STEPS, marks, marks[1:], strict=False):
            self.spent_ns[step] += ended - began

    def _advance(self, rows: list[Row], items: Sequence[object], states: dict[bytes, CustomerState]) -> list[Output]:
        outputs: list[Output] = []
        before = dict[bytes, CustomerState | None]()  # where a customer stands is told once per chunk, as in a worker
        for (key, _), item in zip(rows, items, strict=True):
            assert isinstance(item, Touchpoint), "the generated population has no bad touchpoint"
            step = advance(states.get(key), item, (0, self.offset), self.journeys)
            self.offset += 1
            if step.is_news:
                before.setdefault(key, states.get(key))
            if step.state is not None:
                states[key] = step.state
            outputs += step.outputs
        self.transitions += sum(isinstance(output, StageTransition) for output in outputs)
        told = [news(old, states[key], key.decode(), self.journeys) for key, old in before.items()]
        return [*outputs, *(each for each in told if each is not None)]


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--touchpoints", type=int, default=200_000, help="about how many (200000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--journey", default=definitions.DEFAULT, help="a shipped journey, or a file (shop)")
    options = parser.parse_args()
    print_machine()
    gc.set_threshold(200_000, 50, 100)  # as a worker does
    rows = iter(list(touchpoints(options.touchpoints)))
    bench = Bench(options.journey)
    while chunk := list(islice(rows, CHUNK)):
        bench.run(chunk)
    cpu_us = {step: spent / bench.offset / 1000 for step, spent in bench.spent_ns.items()}
    total_us = sum(cpu_us.values())
    for step, spent_us in [*cpu_us.items(), ("all", total_us)]:
        print(f"{step:16} {spent_us:6.2f} us per touchpoint")
    alone, whole = 1e6 / cpu_us["advance"], 1e6 / total_us
    print(f"{alone:,.0f} touchpoints/s the engine alone, {whole:,.0f} with the codec and the state's bytes")
    print(f"{bench.transitions / bench.offset:.2f} transitions per touchpoint")
    measured = {"journey": options.journey, "touchpoints": bench.offset, "cpu_us_per_touchpoint": cpu_us}
    return conclude({**measured, "engine_alone_per_second": alone}, [], options.json)


if __name__ == "__main__":
    sys.exit(main())
