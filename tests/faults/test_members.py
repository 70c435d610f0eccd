"""Workers join and leave under load: nothing is lost, work moves in time, and a signal ends a worker in time."""

import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

SEED, TOUCHPOINTS, PER_SECOND, PARTITIONS = 11, 39_000, 1_500, 8
MOVE_SECONDS = 6.0 + 6.0  # the session timeout, and what a rebalance and a restore take on a busy machine
END_SECONDS = 10.0

pytestmark = pytest.mark.timeout(180)


def shares(*workers: Worker) -> bool:
    """Tell whether all partitions are taken, each worker has some, and all are ready."""
    taken = [worker.metric("cjstream_assigned_partitions") for worker in workers]
    return sum(taken) == PARTITIONS and all(taken) and all(worker.is_ready() for worker in workers)


@pytest.mark.thorough
def test_joining_and_leaving_under_load_loses_nothing(
    servers: str, tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault
) -> None:
    store = random.Random(seed).choice(("memory", "rocksdb"))
    settings = new_app(servers, "members", tmp_path / "data", PARTITIONS, store=store)
    elsewhere = replace(settings, data_dir=tmp_path / "other")
    lines, _ = make_input(TOUCHPOINTS, seed)
    with ThreadPoolExecutor() as pool, Worker(settings, tmp_path / "a.log") as stays:
        stays.wait_ready()
        load = pool.submit(send, settings, lines, PARTITIONS, PER_SECOND)
        with Worker(settings, tmp_path / "b.log") as leaves:
            joined = wait_until(lambda: shares(stays, leaves), MOVE_SECONDS, "a second worker takes its share")
            assert (settings.data_dir / settings.app_id / "1").is_dir()
            code, ended = leaves.end()
            left = wait_until(lambda: shares(stays), MOVE_SECONDS, "work moves after SIGTERM")
        with Worker(elsewhere, tmp_path / "c.log") as dies:
            wait_until(lambda: shares(stays, dies), MOVE_SECONDS, "a worker of another directory takes its share")
            dies.kill()
            died = wait_until(lambda: shares(stays), MOVE_SECONDS, "work moves after kill -9")
        was_busy = not load.done()
        load.result()
        wait_done(settings, stays)
        assert stays.end()[0] == 0
    verdict = Topics(settings, Ledger(read_all(settings, settings.touchpoints))).verdict()
    fault("workers join and leave", injected=3, resumed_seconds=[joined, left, died], **verdict.counts())
    note(
        f"{store}: joined in {joined:.1f} s, SIGTERM took {ended:.1f} s, work moved {left:.1f} s after it and "
        f"{died:.1f} s after kill -9"
    )
    verdict.require()
    assert was_busy, "the load ended before the last worker"
    assert (code, ended < END_SECONDS) == (0, True)


def _address(worker: Worker) -> bool:
    return worker.address() is not None


def _restoring_or_later(worker: Worker) -> bool:
    status, text = worker.get("readyz")
    return "restoring" in text or status == 200


def _ready(worker: Worker) -> bool:
    return worker.is_ready()


@pytest.fixture(scope="module")
def filled(broker: tuple[str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An app whose state takes a moment to restore, with input waiting."""
    path = tmp_path_factory.mktemp("filled")
    settings = new_app(broker[0], "signals", path, PARTITIONS)
    lines, _ = make_input(30_000, SEED)
    send(settings, lines[:25_000], PARTITIONS)
    with Worker(settings, path / "fill.log") as worker:
        wait_done(settings, worker)
        worker.end()
    send(settings, lines[25_000:], PARTITIONS)
    return settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [_address, _restoring_or_later, _ready])
def test_a_signal_ends_a_worker_in_time(
    filled: Settings, tmp_path: Path, number: signal.Signals, moment: Callable[[Worker], bool]
) -> None:
    with Worker(filled, tmp_path / "worker.log") as worker:
        wait_until(lambda: moment(worker), 30, moment.__name__)
        code, seconds = worker.end(number)
    assert (code, seconds < END_SECONDS) == (0 if number == signal.SIGTERM else 130, True), worker.said()


def test_a_signal_before_the_start_is_done_ends_a_worker_in_time(filled: Settings, tmp_path: Path) -> None:
    """Python itself is still starting at some of these moments: the signal then ends it without a code of ours."""
    for delay in (0.1, 0.6, 0.9):
        with Worker(filled, tmp_path / "worker.log") as worker:
            time.sleep(delay)
            code, seconds = worker.end(signal.SIGTERM)
        assert code in (0, -signal.SIGTERM)
        assert seconds < END_SECONDS
