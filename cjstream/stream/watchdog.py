"""Ends a worker that no longer works: a loop that stands still, a step without an end, or work that does not move."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

from mode import Service

from cjstream.stream.fatal import RESTART, give_up

STALL_SECONDS = 60.0  # twice the longest pause that a full garbage collection or a slow disk was seen to make
TICK_SECONDS = 1.0
TODO = "a restart begins anew from the last commit"


class Wait(NamedTuple):
    """Something that has to move: what it is, where it is (another value after a move), and how long it may stand."""

    what: str
    at: object
    patience_seconds: float = STALL_SECONDS


class Watchdog(Service):  # type: ignore[misc]
    """A task that looks at all that `waits`, and a thread that looks at the task and at steps with a limit.

    What stands for too long ends the process (75). `waits` is asked about once a second, on the loop; what it no longer
    names has moved.
    """

    def __init__(
        self, waits: Callable[[], Iterable[Wait]], clock: Callable[[], float] = monotonic, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._waits, self._now = waits, clock
        self._since: dict[str, tuple[object, float]] = {}  # what waits -> where it is, and since when
        self._limits: dict[str, tuple[float, float]] = {}  # step -> its limit, and when it is over
        self._last_tick: float | None = None  # None: no task ticks
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def tick_age_seconds(self) -> float:
        """How long ago the event loop last ran our task; 0 while there is none."""
        return 0.0 if self._last_tick is None else self._now() - self._last_tick

    @property
    def stalled_seconds(self) -> float:
        """How long what waits the longest has not moved; 0: nothing waits."""
        return max((self._now() - since for _, since in list(self._since.values())), default=0.0)

    def begin(self, step: str, seconds: float) -> None:
        """Let a step that begins now take so long; `end` takes the limit away. A step that blocks is seen as well."""
        self._limits[step] = seconds, self._now() + seconds
        self._watch_from_now_on()

    def end(self, step: str) -> None:
        """A step is done."""
        self._limits.pop(step, None)

    @contextmanager
    def limit(self, step: str, seconds: float) -> Iterator[None]:
        """Let the block take so long."""
        self.begin(step, seconds)
        yield
        self.end(step)

    async def on_start(self) -> None:
        """Start watching."""
        self._last_tick = self._now()
        self._watch_from_now_on()

    async def on_stop(self) -> None:
        """Watch the loop no more. Steps with a limit are watched until the process ends."""
        self._last_tick = None
        self._since.clear()
        if not self._limits:
            self._ended.set()

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            self.look()
            await asyncio.sleep(TICK_SECONDS)

    def look(self) -> None:
        """Note what has moved; end the process if something stands for too long."""
        now = self._last_tick = self._now()
        before, self._since = self._since, {}
        for what, at, patience in self._waits():
            known, since = before.get(what, (at, now))
            self._since[what] = at, since if at == known else now
            if now - self._since[what][1] > patience:
                give_up(RESTART, f"{what}, and nothing moved for {patience:g} s; {TODO}")

    def _watch_from_now_on(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            self.look_at_loop()

    def look_at_loop(self) -> None:
        """End the process if the loop stands still, or a step has not ended in time."""
        if self.tick_age_seconds > STALL_SECONDS:
            give_up(RESTART, f"the event loop stood still for {STALL_SECONDS:g} s; is an agent blocking it?")
        for step, (seconds, over) in list(self._limits.items()):
            if self._now() > over:
                give_up(RESTART, f"{step} took longer than {seconds:g} s; {TODO}")
