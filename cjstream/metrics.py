"""The metrics of one process: METRICS says which, this keeps and shows them. The only importer of prometheus_client."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import NamedTuple, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from cjstream import __version__
from cjstream.logs import tell
from cjstream.metric_table import GROUPS, METRICS, OUTCOMES, SUPERVISOR_METRICS, Labels, Metric

__all__ = [
    "GROUPS",
    "METRICS",
    "OUTCOMES",
    "SUPERVISOR_METRICS",
    "Labels",
    "Metric",
    "Metrics",
    "Sample",
    "Series",
    "Value",
    "read_samples",
]

Series = tuple[str, Labels]  # name and labels
Value = tuple[str, Labels, float]  # of one series
Source = Callable[[], Iterable[Value]]
Wrapper = TypeVar("Wrapper", Counter, Histogram)


class Metrics:
    """The metrics of one process, in a registry of its own. Any thread may call any method; none blocks.

    A name that is not in `table`, or not of the method's kind, is a KeyError, another number of labels a ValueError.
    """

    def __init__(self, table: Mapping[str, Metric] = METRICS) -> None:
        self._table = table
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._gauges = _Gauges(table, self._count_scrape_error)
        registry.register(self._gauges)  # before the counters, so that a scrape shows its own errors
        # children by (name, labels), each parent by (name, ()): the library's own look-up locks and converts
        self._counters: dict[Series, Counter] = {
            (name, ()): Counter(name, row.help, row.labels, unit=row.unit, registry=registry)
            for name, row in _rows(table, "counter")
        }
        self._histograms: dict[Series, Histogram] = {
            (name, ()): Histogram(name, row.help, row.labels, unit=row.unit, registry=registry, buckets=row.buckets)
            for name, row in _rows(table, "histogram")
        }
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._set_known()

    def _set_known(self) -> None:
        for name, row in _rows(self._table, "counter"):
            for value in row.known:
                self.inc(name, (value,), 0)
        if "cjstream_build_info" in self._table:
            versions = (__version__, platform.python_version(), version("faust-streaming"))
            self.set("cjstream_build_info", 1, versions)

    def inc(self, name: str, labels: Labels = (), by: float = 1) -> None:
        """Add `by`, which is not negative, to a counter."""
        _child(self._counters, name, labels).inc(by)

    def observe(self, name: str, value: float, labels: Labels = ()) -> None:
        """Count one value, in the metric's unit, in a histogram."""
        _child(self._histograms, name, labels).observe(value)

    def count_log(self, level: str) -> None:
        """Count a log line of a level."""
        self.inc("cjstream_logs_total", (level,))

    def show(self, name: str, labels: Labels) -> None:
        """Let a series of a counter or a histogram be there from now on, at 0 if nothing was counted."""
        if self._table[name].kind == "histogram":
            _child(self._histograms, name, labels)
        else:
            _child(self._counters, name, labels)

    def set(self, name: str, value: float, labels: Labels = ()) -> None:
        """Set a gauge, in its unit."""
        self._gauges.set(name, labels, value)

    def remove(self, name: str, labels: Labels) -> None:
        """Drop one series of a gauge, such as a revoked partition's; one that is not there is no error."""
        self._gauges.remove(name, labels)

    def add_source(self, source: Source) -> None:
        """Let `source` give (name, labels, value) of gauges at every scrape; they win over values set.

        It runs on the scraping thread: it must not block, and must read safely what other threads change. If
        it raises, or gives what is no gauge, the scrape goes on without all its series, and that is counted.
        """
        self._gauges.sources.append(source)

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return content type and body of a scrape: OpenMetrics if the Accept header names it, else plain.

        All our names are plain, so the escapings that the header may also ask for change nothing.
        """
        if "application/openmetrics-text" in accept:
            return openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)

    def _count_scrape_error(self, source: str) -> None:
        self.inc("cjstream_scrape_errors_total", (source,))


class _Gauges(Collector):
    """All gauges: the values that were set, and over them those that the sources give at the scrape."""

    def __init__(self, table: Mapping[str, Metric], on_error: Callable[[str], None]) -> None:
        self.sources: list[Source] = []
        self._table, self._on_error = table, on_error
        self._values: dict[str, dict[Labels, float]] = {name: {} for name, _ in _rows(table, "gauge")}

    def set(self, name: str, labels: Labels, value: float) -> None:
        self._series(name, labels)[labels] = float(value)

    def remove(self, name: str, labels: Labels) -> None:
        self._series(name, labels).pop(labels, None)

    def _series(self, name: str, labels: Labels) -> dict[Labels, float]:
        series = self._values[name]
        if len(labels) != len(self._table[name].labels):
            raise ValueError(f"{name} has the labels {self._table[name].labels}, not {labels}")
        return series

    def collect(self) -> Iterator[GaugeMetricFamily]:
        values = {name: series.copy() for name, series in self._values.items()}
        for source in tuple(self.sources):
            for name, labels, value in self._read(source):
                values[name][labels] = value
        for name, row in _rows(self._table, "gauge"):
            family = GaugeMetricFamily(name, row.help, labels=row.labels, unit=row.unit)
            for labels, value in values[name].items():
                family.add_metric(labels, value)
            yield family

    def _read(self, source: Source) -> list[Value]:
        try:
            samples = [(name, tuple(map(str, labels)), float(value)) for name, labels, value in source()]
            for name, labels, _ in samples:
                self._series(name, labels)
        except Exception as error:
            title = getattr(source, "__name__", type(source).__name__)
            tell("scrape_failed", traced=error, source=title)
            self._on_error(title)
            return []
        return samples


class Sample(NamedTuple):
    """One line of a page of metrics: its name with every suffix, such as `_total` or `_bucket`."""

    name: str
    labels: Mapping[str, str]
    value: float


def read_samples(text: str) -> Iterator[Sample]:
    """Yield the samples of a page in the plain format, from whatever process. Raises ValueError where it is none."""
    try:
        for family in text_string_to_metric_families(text):
            yield from (Sample(each.name, each.labels, each.value) for each in family.samples)
    except (IndexError, KeyError) as error:  # the library's own, of a line that is cut in the middle
        raise ValueError(f"no text of metrics: {error!r}") from error


def _rows(table: Mapping[str, Metric], kind: str) -> list[tuple[str, Metric]]:
    return [(name, row) for name, row in table.items() if row.kind == kind]


def _child(children: dict[Series, Wrapper], name: str, labels: Labels) -> Wrapper:
    child = children.get((name, labels))
    if child is None:
        child = children[name, labels] = children[name, ()].labels(*labels)
    return child
