"""How far the app's group is, partition by partition."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import CommitFailedError, KafkaError

from cjstream.errors import StateMismatch
from cjstream.kafka.clients import CONNECT_SECONDS, admin_client, reader, started
from cjstream.kafka.options import client_options
from cjstream.kafka.topics import require_topics
from cjstream.settings import Settings

COORDINATOR_SECONDS = 15  # a new cluster makes the topic of the offsets when the first group is asked for
STOP_WORKERS = "stop all workers of the app first"
UUID_CHARACTERS = 37  # a dash and a UUID, which Kafka puts behind the name of every member


class Position(NamedTuple):
    """The group in one partition of the input; without a commit the lag counts from the log's start.

    `commit_age_seconds`: since the newest record of the partition's changelog, which every group of records
    writes just before its commit, as Kafka does not tell when it took a commit; None: there is none.
    `owner`: the member's static id or client id @ its host; None: nobody.
    """

    partition: int
    committed: int | None
    end: int
    lag_records: int
    commit_age_seconds: float | None
    owner: str | None


async def group_positions(settings: Settings) -> list[Position]:
    """Return the app's group in each partition of the input, in order. Raises as `require_topics`."""
    count = await require_topics(settings)
    parts = [TopicPartition(settings.touchpoints, number) for number in range(count)]
    async with admin_client(settings) as admin:
        offsets = await _offsets(admin, settings.app_id, parts)
        owners = await _owners(admin, settings)
    async with reader(settings) as consumer:
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        ages = await _ages(consumer, settings.state_changelog, count)
    positions = []
    for part in parts:
        offset, end, number = offsets[part].offset, ends[part], part.partition
        lag = max(0, end - (offset if offset >= 0 else starts[part]))
        committed = offset if offset >= 0 else None
        positions.append(Position(number, committed, end, lag, ages.get(number), owners.get(number)))
    return positions


async def unowned_partitions(settings: Settings) -> list[int]:
    """Return the partitions of the input that no member of the app's group has. Raises as `require_topics`."""
    count = await require_topics(settings)
    async with admin_client(settings) as admin:
        owners = await _owners(admin, settings)
    return [number for number in range(count) if number not in owners]


async def committed_offsets(settings: Settings, partitions: Iterable[int]) -> dict[int, int]:
    """Return the offsets that the app's group has committed, of those of these input partitions that have one."""
    parts = [TopicPartition(settings.touchpoints, number) for number in partitions]
    async with admin_client(settings) as admin:
        offsets = await _offsets(admin, settings.app_id, parts)
    return {part.partition: each.offset for part, each in offsets.items() if each.offset >= 0}


async def group_members(settings: Settings) -> list[str]:
    """Return who is in the app's group, each as member @ host. A worker that was killed stays for a session timeout."""
    async with admin_client(settings) as admin:
        return [f"{_name(member_id)}@{host.lstrip('/')}" for member_id, host, _ in await _members(admin, settings)]


async def commit_offsets(settings: Settings, offsets: Mapping[int, int]) -> None:
    """Commit input offsets for the app's group. Raises StateMismatch if it has members, whose own commits these are."""
    parts = {TopicPartition(settings.touchpoints, number): offset for number, offset in offsets.items()}
    consumer = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with started(consumer, settings):
        consumer.assign(list(parts))
        consumer.pause(*parts)
        try:
            await consumer.commit(parts)
        except CommitFailedError:
            raise StateMismatch(f"a worker of app {settings.app_id} has started", STOP_WORKERS) from None


async def _offsets(admin: Any, group: str, parts: list[TopicPartition]) -> dict[TopicPartition, Any]:
    """Return the committed offsets, -1 for none; waits for the group's coordinator."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            offsets: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, None, parts)
        except KafkaError as error:
            if not error.retriable:
                raise
            offsets = {}
        if len(offsets) == len(parts):  # aiokafka gives none, and no error, while the coordinator loads
            return offsets
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.1)


async def _owners(admin: Any, settings: Settings) -> dict[int, str]:
    owners: dict[int, str] = {}
    for member_id, host, assignment in await _members(admin, settings):
        for topic, numbers in _assigned(assignment):
            if topic == settings.touchpoints:
                owners |= dict.fromkeys(numbers, f"{_name(member_id)}@{host.lstrip('/')}")
    return owners


async def _members(admin: Any, settings: Settings) -> list[tuple[str, str, bytes]]:
    """Return id, host and encoded assignment of each member of the app's group."""
    [response] = await admin.describe_consumer_groups([settings.app_id])
    [(_code, _group, _state, _type, _protocol, members, *_rest)] = response.groups
    return [(member_id, host, assigned) for member_id, _client_id, host, _metadata, assigned in members]


def _name(member_id: str) -> str:
    return member_id[:-UUID_CHARACTERS]


def _assigned(assignment: bytes) -> list[tuple[str, list[int]]]:
    if not assignment:  # while the group rebalances
        return []
    return list(ConsumerProtocolMemberAssignment.decode(assignment).assignment)


async def _ages(consumer: Any, topic: str, count: int) -> dict[int, float]:
    """Return the seconds since the newest record of each partition that has one."""
    ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(count)])
    written = {part: end for part, end in ends.items() if end > 0}
    consumer.assign(list(written))
    for part, end in written.items():
        consumer.seek(part, end - 1)
    ages: dict[int, float] = {}
    deadline = time.monotonic() + CONNECT_SECONDS
    while len(ages) < len(written) and time.monotonic() < deadline:
        for part, records in (await consumer.getmany(timeout_ms=500)).items():
            ages[part.partition] = round(max(0.0, time.time() - records[-1].timestamp / 1000), 3)
    return ages
