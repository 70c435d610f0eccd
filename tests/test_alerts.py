"""Recording rules and alerts ask for what exists, say what they mean, and are told to the right people."""

import re

import promql_parser as promql
import pytest

from cjstream.metrics import METRICS, SUPERVISOR_METRICS
from tests.promql import labels_of, matchers, result, selectors
from tests.rule_files import ALERTS, MONITORING, PROMETHEUS, RECORDINGS, UNIT_TESTS, Object, read
from tools.boards import boards, panel_path, runbook_path

BASE = "http://localhost:3000"
EXPRESSIONS = {name: rule["expr"] for name, rule in (RECORDINGS | ALERTS).items()}
PANELS = {f"{BASE}{panel_path(board.uid, panel.title)}" for board in boards() for panel in board.panels}
SHOWN = re.compile(r"\$labels\.(\w+)")
MAX_PAGES = 8  # whoever is woken knows each of them by heart

every_expression = pytest.mark.parametrize("expr", EXPRESSIONS.values(), ids=EXPRESSIONS)
every_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)


def test_there_are_rules() -> None:
    assert len(RECORDINGS) > 20
    assert len(ALERTS) == 20
    assert sum(alert["labels"]["severity"] == "page" for alert in ALERTS.values()) <= MAX_PAGES


@every_expression
def test_an_expression_reads_series_that_exist_by_labels_that_they_have(expr: str) -> None:
    parsed = promql.parse(expr)
    for selector in selectors(parsed):
        assert {name for name, _ in matchers(selector)} <= labels_of(str(selector.name))
    result(parsed)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_level_of_a_rule_is_the_labels_that_it_keeps(name: str) -> None:
    level, metric, operation = name.split(":")
    assert result(promql.parse(RECORDINGS[name]["expr"])) == {*level.split("_")}
    assert metric.startswith("cjstream_")
    assert operation


@every_alert
def test_an_alert_says_how_urgent_it_is_what_it_means_and_where_to_look(alert: Object) -> None:
    assert {*alert["labels"]} == {"severity"}
    assert alert["labels"]["severity"] in {"page", "ticket"}
    notes = alert["annotations"]
    assert {*notes} == {"summary", "description", "runbook_url", "dashboard_url"}
    assert len(notes["summary"]) < 130
    assert notes["description"].rstrip().endswith((".", "?"))
    assert notes["runbook_url"] == f"{BASE}{runbook_path(alert['alert'])}"
    assert notes["dashboard_url"].partition("&")[0] in PANELS


@every_alert
def test_an_alert_leads_to_its_own_journey_or_worker(alert: Object) -> None:
    """The board Pipeline is about all of them."""
    panel, *chosen = alert["annotations"]["dashboard_url"].split("&var-")
    [board] = [board for board in boards() if f"/d/{board.uid}/" in panel]
    labels = result(promql.parse(alert["expr"]))
    wanted = [name for name in ("job", "journey", "instance") if name in labels and name in board.variables]
    assert chosen == [f"{name}={{{{ $labels.{name} }}}}" for name in wanted if board.uid != "cjstream-pipeline"]


@every_alert
def test_an_alert_shows_labels_that_it_has(alert: Object) -> None:
    shown = {*SHOWN.findall(alert["annotations"]["summary"] + alert["annotations"]["description"])}
    assert shown <= result(promql.parse(alert["expr"]))


@every_alert
def test_an_alert_knows_its_app_and_a_page_does_not_flap(alert: Object) -> None:
    assert "job" in result(promql.parse(alert["expr"]))
    if alert["labels"]["severity"] == "page" and "for" not in alert:
        assert "[1h]" in alert["expr"]  # holds by itself


def test_only_what_is_of_a_worker_tells_that_one_lives() -> None:
    assert "cjstream_ready" in METRICS
    assert "cjstream_ready" not in SUPERVISOR_METRICS


def test_every_rule_and_alert_has_unit_tests() -> None:
    asked = " ".join(each["expr"] for test in UNIT_TESTS for each in test.get("promql_expr_test", []))
    assert [name for name in RECORDINGS if name not in asked] == []
    fired = [
        each["alertname"] for test in UNIT_TESTS for each in test.get("alert_rule_test", []) if each.get("exp_alerts")
    ]
    assert sorted({*fired}) == sorted(ALERTS)


class TestPrometheus:
    CONFIG = read(PROMETHEUS / "prometheus.yml")

    def test_it_loads_all_rules_and_alerts(self) -> None:
        loaded = {path for pattern in self.CONFIG["rule_files"] for path in PROMETHEUS.glob(pattern)}
        assert loaded == {*PROMETHEUS.glob("rules/*"), *PROMETHEUS.glob("alerts/*")}

    def test_its_job_is_one_that_alerts_look_for(self) -> None:
        [scrape] = self.CONFIG["scrape_configs"]
        assert scrape["job_name"] == "cjstream"
        asked = {
            value
            for expr in EXPRESSIONS.values()
            for selector in selectors(promql.parse(expr))
            for name, value in matchers(selector)
            if name == "job"
        }
        [pattern] = asked
        assert re.fullmatch(pattern, scrape["job_name"])
        assert re.fullmatch(pattern, "cjstream-shop")


class TestAlertmanager:
    CONFIG = read(MONITORING / "alertmanager" / "alertmanager.yml")

    def test_pages_and_tickets_go_to_receivers_that_exist(self) -> None:
        receivers = {each["name"] for each in self.CONFIG["receivers"]}
        assert receivers == {"page", "ticket"}
        [page] = self.CONFIG["route"]["routes"]
        assert (page["matchers"], page["receiver"]) == (['severity="page"'], "page")
        assert self.CONFIG["route"]["receiver"] == "ticket"

    def test_it_names_alerts_that_exist(self) -> None:
        named = re.findall(r"Cjstream\w+", str(self.CONFIG))
        assert named
        assert {*named} <= {*ALERTS}

    def test_it_holds_back_what_follows_in_the_same_app_and_never_the_cause(self) -> None:
        for rule in self.CONFIG["inhibit_rules"]:
            assert rule["equal"] == ["job"]
            assert self._chosen(rule["target_matchers"])
            assert self._chosen(rule["source_matchers"]) & self._chosen(rule["target_matchers"]) == set()

    def test_a_loss_is_always_told_and_no_worker_holds_back_all_else(self) -> None:
        held = [self._chosen(rule["target_matchers"]) for rule in self.CONFIG["inhibit_rules"]]
        assert not any("CjstreamLostRecords" in each for each in held)
        assert held[0] == {*ALERTS} - {"CjstreamNoWorker", "CjstreamLostRecords"}

    def test_while_the_pipeline_stands_nothing_is_told_of_journeys(self) -> None:
        rule = self.CONFIG["inhibit_rules"][-1]
        assert self._chosen(rule["target_matchers"]) == {
            name for name, alert in ALERTS.items() if alert["file"] == "journeys.yml"
        }
        pages = {name for name, alert in ALERTS.items() if alert["labels"]["severity"] == "page"}
        assert self._chosen(rule["source_matchers"]) == pages - {"CjstreamLostRecords"}

    @staticmethod
    def _chosen(texts: list[str]) -> set[str]:
        """Return the alerts that pass all matchers."""
        chosen = set()
        for name, alert in ALERTS.items():
            labels = {"alertname": name, "severity": alert["labels"]["severity"]}
            passes = []
            for text in texts:
                found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.+)"', text)
                assert found is not None, text
                pattern = found[3] if "~" in found[2] else re.escape(found[3])
                passes.append((re.fullmatch(pattern, labels[found[1]]) is None) == found[2].startswith("!"))
            if all(passes):
                chosen.add(name)
        return chosen
