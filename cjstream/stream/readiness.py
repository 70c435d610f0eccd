"""Tells when a worker begins to take input and when it ceases to, with the reason; and what logs left out."""

import asyncio
from collections.abc import Callable
from typing import Any

from mode import Service

from cjstream.logs import tell
from cjstream.logs.setup import tell_rest

LOOK_SECONDS = 1.0


class Readiness(Service):  # type: ignore[misc]
    """One task that asks `ready` for (ok, reason). What follows a colon in a reason may change without a line.

    Once `is_stopping` says so, nothing is told: a stop is.
    """

    def __init__(self, ready: Callable[[], tuple[bool, str]], is_stopping: Callable[[], bool], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ready, self._is_stopping = ready, is_stopping
        self._told: str | None = None

    @Service.task
    async def _look_again_and_again(self) -> None:
        while not self.should_stop:
            self.look()
            tell_rest()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Ask, and tell of a change."""
        is_ready, reason = self._ready()
        kind = reason.partition(":")[0]
        if kind == self._told or self._is_stopping():
            return
        self._told = kind
        if is_ready:
            tell("ready")
        else:
            tell("not_ready", why=reason)
