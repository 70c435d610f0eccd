"""One worker process, seen from its supervisor."""

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from cjstream.supervisor.link import Announcement
from cjstream.supervisor.plan import exit_status

# -P: what lies in the working folder is not imported, as for the `cjstream` script.
COMMAND = (sys.executable, "-P", "-m", "cjstream.cli", "worker", "--number")
LONGEST_LINE_BYTES = 64


class Child:
    """A worker that runs under a number. It ends when this process ends: its standard input ends then."""

    def __init__(self, number: int, environment: Mapping[str, str]) -> None:
        """Start it. Raises OSError if the system has no room for a process."""
        self.number = number
        self.announced: Announcement | None = None
        self._announced_at = self._heard_at = 0.0
        self._started_at = monotonic()
        self._line, its_end = socket.socketpair()
        self._line.setblocking(False)
        try:
            with its_end:
                self._process = subprocess.Popen(
                    [*COMMAND, str(number)],
                    env=environment,
                    stdin=its_end.fileno(),
                    process_group=0,  # Ctrl-C reaches the supervisor alone, which stops each worker once
                )
        except OSError:
            self._line.close()
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def well_seconds(self) -> float:
        """How long it was alive and could say so."""
        return max(self._announced_at, self._heard_at) - self._announced_at

    @property
    def silent_seconds(self) -> float:
        """How long ago it last said that it is alive; before its announcement, how long ago it was started."""
        return monotonic() - max(self._started_at, self._announced_at, self._heard_at)

    def heard(self) -> None:
        """Note that it said that it is alive."""
        self._heard_at = monotonic()

    def hear(self) -> Announcement | None:
        """Return the announcement if it has come since the last call. Does not block."""
        if self.announced is not None:
            return None
        with suppress(BlockingIOError, ConnectionResetError):
            line = self._line.recv(LONGEST_LINE_BYTES)  # whole: it was written in one piece
            if line:
                self.announced, self._announced_at = Announcement.read(line), monotonic()
        return self.announced

    def status(self) -> int | None:
        """Return the exit status, None while it runs. Does not block."""
        code = self._process.poll()
        if code is None:
            return None
        self._line.close()
        return exit_status(code)

    def ask_to_end(self) -> None:
        """Ask it to finish what is on its way, commit, and end."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._line.close()
