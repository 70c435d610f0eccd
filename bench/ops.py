"""A running worker's own pages: where they are, whether it is ready, what it counts."""

import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS = re.compile(r"health at (http://\S+)/metrics")
POLL_SECONDS = 0.02
ANSWER_SECONDS = 5.0
NOBODY = (0, "")


class Ops:
    """The pages of the worker `process`, whose log is `log`; an earlier worker's lines before `skip` do not count."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, skip: int = 0) -> None:
        self.process, self._log, self._skip = process, log, skip

    def get(self, page: str) -> tuple[int, str]:
        """Return status and text of a page; NOBODY if nobody answers."""
        found = ADDRESS.search(self._log.read_bytes()[self._skip :].decode(errors="replace"))
        if found is None:
            return NOBODY
        try:
            with urllib.request.urlopen(f"{found[1]}/{page}", timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""
        except OSError:
            return NOBODY

    def wait_ready(self, seconds: float) -> float:
        """Return the seconds until the worker takes input; raises RuntimeError if it ends, or not in time."""
        began = time.monotonic()
        while self.get("readyz")[0] != 200:
            if self.process.poll() is not None:
                raise RuntimeError(f"the worker ended with {self.process.returncode}:\n{self._tail()}")
            if time.monotonic() - began > seconds:
                raise RuntimeError(f"the worker is not ready after {seconds:g} s:\n{self._tail()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; 0 for one without samples."""
        lines = self.get("metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.split(r"[ {]", line, maxsplit=1)[0] == name)

    def _tail(self) -> str:
        return self._log.read_bytes()[self._skip :].decode(errors="replace")[-3000:]
