"""Faults of many kinds in turn, drawn by dice, while input comes in: what the mix and the soak are made of."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Self

from cjstream.settings import Settings
from tests.faults.harness import Worker, committed, wait_until
from tests.faults.leaks import Usage, usage
from tests.faults.oracle import Seen, Topics

MOST = 3  # workers at a time
FROZEN_SECONDS = 8.0  # past the session timeout of 6
CALM_SECONDS = 2.0  # at most, between two faults
RESUME_SECONDS = 60.0
END_SECONDS = 10.0


class Mix:
    """Some workers of one app, on places of their own, and the faults that come over them. A context manager.

    What is wrong at once is an AssertionError: a worker that ends by itself or with another code than is due, or work
    that does not go on. What could be read at each kill is in `seen`.
    """

    def __init__(self, settings: Settings, topics: Topics, path: Path, dice: random.Random) -> None:
        self.injected: Counter[str] = Counter()
        self.resumed_seconds: list[float] = []
        self.seen: list[Seen] = []
        self.usages: list[Usage] = []
        self._settings, self._topics, self._path, self._dice = settings, topics, path, dice
        self._workers: dict[int, Worker] = {}
        self._stack = ExitStack()
        self._faults: dict[str, Callable[[], None]] = {
            "kill -9": self._kill,
            "SIGTERM and a start": self._restart,
            "SIGSTOP for a moment": self._pause,
            "SIGSTOP past the session": self._freeze,
            "one more": self._join,
            "one less": self._leave,
        }

    def __enter__(self) -> Self:
        self._join()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def workers(self) -> list[Worker]:
        """Return those that run."""
        return list(self._workers.values())

    def run(self, seconds: float) -> None:
        """Let faults come for so long, each of them once before any of them twice, as far as time goes."""
        until, ahead = time.monotonic() + seconds, list[str]()
        while time.monotonic() < until:
            if not ahead:
                ahead = list(self._faults)
                self._dice.shuffle(ahead)
            name = ahead.pop()
            self._faults[name]()
            self.injected[name] += 1
            self.resumed_seconds.append(self._goes_on())
            self.usages += [usage(worker) for worker in self.workers()]
            time.sleep(self._dice.random() * CALM_SECONDS)

    def end(self) -> None:
        """End all workers, as their process manager would."""
        for place in list(self._workers):
            self._stop(place)

    def told_seconds(self) -> str:
        """Return how long work stood still after the faults."""
        return f"median {median(self.resumed_seconds):.1f} s, worst {max(self.resumed_seconds):.1f} s"

    def _goes_on(self) -> float:
        for worker in self.workers():
            worker.wait_ready()
        before = sum(committed(self._settings).values())
        return wait_until(lambda: sum(committed(self._settings).values()) > before, RESUME_SECONDS, "work goes on")

    def _start(self, place: int) -> None:
        settings = replace(self._settings, data_dir=self._path / f"place-{place}")
        log = self._path / f"worker-{place}.log"
        self._workers[place] = self._stack.enter_context(Worker(settings, log))

    def _stop(self, place: int) -> None:
        worker = self._workers.pop(place)
        code, seconds = worker.end()
        assert (code, seconds < END_SECONDS) == (0, True), worker.said()[-3000:]

    def _any(self) -> int:
        return self._dice.choice(sorted(self._workers))

    def _kill(self) -> None:
        place = self._any()
        self._workers.pop(place).kill()
        self.seen.append(self._topics.see(committed(self._settings)))
        self._start(place)

    def _restart(self) -> None:
        place = self._any()
        self._stop(place)
        self._start(place)

    def _pause(self) -> None:
        worker = self._workers[self._any()]
        worker.send_signal(signal.SIGSTOP)
        time.sleep(self._dice.random() * 2)
        worker.send_signal(signal.SIGCONT)

    def _freeze(self) -> None:
        """Another worker takes over; the one that was frozen finds that out and ends, and its manager starts it."""
        if len(self._workers) < 2:
            self._join()
        place = self._any()
        worker = self._workers.pop(place)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        self._goes_on()
        code, _ = worker.end(signal.SIGCONT)
        assert code == 75, worker.said()[-3000:]
        self._start(place)

    def _join(self) -> None:
        free = sorted(set(range(MOST)) - self._workers.keys())
        if free:
            self._start(free[0])
            self._workers[free[0]].wait_ready()

    def _leave(self) -> None:
        if len(self._workers) > 1:
            self._stop(self._any())
