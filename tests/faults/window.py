"""A sound worker that shows what it holds: `python -m tests.faults.window FILE` writes it to FILE at a signal."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cjstream import settings as configuration
from cjstream.settings import Settings
from tests.faults.harness import Worker, wait_until

SHOW = signal.SIGRTMIN + 1  # the SIGUSRs are taken: they stop the worker in a debugger
SHOW_SECONDS = 20.0


class Look(NamedTuple):
    """The rows of each partition that a worker has, and how many tasks its loop has."""

    rows: dict[int, dict[bytes, bytes]]
    tasks: int


class Window(Worker):
    """A worker that can be looked into."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._file = log.with_suffix(".rows")
        super().__init__(settings, log, (sys.executable, "-m", "tests.faults.window", str(self._file)))

    def look(self) -> Look:
        """Return what it holds now. While it works that may be half a group."""
        self._file.unlink(missing_ok=True)
        self.process.send_signal(SHOW)
        wait_until(self._file.exists, SHOW_SECONDS, "the worker shows its rows")
        return msgspec.msgpack.decode(self._file.read_bytes(), type=Look)


def _show(path: Path) -> None:
    from cjstream.stream.app import app  # noqa: PLC0415 - it is made when the worker starts

    held: Any = app.partitions._rows
    look = Look({number: dict(rows.store.items()) for number, rows in held.items()}, len(asyncio.all_tasks(app.loop)))
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.msgpack.encode(look))
    fresh.rename(path)


if __name__ == "__main__":
    from cjstream.stream import run

    signal.signal(SHOW, lambda *_: _show(Path(sys.argv[1])))
    sys.exit(run.main(configuration.load(metrics_port="0")))
