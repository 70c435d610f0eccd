"""A worker at work with all rules and alerts over it, in time that runs faster; and what an operator does then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from cjstream.settings import Settings
from tests.command import run
from tests.faults.harness import Worker, wait_until
from tests.monitoring.bundle import ALERTS, RULES, first_command
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.scaling import scaled
from tests.monitoring.scene import address, generating

COMMAND = (sys.executable, "-m", "cjstream.cli", "worker")  # on the port of the settings, where commands look
PER_SECOND, PARTITIONS = 100, 4
QUICK = 20.0  # how many times as fast: a minute in three seconds
SCRAPE, EVALUATION = "1s", "500ms"  # a scrape that takes longer than its interval has failed
SEEN_SECONDS = 30.0
FIRES_SECONDS = 90.0
LOOK_SECONDS = 60.0  # alerts come sooner here than in life, so that what tells the cause may come after them
AFTER_SECONDS = 3.0  # for what comes after the first alert


class Watch(NamedTuple):
    """A worker that is ready, its settings as an operator has them, and what watches it."""

    settings: Settings
    worker: Worker
    prometheus: Prometheus

    def pages(self) -> set[str]:
        """Return the names of the pages that fire."""
        return {alert["alertname"] for alert in self.prometheus.alerts() if alert["severity"] == "page"}

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {alert["alertname"] for alert in self.prometheus.alerts()}

    def fires(self, name: str, *symptoms: str) -> float:
        """Return the seconds until the alert fires. Fails at any page that is neither it nor one of `symptoms`."""

        def is_firing() -> bool:
            self.no_page_but(name, *symptoms)
            return name in self.firing()

        seconds = wait_until(is_firing, FIRES_SECONDS, f"{name} fires")
        self.stays(lambda: self.no_page_but(name, *symptoms), AFTER_SECONDS)
        return seconds

    def no_page_but(self, *names: str) -> None:
        """Fail if another page fires."""
        wrong = self.pages() - set(names)
        assert not wrong, f"a wrong page: {wrong}"

    def stays(self, check: Callable[[], None], seconds: float) -> None:
        """Check again and again for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            check()
            time.sleep(0.2)

    def first_look(self, alert: str, shows: Callable[[str], bool]) -> None:
        """Run the first command of the alert's runbook, again for a while: who is woken comes later than this test.

        Fail if what it says never `shows` the cause.
        """
        program, *words = first_command(alert)
        assert program == "cjstream", f"the first command of {alert} is {program}"
        said = ""

        def is_shown() -> bool:
            nonlocal said
            done = run(*words, settings=self.settings)
            said = (done.stdout + done.stderr).decode()
            return shows(said)

        try:
            wait_until(is_shown, LOOK_SECONDS, f"{program} {' '.join(words)} shows the cause")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{said}") from None


def owners(said: str) -> list[str]:
    """Return the owner of each partition as `cjstream status` shows it; `-` for none."""
    return [line.strip("│ ").rpartition("│")[2].strip() for line in said.splitlines() if line.startswith("│")]


@contextmanager
def watched(
    near: Settings, settings: Settings, home: Path, program: Path, factor: float, command: tuple[str, ...] = COMMAND
) -> Iterator[Watch]:
    """Start a worker of `settings` and a Prometheus whose time runs `factor` times as fast; send to `near`."""
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(settings, home / "worker.log", command))
        worker.wait_ready()
        stack.enter_context(generating(near, PER_SECOND))
        rules = home / "rules"
        prometheus = Prometheus(program, home / "prometheus", [rules / "*.yml"], [address(worker)], SCRAPE, EVALUATION)
        stack.enter_context(prometheus)
        increase = "sum(increase(cjstream_touchpoints_total[5s])) > 0"
        wait_until(lambda: bool(prometheus.query(increase)), SEEN_SECONDS, "the worker is seen at work")
        scaled([*RULES, *ALERTS], rules, factor)  # only now: what is not seen yet would fire soon
        prometheus.reload()
        yield Watch(near, worker, prometheus)
