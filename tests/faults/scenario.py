"""Kill -9 while touchpoints are being processed, restart, again; with what was readable at each kill."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cjstream.settings import Settings
from tests.faults.harness import WORKER, Worker, committed, wait_done, wait_until
from tests.faults.ledger import Ledger
from tests.faults.oracle import Seen, Topics

PAUSE_SECONDS = 1.0  # at most, from the progress aimed at to the kill: commits come once a second
PROGRESS_SECONDS = 60
END_SECONDS = 10.0


@dataclass
class Kills:
    """What was seen. `resumed_seconds`: from a start after a kill until the worker took input."""

    seen: list[Seen] = field(default_factory=list)
    resumed_seconds: list[float] = field(default_factory=list)

    def committed(self) -> list[int]:
        """Return how much was committed at each kill."""
        return [sum(seen.committed.values()) for seen in self.seen]

    def lost(self, ledger: Ledger) -> list[str]:
        """O5: return what could not be read at the kills, though it was committed."""
        return [sentence for seen in self.seen for sentence in seen.lost(ledger)]


def kill_and_restart(
    settings: Settings, topics: Topics, log: Path, shares: Sequence[int], dice: random.Random
) -> Kills:
    """Kill a worker a moment after it has processed as many records as `shares` says, start it again, for each share.

    What is readable is noted at each kill, before the next start. The last worker is left to `finish`.
    """
    kills = Kills()
    for share in shares:
        with Worker(settings, log) as worker:
            seconds = worker.wait_ready()
            if kills.seen:
                kills.resumed_seconds.append(seconds)
            _wait_processed(worker, share)
            time.sleep(dice.random() * PAUSE_SECONDS)
            worker.kill()
        kills.seen.append(topics.see(committed(settings)))
    return kills


def kill_mutant(settings: Settings, topics: Topics, log: Path, command: Sequence[str] = WORKER) -> Kills:
    """Run a worker until it has committed something, and kill it."""
    with Worker(settings, log, command) as worker:
        worker.wait_ready()
        wait_until(lambda: sum(committed(settings).values()) > 0, PROGRESS_SECONDS, "something is committed")
        worker.kill()
    return Kills([topics.see(committed(settings))])


def finish(settings: Settings, log: Path, then: Callable[[Worker], object] = lambda worker: None) -> float:
    """O7: let a new worker do the rest, and end it; return the seconds until it took input.

    `then` is called with the worker when all input is committed.
    """
    with Worker(settings, log) as worker:
        seconds = recovers(settings, worker)
        wait_done(settings, worker)
        then(worker)
        code, ended = worker.end()
    assert (code, ended < END_SECONDS) == (0, True), f"ended with {code} after {ended:.1f} s:\n{worker.said()[-3000:]}"
    return seconds


def recovers(settings: Settings, *workers: Worker) -> float:
    """O7: return the seconds until all these workers take input. An AssertionError if that takes too long."""
    return sum(worker.wait_ready() for worker in workers)


def _wait_processed(worker: Worker, records: int) -> None:
    def is_enough() -> bool:
        return worker.metric("cjstream_touchpoints_total") >= records

    wait_until(is_enough, PROGRESS_SECONDS, f"{records} records are processed")
