"""A worker that gets no more memory ends, and loses nothing."""

import random
import resource
from pathlib import Path

import psutil
import pytest

from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, new_app, read_all, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import finish

TOUCHPOINTS, PER_SECOND, PARTITIONS = 120_000, 20_000, 4
SPARE_BYTES = 16 << 20  # at most, over what an idle worker has: less than a backlog takes
END_SECONDS = 100.0  # the watchdog sees that nothing moves, where nobody else does

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(200)]


def test_want_of_memory_ends_the_worker_and_loses_nothing(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    dice = random.Random(seed)
    store = dice.choice(("memory", "rocksdb"))
    settings = new_app(servers, "memory", tmp_path / "data", PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    topics = Topics(settings)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        limit = psutil.Process(worker.process.pid).memory_info().data + dice.randrange(SPARE_BYTES)
        resource.prlimit(worker.process.pid, resource.RLIMIT_DATA, (limit, limit))
        with Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
            wait_until(lambda: worker.process.poll() is not None, END_SECONDS, "it ends")
            feed.stop()
    seen = topics.see(committed(settings))
    resumed = finish(settings, tmp_path / "after.log")
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    lost, verdict = seen.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault("no more memory", resumed_seconds=[resumed], **counts)
    assert worker.process.returncode != 0, worker.said()[-2000:]
    assert lost[:5] == []
    verdict.require()
