"""The partitions that this worker owns: restored from the changelog, opened for input, dropped when they leave."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic

from aiokafka import ConsumerRecord

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.forgetting import require_secret
from cjstream.core.measures.sentiment import Scorer
from cjstream.core.state import CustomerState, Position
from cjstream.errors import StateMismatch
from cjstream.ingest.codec import loads
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.current import CurrentStages, teller
from cjstream.stream.deadlines import Deadlines
from cjstream.stream.due import KeptDeadlines
from cjstream.stream.intake import require_topic
from cjstream.stream.outbox import Outbox
from cjstream.stream.partition import Partition
from cjstream.stream.patience import answered
from cjstream.stream.publisher import Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.stores import MemoryStores, Stores


class Partitions:
    """All partitions of a worker by number. `pause(number, is_full)` is called as a partition fills up or has room."""

    def __init__(self, settings: Settings, metrics: Metrics, outbox: Outbox) -> None:
        self.settings, self.metrics = settings, metrics
        self.active: tuple[JourneyDefinition, ...] = ()
        self.scorer: Scorer | None = None
        self.pause: Callable[[int, bool], None] = lambda number, is_full: None
        self.count = 0  # of the input's partitions; 0: not known
        self.stores: Stores = MemoryStores()
        self.check_input: Callable[[Mapping[int, Position]], Awaitable[None]] = _trust
        self.current_ends: Callable[[Iterable[int]], Awaitable[Mapping[int, int]]] = _unknown
        self._outbox = outbox
        self._owned: set[int] = set()
        self.restored_records = 0
        self._rows: dict[int, Rows] = {}
        self._open: dict[int, Partition] = {}
        self._restoring_since: float | None = None
        self._restored_before = 0  # this restore

    def __getitem__(self, number: int) -> Partition:
        return self._open[number]

    def opened(self) -> Iterator[Partition]:
        """Yield the partitions that take input."""
        return iter(list(self._open.values()))

    def restoring(self) -> int:
        """Return how many partitions are assigned and not open yet."""
        return len(self._owned - self._open.keys())

    def changelog_offset(self, number: int) -> int | None:
        """Return the newest changelog offset held of a partition, or None if nothing is."""
        rows = self._rows.get(number)
        return rows.store.changelog_offset if rows is not None and rows.store.changelog_offset >= 0 else None

    def restore(self, number: int, records: Sequence[ConsumerRecord]) -> None:
        """Apply changelog records, but none of a partition that has left: Faust's buffer may still hold some."""
        if number not in self._owned:
            return
        if self._restoring_since is None:
            self._restoring_since, self._restored_before = monotonic(), self.restored_records
            tell("restore_begun", topic=self.settings.state_changelog)
        self._rows_of(number).restore(records)
        self.restored_records += len(records)
        self.metrics.inc("cjstream_restored_records_total", (), len(records))

    def _rows_of(self, number: int) -> Rows:
        if number not in self._rows:
            self._rows[number] = Rows(self.stores.open(number), self.settings.erasure_secret)
        return self._rows[number]

    async def reopen(self) -> None:
        """Take up what earlier processes left of the partitions owned, where that is to be trusted."""
        fresh = sorted(self._owned - self._rows.keys())
        if fresh:
            await self.stores.check(fresh)
            for number in fresh:
                self._rows_of(number)

    async def open(self, numbers: Iterable[int]) -> None:
        """Take input for these partitions from now on; those already open stay as they are.

        Raises StateMismatch if a restored customer is in a journey whose definition nobody kept, or if the state was
        made of another input, or customers were forgotten under another erasure key.
        """
        if self._restoring_since is not None:
            seconds = monotonic() - self._restoring_since
            self.metrics.set("cjstream_restore_seconds", seconds)
            tell("restore_ended", records=self.restored_records - self._restored_before, seconds=round(seconds, 3))
            self._restoring_since = None
        fresh = [number for number in sorted(numbers) if number in self._owned and number not in self._open]
        restored = {number: self._rows_of(number) for number in fresh}
        await self._require_input(fresh)
        ends = await answered(lambda: self.current_ends(fresh)) if fresh else {}
        fresh = [number for number, rows in restored.items() if self._may_open(number, rows)]
        for number in fresh:
            self._open[number] = self._new(number, restored[number], ends.get(number))
            self._open[number].resend()
        await asyncio.gather(*(self._open[number].publisher.drained() for number in fresh))
        self._tell_news(fresh)
        tell("partitions_open", partitions=sorted(self._open))

    def _tell_news(self, numbers: Iterable[int]) -> None:
        """Tell of definitions that these partitions do not know, or know otherwise: once each."""
        news: dict[tuple[str, str, bool], list[int]] = {}
        for number in numbers:
            for each in self._open[number].news if number in self._open else ():
                news.setdefault(each, []).append(number)
        for (journey, definition, is_new), where in news.items():
            if is_new:
                tell("definition_new", journey=journey, definition=definition, partitions=where)
            else:
                tell("definition_changed", journey=journey, definition=definition, partitions=where)

    def _may_open(self, number: int, rows: Rows) -> bool:
        """Return whether these rows are still to be opened, after a wait.

        Faust does not end an `open` under way when it rebalances: meanwhile the partition may have left, may be back
        with rows that are being restored, or may be open.
        """
        return self._rows.get(number) is rows and number not in self._open

    async def check_again(self) -> None:
        """Look whether the input of the open partitions is still the same. Raises StateMismatch."""
        await self._require_input([partition.number for partition in self.opened()])

    def mend(self, ends: Mapping[int, int], current_ends: Mapping[int, int], may_go: Callable[[], bool]) -> None:
        """Let partitions write again what others wrote behind their last record.

        `ends` are those of their changelogs, where who is not idle sees it anyway; `current_ends` of current stages.
        """
        for partition in self.opened():
            number, publisher = partition.number, partition.publisher
            if ends.get(number, 0) > partition.rows.store.changelog_offset + 1:
                publisher.mend(may_go)
            if publisher.current.is_behind(end := current_ends.get(number, 0)):
                publisher.mend_current(end, may_go)

    def _new(self, number: int, rows: Rows, current_end: int | None) -> Partition:
        if rows.has_markers():  # while there is none, the secret may change
            require_secret(rows.position(), self.settings.erasure_secret)
        journeys = self._journeys(number, rows)
        if unmapped := journeys.unmapped():
            raise StateMismatch("; ".join(unmapped), "mend `replaces` in the journey definition")
        deadlines = self._deadlines(number, rows, journeys)
        value_of = teller(rows, journeys, self.settings.app_id)
        current = CurrentStages(number, current_end, value_of, self._outbox, self.settings, self.metrics)
        publisher = Publisher(number, rows, self._outbox, self.settings, self.metrics, current)
        partition = Partition(number, rows, publisher, journeys, deadlines, self.settings, self.metrics)
        publisher.partitions, publisher.on_room = self.count, lambda: self.weigh(number)
        return partition

    def _journeys(self, number: int, rows: Rows) -> Journeys:
        where = f"{self.settings.state_changelog}/{number}"
        kept = [compile_definition(loads(data), where) for data in rows.definitions()]
        silence_ms = 1000 * self.settings.expire_inactive_seconds
        return Journeys.of(self.active, kept, self.scorer).expiring(silence_ms or None)

    def _deadlines(self, number: int, rows: Rows, journeys: Journeys) -> Deadlines | KeptDeadlines:
        """Bring up the totals, and return the deadlines."""
        customers = _checked(rows.customers(), journeys)
        if rows.ledger is None:
            deadlines = Deadlines(journeys)
            rows.totals.recount(_noted(customers, deadlines), journeys.by_hash)
            return deadlines
        kept, is_made = rows.ledger.open(journeys, customers)
        _require(rows.ledger.totals.definitions(), journeys)
        if is_made and rows.totals.counts:
            tell("totals_made_anew", partition=number)
        return kept

    async def _require_input(self, numbers: Iterable[int]) -> None:
        positions = {number: self._rows_of(number).position() for number in numbers}
        require_topic(self.settings, positions, self.count)
        if positions:
            await self.check_input(positions)

    def weigh(self, number: int) -> None:
        """Pause the input of a partition with too much under way, resume it when it has room again."""
        partition = self._open.get(number)
        if partition is None:
            return
        publisher, config = partition.publisher, self.settings
        has_many = publisher.waiting >= config.max_pending_records
        self.pause(number, has_many or publisher.waiting_bytes * len(self._open) >= config.max_pending_bytes)

    def prune(self, before_ms: int) -> list[int]:
        """Delete local files of partitions that left and were not touched since; return their numbers."""
        return self.stores.prune(self._owned, before_ms)

    async def drain(self) -> None:
        """Return when nothing of any partition is under way."""
        await asyncio.gather(*(partition.publisher.drained() for partition in self.opened()))

    async def keep(self, numbers: set[int]) -> None:
        """Own these partitions from now on; drop all others: rows, overlay and what is under way."""
        before, self._owned = self._owned, set(numbers)
        came, left = sorted(numbers - before), sorted(before - numbers)
        if came or left:
            tell("partitions_assigned", partitions=sorted(numbers), came=came, left=left)
        for number in set(self._rows) - numbers:
            await self._close(number)

    async def _close(self, number: int) -> None:
        partition = self._open.pop(number, None)
        if partition is not None:
            await partition.publisher.close()
        self._rows.pop(number).store.close()

    async def close(self) -> None:
        """Let go of all partitions; nothing of them may be under way."""
        self._owned = set()  # a chunk of the changelog that is still to come opens none again
        for number in list(self._rows):
            await self._close(number)


async def _trust(_: Mapping[int, Position]) -> None:
    """Check nothing."""


async def _unknown(_: Iterable[int]) -> Mapping[int, int]:
    """Know no end."""
    return {}


def _noted(customers: Iterable[tuple[bytes, CustomerState]], deadlines: Deadlines) -> Iterator[CustomerState]:
    for key, state in customers:
        deadlines.note(key, state)
        yield state


def _checked(
    customers: Iterable[tuple[bytes, CustomerState]], journeys: Journeys
) -> Iterator[tuple[bytes, CustomerState]]:
    """Yield the customers, each decoded once; raise StateMismatch at one whose definition nobody kept."""
    for key, state in customers:
        for journey in state.journeys.values():
            _require((instance.definition for instance in journey.instances), journeys)
        yield key, state


def _require(hashes: Iterable[str], journeys: Journeys) -> None:
    for each in hashes:
        if each not in journeys.by_hash:
            raise StateMismatch(
                f"customers are in a journey with definition {each}, which is not in the changelog",
                "start with the definition file they entered under, or restore the changelog",
            )
