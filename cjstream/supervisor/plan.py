"""What to do when a worker ends, and which exit code is left in the end. Pure: exits and times in, decisions out."""

import signal
from collections import Counter

from cjstream.errors import ConfigError, StateMismatch
from cjstream.stream.fatal import RESTART

FIRST_WAIT_SECONDS = 0.5  # so that a worker is back, with its partitions, before the group misses it
LONGEST_WAIT_SECONDS = 30.0
WELL_SECONDS = 60.0  # a worker that could be asked for its health for so long starts with a clean slate
MAX_FAILURES = 10  # in a row: two minutes of a worker that fails at once, some 12 minutes without a broker
HOPELESS = (ConfigError.exit_code, StateMismatch.exit_code)  # a person must act
BY_SIGNAL = 128  # what shells add to the number of the signal that killed a process
CLEAN = (0, BY_SIGNAL + signal.SIGTERM)  # after a stop was asked for; the second: before Python could listen


def exit_status(code: int) -> int:
    """Return an exit code as a shell tells it; `code` is negative for a process killed by a signal."""
    return BY_SIGNAL - code if code < 0 else code


def told(status: int) -> str:
    """Return an exit status in words."""
    names = {BY_SIGNAL + each: each.name for each in signal.Signals}
    return f"was killed by {names[status]}" if status in names else f"ended with exit code {status}"


class Plan:
    """The state of all workers, numbered from 0. Times are seconds of any clock that never goes back."""

    def __init__(self, processes: int) -> None:
        self.exit_code = 0  # of the whole, once all have ended
        self.is_stopping = False
        self._start_at = dict.fromkeys(range(processes), 0.0)  # of the workers that do not run
        self._failures: Counter[int] = Counter()

    def due(self, now: float) -> list[int]:
        """Return the numbers of the workers to start now."""
        return [] if self.is_stopping else [number for number, at in self._start_at.items() if at <= now]

    def started(self, number: int) -> None:
        """Note that a worker runs."""
        del self._start_at[number]

    def seconds_to_start(self, number: int, now: float) -> float | None:
        """Return when a worker that does not run is started, or None for one that runs. Any thread may ask."""
        at = self._start_at.get(number)
        return None if at is None else max(0.0, at - now)

    def ended(self, number: int, status: int, well_seconds: float, now: float) -> None:
        """Decide what follows the end of a worker that nobody asked to end; it was well for `well_seconds`."""
        if well_seconds >= WELL_SECONDS:
            self._failures[number] = 0
        self._failures[number] += 1
        wait = min(FIRST_WAIT_SECONDS * 2 ** (self._failures[number] - 1), LONGEST_WAIT_SECONDS)
        self._start_at[number] = now + wait
        if status in HOPELESS or self._failures[number] >= MAX_FAILURES:
            self.stop(status or RESTART)

    def stop(self, code: int = 0) -> None:
        """Start nothing more; whoever calls ends the workers that run. `code` is the first bad one so far."""
        self.is_stopping = True
        self.exit_code = self.exit_code or code

    def ended_as_asked(self, status: int) -> None:
        """Note the end of a worker after `stop`: the first bad status is the code of the whole."""
        if status not in CLEAN:
            self.exit_code = self.exit_code or status
