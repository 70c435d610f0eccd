"""Runs the worker in this process, until a signal or a fault ends it."""

import signal
from collections.abc import Callable
from typing import Any, NamedTuple

import faust

from cjstream import settings as configuration
from cjstream.logs import tell
from cjstream.logs.setup import setup, tell_rest
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART


class Place(NamedTuple):
    """A worker's place among several: its number, and whom it tells port of metrics and partition count."""

    number: int
    announce: Callable[[int, int], None]


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker that says what ends it, and remembers whether that was Ctrl-C."""

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        self._schedule_shutdown(signal.SIGINT)

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        if not self._signal_stop_time:  # Faust's own: when the first one came
            tell("stop_begun", signal=number.name)
        super()._schedule_shutdown(number)


def main(settings: Settings, place: Place | None = None) -> int:
    """Run a worker and return its exit code; blocks."""
    configuration.export(settings)
    from cjstream.stream.app import app  # noqa: PLC0415 - it is made of the environment, as for `faust -A`

    number = None if place is None else place.number
    setup(settings.log_format, settings.log_level, number, app.metrics.count_log)
    if place is not None:
        app.first_slot, app.announce = place.number, place.announce
    worker = Worker(app, loglevel=None, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it moves the cursor, `quiet` or not, and also in a pipe
    return _run(worker)


def _run(worker: Any) -> int:
    failed = False
    try:
        worker.execute_from_commandline()
    except SystemExit as error:
        failed = bool(error.code)
    code = RESTART if failed else 130 if worker.interrupted else 0
    tell_rest(is_all=True)
    tell("ended", exit_code=code)
    return code
