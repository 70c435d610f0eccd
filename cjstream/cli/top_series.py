"""The series of one process at one time, and what has grown between two times. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite, isnan
from typing import NamedTuple

from cjstream.metrics import Sample

WORKER = "worker"  # the label of a supervisor's page
OF_PROCESS = "process_"
OURS = "cjstream_"
STARTED = "process_start_time_seconds"
GROWING = ("_total", "_bucket", "_count", "_sum")

Labels = frozenset[tuple[str, str]]


class Seen(NamedTuple):
    """What a process said: values by name and labels, and the monotonic time of it."""

    at_seconds: float
    series: Mapping[str, Mapping[Labels, float]]

    def values(self, name: str) -> Mapping[Labels, float]:
        """Return the series of a name; none if there are none."""
        return self.series.get(name, {})

    def value(self, name: str) -> float | None:
        """Return the sum over the series of a name; None if there are none."""
        found = self.values(name)
        return sum(found.values()) if found else None

    def most(self, name: str) -> float | None:
        """Return the largest of the series of a name; None if there are none."""
        return max(self.values(name).values(), default=None)


def by_worker(samples: Iterable[Sample], at_seconds: float) -> dict[str, Seen]:
    """Return what each process of a page said, by its label `worker`; a page of one worker has the empty one.

    Only our own series and those of the process are kept, and of these only numbers: no NaN, no infinity.
    """
    found: dict[str, dict[str, dict[Labels, float]]] = defaultdict(lambda: defaultdict(dict))
    for name, labels, value in samples:
        if name.startswith((OURS, OF_PROCESS)) and isfinite(value):
            named = frozenset((key, plain(text)) for key, text in labels.items())
            found[plain(labels.get(WORKER, ""))][name][named] = value
    return {worker: Seen(at_seconds, series) for worker, series in found.items()}


def plain(text: str) -> str:
    """Return a text of somebody else without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def sums(values: Mapping[Labels, float], *names: str) -> Counter[tuple[str, ...]]:
    """Return values added up by these labels, in order of appearance; a label that is not there is empty."""
    found: Counter[tuple[str, ...]] = Counter()
    for labels, value in values.items():
        of = dict(labels)
        found[tuple(of.get(name, "") for name in names)] += value  # type: ignore[assignment]  # floats add up as well
    return found


class Growth:
    """What counters of a process have grown by, and in how many seconds.

    A process that has started anew in between has counted from 0: what it says now is the growth. That shows in its
    start time, and where there is none in a counter that has fallen.
    """

    def __init__(self, before: Seen, after: Seen) -> None:
        self.seconds = after.at_seconds - before.at_seconds
        self._before, self._after = before, after
        self._is_new = not _goes_on(before, after)

    def of(self, name: str) -> dict[Labels, float]:
        """Return the growth of each series of a counter; one that is new has grown from 0."""
        old = {} if self._is_new else self._before.values(name)
        return {labels: max(0.0, value - old.get(labels, 0.0)) for labels, value in self._after.values(name).items()}

    def rate(self, name: str) -> float | None:
        """Return how much all series of a counter have grown by in a second; None if there are none."""
        found = self.of(name)
        return sum(found.values()) / self.seconds if found else None

    def change(self, name: str) -> float | None:
        """Return how much a gauge has changed by in a second, up or down; None if it was not there at both times."""
        old, new = self._before.value(name), self._after.value(name)
        return None if old is None or new is None else (new - old) / self.seconds


def rates(growths: Iterable[Growth], name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Return by how much a counter of several processes has grown in a second, by these labels."""
    found: Counter[tuple[str, ...]] = Counter()
    for growth in growths:
        for key, amount in sums(growth.of(name), *labels).items():
            found[key] += amount / growth.seconds  # type: ignore[assignment]
    return found


def totals(seen: Iterable[Seen], name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Return the sum of a metric of several processes, by these labels."""
    found: Counter[tuple[str, ...]] = Counter()
    for each in seen:
        found.update(sums(each.values(name), *labels))
    return found


def _goes_on(before: Seen, after: Seen) -> bool:
    starts = {seen.value(STARTED) for seen in (before, after)} - {None}
    if len(starts) > 1:
        return False
    for name, values in before.series.items():
        if name.endswith(GROWING):
            new = after.values(name)
            if any(new.get(labels, value) < value for labels, value in values.items()):
                return False
    return True


def quantile(share: float, buckets: Mapping[str, float]) -> float | None:
    """Return the value below which a share of the observations is, as Prometheus's histogram_quantile finds it.

    `buckets` are cumulative counts by upper bound, as text. None: no observation, or no bucket at infinity. What is
    beyond the last finite bound is told as that bound.
    """
    steps = _steps(buckets)
    if not steps or steps[-1][0] != inf or steps[-1][1] <= 0:
        return None
    wanted, low, below = share * steps[-1][1], 0.0, 0.0
    for bound, count in steps:
        if count >= wanted and count > 0:
            within = count - below
            return low if bound == inf else low + (bound - low) * ((wanted - below) / within if within else 1.0)
        low, below = bound, count
    return None


def _steps(buckets: Mapping[str, float]) -> Sequence[tuple[float, float]]:
    """Return bounds and counts, rising both: workers of two versions may have other bounds."""
    steps: list[tuple[float, float]] = []
    for bound, count in sorted((_bound(text), count) for text, count in buckets.items()):
        steps.append((bound, max(count, steps[-1][1] if steps else 0.0)))
    return steps


def _bound(text: str) -> float:
    try:
        bound = float(text)
    except ValueError:
        return inf
    return inf if isnan(bound) else bound
