"""Makes one partition's results durable, in the order that loses nothing: outputs, changelog, store, acks.

While one group is on its way the next one gathers, so a slow broker gets larger groups, not a longer queue.
See docs/explanation/durability.md.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic, time

import msgspec
from aiokafka.errors import KafkaError

from cjstream.core.state import POSITION_KEY, Position, hash_of_secret
from cjstream.errors import BrokerUnreachable, CjstreamError
from cjstream.ingest.codec import WireRecord
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.changelog import Changelog
from cjstream.stream.current import CurrentStages
from cjstream.stream.fatal import BUG, RESTART, give_up
from cjstream.stream.outbox import Outbox
from cjstream.stream.rows import Changes, Rows, encode_changes
from cjstream.stream.tally import Tally

SLOW_SECONDS = 10.0  # from which on a write is told of: an ack takes milliseconds


@dataclass(slots=True)
class Group:
    """What is made durable together: `outputs` to send, `acks` to give when all is done, counts for the metrics.

    `changes` are the changelog records, encoded when nothing more can join the group.
    """

    outputs: list[WireRecord] = field(default_factory=list)
    acks: list[Callable[[], object]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    records: int = 0
    size_bytes: int = 0  # of their values
    oldest_ms: int | None = None
    position: Position | None = None  # of the last input record in it
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    by_clock: bool = False  # has no input offset: state goes first, with the outputs in `pending`
    states: Changes = field(default_factory=dict)  # those that the clock changed
    resent: list[bytes] = field(default_factory=list)  # customers whose restored `pending` is among the outputs
    current_end: int = 0  # where a look found the end of the current stages: what others wrote there is to be mended


class Publisher:
    """Serial groups of one partition. `put` never waits; the owner watches `waiting` and pauses its input."""

    def __init__(
        self,
        partition: int,
        rows: Rows,
        outbox: Outbox,
        settings: Settings,
        metrics: Metrics,
        current: CurrentStages,
    ) -> None:
        self.partition, self.rows, self.current = partition, rows, current
        self.waiting = self.waiting_bytes = 0  # records gathered or on their way, and the bytes of their values
        self.on_room: Callable[[], None] = lambda: None
        self.partitions = 0  # of the input, to be kept with the position
        self._outbox, self._settings, self._metrics = outbox, settings, metrics
        self._changelog = Changelog(partition, rows, outbox, settings, metrics)
        self._topics = {
            "transitions": settings.transitions,
            "signals": settings.signals,
            "dead_letter": settings.dead_letter,
        }
        self._gathering = Group()
        self._under_way: Group | None = None
        self._turns: deque[Callable[[], Group | None]] = deque()
        self._was_clock = False  # the last group
        self._secret_hash = hash_of_secret(settings.erasure_secret)
        self._position = self._by_us(rows.position())
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._run(), name=f"publisher-{partition}")

    @property
    def group(self) -> Group:
        """The group that gathers now."""
        return self._gathering

    @property
    def oldest_ms(self) -> int | None:
        """Kafka's time of the oldest input record gathered or on its way; None: no record. From any thread."""
        groups = self._gathering, self._under_way
        return min((each.oldest_ms for each in groups if each is not None and each.oldest_ms is not None), default=None)

    @property
    def reached_ms(self) -> int:
        """Kafka's time of the last input record that is durable or on its way; -1: not known."""
        return self._position.timestamp_ms

    def put(self, records: int, size_bytes: int) -> None:
        """Let the gathering group go, with so many more input records, as soon as the one before is durable."""
        self._gathering.records += records
        self._gathering.size_bytes += size_bytes
        self.waiting += records
        self.waiting_bytes += size_bytes
        self._go()

    def put_alone(self, make: Callable[[], Group | None]) -> None:
        """Ask for a turn: `make` returns a group of clock-fired steps that is made durable by itself, state first.

        It is called when the group under way is durable, after turns asked for before. Touchpoints may be gathering
        then, and theirs is the turn after it. It must leave alone the customers among them; None: nothing to do.
        """
        self._turns.append(make)
        self._go()

    @property
    def has_other_secret(self) -> bool:
        """Whether what the changelog says of the secret of the markers is not ours, or nothing."""
        return self._position.secret_hash != self.rows.position().secret_hash

    def mend(self, may_go: Callable[[], bool]) -> None:
        """Write once, if nothing is under way: a write sees what others wrote. `may_go` is asked at its turn."""
        if self._idle.is_set():
            self.put_alone(lambda: Group(by_clock=True) if may_go() else None)

    def mend_current(self, end: int, may_go: Callable[[], bool]) -> None:
        """Mend the current stages up to `end`, if that is still beyond what is known at its turn, as `mend`."""
        self.put_alone(
            lambda: Group(by_clock=True, current_end=end) if may_go() and self.current.is_behind(end) else None
        )

    def _go(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Return when nothing is under way."""
        await self._idle.wait()

    async def close(self) -> None:
        """End the task. What is still under way is given up: it was not acked."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                group = self._next_group()
                if group is not None:
                    started = monotonic()
                    await self._publish(group)
                    self._finish(group)
                    if (seconds := monotonic() - started) > SLOW_SECONDS:
                        tell("publish_slow", partition=self.partition, records=group.records, seconds=round(seconds, 3))
                if not self._wake.is_set():
                    self._idle.set()
                self.on_room()
        except (KafkaError, OSError, BrokerUnreachable) as error:
            give_up(RESTART, f"partition {self.partition}: {error}; nothing more is committed")
        except CjstreamError as error:
            give_up(error.exit_code, f"partition {self.partition}: {error}; nothing more is committed")
        except Exception as error:
            give_up(BUG, f"partition {self.partition}: publishing failed", error)

    def _next_group(self) -> Group | None:
        """Take the next group. Under a steady load neither touchpoints nor the clock wait for more than one."""
        group = None
        if self._turns and not (self._was_clock and self._gathering.acks):
            with self.rows.aside():
                group = self._turns.popleft()()
                if group is not None:
                    group.changes = encode_changes(self.rows.take_alone({**group.states, POSITION_KEY: self._position}))
        if group is None and self._gathering.acks:
            self._under_way = group = self._gathering  # before it is not the gathering one: see `oldest_ms`
            self._gathering = Group()
            self._note_position(group.position)
            group.changes = encode_changes(self.rows.take())
        self._was_clock = group is not None and group.by_clock
        if self._turns or self._gathering.acks:
            self._wake.set()
        return group

    def _note_position(self, position: Position | None) -> None:
        if position is not None and position.fence > self._position.fence:
            acked = self._position.pending_acked
            position = msgspec.structs.replace(position, pending_acked=acked, partitions=self.partitions)
            self._position = self._by_us(position)
        self.rows.put(POSITION_KEY, self._position)

    def _by_us(self, position: Position) -> Position:
        """Return the position as kept with markers of ours; that of nothing applied as it is."""
        if position == Position():
            return position
        return msgspec.structs.replace(position, secret_hash=self._secret_hash)

    async def _publish(self, group: Group) -> None:
        if group.by_clock:
            offset = await self._changelog.write(group.changes)
            await self._send_outputs(group.outputs)
            await self.current.look(group.current_end)
            self.rows.settle((*group.states, *group.resent))  # before all that may write one of them again
            # Noted at once: else every restart would send the last outputs of a quiet partition again.
            self._position = msgspec.structs.replace(self._position, pending_acked=offset)
            await self._changelog.write(encode_changes({POSITION_KEY: self._position}))
        else:
            await self._send_outputs(group.outputs)
            await self._changelog.write(group.changes)

    async def _send_outputs(self, outputs: Iterable[WireRecord]) -> None:
        by_topic: dict[str, list[WireRecord]] = {}
        for record in outputs:
            by_topic.setdefault(record.topic, []).append(record)
        if not by_topic:
            return
        started = monotonic()
        await asyncio.gather(*(self._send(topic, records) for topic, records in by_topic.items()))
        self._metrics.observe("cjstream_publish_seconds", monotonic() - started, ("outputs",))

    async def _send(self, topic: str, records: list[WireRecord]) -> None:
        if topic == "stage_current":
            await self.current.write(records)
        else:
            await self._outbox.send(self._topics[topic], self.partition, records)

    def _finish(self, group: Group) -> None:
        for ack in group.acks:
            ack()
        group.tally.add_to(self._metrics)
        if group.oldest_ms is not None:
            self._metrics.observe("cjstream_end_to_end_seconds", max(0.0, time() - group.oldest_ms / 1000))
        self._under_way = None
        self.waiting -= group.records
        self.waiting_bytes -= group.size_bytes
