"""What README shows runs as written."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.broker import Cli, Produce, StartWorker
from tests.faults.harness import WORKER, Worker, read_all, wait_done, wait_until

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
# tests/kafka/test_{demo,broker,made_anew,dead_letter,forget,generate}.py, tests/test_{replay_diff,top_command}.py
ELSEWHERE = {
    "cjstream demo", "cjstream broker", "cjstream replay-diff", "cjstream topics accept", "cjstream dead-letter ls",
    "cjstream dead-letter replay", "cjstream forget CUSTOMER", "cjstream generate", "cjstream top",
}  # fmt: skip
DAY = [
    {"id": "t1", "customer_id": "ana", "type": "page_view", "occurred_at": "2026-01-01T09:00:00Z"},
    {"id": "t2", "customer_id": "ana", "type": "purchase", "occurred_at": "2026-01-01T09:05:00Z", "value": 4.5},
    {"id": "t3", "customer_id": "ben", "type": "page_view", "occurred_at": "2026-01-01T09:06:00Z"},
    {"id": "t4", "customer_id": "ben", "type": "order_paid", "occurred_at": "2026-01-01T09:07:00Z", "value": 0.5},
]


def block(language: str, start: str) -> str:
    """Return the one code block of README that begins like this."""
    [found] = re.findall(rf"^```{language}\n({start}.*?)^```", README, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    file = tmp_path / "journey.yaml"
    file.write_text(block("yaml", "journey:"))
    return file


def jsonl(touchpoints: Sequence[object]) -> bytes:
    return b"".join(json.dumps(touchpoint).encode() + b"\n" for touchpoint in touchpoints)


def test_the_commands_of_the_table_run_on_the_first_journey_in_their_order(
    cli: Cli, settings: Settings, journey: Path, tmp_path: Path
) -> None:
    (tmp_path / "day.jsonl").write_bytes(jsonl(DAY))
    files = {"cjstream send FILE": "day.jsonl", "cjstream validate FILE": journey.name}
    said = {}
    with ExitStack() as stack:
        for command in commands():
            if command == "cjstream worker":
                line = [*WORKER, "--journey", str(journey)]
                worker = stack.enter_context(Worker(settings, tmp_path / "worker.log", line))
                worker.wait_ready()
            else:
                filled = command.replace("FILE", str(tmp_path / files.get(command, ""))).replace("CUSTOMER", "ana")
                done = cli(*filled.split()[1:])
                speed = done.stderr if command in {"cjstream report", "cjstream replay-diff"} else b""
                assert (command, done.returncode, done.stderr) == (command, 0, speed)
                said[command] = done.stdout.decode()
            if "send" in command:
                wait_done(settings, worker)
    assert len(said["cjstream topics create"].splitlines()) == 7
    assert said["cjstream send FILE"] == "sent 4\n"
    assert len(said["cjstream transitions"].splitlines()) == 3
    assert "shop: 2 customers, 1 converted" in said["cjstream stages"]
    assert "0 records behind" in said["cjstream status"]


def commands() -> list[str]:
    """Return the commands of README's table, from top to bottom."""
    rows = re.findall(r"^\| (`cjstream .*?) \|", README, re.MULTILINE)
    return [command for row in rows for command in re.findall(r"`(.+?)`", row) if command not in ELSEWHERE]


def test_the_consumer_tells_each_change_and_drops_repeats(
    cli: Cli, settings: Settings, start_worker: StartWorker, produce: Produce, journey: Path, tmp_path: Path
) -> None:
    worker = start_worker("--journey", str(journey))
    cli("send", "-", stdin=jsonl(DAY[:1]))
    wait_done(settings, worker)
    produce(settings.transitions, [(record.key, record.value) for record in read_all(settings, settings.transitions)])
    cli("send", "-", stdin=jsonl(DAY[1:]))
    wait_done(settings, worker)
    (tmp_path / "react.py").write_text(block("python", "import asyncio"))
    where = (settings.kafka_bootstrap_servers, settings.transitions)
    command = [sys.executable, "-c", f"import asyncio, react; asyncio.run(react.main(*{where}))"]
    said = tmp_path / "said"
    with said.open("wb") as out, subprocess.Popen(command, cwd=tmp_path, stdout=out) as consumer:
        try:
            wait_until(lambda: len(said.read_bytes().splitlines()) >= 3, 20, "the consumer tells of three changes")
        finally:
            consumer.kill()
    assert sorted(said.read_text().splitlines()) == [
        "ana shop None -> awareness",
        "ana shop awareness -> purchase",
        "ben shop None -> awareness",
    ]
