"""A worker that was stopped while another took over its partitions ends, and writes nothing over what the other did."""

import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Line, Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

SEED, TOUCHPOINTS, PER_SECOND, PARTITIONS = 7, 8_000, 2_000, 4
TAKE_OVER_SECONDS = 6.0 + 8.0  # the session timeout, and what start and restore take
EXIT_SECONDS = 10.0  # a heartbeat every 1.2 s tells

pytestmark = pytest.mark.timeout(120)


@contextmanager
def load(settings: Settings, lines: list[Line], is_busy: bool) -> Iterator[None]:
    """Send all lines: during the block, or, if it is to find the worker idle, before."""
    if not is_busy:
        send(settings, lines, PARTITIONS)
        yield
        return
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send, settings, lines, PARTITIONS, PER_SECOND)
        yield
        sending.result()


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_worker_that_was_replaced_while_it_stood_still_ends(broker: Broker, tmp_path: Path, is_busy: bool) -> None:
    settings = new_app(broker.servers, "zombie", tmp_path / "data", PARTITIONS)
    lines, _ = make_input(TOUCHPOINTS, SEED)
    first, then, last = lines[:4_000], lines[4_000:7_000], lines[7_000:]
    with (
        Worker(settings, tmp_path / "zombie.log") as zombie,
        load(settings, first, is_busy),
    ):
        zombie.wait_ready()
        enough = len(first) / 2 + random.random() * 100 if is_busy else len(first)
        wait_until(lambda: zombie.metric("cjstream_touchpoints_total") >= enough, 30, "half is processed")
        if not is_busy:
            wait_done(settings, zombie)
        zombie.process.send_signal(signal.SIGSTOP)
        with Worker(replace(settings, data_dir=tmp_path / "other"), tmp_path / "heir.log") as heir:
            heir.wait_ready(TAKE_OVER_SECONDS)
            send(settings, then, PARTITIONS)
            wait_done(settings, heir)
            before = _read(settings)
            code, seconds = zombie.end(signal.SIGCONT)
            after = _read(settings)
            send(settings, last, PARTITIONS)
            wait_done(settings, heir)
            heir.end()
    late = after.changelog_records() - before.changelog_records()
    assert (code, seconds < EXIT_SECONDS) == (75, True), zombie.said()
    assert late == after.regressed, "it wrote something new"
    assert is_busy or late == 0
    topics = _read(settings)
    assert topics.differences()[0][:5] == []


def _read(settings: Settings) -> Topics:
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    topics.read_on()
    return topics
