"""What the fault tests share."""

import pytest

from tests.broker import Broker


@pytest.fixture
def servers(broker: Broker) -> str:
    """Bootstrap servers of the run's broker."""
    return broker.servers
