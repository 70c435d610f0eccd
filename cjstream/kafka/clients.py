"""Clients that are closed whatever happens, and whose connection errors are ours."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
)

from cjstream.errors import BrokerUnreachable
from cjstream.settings import Settings

CONNECT_SECONDS = 5.0
FETCH_BYTES = 4 << 20  # per partition and request: commands read whole topics
UNREACHABLE = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError, TimeoutError)

logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # a command says itself what failed, once


async def wait_for_broker(servers: str, seconds: float = 60) -> None:
    """Return when a broker answers and can take topics; raises BrokerUnreachable after `seconds`."""
    async with admin_client(servers, seconds):
        pass


@asynccontextmanager
async def admin_client(servers: str, seconds: float = CONNECT_SECONDS) -> AsyncIterator[Any]:
    """Yield an admin client of a broker that is ready; tries to connect until `seconds` are over."""
    deadline = time.monotonic() + seconds
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        try:
            if await _listens(servers) and await _answers(admin, max(deadline - time.monotonic(), 1)):
                with reaching(servers, seconds):
                    yield admin
                return
        finally:
            await admin.close()
        if time.monotonic() > deadline:
            raise BrokerUnreachable(servers, seconds)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[Any]:
    """Yield a consumer in no group, with nothing assigned, that sees committed records only."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    async with started(consumer, settings):
        yield consumer


@asynccontextmanager
async def started(client: Any, settings: Settings) -> AsyncIterator[None]:
    """Start a producer or consumer, and stop it in any case: aiokafka leaves a failed start open."""
    try:
        with reaching(settings.kafka_bootstrap_servers):
            await client.start()
            yield
    finally:
        await client.stop()


@contextmanager
def reaching(servers: str, seconds: float = CONNECT_SECONDS) -> Iterator[None]:
    """Turn errors of the connection into BrokerUnreachable."""
    try:
        yield
    except UNREACHABLE as error:
        raise BrokerUnreachable(servers, seconds) from error


async def _listens(servers: str) -> bool:
    """Return whether any server takes a connection; aiokafka would log an error for each one that does not."""
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            await writer.wait_closed()
            return True
    return False


async def _answers(admin: Any, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])  # none while a new broker registers
    except (KafkaError, TimeoutError):
        return False
