"""A changelog that ends with what is no record: a worker restores what is there, and does not wait for the rest."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Worker, new_app, send, wait_done
from tests.faults.stalls import touchpoint

READY_SECONDS = 30  # it waited without an end


async def abort_after(settings: Settings) -> None:
    """Put records of a transaction that is aborted, and its marker, at the end of the changelog."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=f"{settings.app_id}-test"
    )
    await producer.start()
    await producer.begin_transaction()
    for number in range(3):
        await producer.send_and_wait(settings.state_changelog, b"x", b"nobody-%d" % number, partition=0)
    await producer.abort_transaction()
    await producer.stop()


@pytest.mark.parametrize("has_records", [True, False])
def test_a_restore_ends_at_the_marker_of_a_transaction(broker: Broker, tmp_path: Path, has_records: bool) -> None:
    settings = new_app(broker.servers, "marker", tmp_path, 1)
    if has_records:
        send(settings, [touchpoint("anna", int(time.time() * 1000))], 1)
        with Worker(settings, tmp_path / "first.log") as worker:
            wait_done(settings, worker)
            assert worker.end()[0] == 0
    asyncio.run(abort_after(settings))
    with Worker(settings, tmp_path / "second.log") as worker:
        worker.wait_ready(READY_SECONDS)
        assert worker.metric("cjstream_customers") == has_records
        assert worker.end()[0] == 0
