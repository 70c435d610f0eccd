"""Lets all logs of a process come out in one form, whoever writes them: ours, Faust's, aiokafka's, asyncio's."""

import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext
from logging.handlers import MemoryHandler

from cjstream.logs.form import formatter
from cjstream.logs.seldom import Seldom
from cjstream.logs.telling import LOGGER

# They tell of every step, and an ordinary rebalance is a warning to aiokafka; what matters we say ourselves. The third
# is Faust's too: it names the loggers of our services after their modules.
LEVELS = {"faust": logging.WARNING, "mode": logging.WARNING, "cjstream.stream": logging.WARNING, "aiokafka": 40}
MOST_HELD = 100

_held = MemoryHandler(MOST_HELD, flushLevel=logging.CRITICAL + 1)


def hold() -> None:
    """Keep back what is logged from now until `setup`: the form is a setting, and reading settings may warn."""
    logging.getLogger().addHandler(_held)


def setup(
    style: str, level: str, worker: int | None = None, count: Callable[[str], object] = lambda level: None
) -> None:
    """Write logs to standard error: `style` is json, console or auto (console on a terminal), `level` the lowest one.

    Each line names the worker, if it has a number. `count` is called with the level of each warning and what is worse.
    Other libraries than us are heard from `info` on, whatever the level: what they say below may be a customer's.
    """
    is_console = style == "console" or (style == "auto" and sys.stderr is not None and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(is_console=is_console, worker=worker))
    handler.addFilter(Seldom(count))
    lowest = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.removeHandler(_held)
    logging.basicConfig(level=max(lowest, logging.INFO), handlers=[handler])
    LOGGER.setLevel(lowest)
    for name, theirs in LEVELS.items():
        logging.getLogger(name).setLevel(max(lowest, theirs))
    logging.captureWarnings(True)
    _held.setTarget(handler)
    _held.close()


def tell_rest(*, is_all: bool = False) -> None:
    """Write the sums of lines left out of whose kind none came for a minute to tell them; `is_all`: all, at the end.

    To be called every second or so, by one thread.
    """
    for handler in logging.getLogger().handlers:
        for seldom in handler.filters:
            if isinstance(seldom, Seldom):
                for record in seldom.rest(is_all=is_all):
                    with handler.lock or nullcontext():
                        handler.emit(record)
