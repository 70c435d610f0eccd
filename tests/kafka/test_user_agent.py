"""A user's own agent beside ours: single events, the state table at hand; slow or careless, it harms no touchpoint."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cjstream import settings as configuration
from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

FAUST = (sys.executable, "-m", "faust", "-A")
RUN = ("worker", "--without-web", "-l", "info")
SEED, TOUCHPOINTS, PARTITIONS = 13, 1_000, 4
END_SECONDS = 10.0

REACTS = """
import asyncio, json
from cjstream.stream.app import app, transitions, stages

@app.agent(transitions, name="react")
async def react(stream):
    with open("seen", "a", buffering=1) as seen:
        async for event in stream.events():
            told, now = event.value, stages[event.value["customer_id"]].journeys[event.value["journey"]]
            print(json.dumps([told["transition_id"], told["sequence"], now.sequence]), file=seen)
            await asyncio.sleep(0.02)
"""
HOARDS = """
from cjstream.stream.app import app, transitions

kept = []

@app.agent(transitions, name="hoard")
async def hoard(stream):
    async for event in stream.noack().events():
        kept.append(event)
"""

pytestmark = pytest.mark.timeout(120)


def start(settings: Settings, folder: Path, module: str) -> Worker:
    """Start Faust's own worker command on a user's module."""
    (folder / "mine.py").write_text(module)
    path = f"{folder}:{Path.cwd()}"
    return Worker(
        settings, folder / "faust.log", (*FAUST, "mine", "--workdir", str(folder), *RUN), {"PYTHONPATH": path}
    )


def new(broker: Broker, folder: Path) -> Settings:
    settings = new_app(broker.servers, "user", folder / "data", PARTITIONS, metrics_port="0")
    lines, _ = make_input(TOUCHPOINTS, SEED)
    send(settings, lines, PARTITIONS)
    return settings


def differences(settings: Settings) -> list[str]:
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    return topics.differences()[0]


def test_a_slow_agent_gets_single_events_and_the_state_while_touchpoints_go_on(broker: Broker, tmp_path: Path) -> None:
    settings = new(broker, tmp_path)

    def seen() -> list[Any]:
        file = tmp_path / "seen"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    with start(settings, tmp_path, REACTS) as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        told = [json.loads(record.value or b"") for record in read_all(settings, settings.transitions)]
        behind = len(told) - len(seen())
        wait_until(lambda: len(seen()) >= len(told), 60, "the slow agent has seen all")
        code, seconds = worker.end()
    assert {each["transition_id"] for each in told} == {name for name, _, _ in seen()}
    assert all(sequence <= now for _, sequence, now in seen()), "the table is older than the transition"
    assert behind > len(told) / 4, "the agent was not slow"
    assert (code, seconds < END_SECONDS) == (0, True), worker.said()
    assert differences(settings) == []


def test_an_agent_that_never_acks_costs_a_restart_and_nothing_else(broker: Broker, tmp_path: Path) -> None:
    settings = new(broker, tmp_path)
    with start(settings, tmp_path, HOARDS) as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        code, seconds = worker.end()
    assert (code, seconds < END_SECONDS) == (75, True), worker.said()
    with Worker(settings, tmp_path / "worker.log") as worker:
        wait_done(settings, worker)
        worker.end()
    assert differences(settings) == []


@pytest.mark.parametrize(("command", "name"), [("agents", "touchpoints"), ("agents", "facts"), ("tables", "stages")])
def test_faust_lists_what_is_ours(command: str, name: str) -> None:
    environment = configuration.environment(configuration.load({}))
    listed = subprocess.run(
        (*FAUST, "cjstream.stream.app", command), env=environment, capture_output=True, text=True, check=True
    )
    assert name in listed.stdout
