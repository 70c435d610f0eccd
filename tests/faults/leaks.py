"""O8: no customer's data in logs, metrics and pages. O9: memory, files, threads and series stay within bounds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import psutil

from tests.faults.harness import Worker

PAGES = ("metrics", "readyz", "livez", "", "nowhere")


def told(canary: str, *workers: Worker) -> Iterator[str]:
    """O8: yield where a string planted in the input can be read: in a line of the log, or a page."""
    for worker in workers:
        pages = [(f"page /{page}", worker.get(page)[1]) for page in PAGES]
        for place, text in (("log", worker.said()), *pages):
            yield from (f"{place}: {line}" for line in text.splitlines() if canary in line)


class Usage(NamedTuple):
    """What a worker takes of the machine; as a bound, the most that it may."""

    rss_bytes: int
    files: int
    threads: int
    series: int


BOUND = Usage(rss_bytes=700 << 20, files=256, threads=48, series=2_000)  # a worker of the tests takes about half


def usage(worker: Worker) -> Usage:
    """Return what a running worker takes now."""
    process = psutil.Process(worker.process.pid)
    return Usage(process.memory_info().rss, process.num_fds(), process.num_threads(), len(worker.metrics()))


def beyond(found: Iterable[Usage], bound: Usage = BOUND) -> Iterator[str]:
    """O9: yield what is beyond the bound."""
    for each in found:
        for name, value in each._asdict().items():
            if value > getattr(bound, name):
                yield f"{name}: {value:,} where {getattr(bound, name):,} are allowed"


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how much a value grows in a unit of time: the line that fits (time, value) best."""
    mean_at, mean = (sum(column) / len(samples) for column in zip(*samples, strict=True))
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (value - mean) for at, value in samples) / spread if spread else 0.0
