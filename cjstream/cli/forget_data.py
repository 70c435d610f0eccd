"""What Kafka holds of one customer, and how long; for `cjstream forget`."""

from collections.abc import Collection
from contextlib import aclosing
from typing import NamedTuple, Self

from cjstream import kafka
from cjstream.cli.send import key_of
from cjstream.core.forgetting import require_secret
from cjstream.core.state import POSITION_KEY, Position, decode_position, marker_key, newer_position
from cjstream.kafka import Keeping
from cjstream.settings import Settings


class Held(NamedTuple):
    """A topic's records of a customer, or with the id as key: how many there are, and the time of the newest."""

    topic: str
    records: int
    newest_ms: int | None
    keeping: Keeping

    def gone_by_ms(self, now_ms: int) -> int | None:
        """Return when the records are gone at the latest if the customer is erased now; None: nothing says so.

        With them the null that replaces them in a compacted topic, as its key is the id.
        """
        kept = self.keeping
        times = list[int]()
        if kept.lag_ms is not None:
            times.append(now_ms + kept.lag_ms + kept.tombstone_ms)
        if kept.retention_ms is not None and self.newest_ms is not None:
            times.append(max(now_ms, self.newest_ms + kept.retention_ms + kept.segment_ms))
        return min(times, default=None)


class Holdings(NamedTuple):
    """The topics, also those without a record; whether there is a state now, and the marker of an earlier erasure."""

    topics: list[Held]
    has_state: bool
    has_marker: bool

    @property
    def is_known(self) -> bool:
        """Whether anything is kept, of which the hash in a marker is the least."""
        return any(held.records for held in self.topics) or self.has_marker

    def with_null(self, topics: Collection[str], now_ms: int) -> Self:
        """Return what there is after an erasure now, which adds a null to each of these topics."""
        return self._replace(
            topics=[
                held._replace(records=held.records + 1, newest_ms=max(now_ms, held.newest_ms or 0))
                if held.topic in topics
                else held
                for held in self.topics
            ]
        )


class Sent(NamedTuple):
    """The null record: where it is in the input, and where its partition of the changelog ended before it."""

    partition: int
    offset: int
    changelog_end: int


async def holdings(settings: Settings, customer: str) -> Holdings:
    """Count what there is of a customer. Reads the customer's partition of five topics, and all dead letters.

    Raises StateMismatch if the state was made with another secret than ours: the hash would be that of nobody.
    """
    names = (
        settings.touchpoints, settings.transitions, settings.signals, settings.stage_current, settings.state_changelog,
        settings.dead_letter,
    )  # fmt: skip
    kept = await kafka.keeping(settings, names)
    key, marker = customer.encode(), marker_key(customer, settings.erasure_secret)
    newest, position = dict[bytes, bool](), Position()
    found = list[Held]()
    for name in names:
        count, newest_ms = 0, -1
        async with aclosing(kafka.read_topic(settings, name, partitions=await _partitions(settings, name, key))) as log:
            async for record in log:
                if name == settings.state_changelog and record.key in {key, marker}:
                    newest[record.key] = record.value is not None
                elif name == settings.state_changelog and record.key == POSITION_KEY:
                    position = newer_position(position, record.value)
                if _is_of(record.key, record.value, key, name == settings.dead_letter):
                    count, newest_ms = count + 1, max(newest_ms, record.timestamp)
        found.append(Held(name, count, newest_ms if newest_ms >= 0 else None, kept[name]))
    require_secret(position, settings.erasure_secret)
    return Holdings(found, newest.get(key, False), newest.get(marker, False))


async def _partitions(settings: Settings, topic: str, key: bytes) -> list[int] | None:
    if topic == settings.dead_letter:  # a record with the wrong key lies in any
        return None
    return [kafka.partition_of(key, await kafka.partition_count(settings, topic))]


def _is_of(key: bytes | None, value: bytes | None, customer: bytes, is_dead_letter: bool) -> bool:
    if key == customer or not is_dead_letter:
        return key == customer
    return value is not None and customer in value and key_of(value) == customer


async def send_null(settings: Settings, customer: str) -> Sent:
    """Ask for the erasure; returns when that is durable."""
    key = customer.encode()
    spans = await kafka.topic_spans(settings, settings.state_changelog)
    partition, offset = await kafka.send_record(settings, settings.touchpoints, key, None)
    return Sent(partition, offset, spans[partition].end)


async def is_applied(settings: Settings, sent: Sent) -> bool:
    """Return whether a worker has erased the customer, durably. What another broker or none says raises.

    Raises StateMismatch if the worker has another secret, of which a partition without a record does not tell before.
    """
    end = (await kafka.topic_spans(settings, settings.state_changelog))[sent.partition].end
    if end <= sent.changelog_end:
        return False
    topic, part = settings.state_changelog, sent.partition
    records = await kafka.records_between(settings, topic, part, sent.changelog_end, end)
    positions = (decode_position(record.value) for record in records if record.key == POSITION_KEY and record.value)
    applied = next((position for position in positions if position.fence[1] >= sent.offset), None)
    if applied is not None:
        require_secret(applied, settings.erasure_secret)
    return applied is not None
