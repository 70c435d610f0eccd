"""The two forms of a line. The only importer of structlog."""

import logging
from collections.abc import Iterator
from copy import copy
from typing import Any

from structlog.processors import JSONRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from cjstream import discretion
from cjstream.core.times import format_time
from cjstream.logs.telling import ATTRIBUTE

MOST_TRACE = 3000  # characters, the newest: a pipe takes up to 4096 bytes in one piece, whoever else writes there


def formatter(*, is_console: bool, worker: int | None) -> logging.Formatter:
    """Return what makes a line of a record, for people or as one JSON object."""

    def line(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return dict(_line(event, worker))

    return _Formatter(processors=[line, console if is_console else JSONRenderer()])


class _Formatter(ProcessorFormatter):
    """Has a line of each record, also of one whose values do not fit its sentence."""

    def format(self, record: logging.LogRecord) -> str:
        plain = copy(record)  # others may still want its values
        plain.msg, plain.args = discretion.message(record), ()
        return super().format(plain)


def _line(event: EventDict, worker: int | None) -> Iterator[tuple[str, Any]]:
    """Yield keys and values in the order in which they are written."""
    record: logging.LogRecord = event["_record"]
    told = getattr(record, ATTRIBUTE, None)
    yield "timestamp", format_time(int(record.created * 1000))
    yield "level", record.levelname.lower()
    yield "event", event["event"]
    yield "logger", record.name
    if worker is not None:
        yield "worker", worker
    if told is not None:
        yield "name", told.name
        yield from told.fields.items()
    if hasattr(record, "suppressed"):
        yield "suppressed", record.suppressed
    error = (event.get("exc_info") or (None, None))[1]
    if error is not None:  # told without its own text, which structlog's processors would show
        trace = discretion.trace(error)
        yield "exception", trace if len(trace) <= MOST_TRACE else f"...{trace[-MOST_TRACE:]}"


def console(_logger: Any, _method: str, line: EventDict) -> str:
    """Return a line for people: the sentence has the fields that matter to them, so the others are left out."""
    what = line.get("name", line["logger"])
    worker = "" if line["event"].startswith("worker=") or "worker" not in line else f"worker={line['worker']} "
    more = f" (and {line['suppressed']} lines like it before)" if "suppressed" in line else ""
    trace = f"\n{line['exception']}" if "exception" in line else ""
    return f"{line['timestamp']} {line['level'].upper():8} [{what}] {worker}{line['event']}{more}{trace}"
