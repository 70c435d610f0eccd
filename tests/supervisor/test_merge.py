"""merge: the metrics of several workers in one text that parses, with nothing lost and nothing counted twice."""

from collections import Counter

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cjstream.metrics import SUPERVISOR_METRICS, Metrics
from cjstream.supervisor.merge import merge

OPENMETRICS = "application/openmetrics-text"
NASTY = 'a"quote, }{ \\ worker="7" and\nline'

both_formats = pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["plain", "openmetrics"])


def worker(customers: int, accept: str) -> str:
    metrics = Metrics()
    metrics.set("cjstream_customers", customers, ("shop", "awareness", "in_progress"))
    metrics.set("cjstream_dropped_customers", customers, ("shop", NASTY))
    metrics.set("cjstream_ready", 1)
    metrics.inc("cjstream_touchpoints_total", ("applied",), customers)
    for seconds in (0.002, 0.2):
        metrics.observe("cjstream_batch_seconds", seconds)
    return metrics.render(accept)[1].decode()


def supervisor(accept: str) -> str:
    metrics = Metrics(SUPERVISOR_METRICS)
    for number in "01":
        metrics.set("cjstream_worker_up", 1, (number,))
        metrics.inc("cjstream_worker_restarts_total", (number,), 3)
    return metrics.render(accept)[1].decode()


def families(text: str, accept: str) -> list[Family]:
    return list(parse_openmetrics(text) if accept else parse_text(text))  # type: ignore[no-untyped-call]


def merged(accept: str) -> list[Family]:
    texts = [("0", worker(10, accept)), ("1", worker(32, accept)), ("supervisor", supervisor(accept))]
    return families(merge(texts), accept)


def series(found: list[Family]) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    return [(sample.name, frozenset(sample.labels.items())) for family in found for sample in family.samples]


@both_formats
def test_every_sample_of_every_worker_is_there_once_under_its_label(accept: str) -> None:
    found = merged(accept)
    for number, customers in (("0", 10), ("1", 32)):
        due = {
            (sample.name, frozenset({**sample.labels, "worker": number}.items())): sample.value
            for family in families(worker(customers, accept), accept)
            for sample in family.samples
        }
        got = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in found
            for sample in family.samples
            if sample.labels["worker"] == number and family.name.removesuffix("_total") not in OWN
        }
        changing = {key for key in due if key[0].startswith(("process_", "python_gc_"))}
        assert got.keys() == due.keys()
        assert all(got[key] == due[key] for key in due.keys() - changing)


OWN = {name.removesuffix("_total") for name, row in SUPERVISOR_METRICS.items() if "worker" in row.labels}


@both_formats
def test_no_series_and_no_family_occurs_twice(accept: str) -> None:
    found = merged(accept)
    assert [each for each, times in Counter(series(found)).items() if times > 1] == []
    assert [name for name, times in Counter(family.name for family in found).items() if times > 1] == []


def heads(found: list[Family]) -> dict[str, tuple[str, str, str]]:
    return {family.name: (family.type, family.documentation, family.unit) for family in found}


@both_formats
def test_heads_are_those_of_one_worker(accept: str) -> None:
    assert heads(merged(accept)) == heads(families(worker(1, accept), accept))


@both_formats
def test_sums_over_workers_add_up_and_histograms_stay_whole(accept: str) -> None:
    values: Counter[str] = Counter()
    for family in merged(accept):
        for sample in family.samples:
            values[sample.name] += sample.value  # type: ignore[assignment]
    assert values["cjstream_customers"] == values["cjstream_touchpoints_total"] == 42
    assert values["cjstream_batch_seconds_count"] == 4
    assert values["cjstream_worker_restarts_total"] == 6


def test_a_label_that_a_series_has_stays_and_a_value_that_looks_like_one_is_none() -> None:
    found = {family.name: family.samples for family in merged("")}
    assert [sample.labels for sample in found["cjstream_worker_up"]] == [{"worker": "0"}, {"worker": "1"}]
    assert {sample.labels["stage"] for sample in found["cjstream_dropped_customers"]} == {NASTY}
    assert [sample.labels["worker"] for sample in found["cjstream_dropped_customers"]] == ["0", "1"]


def test_openmetrics_ends_once_and_plain_text_has_no_end() -> None:
    text = merge([("0", worker(1, OPENMETRICS)), ("1", worker(1, OPENMETRICS))])
    assert text.count("# EOF") == 1
    assert text.endswith("\n# EOF\n")
    assert "# EOF" not in merge([("0", worker(1, ""))])


def test_an_exemplar_is_no_label_and_nothing_is_nothing() -> None:
    sample = '# TYPE a histogram\na_bucket{le="+Inf"} 1 # {trace="x"} 1\nb 1 # {trace="x"} 1\n'
    assert merge([("0", sample)]) == (
        '# TYPE a histogram\na_bucket{worker="0",le="+Inf"} 1 # {trace="x"} 1\nb{worker="0"} 1 # {trace="x"} 1\n'
    )
    assert merge([]) == ""


def test_a_value_that_looks_like_the_label_is_none() -> None:
    text = '# TYPE a gauge\na{b=",worker=",c="x"} 1\n'
    assert merge([("0", text), ("1", text)]) == (
        '# TYPE a gauge\na{worker="0",b=",worker=",c="x"} 1\na{worker="1",b=",worker=",c="x"} 1\n'
    )
