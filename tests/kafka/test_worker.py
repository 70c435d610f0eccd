"""`cjstream worker`: how it starts, refuses to start, shares the work, and ends."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream import kafka
from cjstream.settings import Settings, environment
from tests.broker import PARTITIONS, Cli, StartWorker
from tests.faults.harness import Worker, wait_done, wait_until

END_SECONDS = 10  # from SIGTERM, as docs/how-to/run-a-worker.md promises

VISIT = {"id": "t-1", "customer_id": "ana", "type": "page_view", "occurred_at": "2026-01-01T09:00:00Z"}
BUY = {"id": "t-2", "customer_id": "ana", "type": "purchase", "occurred_at": "2026-01-01T09:05:00Z", "channel": "app"}


def jsonl(*touchpoints: dict[str, str]) -> bytes:
    return b"".join(json.dumps(touchpoint).encode() + b"\n" for touchpoint in touchpoints)


def test_without_topics_it_exits_4_and_names_the_command(cli: Cli) -> None:
    done = cli("worker")
    assert done.returncode == 4
    assert b"run `cjstream topics create`" in done.stderr


def test_a_bad_setting_exits_2_and_is_named_with_its_value(cli: Cli) -> None:
    done = cli("worker", env={"CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS": "soon"})
    assert done.returncode == 2
    assert b"CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS='soon'" in done.stderr


def test_a_bad_definition_exits_2_and_names_file_and_line(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("journey: x\nstages:\n  - {id: a, weight: 1}\nrules:\n  - {on: x, to: b}\n")
    done = cli("worker", "--journey", str(file))
    assert done.returncode == 2
    assert f"{file}: line 5: rules[0].to".encode() in done.stderr


def test_topics_with_different_partition_counts_exit_4(cli: Cli, settings: Settings, topics: int) -> None:
    other = replace(settings, app_id=f"{settings.app_id}-2", topics_prefix=f"{settings.app_id}-2.")
    asyncio.run(kafka.create_topics(other, topics + 1))
    done = cli("worker", env={"CJSTREAM_TOPICS__SIGNALS": other.signals})
    assert done.returncode == 4
    assert f"{other.signals} {topics + 1}".encode() in done.stderr


def test_a_metrics_port_in_use_exits_2_and_is_named(cli: Cli, topics: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cli("worker", "--metrics-port", str(port))
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr.decode()
    assert b"CJSTREAM_METRICS_PORT" in done.stderr


IMPATIENT = """
import functools, sys
from cjstream import kafka, settings
kafka.wait_for_broker = functools.partial(kafka.wait_for_broker, seconds=2)  # not the worker's minute
from cjstream.stream import run
sys.exit(run.main(settings.load()))
"""


def test_no_broker_exits_3_after_the_wait(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        servers = f"127.0.0.1:{unused.getsockname()[1]}"
        env = environment(replace(settings, kafka_bootstrap_servers=servers))
        done = subprocess.run([sys.executable, "-c", IMPATIENT], env=env, capture_output=True, check=False, timeout=30)
    assert done.returncode == 3
    assert servers.encode() in done.stderr
    assert b"cjstream broker" in done.stderr


def test_two_workers_in_one_data_directory_take_a_slot_each_and_split_the_partitions(
    settings: Settings, cli: Cli, start_worker: StartWorker
) -> None:
    workers = [start_worker(), start_worker()]
    each = PARTITIONS // 2

    def is_split() -> bool:
        shares = [worker.metric("cjstream_assigned_partitions") for worker in workers]
        return shares == [each, each] and all(worker.is_ready() for worker in workers)

    wait_until(is_split, 20, "both are ready, each with half of the partitions")
    owners = Counter(position.owner for position in asyncio.run(kafka.group_positions(settings)))
    assert sorted(owners.values()) == [each, each]
    for worker in workers:
        assert worker.metric("cjstream_input_partitions") == PARTITIONS
        assert worker.metric("cjstream_restoring_partitions") == 0
        assert 1 <= worker.metric("cjstream_rebalance_seconds_count") <= worker.metric("cjstream_rebalances_total")
        assert 0 < worker.metric("cjstream_rebalance_seconds_sum") < 60
    assert {path.name for path in (settings.data_dir / settings.app_id).iterdir()} >= {"0", "1"}
    urls = [worker.address() or "" for worker in workers]
    shown = json.loads(cli("top", "--once", "--json", "--interval", "0.5", *urls).stdout)
    assert shown["problems"] == []
    assert [row["assigned_partitions"] for row in shown["workers"]] == [each, each]
    assert (shown["pipeline"]["input_partitions"], shown["pipeline"]["lag_records"]) == (PARTITIONS, 0)
    assert shown["journeys"][0]["stages"][0] == {
        "stage": "awareness",
        "customers": {"in_progress": 0, "converted": 0, "dropped": 0},
        "customers_came": 0,
        "entered_per_second": 0,
        "left_per_second": 0,
    }


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_within_10_seconds_and_what_it_wrote_is_plain_text(
    start_worker: StartWorker, number: signal.Signals, code: int
) -> None:
    worker = start_worker()
    assert worker.end(number, seconds=END_SECONDS)[0] == code
    assert worker.said().replace("\n", "").isprintable()


AGENT = """
from cjstream.stream.app import app, stages, transitions

@app.agent(transitions, name="tell")
async def tell(stream):
    async for change in stream:
        known = stages.get(change["customer_id"])
        print(f"told {change['customer_id']} {change['to_stage']} {known and known.channel}")
"""


def test_a_users_agent_added_after_a_plain_worker_stopped_gets_events_at_once_and_reads_the_table(
    cli: Cli, settings: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    plain = start_worker()
    cli("send", "-", stdin=jsonl(VISIT))
    wait_done(settings, plain)
    plain.end()
    (tmp_path / "mod.py").write_text(AGENT)
    command = [sys.executable, "-m", "faust", "-A", "mod", "worker", "--without-web", "-l", "info"]
    env = {"PYTHONPATH": str(tmp_path), "CJSTREAM_METRICS_PORT": "0"}
    with Worker(settings, tmp_path / "faust.log", command, env) as worker:
        worker.wait_ready(20)
        cli("send", "-", stdin=jsonl(BUY))
        wait_until(lambda: "told ana purchase app" in worker.said(), 10, "the agent is told")
        assert "told ana awareness" in worker.said()  # from the start of the topic on
        assert worker.end()[0] == 0
