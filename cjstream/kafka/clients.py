"""Clients that are closed whatever happens, and whose connection errors are ours."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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
from cjstream.kafka.headers import read_any_header_names
from cjstream.kafka.knock import knock
from cjstream.kafka.options import client_options
from cjstream.kafka.rights import DENIED, denied
from cjstream.settings import Settings

CONNECT_SECONDS = 5.0
FETCH_BYTES = 4 << 20  # per partition and request: commands read whole topics
UNREACHABLE = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError, TimeoutError)

logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # a command says itself what failed, once


async def wait_for_broker(settings: Settings, seconds: float = 60) -> None:
    """Return when a broker answers and can take topics; raises BrokerUnreachable after `seconds`.

    Raises ConfigError or BrokerUnfit at once where waiting would not help: a wrong password or certificate, say.
    """
    async with admin_client(settings, seconds):
        pass


@asynccontextmanager
async def admin_client(settings: Settings, seconds: float = CONNECT_SECONDS) -> AsyncIterator[Any]:
    """Yield an admin client of a broker that is ready; tries to connect until `seconds` are over.

    Raises as `wait_for_broker`.
    """
    deadline = time.monotonic() + seconds
    while True:
        admin = AIOKafkaAdminClient(**client_options(settings))
        try:
            if await knock(settings) and await _answers(admin, max(deadline - time.monotonic(), 1)):
                with reaching(settings, seconds):
                    yield admin
                return
        finally:
            await admin.close()
        if time.monotonic() > deadline:
            raise BrokerUnreachable(settings.kafka_bootstrap_servers, seconds)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def reader(settings: Settings, fetch_bytes: int = FETCH_BYTES) -> AsyncIterator[Any]:
    """Yield a consumer in no group, with nothing assigned, that sees committed records only.

    `fetch_bytes`: of a partition at a time; one batch comes in any case, so 1 is enough for who wants one record.
    """
    read_any_header_names()
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=fetch_bytes,
    )
    async with started(consumer, settings):
        yield consumer


@asynccontextmanager
async def started(client: Any, settings: Settings) -> AsyncIterator[None]:
    """Start a producer or consumer, and stop it in any case: aiokafka leaves a failed start open."""
    try:
        with reaching(settings):
            await client.start()
            yield
    finally:
        await client.stop()


@contextmanager
def reaching(settings: Settings, seconds: float = CONNECT_SECONDS) -> Iterator[None]:
    """Turn errors of the connection into BrokerUnreachable, and those of access control into NotAuthorised."""
    try:
        yield
    except UNREACHABLE as error:
        raise BrokerUnreachable(settings.kafka_bootstrap_servers, seconds) from error
    except DENIED as error:
        raise denied(error, settings) from error


async def _answers(admin: Any, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await admin.start()
            # None while a new broker registers. aiokafka's describe_cluster would ask for all topics too.
            return bool(admin._client.cluster.brokers())
    except (KafkaError, TimeoutError):
        return False
