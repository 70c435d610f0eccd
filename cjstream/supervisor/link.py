"""A worker's end of the line to its supervisor: standard input, which is then a socket.

The worker says one line, when it can be asked for metrics and health. When the line ends, the supervisor is gone.
"""

import os
import threading
from contextlib import suppress
from typing import NamedTuple

from cjstream.stream.fatal import RESTART

LINE = 0  # the file descriptor


class Announcement(NamedTuple):
    """What a supervisor must know of a worker: the port of its metrics, and the partition count of the input."""

    port: int
    partitions: int

    @classmethod
    def read(cls, line: bytes) -> "Announcement":
        """Return what `announce` wrote."""
        return cls(*map(int, line.split()))


def announce(port: int, partitions: int) -> None:
    """Tell the supervisor. If it is gone nobody is told: this process is about to end."""
    with suppress(OSError):
        os.write(LINE, f"{port} {partitions}\n".encode())


def end_with_supervisor() -> None:
    """From now on, end this process at once when the supervisor ends, however it ends.

    At once, because a new supervisor may be starting workers in the same slots. What was not acked is not committed.
    """
    threading.Thread(target=_watch, name="supervisor", daemon=True).start()


def _watch() -> None:
    with suppress(OSError):
        while os.read(LINE, 1):
            pass
    os._exit(RESTART)
