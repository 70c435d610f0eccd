"""One real broker for all tests of a process; topics, group and directory of its own for each test."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from cjstream import kafka
from cjstream import settings as configuration
from cjstream.local import LocalBroker
from cjstream.settings import Settings
from tests.command import run
from tests.faults.harness import WORKER, Worker

PARTITIONS = 4
SESSION_SECONDS = 6  # the least that there is: a worker may have to wait for the session of the one before it

Cli = Callable[..., subprocess.CompletedProcess[bytes]]
Produce = Callable[[str, Sequence[tuple[bytes | None, bytes | None]]], None]
StartWorker = Callable[..., Worker]


class Broker(NamedTuple):
    servers: str


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker started for this process; CJSTREAM_TEST_BOOTSTRAP names one to use in its place."""
    if servers := os.environ.get("CJSTREAM_TEST_BOOTSTRAP"):
        yield Broker(servers)
        return
    with LocalBroker(data_dir=tmp_path_factory.mktemp("kafka")) as local:
        yield Broker(local.servers)


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    """Settings that no other test shares; no topics are made yet."""
    name = f"t{uuid.uuid4().hex[:12]}"
    return configuration.load(
        {},
        kafka_bootstrap_servers=broker.servers,
        kafka_session_timeout_seconds=str(SESSION_SECONDS),
        app_id=name,
        topics_prefix=f"{name}.",
        data_dir=str(tmp_path / "data"),
        metrics_port="0",
    )


@pytest.fixture
def topics(settings: Settings) -> int:
    """The topics of `settings`, made; the value is their partition count."""
    asyncio.run(kafka.create_topics(settings, PARTITIONS))
    return PARTITIONS


@pytest.fixture
def cli(settings: Settings) -> Cli:
    """Runs a command with the test's settings: `cli("send", path, stdin=b"...")`."""
    return lambda *args, **options: run(*args, settings=settings, **options)


@pytest.fixture
def produce(settings: Settings, topics: int) -> Produce:
    """Sends (key, value) records to a topic of the test, each to its key's partition."""

    async def send(topic: str, records: Sequence[tuple[bytes | None, bytes | None]]) -> None:
        async with kafka.BulkSender(settings, topic, topics) as sender:
            for key, value in records:
                await sender.add(key, value)

    return lambda topic, records: asyncio.run(send(topic, records))


@pytest.fixture
def start_worker(settings: Settings, topics: int, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on the test's topics: `start_worker("--journey", file)` returns one that is ready."""
    with ExitStack() as stack:

        def start(*args: str) -> Worker:
            log = tmp_path / f"worker-{uuid.uuid4().hex[:6]}.log"
            worker = stack.enter_context(Worker(settings, log, [*WORKER, *args]))
            worker.wait_ready()
            return worker

        yield start
