"""The tools are found, and the Prometheus of a test is a real one."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.harness import wait_until
from tests.monitoring.conftest import StartPrometheus
from tests.monitoring.tools import tool


def test_promtool_runs(promtool: Path) -> None:
    assert b"promtool" in subprocess.run([promtool, "--version"], capture_output=True, check=True).stdout


def test_a_tool_that_is_not_there_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMTOOL", "/nowhere/promtool")
    with pytest.raises(FileNotFoundError, match=r"^PROMTOOL=/nowhere/promtool is no program: run `make tools`, or"):
        tool("promtool")


def test_a_prometheus_scrapes_evaluates_and_alerts(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("""
groups:
  - name: some
    rules:
      - {record: "job:up:sum", expr: sum by (job) (up)}
      - {alert: Gone, expr: up == 0, labels: {severity: page}}
""")
    prometheus = start_prometheus(rules=[rules])
    own = prometheus.url.removeprefix("http://")
    prometheus.watch([own])
    wait_until(lambda: prometheus.up() == [own], 30, "it scrapes itself")
    wait_until(lambda: [each.value for each in prometheus.query("job:up:sum")] == [1], 30, "the rule has a value")
    assert prometheus.alerts() == []
    prometheus.watch([own, "127.0.0.1:9"])
    wait_until(lambda: bool(prometheus.alerts()), 30, "the alert fires")
    [alert] = prometheus.alerts()
    expected = {"alertname": "Gone", "instance": "127.0.0.1:9", "job": "cjstream", "severity": "page"}
    assert alert == expected
