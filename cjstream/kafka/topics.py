"""The seven topics of an app: what they should be, made, checked."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError
from aiokafka.partitioner import murmur2

from cjstream.errors import ConfigError, StateMismatch
from cjstream.kafka.clients import admin_client
from cjstream.kafka.rights import (
    Right,
    describe_topics,
    group_rights,
    lacking,
    missing_rights,
    no_topic,
    unconfigured,
)
from cjstream.settings import Settings

INPUT_LIMIT_BYTES = 1_048_588  # Kafka's default for max.message.bytes
# Of transitions, signals and state changelog: a customer's state, the path of a correction and the pending outputs of a
# step can exceed the default. The worst measured are below 2 MB. A record that Kafka refuses stops its partition.
RECORD_LIMIT_BYTES = 8 << 20
DEAD_LETTER_EXTRA_BYTES = 65_536  # room for the coordinates and the reason that a dead letter carries
COMPACTION_LAG_SESSIONS = 10  # a zombie's write has to stay readable until long after its session
MAX_COMPACTION_LAG_MS = 86_400_000  # how long what a forgotten customer had may stay; else Kafka sets no bound
LIMIT, MAX_LAG = "max.message.bytes", "max.compaction.lag.ms"
VISIBLE_SECONDS = 15  # from a topic's creation until the brokers' metadata shows it; usually below 1


class TopicSpec(NamedTuple):
    """A topic as it should be made; `config` has Kafka's own names."""

    name: str
    partitions: int
    config: dict[str, str]


def topic_specs(settings: Settings, partitions: int, input_limit_bytes: int = INPUT_LIMIT_BYTES) -> list[TopicSpec]:
    """Return the seven topics, each with `partitions`; `input_limit_bytes` is the record limit of the input."""
    lag_ms = round(COMPACTION_LAG_SESSIONS * settings.kafka_session_timeout_seconds * 1000)
    large = {LIMIT: str(RECORD_LIMIT_BYTES)}
    compacted = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(lag_ms),
        MAX_LAG: str(MAX_COMPACTION_LAG_MS),
    }
    configs: dict[str, dict[str, str]] = {
        settings.touchpoints: {LIMIT: str(input_limit_bytes)},
        settings.transitions: large,
        settings.stage_current: compacted,
        settings.signals: large,
        settings.dead_letter: {
            LIMIT: str(input_limit_bytes + DEAD_LETTER_EXTRA_BYTES),
            # A dead letter keeps its record's timestamp: retention by time would delete one of an old backlog at once.
            "retention.ms": "-1",
        },
        settings.state_changelog: {**compacted, **large},
        settings.facts: {"cleanup.policy": "compact"},
    }
    return [TopicSpec(name, partitions, config) for name, config in configs.items()]


async def create_topics(settings: Settings, partitions: int) -> list[str]:
    """Create what is missing of the seven topics and return its names; what exists is left as it is.

    Raises StateMismatch if one but that of facts exists with another partition count, ConfigError if Kafka refuses one.
    """
    async with admin_client(settings) as admin:
        found = await _counts(admin, settings)
        _refuse_other_counts(alike(found, settings), partitions)
        limit = INPUT_LIMIT_BYTES
        if found[settings.touchpoints] is not None:
            limit = await _limit_bytes(admin, settings.touchpoints)
        missing = [spec for spec in topic_specs(settings, partitions, limit) if found[spec.name] is None]
        if missing:
            await _create(admin, missing, settings.kafka_replication_factor)
            await _wait_until_visible(admin, settings, partitions)
        return [spec.name for spec in missing]


async def check_topics(settings: Settings) -> dict[str, int | None]:
    """Return the partition count of each of the seven topics by name; None: there is no such topic."""
    async with admin_client(settings) as admin:
        return await _counts(admin, settings)


def alike(found: Mapping[str, int | None], settings: Settings) -> dict[str, int | None]:
    """Return those that must have one count, of the counts by name: all but facts, which have no customer."""
    return {name: count for name, count in found.items() if name != settings.facts}


async def small_topics(settings: Settings) -> dict[str, tuple[int, int]]:
    """Return record limit and better limit of each topic that has a smaller one than it would be made with.

    A worker takes them. Looked at are transitions, signals, state changelog and dead letters, if they exist.
    """
    async with admin_client(settings) as admin:
        found = await _counts(admin, settings)
        limits = {name: await _limit_bytes(admin, name) for name, count in found.items() if count is not None}
    input_limit = limits.get(settings.touchpoints, INPUT_LIMIT_BYTES)
    wanted = {spec.name: spec.config for spec in topic_specs(settings, 1, input_limit) if spec.name in limits}
    better = {name: int(config.get(LIMIT, 0)) for name, config in wanted.items()}
    return {name: (limit, better[name]) for name, limit in limits.items() if limit < better[name]}


async def unbounded_topics(settings: Settings) -> list[str]:
    """Return which of current stages and state changelog may keep what was replaced for longer than they would if made.

    A worker takes them.
    """
    names = (settings.stage_current, settings.state_changelog)
    async with admin_client(settings) as admin:
        found = await _counts(admin, settings)
        lags = {name: int(await topic_config(admin, name, MAX_LAG)) for name in names if found[name] is not None}
    return [name for name, lag_ms in lags.items() if lag_ms > MAX_COMPACTION_LAG_MS]


async def record_limits(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """Return the largest record, in bytes as sent, that each of these topics takes."""
    async with admin_client(settings) as admin:
        return {name: await _limit_bytes(admin, name) for name in names}


async def is_losing_facts(settings: Settings) -> bool:
    """Return whether Kafka deletes facts by age or size, so that a worker that starts no longer finds them all."""
    async with admin_client(settings) as admin:
        found = await _counts(admin, settings)
        return found[settings.facts] is not None and (
            await topic_config(admin, settings.facts, "cleanup.policy") != "compact"
        )


async def tombstone_retention_ms(settings: Settings) -> int:
    """Return how long the state changelog keeps deletions for readers that are behind, in milliseconds."""
    async with admin_client(settings) as admin:
        return int(await topic_config(admin, settings.state_changelog, "delete.retention.ms"))


async def require_topics(settings: Settings) -> int:
    """Return the partition count of all topics but facts; raises StateMismatch if one is missing or counts differ."""
    found = await check_topics(settings)
    missing = [name for name, count in found.items() if count is None]
    if missing:
        raise no_topic(", ".join(missing))
    if len(set(alike(found, settings).values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in alike(found, settings).items())
        raise StateMismatch(f"partition counts differ: {counts}", "all topics of an app need the same count")
    return found[settings.touchpoints] or 0


async def partition_count(settings: Settings, topic: str, operation: str = "Read") -> int:
    """Return how many partitions a topic has, for Read or Write.

    Raises StateMismatch if there is none of this name, NotAuthorised if Kafka would refuse the operation.
    """
    async with admin_client(settings) as admin:
        count = (await _counts_of(admin, settings, [Right(operation, "topic", topic)]))[topic]
    if count is None:
        raise no_topic(topic)
    return count


async def require_rights(settings: Settings) -> None:
    """Raise NotAuthorised, naming all that is missing, if Kafka's access control would stop a worker."""
    own, current = settings.state_changelog, settings.stage_current  # where others' writes are looked for
    outputs = settings.transitions, current, settings.signals, settings.dead_letter
    wanted = [Right("Read", "topic", name) for name in (settings.touchpoints, settings.facts, own, current)]
    wanted += [Right("Write", "topic", name) for name in (*outputs, own)]
    if settings.store == "rocksdb":
        wanted.append(Right("DescribeConfigs", "topic", own))  # how long deletions are kept
    async with admin_client(settings) as admin:
        found = await describe_topics(admin, {right.name for right in wanted})
        missing = missing_rights(found, wanted) + await group_rights(admin, settings.app_id)
    if missing:
        raise lacking(missing, settings)


@lru_cache(maxsize=1 << 17)  # the hash is pure Python, 5 us for an id, and customers come back
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of `key` as Java's default partitioner has it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


async def _counts(admin: Any, settings: Settings) -> dict[str, int | None]:
    wanted = [Right("Describe", "topic", spec.name) for spec in topic_specs(settings, 1)]
    return await _counts_of(admin, settings, wanted)


async def _counts_of(admin: Any, settings: Settings, wanted: list[Right]) -> dict[str, int | None]:
    found = await describe_topics(admin, [right.name for right in wanted])
    if missing := missing_rights(found, wanted):
        raise lacking(missing, settings)
    return {right.name: found[right.name].partitions for right in wanted}


def _refuse_other_counts(found: dict[str, int | None], partitions: int) -> None:
    for name, count in found.items():
        if count not in (None, partitions):
            todo = f"all topics of an app need the same count: use --partitions {count} or other topic names"
            raise StateMismatch(f"topic {name} has {count} partitions, not {partitions}", todo)


async def _limit_bytes(admin: Any, topic: str) -> int:
    return int(await topic_config(admin, topic, LIMIT))


async def topic_config(admin: Any, topic: str, key: str) -> str:
    """Return a setting of a topic. Raises StateMismatch if there is no such topic, a KafkaError if it is not told."""
    return str((await topic_configs(admin, topic, [key]))[key])


async def topic_configs(admin: Any, topic: str, keys: Iterable[str]) -> dict[str, str | None]:
    """Return those of these settings of a topic that the broker tells; raises as `topic_config`."""
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(keys))
    [response] = await admin.describe_configs([wanted])
    [(code, _message, _type, _name, entries)] = response.resources
    if code:
        raise unconfigured(code, topic)
    return {key: value for key, value, *_ in entries}


async def _create(admin: Any, specs: list[TopicSpec], replication_factor: int) -> None:
    # aiokafka takes the factor -1, the broker's default, only beside an empty assignment, any other without.
    assignments: dict[int, list[int]] | None = {} if replication_factor == -1 else None
    topics = [NewTopic(name, count, replication_factor, assignments, config) for name, count, config in specs]
    response = await admin.create_topics(topics)
    for name, code, message in response.topic_errors:
        if code == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(Right("Create", "topic", name))
        if code not in (0, TopicAlreadyExistsError.errno):
            why = f"Kafka does not create it with {_copies(replication_factor)}: {message or f'error {code}'}"
            raise ConfigError("topic", name, why)


def _copies(replication_factor: int) -> str:
    return f"CJSTREAM_KAFKA__REPLICATION_FACTOR={replication_factor}"


async def _wait_until_visible(admin: Any, settings: Settings, partitions: int) -> None:
    async with asyncio.timeout(VISIBLE_SECONDS):
        found = await _counts(admin, settings)
        while None in found.values():
            await asyncio.sleep(0.05)
            found = await _counts(admin, settings)
    _refuse_other_counts(alike(found, settings), partitions)  # another process may have made some at the same time
