"""One output takes nothing for a while: input waits in Kafka, not in memory, and no offset goes past."""

import time
from pathlib import Path

import psutil
import pytest

from tests.faults.brokers import Far
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, lag, read_all, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

PARTITIONS, PER_SECOND, MOST_PENDING, CHUNK = 2, 1_500, 1_000, 1_000
STALL_SECONDS, RESUME_SECONDS = 10.0, 15.0
GROWTH_BYTES = 32 << 20

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(180)]


def test_a_stalled_output_holds_up_the_input_and_not_the_worker(
    far: Far, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    near, held = far.app("stalled", tmp_path, PARTITIONS, max_pending_records=str(MOST_PENDING))
    lines, _ = make_input(60_000, seed)
    topics = Topics(near)
    with Worker(held, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        memory = psutil.Process(worker.process.pid)
        with Feed(near, lines, PARTITIONS, PER_SECOND) as feed:
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > PER_SECOND, 30, "it is at work")
            far.proxy.hold(near.transitions.encode())
            wait_until(lambda: lag(near) > 4 * MOST_PENDING, 60, "input waits")
            stood_at, resident_bytes = committed(near), memory.memory_info().rss
            stalled_at = topics.see(stood_at)
            time.sleep(STALL_SECONDS)
            grown_bytes = memory.memory_info().rss - resident_bytes
            pending, was_ready = worker.metric("cjstream_pending_records"), worker.is_ready()
            still_at = committed(near)
            far.proxy.release()
            began = time.monotonic()
            wait_until(lambda: sum(committed(near).values()) > sum(still_at.values()), RESUME_SECONDS, "it goes on")
            resumed = time.monotonic() - began
            feed.stop()
        wait_done(near, worker)
        assert worker.end()[0] == 0
    topics.ledger = Ledger(read_all(near, near.touchpoints), feed.acked)
    verdict = topics.verdict()
    verdict.lost += stalled_at.lost(topics.ledger)
    fault("output topic stalled", injected=1, resumed_seconds=[resumed], **verdict.counts())
    assert still_at == stood_at, "offsets were committed past what is not written"
    assert 0 < pending <= PARTITIONS * (MOST_PENDING + CHUNK)
    assert grown_bytes < GROWTH_BYTES
    assert was_ready
    verdict.require()
