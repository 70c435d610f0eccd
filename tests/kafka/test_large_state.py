"""A record that is larger than a fetch, or than Kafka's default limit, stops no partition."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from cjstream.core.state import CustomerState, JourneyState, PendingRecord, decode_state, encode, fence_of
from cjstream.settings import Settings
from cjstream.stream.app import FETCH_BYTES
from tests.broker import Broker
from tests.faults.harness import Worker, read_all, send, wait_until
from tests.faults.stalls import Signals, now_ms, stall_app, touchpoint

LARGE_BYTES = 5 << 20

pytestmark = pytest.mark.timeout(90)


async def write_states(settings: Settings, states: dict[bytes, CustomerState]) -> None:
    kafka = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, max_request_size=LARGE_BYTES + 10_000)
    await kafka.start()
    for key, state in states.items():
        await kafka.send_and_wait(settings.state_changelog, encode(state), key, partition=0)
    await kafka.stop()


def newest(settings: Settings, key: bytes) -> bytes:
    return [record.value or b"" for record in read_all(settings, settings.state_changelog) if record.key == key][-1]


def test_a_state_and_a_signal_larger_than_a_fetch_are_restored_sent_and_written_again(
    broker: Broker, tmp_path: Path
) -> None:
    settings = stall_app(broker.servers, "large", tmp_path, 1, seconds=600)
    assert LARGE_BYTES > FETCH_BYTES
    large = {"x" * LARGE_BYTES: JourneyState(1)}  # of a journey that is in use no more
    signal = PendingRecord("signals", b"x" * LARGE_BYTES)
    states = {
        b"anna": CustomerState(journeys=large),
        b"bert": CustomerState(pending=(signal,)),
        b"cora": CustomerState(newest_ms=1),
    }
    asyncio.run(write_states(settings, states))
    for log, fence in (("worker.log", (0, 1)), ("again.log", (0, 3))):
        with Worker(settings, tmp_path / log) as worker:
            worker.wait_ready()
            [sent] = Signals(settings).records()
            assert (sent.key, sent.value) == (b"bert", signal.value)
            send(settings, [touchpoint("anna", now_ms()), touchpoint("cora", now_ms())], 1)
            wait_until(lambda at=fence: fence_of(newest(settings, b"cora")) == at, 20, "both are written")  # type: ignore[misc]
            assert worker.end()[0] == 0
    written = decode_state(newest(settings, b"anna"))
    assert written.fence == (0, 2)
    assert {*written.journeys} == {*large, "quick"}
