"""SIGTERM under load: the worker finishes what it has begun, commits it, and ends with 0 within its time."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.copies import disagreements, on_disk, replay
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, new_app, read_all, send
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import END_SECONDS, finish

TOUCHPOINTS, BACKLOG, PER_SECOND, PARTITIONS, STOPS = 80_000, 20_000, 1_000, 4, 3

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(150)]


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_sigterm_under_load_commits_all_that_was_done(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, store: str
) -> None:
    dice = random.Random(seed)
    settings = new_app(servers, "stop", tmp_path / "data", PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    topics, seen, resumed, ends = Topics(settings), [], [], []
    send(settings, lines[:BACKLOG], PARTITIONS)
    with Feed(settings, lines[BACKLOG:], PARTITIONS, PER_SECOND) as feed:
        for _ in range(STOPS):
            with Worker(settings, tmp_path / "worker.log") as worker:
                resumed.append(worker.wait_ready())
                time.sleep(dice.random() * 2)
                ends.append(worker.end())
            seen.append(topics.see(committed(settings)))
            if store == "rocksdb":
                copies, offsets = on_disk(settings)
                assert list(disagreements(copies, replay(settings, offsets)))[:5] == []
        assert not feed.is_over()
        feed.stop()
    resumed.append(finish(settings, tmp_path / "worker.log"))
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    verdict = topics.verdict()
    fault("SIGTERM under load", injected=STOPS, resumed_seconds=resumed, **verdict.counts())
    assert [(code, seconds < END_SECONDS) for code, seconds in ends] == [(0, True)] * STOPS, worker.said()[-3000:]
    assert [each for one in seen for each in one.lost(topics.ledger)][:5] == []
    verdict.require()
    assert verdict.repeats == 0, "something was done and not committed"
