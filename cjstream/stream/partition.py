"""One partition's life: decode, advance, gather for the publisher. The agent calls it batch by batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from cjstream.core import dues, engine, forgetting
from cjstream.core.engine import Journeys, Step
from cjstream.core.state import (
    CustomerState,
    Fence,
    PendingRecord,
    Position,
    decode_state,
    definition_key,
    hash_of_value,
    hashed_id,
)
from cjstream.core.touchpoint import Erasure, Rejection, Touchpoint
from cjstream.ingest.codec import WireRecord, decode, dumps, encode
from cjstream.ingest.letters import dead_letter
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.deadlines import Deadlines
from cjstream.stream.due import KeptDeadlines
from cjstream.stream.fatal import BUG, give_up
from cjstream.stream.oddities import Oddities
from cjstream.stream.publisher import Group, Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.sizes import Sizes
from cjstream.stream.tally import Verdict, channels_of, count_step, count_touchpoint, count_verdicts

LOGGED_DIGITS = 8  # of the hash that stands for a customer in logs
TURN_CUSTOMERS = 1000  # of the clock in one group: some 50 ms of work, so that a scrape or heartbeat can wait

Item = Touchpoint | Erasure | Rejection


class Partition:
    """The customers of one partition. All methods are quick; none waits for Kafka."""

    def __init__(
        self,
        number: int,
        rows: Rows,
        publisher: Publisher,
        journeys: Journeys,
        deadlines: Deadlines | KeptDeadlines,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.number, self.rows, self.publisher, self.journeys = number, rows, publisher, journeys
        self.deadlines, self.is_firing = deadlines, False
        self._epoch, last = rows.position().fence  # the epoch is raised when an operator accepts another input topic
        self.applied_to = last + 1  # the offset after the last record applied, durable or not
        self.newest_event_ms: int | None = None  # of the touchpoints taken since it was opened
        self._app_id, self._stops = settings.app_id, settings.on_internal_error == "stop"
        self._secret = settings.erasure_secret
        self._max_skew_ms = int(settings.max_skew_seconds * 1000)
        self._metrics, self._sizes = metrics, Sizes(journeys)
        self._oddities = Oddities(settings.touchpoints, number)
        self._channels = channels_of(journeys.active.values())
        self._quiet = replace(journeys, tells_current=False)
        self._before: dict[bytes, CustomerState | None] = {}  # whom the batch at hand changed, as before it
        self._news: set[bytes] = set()  # those who may stand elsewhere now
        kept = {each.hash: rows.store.get(definition_key(each.hash)) for each in journeys.active.values()}
        self._unsaved = [each for each in journeys.active.values() if kept[each.hash] != dumps(each.data)]
        self.news = [(each.journey, each.hash, kept[each.hash] is None) for each in self._unsaved]  # and if it is new
        self._started = perf_counter()

    def decode(self, records: Sequence[ConsumerRecord]) -> list[Item]:
        """Return what each record of a batch says: a touchpoint, an erasure, or why it is neither."""
        self._started, limit_ms = perf_counter(), self._max_skew_ms
        return [decode(record.key, record.value, record.timestamp, limit_ms) for record in records]

    def advance(self, items: Sequence[Item], records: Sequence[ConsumerRecord]) -> None:
        """Apply what the records of a batch say to their customers, in order, and gather what follows."""
        self._save_definitions()
        tally, journeys = self.publisher.group.tally, self.journeys
        verdicts = list[Verdict]()
        newest_ms = self.newest_event_ms or 0
        for item, record in zip(items, records, strict=True):
            position = (self._epoch, record.offset)
            if type(item) is Touchpoint:
                before = self.rows.state(record.key)
                step = self._step(before, item, position, record)
                if step is None or step.verdict == engine.REPLAYED:
                    continue
                verdicts.append((step.verdict, item.fields.channel))
                newest_ms = max(newest_ms, item.at_ms)
                if step.outputs or step.refused or step.conflict or step.late_conversions:
                    self._gather(step)
                    if step.conflict:
                        self._oddities.conflict(record.offset)
                if journeys.metered:
                    count_touchpoint(tally, step, before, journeys)
                if step.state is not None:
                    self._keep(record.key, before, step.state, is_news=step.is_news)
            elif isinstance(item, Erasure):
                self._erase(item, position)
            else:
                assert isinstance(item, Rejection), "an item is one of three"
                self._reject(item, record)
        self.newest_event_ms = newest_ms or None
        count_verdicts(tally, verdicts, self._channels)

    def publish(self, records: list[ConsumerRecord], done: Any) -> None:
        """Hand over what the batch gathered; `done` is called when all of it is durable."""
        group = self.publisher.group
        group.outputs += self._settle()
        group.acks.append(done)
        group.position = _position_of(records[-1], self._epoch)
        self.applied_to = max(self.applied_to, records[-1].offset + 1)  # a replay starts from the last commit
        times = [record.timestamp for record in records if (record.timestamp or -1) >= 0]
        group.oldest_ms = min(*times, group.oldest_ms or times[0]) if times else group.oldest_ms
        self._metrics.observe("cjstream_batch_records", len(records))
        self._metrics.observe("cjstream_batch_seconds", perf_counter() - self._started)
        self.publisher.put(len(records), sum(len(record.value or b"") for record in records))
        self._oddities.say()

    def _settle(self) -> Iterator[WireRecord]:
        """Book each customer of the batch once, and yield where those stand who may have moved.

        The topic of current stages is compacted, and totals and deadlines are those of now: the last state tells all.
        """
        for key, before in self._before.items():
            after = self.rows.state(key)
            assert after is not None, "who is erased leaves `_before`"
            self.rows.totals.change(before, after, self.journeys.by_hash)
            if self.journeys.has_deadlines and dues.may_be_due(before, after):
                self.deadlines.note(key, after)
            current = engine.news(before, after, key.decode(), self.journeys) if key in self._news else None
            if current is not None:
                yield encode(current, self._app_id)
        self._before.clear()
        self._news.clear()

    def _save_definitions(self) -> None:
        """Let the definitions in force go ahead of the first states that need them.

        One of the same hash may say something else of titles or measures: then the newer one is kept.
        """
        for definition in self._unsaved:
            self.rows.put(definition_key(definition.hash), dumps(definition.data))
        self._unsaved = []

    def _step(
        self, before: CustomerState | None, touchpoint: Touchpoint, position: Fence, record: ConsumerRecord
    ) -> Step | None:
        """Return what the touchpoint does to its customer; None if the engine failed, and the record was rejected."""
        try:
            known = before if before is not None else self._returning(touchpoint.customer_id)
            step = engine.advance(known, touchpoint, position, self._quiet)
            if step.state is not None and not self._sizes.is_idle:
                self._sizes.require(step.state)
        except (OSError, MemoryError):  # of the store or the machine: nothing can be decided, and the record is sound
            raise
        except Exception as error:
            self._internal_error(error, record)
            return None
        return step

    def _returning(self, customer_id: str) -> CustomerState | None:
        marker = self.rows.marker(customer_id)
        return None if marker is None else forgetting.returning(marker)

    def _gather(self, step: Step) -> None:
        group = self.publisher.group
        count_step(group.tally, step)
        for output in step.outputs:
            group.outputs.append(encode(output, self._app_id))

    def _keep(self, key: bytes, before: CustomerState | None, after: CustomerState, *, is_news: bool) -> None:
        """Keep a customer's new state; note who is to be settled, which touchpoints that move nobody do not ask for."""
        self.rows.put(key, after)
        if is_news:
            self._news.add(key)
        elif before is not None and after.journeys is before.journeys and after.measured is before.measured:
            return
        if key not in self._before:
            self._before[key] = before

    def _erase(self, erasure: Erasure, position: Fence) -> None:
        key = erasure.customer_id.encode()
        before = self.rows.state(key)
        erased = forgetting.erase(before, self.rows.marker(erasure.customer_id), erasure, position)
        if erased is None:
            return
        booked = self._before.pop(key, before)
        self._news.discard(key)
        self.rows.put(self.rows.marker_key(erasure.customer_id), erased.marker)
        self.rows.put(key, None)
        self.rows.totals.change(booked, None, self.journeys.by_hash)
        self.deadlines.note(key, None)
        group = self.publisher.group
        group.outputs += (encode(output, self._app_id) for output in erased.outputs)
        group.tally["cjstream_touchpoints_total", (engine.ERASED,)] += 1
        group.tally["cjstream_customers_forgotten_total", ("asked",)] += 1
        self._oddities.forgotten("asked")

    def _reject(self, rejection: Rejection, record: ConsumerRecord) -> None:
        coordinates = (record.topic, record.partition, record.offset)
        group = self.publisher.group
        group.outputs.append(
            dead_letter(rejection, coordinates, record.key, record.value, record.headers, record.timestamp)
        )
        group.tally["cjstream_touchpoints_total", ("rejected",)] += 1
        group.tally["cjstream_dead_letters_total", (rejection.reason,)] += 1
        self._oddities.rejected(rejection.reason, record.offset)

    def _internal_error(self, error: Exception, record: ConsumerRecord) -> None:
        if self._stops:
            give_up(BUG, f"{_place(record)}: the engine failed", error)
        tell(
            "engine_failed",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            kind=type(error).__name__,
        )
        self._reject(Rejection("internal_error"), record)

    # -- steps fired by the clock, and what a restart left of them

    def fire(self, now_ms: int, may_go: Callable[[], bool]) -> None:
        """Let the deadlines fire that passed before `now_ms`, in as many turns as it takes while `may_go`.

        Such a step has no offset and cannot be replayed, so the state goes first and carries its outputs.
        """
        self.is_firing = True
        self.publisher.put_alone(lambda: self._turn(now_ms, may_go))

    def _turn(self, now_ms: int, may_go: Callable[[], bool]) -> Group | None:
        keys = self.deadlines.take(now_ms, TURN_CUSTOMERS) if may_go() else []
        group = Group(by_clock=True)
        for key in keys:
            self._expire(key, now_ms, group)
        self._oddities.say()
        self.is_firing = len(keys) == TURN_CUSTOMERS
        if self.is_firing:
            self.fire(now_ms, may_go)
        return group if group.states else None

    def _expire(self, key: bytes, now_ms: int, group: Group) -> None:
        before = self.rows.state(key)
        if before is None:
            return
        if self.rows.is_gathering(key):  # not durable yet, and with outputs that go first: at the next turn
            self.deadlines.put_back(key, before)
            return
        try:
            step = engine.expire(before, key.decode(), now_ms, self.journeys)
            if step.state is None:  # a touchpoint let the deadline pass that was noted; another may lie ahead
                if not self._lay_down(key, before, now_ms, group):
                    self.deadlines.put_back(key, before)
                return
            records = [encode(output, self._app_id) for output in step.outputs]
            pending = tuple(PendingRecord(each.topic, each.value, tuple(each.headers)) for each in records)
            state = msgspec.structs.replace(step.state, pending=pending)
            self._sizes.require(state)
        except (OSError, MemoryError):  # of the store or the machine, on which nothing more can be built
            raise
        except Exception as error:
            self._clock_error(error, key)
            return
        group.states[key] = state
        group.outputs += records
        count_step(group.tally, step)
        self.rows.totals.change(before, step.state, self.journeys.by_hash)
        self.deadlines.note(key, step.state)

    def _lay_down(self, key: bytes, before: CustomerState, now_ms: int, group: Group) -> bool:
        """Put a marker in place of a customer who fell silent and of whom nothing is told any more; False: stays."""
        marker = forgetting.lay_down(before, now_ms, self.journeys)
        if marker is None:
            return False
        group.states |= {self.rows.marker_key(key.decode()): marker, key: None}  # in this order, see Rows.restore
        group.tally["cjstream_customers_forgotten_total", ("silent",)] += 1
        self._oddities.forgotten("silent")
        self.rows.totals.change(before, None, self.journeys.by_hash)
        self.deadlines.note(key, None)
        return True

    def _clock_error(self, error: Exception, key: bytes) -> None:
        """The customer's deadlines wait until a touchpoint changes the state: now they would fail every second."""
        self._metrics.inc("cjstream_deadline_errors_total")
        if self._stops:
            give_up(BUG, f"partition {self.number}: the engine failed on a deadline", error)
        whose = hashed_id(key.decode(), self._secret)[:LOGGED_DIGITS]
        tell("deadline_failed", partition=self.number, kind=type(error).__name__, customer_hash=whose)

    def resend(self) -> None:
        """Ask for the first turn, to send again outputs of clock-fired steps that were written but perhaps not sent.

        Those known to be sent are dropped from the store. Values that another writer hides are written again by it, and
        the hash of a secret that is new: `cjstream forget` looks for it.
        """
        acked = self.rows.position().pending_acked
        self.rows.settle([key for key, offset in self.rows.pending.items() if offset <= acked])
        keys = list(self.rows.pending)
        outputs = [
            WireRecord(each.topic, key, each.value, each.headers)
            for key in keys
            for each in decode_state(self.rows.store.get(key) or b"").pending
        ]
        if outputs or self.rows.hidden() or self.publisher.has_other_secret:
            self.publisher.put_alone(lambda: Group(outputs=outputs, by_clock=True, resent=keys))


def _place(record: ConsumerRecord) -> str:
    return f"{record.topic} partition {record.partition} offset {record.offset}"


def _position_of(record: ConsumerRecord, epoch: int) -> Position:
    timestamp_ms = -1 if record.timestamp is None else record.timestamp
    return Position((epoch, record.offset), timestamp_ms, hash_of_value(record.value), topic=record.topic)
