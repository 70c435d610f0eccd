"""What Kafka's access control lets our user do: asked before anything is read or written."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    for_code,
)

from cjstream.errors import CjstreamError, NotAuthorised, StateMismatch
from cjstream.kafka.wire import GroupRequest, TopicsRequest
from cjstream.settings import Settings

DENIED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
BITS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}  # Kafka's own numbers of the operations
CREATE_TOPICS = "run `cjstream topics create`"
COORDINATOR_SECONDS = 15  # a new cluster makes the topic of the offsets when the first group is asked for


class Right(NamedTuple):
    """An operation on a topic, group, transactional-id or cluster (`kind`), in the words of kafka-acls.sh."""

    operation: str
    kind: str
    name: str


class Described(NamedTuple):
    """A topic as Kafka tells of it: its partitions, None if there is no such topic; and the bits of what we may do."""

    partitions: int | None
    operations: int


async def describe_topics(admin: Any, names: Iterable[str]) -> dict[str, Described]:
    """Return these topics by name. Of one that we may not see Kafka does not even tell whether it exists."""
    response = await admin._send_request(TopicsRequest(names))
    found: dict[str, Described] = {}
    for code, name, _internal, partitions, operations in response.topics:
        if code == TopicAuthorizationFailedError.errno:
            found[name] = Described(None, 0)
        elif code == UnknownTopicOrPartitionError.errno:
            found[name] = Described(None, -1)
        else:
            found[name] = Described(len(partitions), operations)
    return found


def missing_rights(found: Mapping[str, Described], wanted: Iterable[Right]) -> list[Right]:
    """Return what is not allowed, of rights on topics that `describe_topics` told of."""
    return [right for right in wanted if not _allows(found[right.name].operations, right.operation)]


async def group_rights(admin: Any, group: str) -> list[Right]:
    """Return what a member of the group lacks: Read, or nothing. Waits for the group's coordinator."""
    lacking = [Right("Read", "group", group)]
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            [(code, *_rest, operations)] = (
                await admin._send_request(GroupRequest(group), await admin.find_coordinator(group))
            ).groups
            if code:
                raise for_code(code)
            return [] if _allows(operations, "Read") else lacking
        except GroupAuthorizationFailedError:
            return lacking
        except KafkaError as error:
            if not error.retriable:
                raise
            if time.monotonic() > deadline:
                raise TimeoutError from error
        await asyncio.sleep(0.1)


def _allows(operations: int, operation: str) -> bool:
    return bool(operations >> BITS[operation] & 1)


def denied(error: KafkaError, settings: Settings, operation: str = "") -> NotAuthorised:
    """Return what to end with when Kafka refuses something: one of DENIED, by us with the Right that lacks.

    `operation` is what was done to a topic, where the caller knows.
    """
    if error.args and isinstance(error.args[0], Right):
        return lacking([error.args[0]], settings)
    if isinstance(error, GroupAuthorizationFailedError):
        return lacking([Right("Read", "group", settings.app_id)], settings)
    if isinstance(error, ClusterAuthorizationFailedError):
        return lacking([Right("IdempotentWrite", "cluster", "kafka-cluster")], settings)
    named = ", ".join(map(str, error.args)) or "that is asked for"
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return lacking([Right("Write", "transactional-id", named)], settings)
    if operation and error.args:
        return lacking([Right(operation, "topic", named)], settings)
    return NotAuthorised(f"Kafka no longer lets {principal(settings)} use the topic {named}; see kafka-acls.sh --list")


def no_topic(names: str) -> StateMismatch:
    """Return the error that says that these topics are not there."""
    return StateMismatch(f"no topic {names}", CREATE_TOPICS)


def unconfigured(code: int, topic: str) -> KafkaError | CjstreamError:
    """Return the error of a broker that did not tell a topic's settings."""
    if code == UnknownTopicOrPartitionError.errno:
        return no_topic(topic)
    if code == TopicAuthorizationFailedError.errno:
        return TopicAuthorizationFailedError(Right("DescribeConfigs", "topic", topic))
    error: KafkaError = for_code(code)(topic)
    return error


def lacking(rights: Sequence[Right], settings: Settings) -> NotAuthorised:
    """Return the error that says what our user may not do, and the commands that allow it."""
    user = principal(settings)
    what = ", nor ".join(f"{right.operation} {right.kind} {right.name}" for right in rights)
    grants = " && ".join(_grant(right, user, settings) for right in rights)
    return NotAuthorised(f"Kafka does not let {user} {what}; an administrator allows it with: {grants}")


def _grant(right: Right, user: str, settings: Settings) -> str:
    target = "--cluster" if right.kind == "cluster" else f"--{right.kind} {right.name}"
    start = f"kafka-acls.sh --bootstrap-server {settings.kafka_bootstrap_servers} --add"
    return f"{start} --allow-principal '{user}' --operation {right.operation} {target}"


def principal(settings: Settings) -> str:
    """Return our user as Kafka's access control calls it; of a certificate Kafka takes the subject."""
    if settings.kafka_security_protocol.startswith("SASL"):
        return f"User:{settings.kafka_sasl_username}"
    if settings.kafka_ssl_certificate_location:
        return f"User:(subject of {settings.kafka_ssl_certificate_location})"
    return "User:ANONYMOUS"
