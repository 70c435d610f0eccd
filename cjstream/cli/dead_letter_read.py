"""The dead letters that a person asks for, read from their topic."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

from cjstream import kafka
from cjstream.errors import ConfigError
from cjstream.ingest.letters import Identity, Letter, read_letter, read_note
from cjstream.settings import Settings

Record = Any  # of aiokafka, which commands leave to cjstream.kafka
Show = Callable[[int], None]


class Choice(NamedTuple):
    """Which letters; an empty part takes all. `since_ms` is compared with the record's own Kafka timestamp."""

    reasons: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    since_ms: int | None = None
    partition: int | None = None
    offset: int | None = None

    def takes(self, record: Record, letter: Letter) -> bool:
        """Return whether a letter is one of these."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.keys or (record.key is not None and record.key.decode(errors="replace") in self.keys))
            and (self.since_ms is None or record.timestamp >= self.since_ms)
            and self.partition in (None, record.partition)
            and self.offset in (None, record.offset)
        )


class Found(NamedTuple):
    """A dead letter as it lies in its topic, and whether it was replayed before."""

    record: Record
    letter: Letter
    identity: Identity
    is_replayed: bool


class Identities:
    """A set, small enough for millions."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], set[tuple[int, int]]] = {}

    def __contains__(self, identity: Identity) -> bool:
        origin, time_ms = identity
        return (origin.offset, time_ms) in self._places.get(origin[:2], ())

    def add(self, identity: Identity) -> None:
        """Let it be among them."""
        origin, time_ms = identity
        self._places.setdefault(origin[:2], set()).add((origin.offset, time_ms))


async def letters(config: Settings, choice: Choice, show: Show) -> AsyncGenerator[Found, None]:
    """Yield the chosen letters, in order within a partition, each once: a worker that was killed may have written two.

    Reads the topic twice, as what was replayed is noted behind the letters. `show` gets the count of records read.
    Raises ConfigError if the topic has no such partition.
    """
    partitions = await _partitions(config, choice.partition)
    replayed, seen = Identities(), Identities()
    async with aclosing(kafka.read_batches(config, config.dead_letter, partitions=partitions)) as batches:
        async for records in batches:
            for note in filter(None, (read_note(record.headers) for record in records)):
                replayed.add(note)
            show(len(records))
    async with aclosing(kafka.read_batches(config, config.dead_letter, partitions=partitions)) as batches:
        async for records in batches:
            for record in records:
                letter = read_letter(record.headers)
                if letter is None or not choice.takes(record, letter):
                    continue
                identity = Identity(letter.origin, record.timestamp)
                if identity not in seen:
                    seen.add(identity)
                    yield Found(record, letter, identity, identity in replayed)
            show(len(records))


async def _partitions(config: Settings, chosen: int | None) -> list[int] | None:
    if chosen is None:
        return None
    count = await kafka.partition_count(config, config.dead_letter)
    if chosen >= count:
        raise ConfigError("--partition", chosen, f"{config.dead_letter} has partitions 0 to {count - 1}")
    return [chosen]
