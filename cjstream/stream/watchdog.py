"""Ends a worker that no longer works: a loop that stands still, or partitions with input that do not move."""

import asyncio
import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from mode import Service

from cjstream.stream.fatal import RESTART, give_up

STALL_SECONDS = 60.0  # twice the longest pause that a full garbage collection or a slow disk was seen to make
TICK_SECONDS = 1.0


class Watchdog(Service):  # type: ignore[misc]
    """A task that ticks and a thread that watches it.

    `progress` returns the seconds that may pass without a move, and a number that moves while the worker works.
    """

    def __init__(self, progress: Callable[[], tuple[float, int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._progress = progress
        self._last_tick = self._last_move = monotonic()
        self._last_seen = -1
        self._patience = inf
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @property
    def tick_age_seconds(self) -> float:
        """How long ago the event loop last ran our task."""
        return monotonic() - self._last_tick

    async def on_start(self) -> None:
        """Start watching."""
        self._thread.start()

    async def on_stop(self) -> None:
        """Stop watching."""
        self._ended.set()

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            self._last_tick = monotonic()
            self._patience, seen = self._progress()
            if self._patience == inf or seen != self._last_seen:
                self._last_move, self._last_seen = monotonic(), seen
            await asyncio.sleep(TICK_SECONDS)

    def _watch(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            if self.tick_age_seconds > STALL_SECONDS:
                give_up(RESTART, f"the event loop stood still for {STALL_SECONDS:g} s")
            if monotonic() - self._last_move > self._patience:
                give_up(RESTART, f"work is waiting and nothing moved for {self._patience:g} s")
