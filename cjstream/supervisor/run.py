"""Starts the workers, watches them, and ends them: the part with processes, signals and a clock."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from types import FrameType

from cjstream import settings as configuration
from cjstream.logs import tell
from cjstream.logs.setup import setup, tell_rest
from cjstream.metrics import SUPERVISOR_METRICS, Metrics
from cjstream.ops import OpsServer, read_token
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART
from cjstream.supervisor.child import Child
from cjstream.supervisor.pages import LOOPBACK, Pages, Standing, living
from cjstream.supervisor.plan import BY_SIGNAL, Plan, told

POLL_SECONDS = 0.1  # how late an end, an announcement or a signal is noticed
STOP_MARGIN_SECONDS = 12.0  # beyond the drain: a worker gives itself 10 for a last commit, leaving and closing
ROUND_SECONDS = 5.0  # how often the workers are asked whether they are alive
HUNG_SECONDS = 75.0  # a worker whose loop stands still ends by itself after 60 s; one that is stopped cannot
START_SECONDS = 300.0  # until a worker can be asked: each step of its start has a limit of its own
KILLED = BY_SIGNAL + signal.SIGKILL
INTERRUPTED = 130  # exit code after Ctrl-C


def main(settings: Settings, processes: int) -> int:
    """Run so many workers until a signal or a hopeless fault, and return the exit code; blocks.

    Call it from the main thread: it handles SIGTERM and SIGINT. Raises ConfigError if it cannot listen.
    """
    supervisor = Supervisor(settings, processes)
    setup(settings.log_format, settings.log_level, count=supervisor.metrics.count_log)
    return supervisor.run()


class Supervisor:
    """Workers numbered from 0, each with the settings but on a loopback port of its own."""

    def __init__(self, settings: Settings, processes: int) -> None:
        self.settings, self.processes = settings, processes
        self.plan = Plan(processes)
        self.metrics = Metrics(SUPERVISOR_METRICS)
        self.token = read_token(settings)
        self.pages = Pages(self.metrics, self.standings, self.token)
        self._children: dict[int, Child] = {}
        self._last_status: dict[int, int] = {}
        self._signal: int | None = None
        self._next_round = 0.0
        its_own = replace(settings, metrics_host=LOOPBACK, metrics_port=0)
        self._environment = configuration.environment(its_own)

    def run(self) -> int:
        """Do all of it and return the exit code. No worker is left when it returns or raises."""
        host, port = self.settings.metrics_host, self.settings.metrics_port
        ops = OpsServer(self.pages, self.pages.ready, self.pages.alive, host, port)
        with self._signals():
            port = ops.start(self.token)
            tell("supervisor_started", host=host, port=port, workers=self.processes)
            try:
                self._keep_running()
                self._end_all()
            finally:
                for child in self._children.values():
                    child.kill()
                ops.stop()
        code = self.plan.exit_code or (INTERRUPTED if self._signal == signal.SIGINT else 0)
        tell_rest(is_all=True)
        tell("supervisor_stopped", exit_code=code)
        return code

    def standings(self) -> list[Standing]:
        """Return where each worker stands, by number. Any thread may call it."""
        return [self._standing(number) for number in range(self.processes)]

    def _standing(self, number: int) -> Standing:
        child = self._children.get(number)
        if child is not None and child.announced:
            return Standing(child.announced.port)
        if self.plan.is_stopping:
            return Standing(None, "stopping")
        wait = self.plan.seconds_to_start(number, monotonic())
        if wait and number in self._last_status:
            return Standing(None, f"{told(self._last_status[number])}, starts again in {wait:.1f} s")
        return Standing(None, "starting")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def note(number: int, _: FrameType | None) -> None:
            self._signal = self._signal or number

        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep_running(self) -> None:
        for number in range(self.processes):
            self.metrics.inc("cjstream_worker_restarts_total", (str(number),), 0)
        while not self.plan.is_stopping:
            if self._signal is not None:
                tell("supervisor_stopping", signal=signal.Signals(self._signal).name)
                self.plan.stop()
                return
            for number in self.plan.due(monotonic()):
                self._start(number)
            self._ask_whether_alive()
            for child in list(self._children.values()):
                self._look_after(child)
            tell_rest()
            time.sleep(POLL_SECONDS)

    def _start(self, number: int) -> None:
        if number in self._last_status:
            self.metrics.inc("cjstream_worker_restarts_total", (str(number),))
        self.plan.started(number)
        try:
            self._children[number] = child = Child(number, self._environment)
        except OSError as error:
            tell("worker_not_started", worker=number, why=error)
            self._ended(number, RESTART, 0.0)
        else:
            tell("worker_started", worker=number, pid=child.pid)

    def _look_after(self, child: Child) -> None:
        announced = child.hear()
        if announced is not None:
            self._warn_of_spare(announced.partitions)
        status = child.status()
        if status is None and child.silent_seconds > (HUNG_SECONDS if child.announced else START_SECONDS):
            tell("worker_silent", worker=child.number, seconds=round(child.silent_seconds, 3))
            child.kill()
            status = KILLED
        if status is not None:
            del self._children[child.number]
            self._ended(child.number, status, child.well_seconds)

    def _ask_whether_alive(self) -> None:
        now = monotonic()
        if now < self._next_round:
            return
        self._next_round = now + ROUND_SECONDS
        for number in living(self.standings()):
            self._children[number].heard()

    def _warn_of_spare(self, partitions: int) -> None:
        if self.pages.partitions is None and partitions < self.processes:
            tell("workers_spare", workers=self.processes, partitions=partitions)
        self.pages.partitions = partitions

    def _ended(self, number: int, status: int, well_seconds: float) -> None:
        now = monotonic()
        self._last_status[number] = status
        self.plan.ended(number, status, well_seconds, now)
        if self.plan.is_stopping:
            tell("worker_ended", worker=number, why=told(status), exit_code=status)
        else:
            wait = self.plan.seconds_to_start(number, now)
            tell("worker_restarts", worker=number, why=told(status), wait_seconds=wait, exit_code=status)

    def _end_all(self) -> None:
        """Ask all to end, wait a bounded time, kill the rest."""
        for child in self._children.values():
            child.ask_to_end()
        deadline = monotonic() + self.settings.drain_timeout_seconds + STOP_MARGIN_SECONDS
        while self._children and monotonic() < deadline:
            self._collect()
            time.sleep(POLL_SECONDS)
        for child in self._children.values():
            tell("worker_killed", worker=child.number)
            child.kill()
        self._collect()

    def _collect(self) -> None:
        for child in list(self._children.values()):
            status = child.status()
            if status is not None:
                del self._children[child.number]
                self.plan.ended_as_asked(status)
