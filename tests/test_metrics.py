"""METRICS keeps Prometheus's naming rules, and Metrics renders what it was told, whatever a source does."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cjstream import __version__
from cjstream.core.engine import VERDICTS
from cjstream.core.touchpoint import REASONS
from cjstream.metrics import GROUPS, METRICS, OUTCOMES, Labels, Metric, Metrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
PERSONAL = {"customer", "customer_id", "id", "account_id", "touchpoint_id", "session_id", "url", "text"}

every_metric = pytest.mark.parametrize(("name", "row"), METRICS.items(), ids=METRICS)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of one series in the plain text form, or None if it is not there."""
    found = [
        each.value
        for family in parse_text(metrics.render()[1].decode())
        for each in family.samples
        if each.name == name and each.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


@every_metric
class TestEveryMetric:
    def test_has_our_prefix_and_legal_characters(self, name: str, row: Metric) -> None:
        assert re.fullmatch(r"cjstream(_[a-z0-9]+)+", name)

    def test_ends_with_total_if_and_only_if_it_is_a_counter(self, name: str, row: Metric) -> None:
        assert name.endswith("_total") == (row.kind == "counter")

    def test_carries_its_base_unit_as_suffix(self, name: str, row: Metric) -> None:
        words = name.removesuffix("_total").split("_")
        assert not {"ms", "milliseconds", "minutes", "hours", "kilobytes", "percent"} & {*words}
        assert row.unit == (words[-1] if words[-1] in {"seconds", "records", "bytes", "ratio"} else "")

    def test_avoids_suffixes_that_formats_reserve(self, name: str, row: Metric) -> None:
        assert not name.endswith(("_count", "_sum", "_bucket", "_created", "_gauge", "_counter", "_histogram"))

    def test_has_one_line_of_help_without_a_full_stop(self, name: str, row: Metric) -> None:
        assert re.fullmatch(r"[A-Z][^\n]{5,100}[^.\s]", row.help)

    def test_has_plain_labels_that_identify_nobody(self, name: str, row: Metric) -> None:
        assert all(re.fullmatch(r"[a-z]+", label) and label not in {"le", "quantile"} for label in row.labels)
        assert not PERSONAL & {*row.labels}

    def test_has_rising_buckets_if_and_only_if_it_is_a_histogram(self, name: str, row: Metric) -> None:
        assert bool(row.buckets) == (row.kind == "histogram")
        assert list(row.buckets) == sorted({*row.buckets})

    def test_has_known_values_only_for_the_one_label_of_a_counter(self, name: str, row: Metric) -> None:
        assert not row.known or (row.kind == "counter" and len(row.labels) == 1)

    def test_is_rendered_under_its_name_and_help(self, name: str, row: Metric, metrics: Metrics) -> None:
        text = metrics.render()[1].decode()
        assert f"# HELP {name} {row.help}\n# TYPE {name} {row.kind}\n" in text


def test_the_outcomes_are_the_verdicts_of_the_engine_and_rejected() -> None:
    assert {*OUTCOMES} == {*VERDICTS, "rejected"}


def test_outcomes_and_reasons_are_there_from_the_start_at_zero(metrics: Metrics) -> None:
    for outcome in OUTCOMES:
        assert sample(metrics, "cjstream_touchpoints_total", outcome=outcome) == 0
    for reason in REASONS:
        assert sample(metrics, "cjstream_dead_letters_total", reason=reason) == 0


def test_a_counter_adds_up_per_label_set(metrics: Metrics) -> None:
    metrics.inc("cjstream_signals_total", ("shop", "converted"))
    metrics.inc("cjstream_signals_total", ("shop", "converted"), by=41)
    metrics.inc("cjstream_signals_total", ("shop", "dropped"))
    assert sample(metrics, "cjstream_signals_total", journey="shop", kind="converted") == 42
    assert sample(metrics, "cjstream_signals_total", journey="shop", kind="dropped") == 1


@pytest.mark.parametrize(
    ("name", "labels", "sample_name"),
    [
        ("cjstream_signals_total", ("shop", "stalled"), "cjstream_signals_total"),
        ("cjstream_dwell_seconds", ("shop", "awareness"), "cjstream_dwell_seconds_count"),
    ],
)
def test_a_series_can_be_shown_before_anything_is_counted(
    metrics: Metrics, name: str, labels: Labels, sample_name: str
) -> None:
    told = dict(zip(METRICS[name].labels, labels, strict=True))
    assert sample(metrics, sample_name, **told) is None
    metrics.show(name, labels)
    assert sample(metrics, sample_name, **told) == 0
    (metrics.observe(name, 1, labels) if "seconds" in name else metrics.inc(name, labels))
    metrics.show(name, labels)
    assert sample(metrics, sample_name, **told) == 1


def test_a_gauge_is_not_shown_before_it_has_a_value(metrics: Metrics) -> None:
    with pytest.raises(KeyError):
        metrics.show("cjstream_ready", ())


def test_every_metric_is_in_one_group(metrics: Metrics) -> None:
    assert sum(map(len, GROUPS.values())) == len(METRICS)


def test_a_counter_never_falls(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        metrics.inc("cjstream_rebalances_total", by=-1)


def test_a_histogram_counts_sums_and_fills_buckets(metrics: Metrics) -> None:
    for seconds in (0.002, 0.2, 500.0):
        metrics.observe("cjstream_publish_seconds", seconds, ("outputs",))
    assert sample(metrics, "cjstream_publish_seconds_count", step="outputs") == 3
    assert sample(metrics, "cjstream_publish_seconds_sum", step="outputs") == pytest.approx(500.202)
    assert sample(metrics, "cjstream_publish_seconds_bucket", step="outputs", le="0.25") == 2
    assert sample(metrics, "cjstream_publish_seconds_bucket", step="outputs", le="120.0") == 2


def test_a_gauge_keeps_its_last_value_until_removed(metrics: Metrics) -> None:
    metrics.set("cjstream_lag_records", 7, ("3",))
    metrics.set("cjstream_lag_records", 5, ("3",))
    assert sample(metrics, "cjstream_lag_records", partition="3") == 5
    metrics.remove("cjstream_lag_records", ("3",))
    metrics.remove("cjstream_lag_records", ("3",))
    assert sample(metrics, "cjstream_lag_records", partition="3") is None


@pytest.mark.parametrize("name", ["cjstream_nonsense", "customers", "cjstream_batch_seconds"])
def test_a_name_that_is_not_of_the_methods_kind_is_a_key_error(metrics: Metrics, name: str) -> None:
    with pytest.raises(KeyError):
        metrics.inc(name)
    with pytest.raises(KeyError):
        metrics.set(name, 1)
    with pytest.raises(KeyError):
        metrics.observe("cjstream_ready", 1)


def test_another_number_of_labels_is_a_value_error(metrics: Metrics) -> None:
    for labels in ((), ("shop",), ("shop", "converted", "more")):
        with pytest.raises(ValueError, match="label"):
            metrics.inc("cjstream_signals_total", labels)
        with pytest.raises(ValueError, match="label"):
            metrics.set("cjstream_dropped_customers", 1, labels)
    with pytest.raises(ValueError, match="label"):
        metrics.observe("cjstream_batch_records", 1, ("more",))


def test_a_source_is_read_at_every_scrape_and_wins_over_a_set_value(metrics: Metrics) -> None:
    counts = iter((1, 2))
    metrics.add_source(lambda: [("cjstream_dropped_customers", ("shop", "none"), next(counts))])
    metrics.set("cjstream_dropped_customers", 99, ("shop", "none"))
    assert sample(metrics, "cjstream_dropped_customers", journey="shop", stage="none") == 1
    assert sample(metrics, "cjstream_dropped_customers", journey="shop", stage="none") == 2


def fails_half_way() -> Iterator[tuple[str, Labels, float]]:
    yield "cjstream_dropped_customers", ("shop", "awareness"), 3
    raise RuntimeError("dictionary changed size during iteration")


@pytest.mark.parametrize(
    "source",
    [
        fails_half_way,
        lambda: [("cjstream_dropped_customers", ("shop", "awareness"), 3), ("cjstream_nonsense", (), 1)],
        lambda: [("cjstream_dropped_customers", ("shop", "awareness"), 3), ("cjstream_rebalances_total", (), 1)],
        lambda: [("cjstream_dropped_customers", ("shop", "awareness"), 3), ("cjstream_ready", ("more",), 1)],
        lambda: [("cjstream_dropped_customers", ("shop", "awareness"), "three")],
        lambda: None,
    ],
    ids=["raises half way", "unknown name", "no gauge", "labels", "no number", "nothing iterable"],
)
def test_a_source_that_fails_costs_its_own_series_only_and_is_counted(metrics: Metrics, source: object) -> None:
    metrics.add_source(source)  # type: ignore[arg-type]
    metrics.add_source(lambda: [("cjstream_ready", (), 1)])
    name = getattr(source, "__name__", "")
    assert sample(metrics, "cjstream_ready") == 1
    assert sample(metrics, "cjstream_dropped_customers", journey="shop", stage="awareness") is None
    assert sample(metrics, "cjstream_scrape_errors_total", source=name) == 3


def test_label_values_are_escaped(metrics: Metrics) -> None:
    stage = 'a"quote\\ and\nline'
    metrics.set("cjstream_dropped_customers", 1, ("shop", stage))
    metrics.add_source(lambda: [("cjstream_lag_records", (3,), 1)])  # type: ignore[list-item]
    assert sample(metrics, "cjstream_dropped_customers", journey="shop", stage=stage) == 1
    assert sample(metrics, "cjstream_lag_records", partition="3") == 1


def test_openmetrics_is_rendered_when_asked_for_with_units_and_without_created_series(metrics: Metrics) -> None:
    metrics.inc("cjstream_transitions_total", ("shop", "none", "awareness", "entry"))
    content_type, body = metrics.render(OPENMETRICS)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")
    assert b"_created" not in body
    families = list(parse_openmetrics(body.decode()))  # type: ignore[no-untyped-call]
    assert {family.name: family.unit for family in families if family.name.startswith("cjstream")} == {
        name.removesuffix("_total"): row.unit for name, row in METRICS.items()
    }


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=1.0.0", "application/json, \x00;;=,version=x"])
def test_anything_else_is_answered_in_plain_text(metrics: Metrics, accept: str) -> None:
    content_type, body = metrics.render(accept)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"_created" not in body
    assert b"# EOF" not in body


def test_no_series_occurs_twice(metrics: Metrics) -> None:
    metrics.set("cjstream_ready", 0)
    metrics.add_source(lambda: [("cjstream_ready", (), 1), ("cjstream_ready", (), 1)])
    series = [line.rpartition(" ")[0] for line in metrics.render()[1].decode().splitlines() if line[0] != "#"]
    assert len(series) == len({*series})


def test_build_info_process_and_platform_are_told(metrics: Metrics) -> None:
    text = metrics.render()[1].decode()
    assert re.search(
        rf'^cjstream_build_info{{faust=".+",python="3\..+",version="{__version__}"}} 1\.0$', text, re.MULTILINE
    )
    assert "\nprocess_cpu_seconds_total " in text
    assert "\npython_info{" in text


def test_two_workers_of_one_process_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.inc("cjstream_rebalances_total")
    assert sample(first, "cjstream_rebalances_total") == 1
    assert sample(second, "cjstream_rebalances_total") == 0


def test_threads_count_and_scrape_at_once_without_losing_anything(metrics: Metrics) -> None:
    def count() -> None:
        for n in range(500):
            metrics.inc("cjstream_signals_total", ("shop", str(n % 50)))
            metrics.set("cjstream_lag_records", n, (str(n),))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.render()
    assert sum(sample(metrics, "cjstream_signals_total", journey="shop", kind=str(n)) or 0 for n in range(50)) == 2000


PROMQL = re.compile(r"^```promql\n(.*?)^```", re.MULTILINE | re.DOTALL)


def expressions() -> list[str]:
    pages = sorted((Path(__file__).parents[1] / "docs").glob("**/*.md"))
    return [each for page in pages for each in PROMQL.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_in_the_docs_asks_for_metrics_and_labels_that_there_are(expression: str) -> None:
    names = re.findall(r"cjstream_\w+", expression)
    groups = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    labels = {label for group in groups for label in group.split(", ")} | set(re.findall(r'(\w+)=~?"', expression))
    assert names
    assert {*names} <= METRICS.keys()
    assert labels <= {label for name in names for label in METRICS[name].labels}
