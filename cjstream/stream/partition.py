"""One partition's life: decode, advance, gather for the publisher. The agent calls it record by record."""

import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from time import perf_counter
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from cjstream.core import engine
from cjstream.core.engine import Journeys, Step
from cjstream.core.outputs import Output, Signal, StageCurrent, StageTransition
from cjstream.core.state import CustomerState, Fence, PendingRecord, Position, decode_state, definition_key
from cjstream.core.touchpoint import Erasure, Rejection, Touchpoint
from cjstream.ingest.codec import WireRecord, dead_letter, decode, dumps, encode
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.fatal import BUG, give_up
from cjstream.stream.publisher import Group, Publisher
from cjstream.stream.rows import Rows

log = logging.getLogger("cjstream")

EPOCH = 0  # of the input topic; raised when an operator accepts a recreated one
DEAD_LETTER_LIMIT_BYTES = (1 << 20) + (60 << 10)  # the topic's limit, input's + 64 KiB, less room for the reasons

Item = Touchpoint | Erasure | Rejection


class Partition:
    """The customers of one partition. All methods are quick; none waits for Kafka."""

    def __init__(
        self,
        number: int,
        rows: Rows,
        publisher: Publisher,
        journeys: Journeys,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.number, self.rows, self.publisher, self.journeys = number, rows, publisher, journeys
        self._app_id, self._stops = settings.app_id, settings.on_internal_error == "stop"
        self._max_skew_ms = int(settings.max_skew_seconds * 1000)
        self._metrics = metrics
        self._currents: dict[str, StageCurrent] = {}  # the newest of each customer in the batch at hand
        self._unsaved = [each for each in journeys.active.values() if rows.store.get(definition_key(each.hash)) is None]
        self._started = perf_counter()

    def decode(self, record: ConsumerRecord) -> Item:
        """Return what a record says: a touchpoint, an erasure, or why it is neither."""
        return decode(record.key, record.value, record.timestamp, self._max_skew_ms)

    def advance(self, item: Item, record: ConsumerRecord) -> None:
        """Apply what a record says to its customer, and gather what follows."""
        position = (EPOCH, record.offset)
        if isinstance(item, Touchpoint):
            self._advance(item, position, record)
        elif isinstance(item, Erasure):
            self._erase(item, position)
        else:
            self._reject(item, record)

    def publish(self, records: list[ConsumerRecord], done: Any) -> None:
        """Hand over what the batch gathered; `done` is called when all of it is durable."""
        group = self.publisher.group
        group.outputs += (encode(current, self._app_id) for current in self._currents.values())
        self._currents.clear()
        group.acks.append(done)
        group.position = _position_of(records[-1])
        times = [record.timestamp for record in records if (record.timestamp or -1) >= 0]
        group.oldest_ms = min(*times, group.oldest_ms or times[0]) if times else group.oldest_ms
        self._metrics.observe("cjstream_batch_records", len(records))
        self._metrics.observe("cjstream_batch_seconds", perf_counter() - self._started)
        self.publisher.put(len(records))

    def begin(self) -> None:
        """A batch begins. The definitions in force go ahead of the first states that need them."""
        self._started = perf_counter()
        for definition in self._unsaved:
            self.rows.put(definition_key(definition.hash), dumps(definition.data))
        self._unsaved = []

    def _advance(self, touchpoint: Touchpoint, position: Fence, record: ConsumerRecord) -> None:
        key = record.key
        before = self.rows.state(key)
        try:
            known = before if before is not None else self._returning(touchpoint.customer_id)
            step = engine.advance(known, touchpoint, position, self.journeys)
        except Exception as error:
            self._internal_error(error, record)
            return
        if step.verdict != engine.REPLAYED:
            self._gather(step, key, before)

    def _returning(self, customer_id: str) -> CustomerState | None:
        marker = self.rows.marker(customer_id)
        return None if marker is None else engine.returning(marker)

    def _gather(self, step: Step, key: bytes, before: CustomerState | None) -> None:
        tally = self.publisher.group.tally
        tally["cjstream_touchpoints_total", (step.verdict,)] += 1
        if step.conflict:
            tally["cjstream_duplicate_conflicts_total", ()] += 1
        if step.state is None:
            return
        self.rows.put(key, step.state)
        self.rows.totals.change(before, step.state, self.journeys.by_hash)
        for output in step.outputs:
            self._gather_output(output)

    def _gather_output(self, output: Output) -> None:
        if isinstance(output, StageCurrent):
            self._currents[output.customer_id] = output  # compacted anyway: the batch's last one tells all
            return
        group = self.publisher.group
        group.outputs.append(encode(output, self._app_id))
        if isinstance(output, StageTransition):
            labels = (output.journey, output.from_stage or "none", output.to_stage or "none", output.kind)
            group.tally["cjstream_transitions_total", labels] += 1
        elif isinstance(output, Signal):
            group.tally["cjstream_signals_total", (output.journey, output.kind)] += 1

    def _erase(self, erasure: Erasure, position: Fence) -> None:
        key = erasure.customer_id.encode()
        before = self.rows.state(key)
        erased = engine.erase(before, self.rows.marker(erasure.customer_id), erasure, position)
        if erased is None:
            return
        self._currents.pop(erasure.customer_id, None)
        self.rows.put(self.rows.marker_key(erasure.customer_id), erased.marker)
        self.rows.put(key, None)
        self.rows.totals.change(before, None, self.journeys.by_hash)
        group = self.publisher.group
        group.outputs += (encode(output, self._app_id) for output in erased.outputs)
        group.tally["cjstream_touchpoints_total", (engine.ERASED,)] += 1

    def _reject(self, rejection: Rejection, record: ConsumerRecord) -> None:
        coordinates = (record.topic, record.partition, record.offset)
        group = self.publisher.group
        group.outputs.append(
            dead_letter(
                rejection,
                coordinates,
                record.key,
                record.value,
                record.headers,
                record.timestamp,
                DEAD_LETTER_LIMIT_BYTES,
            )
        )
        group.tally["cjstream_touchpoints_total", ("rejected",)] += 1
        group.tally["cjstream_dead_letters_total", (rejection.reason,)] += 1

    def _internal_error(self, error: Exception, record: ConsumerRecord) -> None:
        if self._stops:
            give_up(BUG, f"{_place(record)}: the engine failed", error)
        log.error("%s: the engine failed (%s); sent to dead-letter", _place(record), type(error).__name__)
        self._reject(Rejection("internal_error"), record)

    # -- steps fired by the clock, and what a restart left of them

    async def fire(self, expire: Callable[[], Mapping[bytes, tuple[CustomerState, Iterable[Output]]]]) -> None:
        """Make clock-fired steps durable: each customer's new state and what leaves. Returns when they are.

        Such a step has no offset and cannot be replayed, so the state goes first and carries its outputs. `expire` is
        called when no group is under way, so that it sees the newest states.
        """

        def make() -> Group:
            group = Group(by_clock=True)
            for key, (state, outputs) in expire().items():
                records = [encode(output, self._app_id) for output in outputs]
                pending = tuple(PendingRecord(each.topic, each.value, tuple(each.headers)) for each in records)
                self.rows.totals.change(self.rows.state(key), state, self.journeys.by_hash)
                self.rows.put(key, msgspec.structs.replace(state, pending=pending))
                group.outputs += records
            return group

        await self.publisher.put_alone(make)

    async def resend(self) -> None:
        """Send again the outputs of clock-fired steps that were written but, as far as is known, not sent."""
        acked = self.rows.position().pending_acked
        outputs = [
            WireRecord(each.topic, key, each.value, each.headers)
            for key, offset in self.rows.pending.items()
            if offset > acked
            for each in decode_state(self.rows.store.get(key) or b"").pending
        ]
        if outputs:
            await self.publisher.put_alone(lambda: Group(outputs=outputs, by_clock=True))


def _place(record: ConsumerRecord) -> str:
    return f"{record.topic} partition {record.partition} offset {record.offset}"


def _position_of(record: ConsumerRecord) -> Position:
    value_hash = blake2b(record.value or b"", digest_size=8).digest()
    return Position(
        (EPOCH, record.offset), -1 if record.timestamp is None else record.timestamp, value_hash, topic=record.topic
    )
