"""Workers under a load in which all happens that is counted, and a Prometheus that scrapes them."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cjstream import settings as configuration
from cjstream.settings import Settings
from tests.command import COMMAND
from tests.faults.harness import WORKER, Feed, Worker, new_app, wait_done, wait_until
from tests.monitoring import load
from tests.monitoring.prometheus import Prometheus

PARTITIONS, RATE, ODD_RATE = 4, 150, 24
SEEN_SECONDS = 30.0
FIRST_CUSTOMERS = 60  # of those who are there when more workers come, so that these have something to restore
SUPERVISED = (*WORKER, "--processes", "2")


class Scene(NamedTuple):
    """A worker by itself, two under a supervisor, and what scrapes them."""

    prometheus: Prometheus
    single: Worker
    supervised: Worker


@contextmanager
def scene(servers: str, home: Path, program: Path, rules: list[Path]) -> Iterator[Scene]:
    """Start all; inside, touchpoints come without end."""
    own = new_app(servers, "boards", home / "a", PARTITIONS, journeys=load.journeys(home), store="rocksdb")
    beside = replace(own, data_dir=home / "b")
    with ExitStack() as stack:
        single = stack.enter_context(Worker(own, home / "single.log"))
        single.wait_ready()
        _generate(own, "--customers", str(FIRST_CUSTOMERS), "--rate", "5000").wait()
        wait_done(own, single)
        prometheus = Prometheus(program, home / "prometheus", rules, [address(single)], "1s", "1s")
        stack.enter_context(prometheus)
        wait_until(lambda: bool(prometheus.up()), SEEN_SECONDS, "the first worker is scraped")
        supervised = stack.enter_context(Worker(beside, home / "supervised.log", SUPERVISED))
        wait_until(lambda: bool(supervised.address()), SEEN_SECONDS, "the supervisor has its address")
        prometheus.watch([address(single), address(supervised)])  # before its workers restore what there is
        supervised.wait_ready()
        stack.enter_context(generating(own, RATE))
        stack.enter_context(Feed(own, load.odd(), PARTITIONS, ODD_RATE))
        yield Scene(prometheus, single, supervised)


def address(worker: Worker) -> str:
    """Return host:port of a worker's pages."""
    return (worker.address() or "").removeprefix("http://")


@contextmanager
def generating(settings: Settings, per_second: int) -> Iterator[None]:
    """Let `cjstream generate` send made-up customers in the background."""
    process = _generate(settings, "--rate", str(per_second))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _generate(settings: Settings, *options: str) -> subprocess.Popen[bytes]:
    words, quiet = [*COMMAND, "generate", *options], subprocess.DEVNULL
    return subprocess.Popen(words, env=configuration.environment(settings), stdout=quiet, stderr=quiet)
