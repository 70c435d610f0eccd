"""Workers that really hang end by themselves, with 75 and a sentence that says where; others go on."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGTERM
from subprocess import TimeoutExpired

import pytest

from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Worker, committed, new_app, send, wait_done
from tests.faults.oracle import make_input

PARTITIONS, TOUCHPOINTS, SEED = 2, 2_000, 3
COMMAND = (sys.executable, "-m", "tests.faults.hangs")
END_SECONDS = 60.0  # the start of several at a time, and the limits of tests/faults/hangs.py

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(200)]

AT_WORK = {
    "agent_never_acks": "input was read and is not acked, and nothing moved for 8 s",
    "agent_blocks_the_loop": "the event loop stood still for 8 s",
    "never_commits": "input was acked and is not committed, and nothing moved for 8 s",
    "fetches_nothing": "there is input, and it is not fetched, and nothing moved for 8 s",
}
AT_THE_START = {
    "restore_without_records": "the restore does not end, and nothing moved for 16 s",
    "opening_never_ends": "a rebalance does not end, and nothing moved for 16 s",
    "start_never_ends": "asking Kafka for its topics took longer than 16 s",
}


AT_THE_STOP = {"stop_never_ends": "the stop took longer than 16 s"}


@contextmanager
def hanging(names: Iterable[str], apps: Mapping[str, Settings], tmp_path: Path) -> Iterator[dict[str, Worker]]:
    """Let a worker of each kind run on its app, all at the same time."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Worker(apps[name], tmp_path / f"{name}.log", (*COMMAND, name))) for name in names
        }


def end_by_themselves(workers: Mapping[str, Worker], said: Mapping[str, str]) -> None:
    """Wait until all end, and check that each ends with 75 and says why."""
    for name, worker in workers.items():
        try:
            code = worker.process.wait(END_SECONDS)
        except TimeoutExpired:
            raise AssertionError(f"{name} goes on:\n{worker.said()[-2000:]}") from None
        assert (code, said[name] in worker.said()) == (75, True), f"{name}:\n{worker.said()[-2000:]}"


def filled(servers: str, name: str, tmp_path: Path) -> Settings:
    """Return an app with input."""
    settings = new_app(servers, name, tmp_path / name, PARTITIONS)
    send(settings, make_input(TOUCHPOINTS, SEED)[0], PARTITIONS)
    return settings


def test_a_worker_that_stands_still_amid_its_work_ends_with_75(servers: str, tmp_path: Path, fault: NoteFault) -> None:
    apps = {name: filled(servers, name, tmp_path) for name in ("none", *AT_WORK)}
    with hanging(apps, apps, tmp_path) as workers:
        sound = workers.pop("none")
        fault("worker stands still", injected=len(AT_WORK))
        end_by_themselves(workers, AT_WORK)
        wait_done(apps["none"], sound)
        assert sound.end()[0] == 0, sound.said()
    for name in AT_WORK:
        assert sum(committed(apps[name]).values()) == 0


def test_a_worker_that_stands_still_at_its_start_or_stop_ends_with_75(
    servers: str, tmp_path: Path, fault: NoteFault
) -> None:
    apps = {name: filled(servers, name, tmp_path) for name in (*AT_THE_START, *AT_THE_STOP)}
    restored = apps["restore_without_records"]
    with Worker(restored, tmp_path / "fill.log") as worker:
        wait_done(restored, worker)
        assert worker.end()[0] == 0
    with hanging(AT_THE_STOP, apps, tmp_path) as stops, hanging(AT_THE_START, apps, tmp_path) as starts:
        fault("worker stands still", injected=len(apps))
        for worker in stops.values():
            worker.wait_ready()
            worker.send_signal(SIGTERM)
        end_by_themselves(stops | starts, AT_THE_STOP | AT_THE_START)
