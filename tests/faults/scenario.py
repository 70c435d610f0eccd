"""Kill -9 while touchpoints are being processed, restart, again; with what was lost at each kill and at the end."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cjstream.settings import Settings
from tests.faults.harness import WORKER, Worker, committed, wait_done, wait_until
from tests.faults.oracle import Topics

PAUSE_SECONDS = 1.0  # at most, from the progress aimed at to the kill: commits come once a second
PROGRESS_SECONDS = 60


@dataclass
class Kills:
    """What was seen. `resumed_seconds`: from a restart until the worker took input."""

    committed: list[int] = field(default_factory=list)
    lost: list[list[str]] = field(default_factory=list)
    resumed_seconds: list[float] = field(default_factory=list)


def kill_and_restart(
    settings: Settings, topics: Topics, log: Path, shares: Sequence[int], dice: random.Random
) -> Kills:
    """Kill a worker a moment after it has processed as many records as `shares` says, restart it; let the last finish.

    Each kill is followed by the oracle, before the restart.
    """
    kills = Kills()
    for share in shares:
        with Worker(settings, log) as worker:
            kills.resumed_seconds.append(worker.wait_ready())
            _wait_processed(worker, share)
            time.sleep(dice.random() * PAUSE_SECONDS)
            worker.kill()
        judge(settings, topics, kills)
    with Worker(settings, log) as worker:
        kills.resumed_seconds.append(worker.wait_ready())
        wait_done(settings, worker)
        code, _ = worker.end()
        assert code == 0
    return kills


def kill_mutant(settings: Settings, topics: Topics, log: Path, command: Sequence[str] = WORKER) -> Kills:
    """Run a worker until it has committed something, kill it, and judge."""
    kills = Kills()
    with Worker(settings, log, command) as worker:
        kills.resumed_seconds.append(worker.wait_ready())
        wait_until(lambda: sum(committed(settings).values()) > 0, PROGRESS_SECONDS, "something is committed")
        worker.kill()
    judge(settings, topics, kills)
    return kills


def judge(settings: Settings, topics: Topics, kills: Kills) -> None:
    """Note what is committed after a kill, and which effects of it cannot be read."""
    offsets = committed(settings)
    topics.read_on()
    kills.committed.append(sum(offsets.values()))
    kills.lost.append(topics.lost(offsets))


def _wait_processed(worker: Worker, records: int) -> None:
    def is_enough() -> bool:
        return worker.metric("cjstream_touchpoints_total") >= records

    wait_until(is_enough, PROGRESS_SECONDS, f"{records} records are processed")
