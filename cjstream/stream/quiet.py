"""Keeps libraries from saying the same again and again: while Kafka is away aiokafka logs some 50 lines a second."""

import logging
from collections.abc import Callable
from time import monotonic

EVERY_SECONDS = 60.0


class Seldom(logging.Filter):
    """Lets each message of a logger and those below it through once a minute, whatever values are in it."""

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(name)
        self._now = clock
        self._let_through: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to let a record through."""
        if not super().filter(record):
            return True  # of another logger
        now, message = self._now(), (record.name, record.msg)
        if now - self._let_through.get(message, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        self._let_through[message] = now
        return True
