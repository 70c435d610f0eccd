"""What logs may tell of an error: its kind and where it came from, but not its text, which may hold a customer's data.

`KeyError: 'ani'` names a customer. Our own errors, those of the system, of imports and of Kafka's client say what they
say: they are made of names, numbers and settings.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from cjstream.errors import CjstreamError

KAFKA = "aiokafka"
_plain_record = logging.LogRecord


class Told(OSError):
    """Base of errors of ours that are the system's in kind; their text is ours, and may be told."""


def kind(error: BaseException) -> str:
    """Return the name of an error's class."""
    return type(error).__qualname__


def said(error: BaseException) -> str:
    """Return what an error says if that may be told, else its kind."""
    if isinstance(error, CjstreamError | Told):
        return str(error)
    if isinstance(error, ImportError | NameError) or type(error).__module__.partition(".")[0] == KAFKA:
        return f"{kind(error)}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind(error)}: {error.strerror}"
    return kind(error)


def trace(error: BaseException) -> str:
    """Return where an error and those behind it came from, the oldest first, with the lines of code and no values."""
    frames = (f"{''.join(traceback.format_tb(each.__traceback__))}{said(each)}" for each in reversed(_chain(error)))
    return "\n".join(("Traceback, without what may be a customer's:", *frames))


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    behind: BaseException | None = error
    while behind is not None and behind not in found:
        found.append(behind)
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return found


def _write(error: BaseException) -> None:
    sys.stderr.write(f"{trace(error)}\n")


def install(uncaught: Callable[[BaseException], object] = _write) -> None:
    """Let all logs of this process be discreet, whoever writes them: Faust and asyncio tell what an agent raised.

    And what is told of an exception that nobody took, in any thread: `uncaught` is called with it.
    """
    logging.setLogRecordFactory(discreet_record)
    sys.excepthook = lambda _kind, error, _trace: uncaught(error)
    threading.excepthook = lambda args: None if args.exc_value is None else uncaught(args.exc_value)


def discreet_record(*args: Any, **more: Any) -> logging.LogRecord:
    """Return a record as logging makes it, in which errors are told as `said` and `trace` do."""
    record = _plain_record(*args, **more)
    if errors := _errors(record):
        text = message(record)
        for error in errors:
            for shown in filter(None, (repr(error), str(error))):
                text = text.replace(shown, said(error))
        record.msg, record.args = text, ()
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = trace(record.exc_info[1])
    return record


def _errors(record: logging.LogRecord) -> list[BaseException]:
    """Return the errors that a record tells of, longer texts first: one may quote the other."""
    told = list(record.args.values()) if isinstance(record.args, dict) else list(record.args or ())
    if record.exc_info and record.exc_info[1] is not None:
        told += _chain(record.exc_info[1])
    errors = [each for each in told if isinstance(each, BaseException)]
    return sorted(errors, key=lambda each: -len(str(each)))


def message(record: logging.LogRecord) -> str:
    """Return a record's sentence, without its values if they do not fit: logging itself would show them."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)
