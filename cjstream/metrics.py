"""METRICS: every metric in one table; and the registry of one process. The only importer of prometheus_client.

Label values come from definitions, settings and the closed lists of the core, never from a customer's data.
"""

import logging
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Literal, NamedTuple, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from cjstream import __version__
from cjstream.core.touchpoint import REASONS

log = logging.getLogger(__name__)

Labels = tuple[str, ...]
Source = Callable[[], Iterable[tuple[str, Labels, float]]]
Wrapper = TypeVar("Wrapper", Counter, Histogram)


class Metric(NamedTuple):
    """One row: kind, base unit (the name's suffix; empty for a plain count), label names and help.

    `buckets` are a histogram's upper bounds in its unit. `known` are values of a counter's only label that
    are there from the start, at 0, so that the first increase shows in a rate.
    """

    kind: Literal["counter", "gauge", "histogram"]
    unit: Literal["", "seconds", "records", "bytes"]
    labels: Labels
    help: str
    buckets: tuple[float, ...] = ()
    known: tuple[str, ...] = ()


OUTCOMES = ("applied", "ignored", "duplicate", "late", "rejected", "erased")
FACT_OUTCOMES = ("taken", "withdrawn", "rejected")
CHUNK_RECORDS = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
WORK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ACK_SECONDS = (*WORK_SECONDS, 10, 30, 60, 120)  # up to the default publish timeout, where the worker ends
AGE_SECONDS = (*WORK_SECONDS, 10, 30, 60, 300, 1800, 3600, 21600, 86400)  # a backlog is hours old

METRICS: Mapping[str, Metric] = {
    "cjstream_touchpoints_total": Metric(
        "counter", "", ("outcome",), "Touchpoints by outcome, counted when durable", known=OUTCOMES),
    "cjstream_transitions_total": Metric(
        "counter", "", ("journey", "from", "to", "kind"), "Stage transitions sent; stage none is outside"),
    "cjstream_signals_total": Metric(
        "counter", "", ("journey", "kind"), "Signals sent"),
    "cjstream_customers": Metric(
        "gauge", "", ("journey", "stage", "outcome"), "Customers by stage now, none is outside, and outcome"),
    "cjstream_customers_by_entry": Metric(
        "gauge", "", ("journey", "dimension", "value", "outcome"),
        "Customers by channel, device or persona of their first touchpoint, and outcome"),
    "cjstream_furthest_customers": Metric(
        "gauge", "", ("journey", "stage", "outcome"), "Customers by the furthest stage they came to, and outcome"),
    "cjstream_dropped_customers": Metric(
        "gauge", "", ("journey", "stage"), "Dropped customers by the stage they were in then"),
    "cjstream_conversions_by_touch": Metric(
        "gauge", "", ("journey", "touch", "dimension", "value"),
        "Converted customers by channel, device or persona of their first or last touchpoint"),
    "cjstream_late_converted_customers": Metric(
        "gauge", "", ("journey",), "Dropped customers who met the goal afterwards"),
    "cjstream_late_conversions_total": Metric(
        "counter", "", ("journey",), "Goals met by customers who had been dropped"),
    "cjstream_refused_moves_total": Metric(
        "counter", "", ("journey", "reason"), "Moves that a journey did not allow"),
    "cjstream_customers_by_judgement": Metric(
        "gauge", "", ("journey", "stage", "judgement"), "Customers by stage and how they judge the business"),
    "cjstream_waiting_customers": Metric(
        "gauge", "", ("journey",), "Customers with feedback that has no answer yet"),
    "cjstream_sla_total": Metric(
        "counter", "", ("journey", "clock", "result"), "Answers due: met, breached, or due soon, by clock"),
    "cjstream_deviations_total": Metric(
        "counter", "", ("journey", "deviation"), "Steps off the declared path or against declared rules"),
    "cjstream_stage_touchpoints_total": Metric(
        "counter", "", ("journey", "stage", "metric"), "Touchpoints that count for a metric, by the stage after them"),
    "cjstream_stage_value_total": Metric(
        "counter", "", ("journey", "stage", "currency"), "Value of sales, by the stage after them; none: no currency"),
    "cjstream_sentiment_total": Metric(
        "counter", "", ("journey", "stage", "sentiment"), "Touchpoints with a sentiment, by the stage after them"),
    "cjstream_facts_read_total": Metric(
        "counter", "", ("outcome",), "Records of the facts topic by outcome, each counted once", known=FACT_OUTCOMES),
    "cjstream_facts": Metric(
        "gauge", "", ("name", "channel"), "Facts known by name and channel; both closed lists, else other"),
    "cjstream_fact_value": Metric(
        "gauge", "", ("name", "channel", "currency"),
        "Sum of the values known of a fact; of search_rank divide it by cjstream_facts"),
    "cjstream_facts_lag_records": Metric(
        "gauge", "records", (), "Records of the facts topic not read yet; until 0 the sums are short"),
    "cjstream_deadlines_waiting": Metric(
        "gauge", "", ("partition",), "Customers with a deadline ahead"),
    "cjstream_deadline_errors_total": Metric(
        "counter", "", (), "Errors of the engine when the clock let a deadline pass"),
    "cjstream_dead_letters_total": Metric(
        "counter", "", ("reason",), "Records sent to the dead-letter topic", known=REASONS),
    "cjstream_duplicate_conflicts_total": Metric(
        "counter", "", (), "Duplicates whose payload differs from the first one's"),
    "cjstream_lag_records": Metric(
        "gauge", "records", ("partition",), "Input records that are not durable yet"),
    "cjstream_batch_records": Metric(
        "histogram", "records", (), "Records in one batch", CHUNK_RECORDS),
    "cjstream_batch_seconds": Metric(
        "histogram", "seconds", (), "Time to decode and advance one batch", WORK_SECONDS),
    "cjstream_publish_seconds": Metric(
        "histogram", "seconds", ("step",), "Time from sending a group to its last ack", ACK_SECONDS),
    "cjstream_end_to_end_seconds": Metric(
        "histogram", "seconds", (), "Age of a group's oldest record when durable", AGE_SECONDS),
    "cjstream_pending_records": Metric(
        "gauge", "records", ("partition",), "Records read that are not durable yet"),
    "cjstream_rebalances_total": Metric(
        "counter", "", (), "Assignments of partitions to this worker"),
    "cjstream_assigned_partitions": Metric(
        "gauge", "", (), "Input partitions of this worker"),
    "cjstream_restore_remaining_records": Metric(
        "gauge", "records", (), "Changelog records still to be restored"),
    "cjstream_restored_records_total": Metric(
        "counter", "records", (), "Changelog records restored"),
    "cjstream_restore_seconds": Metric(
        "gauge", "seconds", (), "Duration of the last restore"),
    "cjstream_foreign_records_total": Metric(
        "counter", "records", (), "Records of another writer in changelog and stage.current: written over"),
    "cjstream_lost_records_total": Metric(
        "counter", "records", (), "Input records that were deleted before a worker had read them"),
    "cjstream_customers_forgotten_total": Metric(
        "counter", "", ("why",), "Customers forgotten because it was asked for, or after a silence",
        known=("asked", "silent")),
    "cjstream_markers_expired_total": Metric(
        "counter", "", (), "Markers of forgotten customers deleted, as the input has expired up to them"),
    "cjstream_stores_discarded_total": Metric(
        "counter", "", (), "Local stores that were damaged or stale, and made anew of the changelog"),
    "cjstream_store_bytes": Metric(
        "gauge", "bytes", ("partition",), "Files of a partition's local store; 0 for the memory store"),
    "cjstream_stalled_seconds": Metric(
        "gauge", "seconds", (), "How long what waits longest has not moved; from 60 on the worker ends; 0: no wait"),
    "cjstream_commit_age_seconds": Metric(
        "gauge", "seconds", (), "Time since input offsets were last committed"),
    "cjstream_ready": Metric(
        "gauge", "", (), "Whether the worker is assigned, restored and taking input, 1 or 0"),
    "cjstream_build_info": Metric(
        "gauge", "", ("version", "python", "faust"), "Versions of what runs, always 1"),
    "cjstream_scrape_errors_total": Metric(
        "counter", "", ("source",), "Scrapes without the series of a source, because it failed"),
    "cjstream_worker_up": Metric(
        "gauge", "", ("worker",), "Whether a worker under a supervisor answered this scrape, 1 or 0"),
    "cjstream_worker_restarts_total": Metric(
        "counter", "", ("worker",), "Starts of a worker by its supervisor after it had ended by itself"),
}  # fmt: skip
SUPERVISOR_METRICS = {name: METRICS[name] for name in ("cjstream_worker_up", "cjstream_worker_restarts_total")}


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
        self._counters: dict[tuple[str, Labels], Counter] = {
            (name, ()): Counter(name, row.help, row.labels, unit=row.unit, registry=registry)
            for name, row in _rows(table, "counter")
        }
        self._histograms: dict[tuple[str, Labels], Histogram] = {
            (name, ()): Histogram(name, row.help, row.labels, unit=row.unit, registry=registry, buckets=row.buckets)
            for name, row in _rows(table, "histogram")
        }
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
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

    def _read(self, source: Source) -> list[tuple[str, Labels, float]]:
        try:
            samples = [(name, tuple(map(str, labels)), float(value)) for name, labels, value in source()]
            for name, labels, _ in samples:
                self._series(name, labels)
        except Exception:
            title = getattr(source, "__name__", type(source).__name__)
            log.exception("no metrics from source %s", title)
            self._on_error(title)
            return []
        return samples


def _rows(table: Mapping[str, Metric], kind: str) -> list[tuple[str, Metric]]:
    return [(name, row) for name, row in table.items() if row.kind == kind]


def _child(children: dict[tuple[str, Labels], Wrapper], name: str, labels: Labels) -> Wrapper:
    child = children.get((name, labels))
    if child is None:
        child = children[name, labels] = children[name, ()].labels(*labels)
    return child
