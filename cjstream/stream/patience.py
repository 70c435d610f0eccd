"""Asks Kafka again where it does not answer, at moments where giving up would cost a restore."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from aiokafka.errors import KafkaError

from cjstream.errors import BrokerUnreachable
from cjstream.kafka import DENIED
from cjstream.logs import tell

UNANSWERED = (KafkaError, OSError, TimeoutError, BrokerUnreachable)
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0

T = TypeVar("T")


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what `ask` returns, asking again for some 60 s while Kafka does not answer; then its error is raised.

    A refusal is raised at once.
    """
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await ask()
        except DENIED:
            raise
        except UNANSWERED as error:
            if monotonic() > deadline:
                raise
            tell("broker_silent", why=type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)
