"""Lets the deadlines fire that no touchpoint comes to fire.

A deadline may fire when it has passed and all input that was in the log by then has been applied: a touchpoint that
waits there may move it. So the time is taken first, then the log's end; when the partition has come as far as that end,
who was due by that time has a turn.
"""

from collections.abc import Callable
from time import monotonic, time
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP
from mode import Service

from cjstream.logs import tell
from cjstream.stream.partition import Partition
from cjstream.stream.partitions import Partitions

TICK_SECONDS = 1.0  # how often who is due is looked for, and at most one request is sent
LOOK_SECONDS = 0.1  # how often a partition is looked at that has not come as far as the end


class Clock(Service):  # type: ignore[misc]
    """One task for all partitions of a worker. `consumer` returns the app's, once there are partitions."""

    def __init__(self, partitions: Partitions, topic: str, consumer: Callable[[], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._partitions, self._topic, self._consumer = partitions, topic, consumer
        self._waiting: dict[int, tuple[int, int]] = {}  # partition -> time, and end of the log that it is to reach

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            ends = monotonic() + TICK_SECONDS
            await self.ask(int(time() * 1000))
            self.fire()
            while self._waiting and monotonic() < ends - LOOK_SECONDS and not self.should_stop:
                await self.sleep(LOOK_SECONDS)
                self.fire()
            await self.sleep(max(0.0, ends - monotonic()))

    async def ask(self, now_ms: int) -> None:
        """Ask for the log's end, with one request, of partitions where somebody is due. No answer: at the next tick."""
        opened = list(self._partitions.opened())
        if not opened or not self._may_go():
            return
        due = [TP(self._topic, partition.number) for partition in opened if self._is_due(partition, now_ms)]
        if not due:
            return
        try:
            ends = await self._consumer().stable_ends(due)
        except (KafkaError, OSError, TimeoutError) as error:
            tell("deadlines_wait", why=error)
            return
        self._waiting |= {tp.partition: (now_ms, end) for tp, end in ends.items()}

    def _is_due(self, partition: Partition, now_ms: int) -> bool:
        if partition.is_firing or not partition.deadlines.is_due(now_ms):
            return False
        if partition.number not in self._waiting:
            return True
        # Nothing is left to read, so the end asked for is none any more: an election has cut the log back.
        return not self._consumer().lag(TP(self._topic, partition.number))

    def fire(self) -> None:
        """Give a turn to those that have come as far as their end."""
        opened = {partition.number: partition for partition in self._partitions.opened()}
        self._waiting = {number: waits for number, waits in self._waiting.items() if number in opened}
        if not self._waiting:
            return
        consumer = self._consumer()
        for number, (now_ms, end) in list(self._waiting.items()):
            if consumer.has_applied(TP(self._topic, number), end, opened[number].applied_to):
                del self._waiting[number]
                opened[number].fire(now_ms, self._may_go)
        consumer.watched = {TP(self._topic, number) for number in self._waiting}

    def _may_go(self) -> bool:
        """Return whether a group may begin: not in a rebalance or at the end, whose drain has perhaps been here."""
        return bool(self._consumer().flow_active) and not self.should_stop
