"""Runs the worker in this process, until a signal or a fault ends it."""

import logging
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import faust

from cjstream import settings as configuration
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
# They tell of every step, and an ordinary rebalance is a warning to aiokafka; what matters cjstream says itself.
LEVELS = {"faust": "WARNING", "mode": "WARNING", "cjstream.stream": "WARNING", "aiokafka": "ERROR"}


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker that remembers whether Ctrl-C ended it."""

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        self._schedule_shutdown(signal.SIGINT)


def main(settings: Settings, journeys: Sequence[str] = (), metrics_port: int | None = None) -> int:
    """Run a worker and return its exit code; blocks.

    `journeys` are definition files, none: those of the settings. `metrics_port` 0 is any free one.
    """
    chosen = replace(
        settings,
        journeys=":".join(journeys) or settings.journeys,
        metrics_port=settings.metrics_port if metrics_port is None else metrics_port,
    )
    configuration.export(chosen)
    from cjstream.stream.app import app  # noqa: PLC0415 - it is made of the environment, as for `faust -A`

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
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
