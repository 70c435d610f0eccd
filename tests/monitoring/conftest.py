"""What the monitoring tests share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.prometheus import Prometheus
from tests.monitoring.tools import tool

StartPrometheus = Callable[..., Prometheus]


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Path of promtool. Fails, and says what to do, where there is none."""
    return tool("promtool")


@pytest.fixture(scope="session")
def prometheus() -> Path:
    """Path of prometheus. Fails, and says what to do, where there is none."""
    return tool("prometheus")


@pytest.fixture
def start_prometheus(prometheus: Path, tmp_path: Path) -> Iterator[StartPrometheus]:
    """Starts a Prometheus that ends with the test: `start_prometheus(rules=[path], targets=["127.0.0.1:9464"])`."""
    with ExitStack() as stack:

        def start(**options: Any) -> Prometheus:
            return stack.enter_context(Prometheus(prometheus, tmp_path / "prometheus", **options))

        yield start
