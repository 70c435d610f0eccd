"""The table of facts: what the compacted facts topic says, of the partitions this worker owns.

The topic itself is the truth, so there is no changelog: a partition is read from its start when it comes to this
worker, beside the touchpoints, and nothing waits for it. See docs/explanation/durability.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from aiokafka import ConsumerRecord

from cjstream.core.facts import Fact, Facts, Withdrawal
from cjstream.core.touchpoint import Rejection
from cjstream.errors import CjstreamError
from cjstream.ingest.codec import WireRecord
from cjstream.ingest.facts import decode_fact
from cjstream.ingest.letters import dead_letter
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.fatal import give_up
from cjstream.stream.oddities import Oddities
from cjstream.stream.outbox import Outbox
from cjstream.stream.tally import Tally

LETTER_LIMIT_BYTES = 32 << 10  # far above a fact, and below the room that any dead-letter topic of ours has
OUTCOMES: Mapping[type, str] = {Fact: "taken", Withdrawal: "withdrawn", Rejection: "rejected"}


class _Part:
    """One partition's facts, and the offset to read next."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.position = 0


class FactTable(Mapping[str, Fact]):
    """Reads as a mapping of key to Fact; short of what a partition that has just come has not been read yet.

    `committed(partition)` is the group's offset: what lies before was counted, and dead-lettered if it was no fact.
    `dead_letters()` is the partition count of the dead-letter topic.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        outbox: Outbox,
        committed: Callable[[int], int],
        dead_letters: Callable[[], int],
    ) -> None:
        self._settings, self._metrics, self._outbox = settings, metrics, outbox
        self._committed, self._dead_letters = committed, dead_letters
        self._parts: dict[int, _Part] = {}

    def __getitem__(self, key: str) -> Fact:
        for part in self.parts():
            if key in part:
                return part[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.parts())

    def __len__(self) -> int:
        return sum(map(len, self.parts()))

    def parts(self) -> list[Facts]:
        """Return the facts of each owned partition; no key is in two."""
        return [part.facts for part in list(self._parts.values())]

    def keep(self, numbers: set[int]) -> None:
        """Own these partitions from now on: those held stay as they are, new ones are empty, all others are dropped."""
        self._parts = {number: self._parts.get(number) or _Part() for number in numbers}

    def owned(self) -> list[int]:
        """Return the numbers of the owned partitions."""
        return list(self._parts)

    def position(self, number: int) -> int:
        """Return the offset to read next of a partition; 0: nothing of it is held."""
        part = self._parts.get(number)
        return part.position if part is not None else 0

    async def take(self, number: int, records: Sequence[ConsumerRecord]) -> None:
        """Apply records of one partition, in order; return when those that are no facts are durable dead letters.

        Records of a partition that has left are passed over. A write that fails, or takes too long, ends the process.
        """
        part = self._parts.get(number)
        if part is None:
            return
        first_new = self._committed(number)
        letters: list[WireRecord] = []
        tally, oddities = Tally(), Oddities(self._settings.facts, number)
        for record in records:
            outcome = _apply(part.facts, record)
            if record.offset < first_new:
                continue
            if isinstance(outcome, Rejection):
                letters.append(_letter(outcome, record))
                tally["cjstream_dead_letters_total", (outcome.reason,)] += 1
                oddities.rejected(outcome.reason, record.offset)
            tally["cjstream_facts_read_total", (OUTCOMES[type(outcome)],)] += 1
        part.position = records[-1].offset + 1
        if letters:
            await self._send(number % self._dead_letters(), letters)
        tally.add_to(self._metrics)
        oddities.say()

    async def _send(self, number: int, letters: Sequence[WireRecord]) -> None:
        try:
            await self._outbox.send(self._settings.dead_letter, number, letters)
        except CjstreamError as error:
            give_up(error.exit_code, f"facts: {error}; nothing more is committed")


def _apply(facts: Facts, record: ConsumerRecord) -> Fact | Withdrawal | Rejection:
    found = decode_fact(record.key, record.value)
    if isinstance(found, Fact):
        facts.take(found)
    elif isinstance(found, Withdrawal):
        facts.forget(found.key)
    return found


def _letter(rejection: Rejection, record: ConsumerRecord) -> WireRecord:
    coordinates = (record.topic, record.partition, record.offset)
    return dead_letter(
        rejection, coordinates, record.key, record.value, record.headers, record.timestamp, LETTER_LIMIT_BYTES
    )
