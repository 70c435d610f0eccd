"""Keeps lines from coming again and again: while Kafka is away aiokafka alone logs some 50 a second."""

import logging
import threading
from collections.abc import Callable, Hashable
from time import monotonic

from cjstream.logs.events import EVENTS
from cjstream.logs.telling import ATTRIBUTE, LOGGER, Told

EVERY_SECONDS = 60.0
MOST_KINDS = 1000  # that are remembered; beyond, the one told longest ago may be told again


class _Since:
    """What was left out since a line of some kind was let through at `at`, and the last record of it."""

    def __init__(self, at: float) -> None:
        self.at, self.lines, self.amount = at, 0, 0
        self.last: logging.LogRecord | None = None


class Seldom(logging.Filter):
    """Lets a line of each kind through once a minute, with what was left out before it. Any thread may call it.

    A kind is what a row of EVENTS says; of libraries it is one message, whatever values are in it. `count` is told the
    level of each warning and what is worse, let through or not.
    """

    def __init__(self, count: Callable[[str], object] = lambda level: None, clock: Callable[[], float] = monotonic):
        super().__init__()
        self._count, self._now = count, clock
        self._kinds: dict[Hashable, _Since] = {}  # the one let through last at the end
        self._lock = threading.RLock()  # garbage may be collected amid it, and what it finalizes may log

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to let a record through; the first after others were left out tells how many."""
        if record.levelno >= logging.WARNING:
            self._count(record.levelname.lower())
        told: Told | None = getattr(record, ATTRIBUTE, None)
        kind = _kind(record, told)
        if kind is None:
            return True
        with self._lock:
            since = self._left_out(kind, record, _amount(told))
        if since is not None and since.lines:
            _add(record, told, since)
        return since is not None

    def rest(self, *, is_all: bool = False) -> list[logging.LogRecord]:
        """Return, of each kind of which nothing more came for a minute, the last record left out, with those before it.

        `is_all`: of every kind. Nothing of them is left out any more then.
        """
        found = list[logging.LogRecord]()
        with self._lock:
            now = self._now()
            for kind, since in self._kinds.copy().items():
                if since.last is not None and (is_all or now - since.at >= EVERY_SECONDS):
                    self._kinds[kind] = _Since(now)
                    found.append(_summed(since.last, since))
        return found

    def _left_out(self, kind: Hashable, record: logging.LogRecord, amount: int) -> _Since | None:
        """Return what was left out since the last line of a kind, if it is time for one; else note another."""
        since, now = self._kinds.get(kind), self._now()
        if since is not None and now - since.at < EVERY_SECONDS:
            since.lines += 1
            since.amount += amount
            since.last, record.exc_info = record, None  # it would keep alive what its frames hold
            return None
        self._kinds.pop(kind, None)
        self._kinds[kind] = _Since(now)
        if len(self._kinds) > MOST_KINDS:
            self._kinds.pop(next(iter(self._kinds)), None)
        return since or _Since(now)


def _kind(record: logging.LogRecord, told: Told | None) -> Hashable | None:
    """Return what is told once a minute, None for a line that always is."""
    if told is None:
        return None if record.name == LOGGER.name else (record.name, str(record.msg))
    kind = EVENTS[told.name].kind
    return None if kind is None else (told.name, *(str(told.fields[field]) for field in kind))


def _amount(told: Told | None) -> int:
    return told.amount if told else 0


def _summed(last: logging.LogRecord, since: _Since) -> logging.LogRecord:
    told: Told | None = getattr(last, ATTRIBUTE, None)
    since.lines -= 1
    since.amount -= _amount(told)
    if since.lines:
        _add(last, told, since)
    return last


def _add(record: logging.LogRecord, told: Told | None, since: _Since) -> None:
    record.suppressed = since.lines
    if told is not None:
        told = told.plus(since.amount)
        setattr(record, ATTRIBUTE, told)
        record.msg, record.args = told.sentence, ()
