"""The option of the monitoring tests, a pytest plugin: without `--monitoring` they are left out.

They need promtool and prometheus, which PyPI does not have (`make tools` fetches them), and a minute or more.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("monitoring", "rules, alerts and boards against a real Prometheus")
    group.addoption("--monitoring", action="store_true", help="run also the tests in tests/monitoring")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder out, unless it is asked for: its tests import what only the extra `monitoring` has."""
    return True if collection_path.is_relative_to(HERE) and not config.option.monitoring else None
