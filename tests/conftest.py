"""Hypothesis profiles: quick for developers, thorough with `pytest --hypothesis-profile=ci`."""

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.broker"]  # its fixtures serve tests of several folders

# No deadline: a shared machine is slow now and then, which is no fault of the code. A failure prints how to repeat it.
settings.register_profile("dev", max_examples=12, deadline=None, print_blob=True)
settings.register_profile(
    "ci", max_examples=80, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("dev")

SLOW = ("kafka", "regression", "faults")  # folders whose tests need a broker, the slowest last


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fast tests first."""
    items.sort(key=lambda item: SLOW.index(item.path.parent.name) if item.path.parent.name in SLOW else -1)
