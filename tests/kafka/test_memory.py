"""A backlog of large touchpoints on a slow way out does not pile up in the worker."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.broker import Broker
from tests.faults.harness import Line, Worker, lag, new_app, send

MIB = 1 << 20
TOUCHPOINTS, SIZE_BYTES = 160, 1_000_000  # no JSON, so each becomes a dead letter as large as itself
BOUND_BYTES = 64 * MIB  # far less than the backlog, with room for copies of what is under way
DONE_SECONDS = 60

pytestmark = pytest.mark.timeout(150)


def test_large_touchpoints_do_not_pile_up_in_a_worker(
    broker: Broker, tmp_path: Path, note: Callable[[str], None]
) -> None:
    bounds = {"max_pending_bytes": str(4 * MIB), "max_fetch_bytes": str(4 * MIB)}
    settings = new_app(broker.servers, "memory", tmp_path / "data", 1, **bounds)
    with Worker(settings, tmp_path / "idle.log") as worker:
        worker.wait_ready()
        before = psutil.Process(worker.process.pid).memory_info().rss
        assert worker.end()[0] == 0
    send(settings, [Line(b"anna", b"x" * SIZE_BYTES) for _ in range(TOUCHPOINTS)], 1)
    with Worker(settings, tmp_path / "worker.log") as worker:
        process, peak, deadline = psutil.Process(worker.process.pid), 0, time.monotonic() + DONE_SECONDS
        while worker.metric("cjstream_dead_letters_total") < TOUCHPOINTS:
            assert time.monotonic() < deadline
            peak = max(peak, process.memory_info().rss)
        assert worker.end()[0] == 0
    assert lag(settings) == 0
    note(f"{TOUCHPOINTS} touchpoints of 1 MB made the worker grow by {(peak - before) / MIB:.0f} MiB at the most")
    assert peak - before < BOUND_BYTES
