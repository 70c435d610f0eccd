"""Hypothesis profiles: quick, or thorough with `pytest --hypothesis-profile=ci`. The order and the notes of a run."""

from collections.abc import Callable
from functools import partial
from itertools import chain

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.broker", "tests.faults.frame", "tests.monitoring.frame"]  # they serve tests of several folders

# No deadline: a shared machine is slow now and then, which is no fault of the code. A failure prints how to repeat it.
settings.register_profile("dev", max_examples=12, deadline=None, print_blob=True)
settings.register_profile(
    "ci", max_examples=80, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("dev")

SLOW = ("faults", "kafka")  # folders whose tests need a broker, the slowest first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest tests first: then the processes of a run end together."""
    items.sort(key=lambda item: SLOW.index(item.path.parent.name) if item.path.parent.name in SLOW else len(SLOW))


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a sentence for the end of the run; what a test prints is lost when it runs in a process of its own."""
    return partial(record_property, "note")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the notes of the tests."""
    for report in chain(*(terminalreporter.stats.get(outcome, ()) for outcome in ("passed", "failed"))):
        for name, sentence in report.user_properties:
            if name == "note" and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid}: {sentence}")
