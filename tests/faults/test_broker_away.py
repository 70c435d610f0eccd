"""A broker that is away for 70 s: workers wait, not ready, and go on by themselves; a start waits 60 s for it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.brokers import MortalBroker
from tests.faults.frame import NoteFault
from tests.faults.harness import Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

PARTITIONS, AWAY_SECONDS, LATE_SECONDS = 4, 70.0, 40.0
NOT_READY_SECONDS = 15.0  # 0.8 of the session is 4.8 s; the rest is for a busy machine
RESUME_SECONDS = 20.0
MOST_LINES = 60  # of the log: aiokafka alone would say 3,500
UNREACHABLE_SECONDS = 60.0  # how long a start waits for a broker
BUSY, IDLE = 60_000, 1_000

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(420)]


def is_waiting(worker: Worker) -> bool:
    """Tell whether a worker lives and is not ready; a restart would not help, so it says that it is alive."""
    assert worker.process.poll() is None, f"it ended with {worker.process.returncode}:\n{worker.said()[-3000:]}"
    return worker.get("readyz")[0] == 503 and worker.get("livez")[0] == 200


def test_workers_wait_for_a_broker_that_is_away_for_70_seconds(
    tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault
) -> None:
    """One is busy when the broker goes, one idle; one is started when it is away, one when it is soon to come."""
    lines, _ = make_input(BUSY, seed)
    shares = {"busy": lines, "idle": lines[:IDLE], "early": lines[:IDLE], "late": lines[:IDLE]}
    with MortalBroker(tmp_path / "kafka") as broker:
        apps = {name: new_app(broker.servers, name, tmp_path / name, PARTITIONS) for name in shares}
        for name, share in shares.items():
            send(apps[name], share, PARTITIONS)

        def start(name: str) -> Worker:
            return Worker(apps[name], tmp_path / f"{name}.log")

        with start("idle") as idle, start("busy") as busy:
            wait_done(apps["idle"], idle)
            wait_until(lambda: busy.metric("cjstream_touchpoints_total") > 0, 30, "it is at work")
            broker.kill()
            away_from = time.monotonic()

            def at(seconds: float) -> bool:
                return time.monotonic() - away_from >= seconds

            with start("early") as early:
                wait_until(lambda: is_waiting(busy) and is_waiting(idle), NOT_READY_SECONDS, "they are not ready")
                wait_until(lambda: not (is_waiting(busy) and is_waiting(idle)) or at(LATE_SECONDS), 60, "half the time")
                with start("late") as late:
                    wait_until(lambda: not (is_waiting(busy) and is_waiting(idle)) or at(AWAY_SECONDS), 60, "all of it")
                    assert at(AWAY_SECONDS), "a worker was ready without a broker"
                    code = early.process.wait(UNREACHABLE_SECONDS)
                    in_work = busy.metric("cjstream_pending_records")
                    broker.start()
                    back = time.monotonic()
                    resumed = []
                    for worker in (busy, idle, late):
                        worker.wait_ready(RESUME_SECONDS)
                        resumed.append(time.monotonic() - back)
                    send(apps["idle"], lines[IDLE : 2 * IDLE], PARTITIONS)
                    for name, worker in (("busy", busy), ("idle", idle), ("late", late)):
                        wait_done(apps[name], worker)
                    assert [worker.end()[0] for worker in (busy, idle, late)] == [0, 0, 0]
        verdicts = {}
        for name in ("busy", "idle", "late"):
            verdicts[name] = Topics(apps[name], Ledger(read_all(apps[name], apps[name].touchpoints))).verdict()
            fault("broker away 70 s", injected=1, resumed_seconds=[resumed.pop(0)], **verdicts[name].counts())
    note(f"{in_work:.0f} records were under way, the start without a broker ended with {code}")
    assert (code, "no Kafka broker answers" in early.said()) == (3, True)
    for worker in (busy, idle):
        assert worker.said().count("Kafka does not answer") == 1, worker.said()[-3000:]
        assert len(worker.said().splitlines()) < MOST_LINES
    assert in_work > 0, "the worker had nothing under way, so this shows little"
    for verdict in verdicts.values():
        verdict.require()
