"""What the fault tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.faults.brokers import Far, far_broker

MIX_SPARE_SECONDS = 240  # beyond the faults of a mix: what stands around them, on a busy machine


@pytest.fixture
def servers(broker: Broker) -> str:
    """Bootstrap servers of the run's broker."""
    return broker.servers


@pytest.fixture
def far(tmp_path: Path, seed: int) -> Iterator[Far]:
    """A broker of the test's own, behind a proxy."""
    with far_broker(tmp_path / "kafka", seed) as far:
        yield far


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the mix last as long as it is asked to."""
    for item in items:
        if item.path.name == "test_mix.py":
            item.add_marker(pytest.mark.timeout(config.option.mix_seconds + MIX_SPARE_SECONDS))
