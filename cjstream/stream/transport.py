"""Faust's Kafka transport, with whole batches for our topics and single messages for everybody else's.

Faust spends about 80 us on each message, whatever is in it. So one Faust message carries a chunk of a partition's
records: its value is the list of them, its offset that of the last. See docs/adr/0002 for the acks.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

import faust
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

from cjstream.kafka.headers import read_any_header_names
from cjstream.logs import tell
from cjstream.stream.fatal import RESTART, give_up

CHUNK_RECORDS = 1000  # some 25 ms of work: how long the loop may be held, so that a scrape or heartbeat can wait
FETCH_WAIT_MS = 100  # Faust asks brokers to hold an empty fetch 1.5 s, during which a busy partition is not fetched
IDLE_SECONDS = 1.0
LEAVE_SECONDS = 3.0  # to take leave of the brokers at the end
ROOM_SECONDS = 0.02  # how often agents that have records waiting are asked whether they have room
ENDS_SECONDS = 5.0  # for the answer on where the log ends; Faust's own 90 s would hold up the clock


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Marks a topic whose messages carry lists of records, and hands them through undecoded."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Return no key: each record has its own."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the list of aiokafka ConsumerRecords."""
        return message.value


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads committed records only, waits briefly on an empty fetch, and reports heartbeats."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        read_any_header_names()
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Start the aiokafka consumer and listen to its heartbeats."""
        await super().on_start()
        self.app.membership.watch(self._ensure_consumer()._coordinator)

    async def on_thread_stop(self) -> None:
        """Stop the aiokafka consumer. All is committed by now: the end waits for no broker that is away."""
        await super(driver.AIOKafkaConsumerThread, self).on_thread_stop()  # an error in Faust's own ends the thread
        consumer: Any = self._consumer
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await consumer.stop()

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Say so as all is said; Faust would print the error, whatever is in it."""
        if isinstance(error := fmt[-1], BaseException):
            tell("uncaught", traced=error, why=error)

    def share(self, assigned: Iterable[TP]) -> None:
        """Share the bytes to fetch ahead among the partitions assigned; a topic's changelog is not read with it."""
        by_topic = Counter(tp.topic for tp in assigned)
        share = self.app.settings.max_fetch_bytes // max(by_topic.values(), default=1)
        self._ensure_consumer()._fetcher._max_partition_fetch_bytes = min(share, self.app.conf.consumer_max_fetch_size)


class Standing(NamedTuple):
    """Where a batched partition stands: next offsets to commit, to ack, to read, and to fetch; 0: not known."""

    committed: int
    acked: int
    read: int
    position: int


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """One message per (partition, chunk of records) of the app's `batched_topics`; acked in order, as a whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._batched: set[str] = self.app.batched_topics
        self._facts: str = self.app.settings.facts
        self._applied: dict[TP, int] = {}  # next offset to commit, of batched partitions
        self._room, self._fetched = asyncio.Event(), asyncio.Event()
        self._fetched.set()
        self._held: set[TP] = set()  # partitions to read again when the flow resumes
        self._parked: dict[TP, deque[Any]] = {}  # single records that found no room with their agents
        self._read: dict[TP, int] = {}  # next offset to read, of batched partitions
        self.watched: set[TP] = set()  # those whose fetch position is to be noted
        self._passed: dict[TP, int] = {}  # it: what lies before is read, or is no record
        self.last_commit = monotonic()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: our watchdog ends what stands. Faust's look takes a changelog that nobody reads for a fault."""

    # -- fetching

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield what was fetched: chunks of batched partitions, single messages of others as far as there is room."""
        records, active = await self._wait_next_records(ROOM_SECONDS if self._parked else timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop or not self.flow_active:
            return  # in a rebalance what was fetched is read again after its seek to the committed offsets
        wanted = {
            tp: rows
            for tp, rows in records.items()
            if active is None or tp in active or tp in self._buffered_partitions
        }
        self._note_read(wanted, active or set())
        for tp, message in self._messages(wanted, generation):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            yield tp, message

    def _note_read(self, records: Mapping[TP, list[Any]], fetched: set[TP]) -> None:
        """Note how far we are, at once when a fetch is over: nothing of it is then on its way between the threads."""
        for tp, rows in records.items():
            if tp.topic in self._batched:
                if rows[0].offset < self._read.get(tp, 0):
                    give_up(RESTART, f"{tp.topic} partition {tp.partition} goes back: was the topic made anew?")
                self._read[tp] = rows[-1].offset + 1
        for tp in fetched:
            if tp not in self.watched and not self._is_changelog_tp(tp):
                continue
            state = self._partition_state(tp)
            if state is not None and state._position is not None:
                self._passed[tp] = state._position

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()  # Faust would sleep a whole second with every partition full
            try:
                await asyncio.wait_for(self._room.wait(), IDLE_SECONDS)
            except TimeoutError:
                return {}, set()
        found: tuple[Any, Any] = await super()._wait_next_records(timeout)
        return found

    def _messages(self, records: Mapping[TP, list[Any]], generation: int) -> Iterator[tuple[TP, Any]]:
        for tp, rows in records.items():
            chunks = [rows[start : start + CHUNK_RECORDS] for start in range(0, len(rows), CHUNK_RECORDS)]
            if tp.topic not in self._batched:
                self._parked.setdefault(tp, deque()).extend(rows)
            elif tp.topic == self._facts:  # its agent waits for acks, which nobody else should
                self._parked.setdefault(tp, deque()).extend(chunks)
            else:
                yield from ((tp, _chunk(tp, chunk, generation)) for chunk in chunks)
        for tp, parked in list(self._parked.items()):
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            for _ in range(min(len(parked), self._room_for(tp))):
                item = parked.popleft()
                yield tp, _chunk(tp, item, generation) if isinstance(item, list) else self._to_message(tp, item)
            if not parked:
                self._parked.pop(tp, None)

    def _room_for(self, tp: TP) -> int:
        """How many messages the agents of a partition can take now. Faust would wait for one and so hold up all."""
        queues = [channel.queue for channel in self.app.topics._tp_index.get(tp, ())]
        return min((queue.maxsize - queue.qsize() for queue in queues), default=0)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # A copy: Faust's set may be emptied while the fetch waits, and to aiokafka none means all. Records of paused
        # partitions would come and be dropped, and where no offset is committed yet no seek brings them back.
        # Nor are those asked for whose agents have records waiting.
        asked = None if active_partitions is None else set(active_partitions) - self._parked.keys()
        if asked is not None and not asked:
            await asyncio.sleep(timeout)
            return {}
        if asked is None or not all(map(self._is_changelog_tp, asked)):  # a seek is of no concern to those
            self._fetched.clear()
        try:
            return await super()._getmany(asked, timeout)
        finally:
            self._fetched.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """A partition has room again. It is not read before its turn if a rebalance has paused it meanwhile."""
        if tp in self._paused_partitions:
            self._buffered_partitions.discard(tp)
            return
        super().on_buffer_drop(tp)
        self._room.set()

    # Faust resumes the input, then seeks to the committed offsets, then clears all buffers. A chunk read in between
    # is cleared but counts as read, and one from before the seek comes ahead of older ones, whose effects the fence
    # then takes for applied. So input waits for the end of all that, and the seek for the end of a fetch under way.

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; to the start of the log where none is, which Faust leaves out.

        Of facts only the table of facts knows what was read: a committed offset says nothing of what it holds.
        """
        await self._fetched.wait()
        self._parked.clear()
        self._read.clear()
        self._passed.clear()
        await super().perform_seek()
        uncommitted = {tp for tp in self.assignment() if self._committed_offset[tp] is None}
        if fresh := [TopicPartition(*tp) for tp in uncommitted if not self._is_changelog_tp(tp)]:
            with suppress(IllegalStateError):  # a rebalance has taken one away, and will seek again
                await self._thread.seek_to_beginning(*fresh)
        positions = {tp: self.app.facts.position(tp.partition) for tp in self.assignment() if tp.topic == self._facts}
        if positions:
            with suppress(IllegalStateError):
                await self._thread.seek_wait(positions)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from these partitions no more."""
        super().pause_partitions(tps)
        self._held.difference_update(tps)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from these partitions again: changelogs now, input when the flow resumes."""
        changelogs = {tp for tp in tps if self._is_changelog_tp(tp)}
        self._held |= set(tps) - changelogs
        super().resume_partitions(changelogs)
        self._room.set()

    def resume_flow(self) -> None:
        """Let messages flow, also from the partitions held back."""
        super().resume_flow()
        held, self._held = self._held, set()
        super().resume_partitions(held)
        self._room.set()

    # -- acks: a partition's chunks are acked in order, so the newest acked offset says it all. Faust's bookkeeping
    # takes the jump to a chunk's last offset for a gap in the log: it may commit beyond what is done, and with acks in
    # order it commits one chunk at a time and falls behind without end.

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def ack(self, message: Any) -> bool:
        """Book a message as done; what is before it in its partition is done too, if it is a chunk."""
        if message.topic not in self._batched:
            return bool(super().ack(message))
        if message.acked or not message.tracked:  # Faust's pure Python stream acks what it skips, untracked
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._applied[message.tp] = message.offset + 1
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in self._applied:
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in self._batched:
            return self._applied.get(tp)
        offset: int | None = super()._new_offset(tp)
        return offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets if tp.topic in self._batched}
        committed = bool(await super()._commit_offsets(offsets, start_new_transaction))
        if committed:
            self.last_commit = monotonic()
        else:
            self._committed_offset.update(before)  # Faust would book a failed commit as done and not try again
        return committed

    def next_offset(self, tp: TP) -> int | None:
        """Return the offset after the last one applied of a batched partition; None while no commit is known."""
        offset = self._applied.get(tp, self._committed_offset.get(tp))
        return offset if offset is None else int(offset)

    def lag(self, tp: TP) -> int:
        """Return how many offsets of a batched partition are not applied yet, as the last fetch saw the log's end.

        The end is the last stable offset: what is in an open transaction cannot be read yet.
        From the fetch position, which passes over what is no record: transaction markers, and what has expired.
        """
        state = self._partition_state(tp)
        if state is None or state._position is None or state.lso is None:
            return 0
        undone = self._read[tp] - (self.next_offset(tp) or 0) if tp in self._read else 0
        return max(0, int(state.lso - state._position)) + max(0, undone)

    def _partition_state(self, tp: TP) -> Any:
        assigned = self._thread._ensure_consumer()._subscription.subscription.assignment
        return assigned.state_value(TopicPartition(*tp)) if assigned is not None else None

    async def stable_ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Ask the brokers where the log of each partition ends for us, which read no open transaction.

        One request for all partitions of a broker. Raises KafkaError, or TimeoutError if no answer comes in time.
        """
        asked = self._thread._ensure_consumer().end_offsets([TopicPartition(*tp) for tp in tps])
        # Not by Faust's queue of calls: its two workers also fetch and commit, and would wait for this one.
        answer = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._thread.thread_loop))
        return {TP(*tp): end for tp, end in (await asyncio.wait_for(answer, ENDS_SECONDS)).items()}

    async def committed_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Ask for the group's committed offsets, of those that have one, with one request; raises as `stable_ends`."""
        parts = [TopicPartition(*tp) for tp in tps]
        asked = self._thread._ensure_consumer()._coordinator.fetch_committed_offsets(parts)
        answer = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._thread.thread_loop))
        return {TP(*tp): found.offset for tp, found in (await asyncio.wait_for(answer, ENDS_SECONDS)).items()}

    def has_applied(self, tp: TP, end: int, applied_to: int) -> bool:
        """Return whether all input before `end` is applied, given the offset after the last record that is.

        At the end of the log there may be what is no record, as a transaction's marker; that of changelogs and of
        partitions in `watched` is passed over. No exact answer is given before their next fetch.
        """
        if applied_to >= end:
            return True
        return self._passed.get(tp, -1) >= end and applied_to >= self._read.get(tp, 0)

    def uncommitted(self) -> bool:
        """Return whether applied offsets wait for their commit."""
        return any(offset > (self._committed_offset[tp] or 0) for tp, offset in list(self._applied.items()))

    def committed(self, tp: TP) -> int:
        """Return the committed offset of a partition as far as we know; 0: none is."""
        return self._committed_offset.get(tp) or 0

    def standing(self, tp: TP) -> Standing:
        """Return how far each step with a batched partition has come."""
        state = self._partition_state(tp)
        position = 0 if state is None or state._position is None else int(state._position)
        return Standing(self.committed(tp), self.next_offset(tp) or 0, self._read.get(tp, 0), position)

    # -- rebalance

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drain and commit, then forget the acks: the next owner's committed offset may be beyond them."""
        self.app.membership.require()
        self._parked.clear()  # read again after the seek
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._applied.pop(tp, None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Take note of our member id and generation, then let Faust restore and resume."""
        self.app.membership.joined()
        self._thread.share(assigned)
        self.app.facts.keep({tp.partition for tp in assigned if tp.topic == self._facts})
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        """Wait for all work under way, at most for the drain timeout; then the process ends with 75."""
        seconds = self.app.settings.drain_timeout_seconds
        drained = asyncio.create_task(self._drain())
        await asyncio.wait({drained}, timeout=seconds)  # not asyncio.timeout: Faust's wait swallows cancellation
        if not drained.done():
            give_up(
                RESTART,
                f"work under way was not done within {seconds:g} s; is an agent not acking its events?",
            )
        drained.result()

    async def _drain(self) -> None:
        await super().wait_empty()
        await self.app.partitions.drain()


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer


def _chunk(tp: TP, rows: list[Any], generation: int) -> ConsumerMessage:
    last = rows[-1]
    return ConsumerMessage(
        tp.topic, tp.partition, last.offset, (last.timestamp or 0) / 1000.0, last.timestamp_type,
        (), None, rows, None, 0, 0, tp, generation_id=generation,
    )  # fmt: skip
