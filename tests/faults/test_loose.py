"""Errors that quote a customer end workers or are survived; logs and pages tell of them without the customer."""

import dataclasses
import sys
from pathlib import Path

import pytest

from tests.faults.harness import Line, Worker, new_app, send, wait_until
from tests.faults.leaks import told
from tests.faults.test_canary import CANARY, ID, touchpoint

PARTITIONS = 1
STALLING = """
journey: quick
lateness: 0s
stages: [{id: look, weight: 1, stall: {since_entered: 1s}}, {id: buy, weight: 2}]
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
"""
thorough = pytest.mark.thorough


@pytest.mark.parametrize(
    ("name", "on_error", "exit_code", "said"),
    [
        ("engine_fails", "dead-letter", None, "the engine failed (ValueError); sent to dead-letter"),
        pytest.param("engine_fails", "stop", 70, "the engine failed (exit 70)", marks=thorough),
        pytest.param("deadline_fails", "dead-letter", None, "failed on a deadline (ValueError)", marks=thorough),
        pytest.param("deadline_fails", "stop", 70, "the engine failed on a deadline", marks=thorough),
        pytest.param("publishing_fails", "dead-letter", 70, "publishing failed (exit 70)", marks=thorough),
        pytest.param("agent_fails", "dead-letter", 70, "the worker failed: ValueError (exit 70)", marks=thorough),
    ],
)
def test_what_an_error_quotes_is_not_told(
    servers: str, tmp_path: Path, name: str, on_error: str, exit_code: int | None, said: str
) -> None:
    journey = tmp_path / "quick.yaml"
    journey.write_text(STALLING)
    settings = new_app(servers, "loose", tmp_path / "data", PARTITIONS, on_internal_error=on_error)
    settings = dataclasses.replace(settings, journeys=str(journey))
    text = CANARY.decode()
    bad = [Line(ID.encode(), CANARY), touchpoint(ID, 8, "page_view", rating=text), Line(CANARY, b"{}")]
    send(settings, [*bad, touchpoint(ID, 1, "page_view", text=text, properties={text: text})], PARTITIONS)
    with Worker(settings, tmp_path / "worker.log", (sys.executable, "-m", "tests.faults.loose", name)) as worker:
        if exit_code is None:
            wait_until(lambda: said in worker.said(), 60, said)
            assert list(told(text, worker)) == []
            assert worker.end()[0] == 0
        else:
            assert worker.process.wait(60) == exit_code
        log = worker.said()
        assert said in log
        assert text not in log
