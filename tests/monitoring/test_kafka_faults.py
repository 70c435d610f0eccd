"""Faults of Kafka: each makes its alert fire, and no wrong page; the runbook's first command shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.brokers import Far, far_broker, free_port
from tests.monitoring.watch import PARTITIONS, QUICK, watched

SLOWER = 8.0  # the session of a worker is as long as ever: after most of it the worker knows that the broker is away

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    with far_broker(tmp_path_factory.mktemp("kafka"), seed=1) as far:
        yield far


def test_an_output_that_takes_nothing(behind_a_proxy: Far, prometheus: Path, tmp_path: Path) -> None:
    port = str(free_port())
    near, held = behind_a_proxy.app("stuck", tmp_path, PARTITIONS, metrics_port=port)
    with watched(near, held, tmp_path, prometheus, QUICK) as watch:
        behind_a_proxy.proxy.hold(near.transitions.encode())
        try:
            watch.fires("CjstreamPublishFailing", "CjstreamNoProgress")
            watch.first_look("CjstreamPublishFailing", lambda said: "work has not moved" in said)
        finally:
            behind_a_proxy.proxy.release()


def test_a_broker_that_is_stopped(behind_a_proxy: Far, prometheus: Path, tmp_path: Path) -> None:
    near, held = behind_a_proxy.app("away", tmp_path, PARTITIONS, metrics_port=str(free_port()))
    with watched(near, held, tmp_path, prometheus, SLOWER) as watch:
        behind_a_proxy.broker.kill()
        try:
            watch.fires("CjstreamNotReady", "CjstreamNoProgress")
            watch.first_look("CjstreamNotReady", lambda said: "no recent heartbeat from the broker" in said)
        finally:
            behind_a_proxy.broker.start()
