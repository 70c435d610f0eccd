"""A write that Kafka did not take, as one error that names the topic, what is wrong there, and what to do."""

import asyncio
from typing import NoReturn

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, PolicyViolationError, RecordListTooLargeError

from cjstream.errors import BrokerUnreachable, CjstreamError, NotAuthorised, StateMismatch
from cjstream.kafka import DENIED, RECORD_LIMIT_BYTES, denied, why_not_written
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
ASK_SECONDS = 10.0  # for what Kafka knows of the topic


class Unwritten(CjstreamError):
    """A write was not taken, and a restart may help."""

    exit_code = RESTART
    retry = True


async def fail(settings: Settings, topic: str, partition: int, error: KafkaError | TimeoutError) -> NoReturn:
    """Raise what is to be said of a write that failed, or was not acked in time: a CjstreamError."""
    if isinstance(error, DENIED):
        raise denied(error, settings, "Write") from error
    if isinstance(error, TOO_LARGE):
        raise StateMismatch(
            f"topic {topic} refuses a record as too large", f"set its max.message.bytes to {RECORD_LIMIT_BYTES} or more"
        ) from error
    if isinstance(error, PolicyViolationError):
        raise StateMismatch(f"a policy of the brokers refuses records of topic {topic}", "change it there") from error
    why = await _why(settings, topic, partition)
    if isinstance(error, TimeoutError):
        seconds = settings.publish_timeout_seconds
        raise Unwritten(f"a write to topic {topic} was not acked in {seconds:g} s; {why}") from error
    raise Unwritten(f"a write to topic {topic} failed: {error!r}; {why}") from error


async def _why(settings: Settings, topic: str, partition: int) -> str:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            found = await why_not_written(settings, topic, partition)
    except (BrokerUnreachable, NotAuthorised, KafkaError, OSError) as error:  # a worker needs no right to ask why
        return str(error) if isinstance(error, BrokerUnreachable) else "and Kafka does not tell why; check the broker"
    return found or "Kafka tells of no fault of it; check the broker's log"
