"""A worker that was stopped while another took over its partitions ends, and nothing stale of it survives."""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.faults.copies import disagreements, replay
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Line, Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.window import Window

TOUCHPOINTS, PER_SECOND, PARTITIONS = 8_000, 2_000, 4
TAKE_OVER_SECONDS = 6.0 + 12.0  # the session timeout, and what start and restore take on a busy machine
EXIT_SECONDS = 10.0  # a heartbeat every 1.2 s tells

pytestmark = pytest.mark.timeout(150)


@contextmanager
def load(settings: Settings, lines: list[Line], is_busy: bool) -> Iterator[None]:
    """Send all lines: during the block, or, if it is to find the worker idle, before."""
    if not is_busy:
        send(settings, lines, PARTITIONS)
        yield
        return
    with Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
        yield
        wait_until(feed.is_over, 30, "all is sent")
        feed.stop()


@pytest.mark.parametrize(
    ("store", "is_busy"),
    [
        ("memory", True),
        pytest.param("memory", False, marks=pytest.mark.thorough),
        pytest.param("rocksdb", True, marks=pytest.mark.thorough),
    ],
)
def test_a_worker_that_was_replaced_while_it_stood_still_ends(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, store: str, is_busy: bool
) -> None:
    dice = random.Random(seed)
    settings = new_app(servers, "zombie", tmp_path / "data", PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    first, then, last = lines[:4_000], lines[4_000:7_000], lines[7_000:]
    with Worker(settings, tmp_path / "zombie.log") as zombie, load(settings, first, is_busy):
        zombie.wait_ready()
        enough = len(first) / 2 + dice.random() * 100 if is_busy else len(first)
        wait_until(lambda: zombie.metric("cjstream_touchpoints_total") >= enough, 30, "half is processed")
        if not is_busy:
            wait_done(settings, zombie)
        zombie.process.send_signal(signal.SIGSTOP)
        with Window(replace(settings, data_dir=tmp_path / "other"), tmp_path / "heir.log") as heir:
            resumed = heir.wait_ready(TAKE_OVER_SECONDS)
            send(settings, then, PARTITIONS)
            wait_done(settings, heir)
            before = _read(settings)
            code, seconds = zombie.end(signal.SIGCONT)
            after = _read(settings)
            send(settings, last, PARTITIONS)
            wait_done(settings, heir)
            held = heir.look().rows
            heir.end()
    verdict = _read(settings).verdict()
    fault("SIGSTOP past the session, then SIGCONT", resumed_seconds=[resumed], **verdict.counts())
    assert (code, seconds < EXIT_SECONDS) == (75, True), zombie.said()
    assert is_busy or after.changelog_records() == before.changelog_records()
    verdict.require()
    restored = replay(settings)
    assert list(disagreements(held, restored))[:5] == []
    assert list(disagreements(replay(settings, all_count=True), restored))[:5] == [], "it hides newer values"


def _read(settings: Settings) -> Topics:
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    topics.read_on()
    return topics
