"""Runs the worker in this process, until a signal or a fault ends it."""

import logging
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

import faust

from cjstream import settings as configuration
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART
from cjstream.stream.quiet import Seldom

LOG_FORMAT = "%(asctime)s %(levelname)s {}%(message)s"
# They tell of every step, and an ordinary rebalance is a warning to aiokafka; what matters cjstream says itself.
LEVELS = {"faust": "WARNING", "mode": "WARNING", "cjstream.stream": "WARNING", "aiokafka": "ERROR"}


class Place(NamedTuple):
    """A worker's place among several: its number, and whom it tells port of metrics and partition count."""

    number: int
    announce: Callable[[int, int], None]


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker that remembers whether Ctrl-C ended it."""

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        self._schedule_shutdown(signal.SIGINT)


def main(settings: Settings, place: Place | None = None) -> int:
    """Run a worker and return its exit code; blocks."""
    configuration.export(settings)
    from cjstream.stream.app import app  # noqa: PLC0415 - it is made of the environment, as for `faust -A`

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT.format(f"worker={place.number} " if place else ""))
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom("aiokafka"))
    if place is not None:
        app.first_slot, app.announce = place.number, place.announce
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    worker = Worker(app, loglevel=None, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it moves the cursor, `quiet` or not, and also in a pipe
    return _run(worker)


def _run(worker: Any) -> int:
    try:
        worker.execute_from_commandline()
    except SystemExit as error:
        if error.code:
            return RESTART
    return 130 if worker.interrupted else 0
