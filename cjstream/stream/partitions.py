"""The partitions that this worker owns: restored from the changelog, opened for input, dropped when they leave."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic

from aiokafka import ConsumerRecord

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.measures.sentiment import Scorer
from cjstream.core.state import CustomerState
from cjstream.errors import StateMismatch
from cjstream.ingest.codec import loads
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.deadlines import Deadlines
from cjstream.stream.due import KeptDeadlines
from cjstream.stream.outbox import Outbox
from cjstream.stream.partition import Partition
from cjstream.stream.publisher import Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.stores import MemoryStores, Stores

log = logging.getLogger("cjstream")


class Partitions:
    """All partitions of a worker by number. `pause(number, is_full)` is called as a partition fills up or has room."""

    def __init__(self, settings: Settings, metrics: Metrics, outbox: Outbox) -> None:
        self.settings, self.metrics = settings, metrics
        self.active: tuple[JourneyDefinition, ...] = ()
        self.scorer: Scorer | None = None
        self.pause: Callable[[int, bool], None] = lambda number, is_full: None
        self.stores: Stores = MemoryStores()
        self._outbox = outbox
        self._owned: set[int] = set()
        self.restored_records = 0
        self._rows: dict[int, Rows] = {}
        self._open: dict[int, Partition] = {}
        self._restoring_since: float | None = None

    def __getitem__(self, number: int) -> Partition:
        return self._open[number]

    def opened(self) -> Iterator[Partition]:
        """Yield the partitions that take input."""
        return iter(list(self._open.values()))

    def changelog_offset(self, number: int) -> int | None:
        """Return the newest changelog offset held of a partition, or None if nothing is."""
        rows = self._rows.get(number)
        return rows.store.changelog_offset if rows is not None and rows.store.changelog_offset >= 0 else None

    def restore(self, number: int, records: Sequence[ConsumerRecord]) -> None:
        """Apply changelog records, but none of a partition that has left: Faust's buffer may still hold some."""
        if number not in self._owned:
            return
        if self._restoring_since is None:
            self._restoring_since = monotonic()
        self._rows_of(number).restore(records)
        self.restored_records += len(records)
        self.metrics.inc("cjstream_restored_records_total", (), len(records))

    def _rows_of(self, number: int) -> Rows:
        if number not in self._rows:
            secret = (self.settings.erasure_key or self.settings.app_id).encode()
            self._rows[number] = Rows(self.stores.open(number), secret)
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

        Raises StateMismatch if a restored customer is in a journey whose definition nobody kept.
        """
        if self._restoring_since is not None:
            self.metrics.set("cjstream_restore_seconds", monotonic() - self._restoring_since)
            self._restoring_since = None
        fresh = [number for number in sorted(numbers) if number not in self._open]
        for number in fresh:
            self._open[number] = self._new(number, self._rows_of(number))
            self._open[number].resend()
        await asyncio.gather(*(self._open[number].publisher.drained() for number in fresh))
        log.info("partitions %s are open", ", ".join(map(str, sorted(self._open))) or "none")

    def _new(self, number: int, rows: Rows) -> Partition:
        journeys = self._journeys(number, rows)
        self._require_input(rows.position().topic)
        if unmapped := journeys.unmapped():
            raise StateMismatch("; ".join(unmapped), "mend `replaces` in the journey definition")
        deadlines = self._deadlines(number, rows, journeys)
        publisher = Publisher(number, rows, self._outbox, self.settings, self.metrics)
        partition = Partition(number, rows, publisher, journeys, deadlines, self.settings, self.metrics)
        publisher.on_room = lambda: self.weigh(number)
        return partition

    def _journeys(self, number: int, rows: Rows) -> Journeys:
        where = f"{self.settings.state_changelog}/{number}"
        kept = [compile_definition(loads(data), where) for data in rows.definitions()]
        return Journeys.of(self.active, kept, self.scorer)

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
            log.info("partition %d: totals and deadlines are made anew of all customers", number)
        return kept

    def _require_input(self, topic: str) -> None:
        """Fences are offsets of one topic: in another one they would take new records for replays."""
        if topic not in {"", self.settings.touchpoints}:
            raise StateMismatch(
                f"the state of app {self.settings.app_id} was made of topic {topic}, not {self.settings.touchpoints}",
                "set CJSTREAM_TOPICS__TOUCHPOINTS back, or take a new CJSTREAM_APP_ID and start anew",
            )

    def weigh(self, number: int) -> None:
        """Pause the input of a partition with too much under way, resume it when it has room again."""
        partition = self._open.get(number)
        if partition is None:
            return
        publisher, config = partition.publisher, self.settings
        has_many = publisher.waiting >= config.max_pending_records
        self.pause(number, has_many or publisher.waiting_bytes * len(self._open) >= config.max_pending_bytes)

    async def drain(self) -> None:
        """Return when nothing of any partition is under way."""
        await asyncio.gather(*(partition.publisher.drained() for partition in self.opened()))

    async def keep(self, numbers: set[int]) -> None:
        """Own these partitions from now on; drop all others: rows, overlay and what is under way."""
        self._owned = set(numbers)
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
