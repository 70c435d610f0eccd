"""An app whose topics are made anew between the runs of a worker: what it does, and that it refuses."""

import json
import time
from pathlib import Path

from cjstream.settings import Settings
from tests.command import run
from tests.faults.harness import Line, Worker, committed, read_all, wait_done
from tests.faults.stalls import touchpoint

CUSTOMERS = [f"customer-{number}" for number in range(40)]
NOW_MS = int(time.time() * 1000) - 100_000
END_SECONDS = 60


def lines(at_ms: int, kind: str = "page_view", times: int = 1) -> list[Line]:
    """Return touchpoints of all customers, one after the other, so many times."""
    return [touchpoint(name, at_ms + again, kind) for again in range(times) for name in CUSTOMERS]


def work(settings: Settings, log: Path, due: int | None = None) -> None:
    """Let a worker do all there is; `due`: how many touchpoints it is to count."""
    with Worker(settings, log) as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        if due is not None:
            assert worker.metric("cjstream_touchpoints_total") == due
        assert worker.end()[0] == 0


def refused(settings: Settings, log: Path) -> str:
    """Start a worker that must end with 4 and commit nothing; return its last words, which must be one line."""
    before = committed(settings)
    with Worker(settings, log) as worker:
        assert worker.process.wait(END_SECONDS) == 4, worker.said()
        assert committed(settings) == before
        [line] = worker.faults()
        assert "`cjstream topics accept`" in line
        return line


def accept(settings: Settings) -> list[dict[str, object]]:
    """Accept; return what is said of each partition."""
    done = run("topics", "accept", "--yes", "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["accepted"]
    partitions: list[dict[str, object]] = told["partitions"]
    return partitions


def sequences(settings: Settings) -> dict[str, list[int]]:
    """Return the sequences sent of each customer, in order."""
    found: dict[str, list[int]] = {}
    for record in read_all(settings, settings.transitions):
        told = json.loads(record.value or b"{}")
        found.setdefault(told["customer_id"], []).append(told["sequence"])
    return found


def broken(settings: Settings) -> int:
    """Return how many customers have a gap or a repeat in their sequences."""
    return sum(found != list(range(1, len(found) + 1)) for found in sequences(settings).values())
