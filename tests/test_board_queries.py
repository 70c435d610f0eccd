"""Every query of the boards is PromQL over metrics and labels that exist, and asks for the app that is chosen."""

import re

import promql_parser as promql
import pytest

from cjstream.metrics import METRICS
from tests.promql import labels_of, matchers, placeholders, result, selectors
from tests.rule_files import PROMETHEUS
from tests.test_boards import BOARDS, CHARTS, Object
from tools.boards import queries, substitute

TARGETS = [(uid, panel, target) for uid, panel in CHARTS for target in panel["targets"]]
OVER_TIME = {"timeseries", "heatmap"}
RANGE = re.compile(r"\[([^\]]+)\]")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SCRAPE_SECONDS = 15

NAMES = [f"{uid}/{panel['title']}/{target['refId']}" for uid, panel, target in TARGETS]

every_query = pytest.mark.parametrize(("uid", "panel", "target"), TARGETS, ids=NAMES)


def parsed(target: Object) -> promql.Expr:
    """Return the expression, each variable of a selector as its own name."""
    return promql.parse(substitute(target["expr"], job="JOB", journey="JOURNEY", instance="INSTANCE"))


def test_there_are_queries() -> None:
    assert len(TARGETS) > 100


@every_query
class TestEveryQuery:
    def test_reads_series_that_exist_by_labels_that_they_have(self, uid: str, panel: Object, target: Object) -> None:
        for selector in selectors(parsed(target)):
            assert {name for name, _ in matchers(selector)} <= labels_of(str(selector.name))

    def test_groups_by_labels_that_are_there(self, uid: str, panel: Object, target: Object) -> None:
        result(parsed(target))

    def test_asks_for_the_app_the_journey_and_the_worker_chosen(self, uid: str, panel: Object, target: Object) -> None:
        for selector in selectors(parsed(target)):
            name, wanted = str(selector.name), dict(matchers(selector))
            assert wanted["job"] == ("JOB|" if name == "ALERTS" else "JOB")  # an absent worker has no job
            assert wanted.get("journey") == ("JOURNEY" if "journey" in labels_of(name) else None)
            assert (wanted.get("instance") == "INSTANCE") == (uid == "cjstream-worker")

    def test_looks_back_as_far_as_the_axis_needs(self, uid: str, panel: Object, target: Object) -> None:
        """Rates over scrapes by $__rate_interval. Columns that add up to the whole by $__interval, if it is long."""
        ranges = RANGE.findall(target["expr"])
        if panel["type"] not in OVER_TIME:
            assert all(each in {"$__range", "15m", "1h"} for each in ranges)
            return
        assert target["interval"] == "$interval"
        if "$__interval" in ranges:
            assert min_step_seconds(uid) >= 4 * SCRAPE_SECONDS
        assert {*ranges} <= {"$__rate_interval", "$__interval"}

    def test_shows_no_data_rather_than_nan(self, uid: str, panel: Object, target: Object) -> None:
        """A quantile of nothing is NaN, which no comparison lets through; lines have a gap there as it is."""
        if panel["type"] not in OVER_TIME and "histogram_quantile" in target["expr"]:
            assert target["expr"].endswith(">= 0")

    def test_is_asked_once_or_over_time_as_its_panel_shows_it(self, uid: str, panel: Object, target: Object) -> None:
        is_over_time = panel["type"] in OVER_TIME
        assert (target["range"], target["instant"]) == (is_over_time, not is_over_time)
        kinds = {"table": "table", "barchart": "table", "heatmap": "heatmap"}
        assert target["format"] == kinds.get(panel["type"], "time_series")

    def test_names_its_series_by_labels_that_tell_them_apart(self, uid: str, panel: Object, target: Object) -> None:
        if target["format"] == "table":
            return
        has = result(parsed(target))
        shown = placeholders(target["legendFormat"])
        assert target["legendFormat"].strip()
        assert shown <= has
        if has and not has & {"job", "instance"}:
            assert shown == has


def min_step_seconds(uid: str) -> int:
    """Return the shortest step that the variable of a board offers."""
    [steps] = [each["query"] for each in BOARDS[uid]["templating"]["list"] if each["name"] == "interval"]
    return min(int(step[:-1]) * SECONDS[step[-1]] for step in steps.split(","))


def test_columns_of_bars_are_those_of_the_queries() -> None:
    for _, panel in CHARTS:
        if panel["type"] == "barchart":
            join, organize, *_ = panel["transformations"]
            names = [target["legendFormat"] for target in panel["targets"]]
            assert {*names} == {*organize["options"]["renameByName"].values()}
            assert join["options"]["byField"] == panel["options"]["xField"]
            for target in panel["targets"]:
                assert result(parsed(target)) == {panel["options"]["xField"]}


def test_variables_and_annotations_ask_for_what_exists() -> None:
    for board in BOARDS.values():
        for each in board.get("templating", {}).get("list", []):
            if each["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", each["query"]["query"]).groups()  # type: ignore[union-attr]
                [selector] = selectors(promql.parse(substitute(series)))
                assert label in labels_of(str(selector.name))
        for each in board.get("annotations", {}).get("list", []):
            assert each["expr"] == each["target"]["expr"]
            [alerts] = selectors(promql.parse(substitute(each["expr"])))
            assert str(alerts.name) == "ALERTS"


def test_queries_are_those_of_the_files_with_every_variable_replaced() -> None:
    found = queries()
    assert not [expr for _, _, expr in found if "$" in expr]
    shown = [
        (uid, panel["title"], substitute(target["expr"])) for uid, panel, target in TARGETS if target["refId"] != "Z"
    ]
    assert sorted(found) == sorted(shown)
    assert any('journey=~"shop"' in expr for _, _, expr in queries(journey="shop"))


def test_every_metric_is_on_a_board_or_says_why_not() -> None:
    """What nobody looks at should not be there. These are for alerts, for single questions, or for other tools."""
    unseen = {
        "cjstream_customers_forgotten_total",  # an audit record tells of each
        "cjstream_markers_expired_total",
        "cjstream_facts",  # the divisor of mean facts
        "cjstream_furthest_customers",  # cjstream_reached_customers makes the funnel
        "cjstream_late_converted_customers",  # their counter is shown
        "cjstream_restore_seconds",  # cjstream_rebalance_seconds has it, with its quantiles
        "cjstream_worker_up",  # CjstreamDown
    }
    asked = [target["expr"] for _, _, target in TARGETS]
    text = " ".join([*asked, *(path.read_text(encoding="utf-8") for path in PROMETHEUS.glob("rules/*.yml"))])
    assert {name for name in METRICS if not re.search(rf"{name}(_bucket|_sum|_count)?\b", text)} == unseen


class TestTheLintItself:
    """Each fault that it is there for is found."""

    @pytest.mark.parametrize(
        "name", ["cjstream_nothing", "cjstream_batch_seconds", "cjstream_ready_bucket", "a:b:c", "upp"]
    )
    def test_a_series_that_does_not_exist(self, name: str) -> None:
        with pytest.raises(KeyError, match=name):
            labels_of(name)

    def test_a_label_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="stagee"):
            result(promql.parse("sum by (stagee) (cjstream_customers)"))

    @pytest.mark.parametrize(
        ("expr", "labels"),
        [
            ("sum by (stage) (cjstream_customers)", {"stage"}),
            ("histogram_quantile(0.5, sum by (le, stage) (rate(cjstream_dwell_seconds_bucket[5m])))", {"stage"}),
            ("time() - max by (job) (cjstream_ready)", {"job"}),
            ("topk(3, sum by (kind) (cjstream_signals_total)) > 0", {"kind"}),
            ("vector(1) or on () sum by (job) (cjstream_ready)", {"job"}),
            ("up", {"job", "instance", "worker"}),
        ],
    )
    def test_the_labels_of_a_result(self, expr: str, labels: set[str]) -> None:
        assert result(promql.parse(expr)) == labels
