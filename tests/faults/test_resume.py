"""Time to resume after kill -9 with much state: from the kill until what is sent after it leads to transitions."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.frame import NoteFault
from tests.faults.harness import WORKER, Line, TopicLog, Worker, new_app, send, wait_done
from tests.faults.stalls import touchpoint

CUSTOMERS, PARTITIONS, KILLS, BUYERS = 100_000, 4, 3, 200
AT_MS = 1_750_000_000_000
RESUME_SECONDS = 5.0  # the target; held as 3 times that, as the machine may be busy

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(200)]


def looks() -> Iterator[Line]:
    return (touchpoint(f"c{number:06}", AT_MS + number) for number in range(CUSTOMERS))


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_killed_worker_with_100_000_customers_is_back_soon(
    servers: str, tmp_path: Path, note: Callable[[str], None], fault: NoteFault, store: str
) -> None:
    settings = new_app(servers, "resume", tmp_path / "data", PARTITIONS, store=store)
    send(settings, looks(), PARTITIONS)
    seconds = []
    with Worker(settings, tmp_path / "worker.log", (*WORKER, "--processes", "2")) as supervisor:
        wait_done(settings, supervisor)
        told = TopicLog(settings, settings.transitions)
        told.read_on()
        for number in range(KILLS):
            before = len(told.records)
            victim = psutil.Process(supervisor.process.pid).children()[number % 2]
            started = time.monotonic()
            victim.send_signal(signal.SIGKILL)
            buyers = range(number * BUYERS, (number + 1) * BUYERS)  # each moves once
            news = [touchpoint(f"c{at:06}", AT_MS + CUSTOMERS, "purchase") for at in buyers]
            send(settings, news, PARTITIONS)
            while len(told.records) < before + len(news):
                told.read_on()
                assert time.monotonic() - started < 60, "not all partitions go on"
            seconds.append(time.monotonic() - started)
        assert supervisor.end()[0] == 0
    took = ", ".join(f"{each:.1f}" for each in seconds)
    note(f"{CUSTOMERS:,} customers, {store}: told again {took} s after kill -9; the target is {RESUME_SECONDS:g} s")
    fault(f"kill -9 with {CUSTOMERS:,} customers", injected=KILLS, resumed_seconds=seconds)
    assert max(seconds) < 3 * RESUME_SECONDS
