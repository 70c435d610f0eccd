"""The logs of real workers: every line parses, each event that matters is there, and no customer is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker
from tests.command import run as command
from tests.faults.harness import WORKER, Line, Worker, new_app, send, wait_done, wait_until

CANARY = "canary-5e1f"
PARTITIONS = 2
START = ["started", "pages_open", "partitions_assigned", "definition_new", "partitions_open", "ready"]
NOT_ALWAYS = {"not_ready", "broker_asked_in_vain", "deadlines_wait"}  # it depends on what takes how long
STOP = ["stop_begun", "stopped", "ended"]


def touchpoint(number: int, kind: str, **more: Any) -> Line:
    own = {"customer_id": CANARY, "type": kind, "occurred_at": "2026-01-01T00:00:00Z", "text": CANARY, **more}
    return Line(CANARY.encode(), json.dumps({"id": f"{CANARY}-{number}", **own}).encode(), 0)


def parsed(worker: Worker) -> list[dict[str, Any]]:
    """Return all that a worker wrote; each line must be an object with what each line has."""
    lines = [json.loads(line) for line in worker.said().splitlines()]
    assert all(line.keys() >= {"timestamp", "level", "event", "logger"} for line in lines)
    return lines


def names(lines: list[dict[str, Any]]) -> list[str]:
    """Return the names of events, in order; lines of libraries have none."""
    return [line["name"] for line in lines if "name" in line]


def test_a_worker_tells_what_matters_in_json_at_any_level_and_names_no_customer(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "logs", tmp_path / "data", PARTITIONS, log_level="debug")
    refused = [Line(CANARY.encode(), CANARY.encode(), 0)] * 30
    good = [touchpoint(1, "page_view"), touchpoint(1, "purchase"), touchpoint(2, "purchase", value={"amount": 1})]
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        send(settings, [*good, *refused], PARTITIONS)
        wait_done(settings, worker)
        assert command("forget", CANARY, settings=settings).returncode == 0
        wait_until(lambda: '"customers_forgotten"' in worker.said(), 20, "it is told")
        assert worker.metrics()["cjstream_logs_total", 'level="warning"'] >= 2
        assert worker.end()[0] == 0
        lines = parsed(worker)
        found = [name for name in names(lines) if name not in NOT_ALWAYS]
        told = ["duplicate_conflicts", "records_rejected", "customers_forgotten"]
        assert [name for name in found if name not in told] == START + STOP
        assert {*told} <= {*found}
        by_name = {line["name"]: line for line in lines if "name" in line}
        assert by_name["started"]["topics"]["touchpoints"] == settings.touchpoints
        assert by_name["started"]["partitions"] == PARTITIONS
        assert by_name["records_rejected"]["reason"] == "not_json"
        assert (by_name["customers_forgotten"]["customers"], by_name["customers_forgotten"]["why"]) == (1, "asked")
        assert by_name["ended"]["exit_code"] == 0
        assert CANARY not in worker.said()


@pytest.fixture
def known(broker: Broker, tmp_path: Path) -> Any:
    """An app with a customer in its state."""
    settings = new_app(broker.servers, "logs2", tmp_path / "data", PARTITIONS)
    with Worker(settings, tmp_path / "first.log") as worker:
        worker.wait_ready()
        send(settings, [touchpoint(1, "page_view")], PARTITIONS)
        wait_done(settings, worker)
        assert worker.end()[0] == 0
    return settings


def test_workers_and_their_supervisor_write_one_stream_with_the_restore(known: Any, tmp_path: Path) -> None:
    with Worker(known, tmp_path / "all.log", [*WORKER, "--processes", "2"]) as workers:
        workers.wait_ready()
        assert workers.end()[0] == 0
        lines = parsed(workers)
    supervisor = [line for line in lines if line.get("name", "").startswith(("supervisor_", "worker_"))]
    ends = ["supervisor_stopping", "supervisor_stopped"]
    assert names(supervisor) == ["supervisor_started", "worker_started", "worker_started", *ends]
    assert supervisor[-1]["exit_code"] == 0
    own = [[line for line in lines if line.get("worker") == number and line not in supervisor] for number in (0, 1)]
    assert all(names(each)[0] == "started" and names(each)[-3:] == STOP for each in own)
    restores = [line for line in lines if line.get("name", "").startswith("restore_")]
    begun, ended = restores[:2]  # more, if one joins the group after the other
    assert (names(restores[:2]), begun["worker"]) == (["restore_begun", "restore_ended"], ended["worker"])
    assert ended["records"] > 0
    assert 0 <= ended["seconds"] < 60
    assert CANARY not in workers.said()


def test_a_fault_is_the_only_line_with_its_code(known: Any, tmp_path: Path) -> None:
    with Worker(replace(known, topics_signals="nobody-made-it"), tmp_path / "fault.log") as worker:
        assert worker.process.wait(30) == 4
        [line] = parsed(worker)
    assert (line["name"], line["level"], line["exit_code"]) == ("gave_up", "critical", 4)
    assert line["event"].endswith("run `cjstream topics create` (exit 4)")
