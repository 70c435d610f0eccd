"""Boards, rules and alerts ask for what a real worker exports, and a real Prometheus answers all their queries."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cjstream.metrics import METRICS, SUPERVISOR_METRICS
from tests.broker import Broker
from tests.faults.harness import wait_until
from tests.monitoring.bundle import ALERTS, RULES, names_in
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.queries import JOURNEY, PAGE, Answer, page
from tests.monitoring.scaling import hurried, unfiltered, without_waits
from tests.monitoring.scene import Scene, scene
from tests.rule_files import ALERTS as ALERT_RULES
from tests.rule_files import RECORDINGS
from tools.boards import queries

SERIES_SECONDS = 60.0
KEPT_TOUCHPOINTS = 3000  # of one of three workers
WITHOUT_SERIES = {"cjstream_scrape_errors_total"}  # only once a source has failed

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def played(broker: Broker, prometheus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("scene")
    with scene(broker.servers, home, prometheus, without_waits([*RULES, *ALERTS], home / "rules")) as played:
        yield played


def test_every_metric_has_series(played: Scene) -> None:
    def missing() -> set[str]:
        found = names(played.prometheus)
        return {name for name, row in METRICS.items() if sample_of(name, row.kind) not in found} - WITHOUT_SERIES

    wait_for_none(missing, "metrics without series")


def sample_of(name: str, kind: str) -> str:
    return f"{name}_count" if kind == "histogram" else name


def names(prometheus: Prometheus) -> set[str]:
    return {series.labels["__name__"] for series in prometheus.query('{job="cjstream"}')}


def wait_for_none(left: Callable[[], object], what: str) -> None:
    """Wait until `left` returns nothing; an AssertionError tells what it returned last."""
    until = time.monotonic() + SERIES_SECONDS
    while found := left():
        assert time.monotonic() < until, f"{what}, after {SERIES_SECONDS:g} s: {found}"
        time.sleep(1)


def test_every_rule_gives_series_and_none_fails(played: Scene) -> None:
    assert len(RECORDINGS) > 5
    wait_for_none(lambda: RECORDINGS.keys() - names(played.prometheus), "rules without series")
    assert {rule["name"]: rule["lastError"] for rule in played.prometheus.rules() if rule["health"] == "err"} == {}


def test_every_query_of_a_board_returns_series(played: Scene, pytestconfig: pytest.Config) -> None:
    if pytestconfig.option.keep:  # so that the page shows more than the first customers
        wait_until(lambda: played.single.metric("cjstream_touchpoints_total") > KEPT_TOUCHPOINTS, 120, "they come")
    answers = {query: Answer(*query, ()) for query in queries(journey=JOURNEY)}

    def unanswered() -> list[Answer]:
        for (board, panel, expr), answer in answers.items():
            if not answer.series:
                found = played.prometheus.query(unfiltered(hurried(expr)))
                answers[board, panel, expr] = answer._replace(series=found)
        return [
            answer for answer in answers.values() if not answer.series and not names_in(answer.expr) & WITHOUT_SERIES
        ]

    try:
        wait_for_none(unanswered, "queries without series")
    finally:
        if pytestconfig.option.keep:
            PAGE.write_text(page(answers.values()), "utf-8")


def test_only_names_that_are_exported_are_asked_for(played: Scene) -> None:
    rules = [rule["expr"] for rule in (*RECORDINGS.values(), *ALERT_RULES.values())]
    boards = [expr for _, _, expr in queries()]
    exported = names(played.prometheus) | RECORDINGS.keys() | SUPERVISOR_METRICS.keys() | WITHOUT_SERIES
    unknown = {name for expr in (*rules, *boards) for name in names_in(expr)} - exported - {"ALERTS"}
    assert unknown == set()


@pytest.mark.parametrize("worker", ["single", "supervised"])
def test_promtool_finds_nothing_in_a_scrape(played: Scene, promtool: Path, worker: str) -> None:
    status, text = getattr(played, worker).get("metrics")
    assert status == 200
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_no_customer_is_counted_twice_over_workers(played: Scene) -> None:
    prometheus = played.prometheus
    by_stage = 'sum(cjstream_customers{journey="shop"})'
    by_entry = 'sum(cjstream_customers_by_entry{journey="shop",dimension="device"})'

    def differs() -> list[float]:
        one, other = (prometheus.query(expr)[0].value for expr in (by_stage, by_entry))
        return [] if one == other > 0 else [one, other]

    wait_for_none(differs, "customers by stage are as many as by device")
