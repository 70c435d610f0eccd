"""Kill -9 at each step of the protocol, and amid a restore or a rebalance: nothing is lost at any of them."""

import random
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, new_app, read_all, send, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import finish

TOUCHPOINTS, BACKLOG, PER_SECOND, PARTITIONS = 60_000, 16_000, 800, 4
DEATH_SECONDS = 40.0

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(150)]


class Point(NamedTuple):
    """Where to die, at the latest the so-manyth time, and who else is there."""

    name: str
    most: int
    least: int = 1
    other: Literal["nobody", "is there before", "comes later"] = "nobody"
    is_restored: bool = False  # begins elsewhere, with a changelog to read
    is_of_stores: bool = False  # each of them is tried


POINTS = (
    Point("output_acked", 20),
    Point("changelog_acked", 20, is_of_stores=True),
    Point("stored", 20, is_of_stores=True),
    Point("offsets_committed", 4),
    Point("restoring", 4, is_restored=True, is_of_stores=True),
    Point("rebalancing", 1, other="is there before", is_of_stores=True),
    Point("rebalance_begun", 2, least=2, other="comes later"),  # the first is its own coming
    Point("leaving", 1, other="comes later"),
)


STORES = ("memory", "rocksdb")
CASES = [(point, store) for point in POINTS for store in (STORES if point.is_of_stores else ("any",))]


@pytest.mark.parametrize(("point", "store"), CASES, ids=[f"{point.name}-{store}" for point, store in CASES])
def test_a_death_at_a_point_loses_nothing(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, point: Point, store: str
) -> None:
    dice = random.Random(seed)
    count, drawn = dice.randint(point.least, point.most), dice.choice(STORES)
    store = drawn if store == "any" else store
    settings = new_app(servers, "point", tmp_path / "data", PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    topics = Topics(settings)
    send(settings, lines[:BACKLOG], PARTITIONS)
    if point.is_restored:
        finish(settings, tmp_path / "before.log")
        settings = replace(settings, data_dir=tmp_path / "elsewhere")
    with Feed(settings, lines[BACKLOG:], PARTITIONS, PER_SECOND) as feed:
        _die(settings, tmp_path, point, count)
        seen = topics.see(committed(settings))
        assert not feed.is_over(), "the input ended before the death"
        feed.stop()
    resumed = finish(settings, tmp_path / "after.log")
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    lost, verdict = seen.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault(f"kill -9 at {point.name.replace('_', ' ')}", resumed_seconds=[resumed], **counts)
    assert lost[:5] == [], "not readable right after the death"
    verdict.require()


def _die(settings: Settings, path: Path, point: Point, count: int) -> None:
    """Run a worker until it dies at the point; whoever else is there ends with it."""
    command = (sys.executable, "-m", "tests.faults.points", point.name, str(count))
    elsewhere = replace(settings, data_dir=path / "other")
    with ExitStack() as stack:
        if point.other == "is there before":
            stack.enter_context(Worker(elsewhere, path / "other.log")).wait_ready()
        dies = stack.enter_context(Worker(settings, path / "dies.log", command))
        if point.other == "comes later":
            dies.wait_ready()
            stack.enter_context(Worker(elsewhere, path / "other.log"))
        wait_until(lambda: dies.process.poll() is not None, DEATH_SECONDS, f"it reaches {point.name}")
        assert dies.process.returncode == -signal.SIGKILL, dies.said()[-3000:]
