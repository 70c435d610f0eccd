"""Whether the input is still the log that the state was made of, and whether records of it are gone unread."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from cjstream.core.state import Position, hash_of_value
from cjstream.errors import StateMismatch
from cjstream.kafka import Found, records_at
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.patience import answered

ACCEPT = "run `cjstream topics accept`"
NAMED_PARTITIONS = 3  # in one message

Committed = Callable[[Iterable[int]], Awaitable[Mapping[int, int]]]  # partitions -> offset, of those that have one


class Look(NamedTuple):
    """One partition of the input: how far its state was made of it, what is committed, and what the log holds there."""

    position: Position
    committed: int | None
    found: Found

    def why_other(self) -> str | None:
        """Return why the state was not made of this log, or None. What begins after the position is trusted."""
        (_, offset), (start, end), record = self.position.fence, self.found.span, self.found.record
        if self._is_unread():
            if self.committed:
                return f"{self.committed} is committed, but the state changelog holds nothing"
            return None
        if offset < start:
            return None
        if offset >= end:
            return f"the input ends at offset {end}, but {offset} was applied"
        if record is None or record.offset != offset:
            return f"offset {offset} was applied, and is no record now"
        there = _time(record.timestamp), hash_of_value(record.value)
        if there != (self.position.timestamp_ms, self.position.value_hash):
            return f"offset {offset} was applied, and is another record now"
        return None

    def lost(self) -> int:
        """Return how many records were deleted that nobody had read; 0 for a partition that never was read."""
        (_, offset), start = self.position.fence, self.found.span.start
        if self._is_unread() and not self.committed:
            return 0
        return max(0, start - max(self.committed or 0, offset + 1))

    def _is_unread(self) -> bool:
        """Return whether no record was applied; what else a position has may be noted before the first one."""
        return self.position.fence == Position().fence


def _time(timestamp_ms: int | None) -> int:
    return -1 if timestamp_ms is None else timestamp_ms


def require_topic(settings: Settings, positions: Mapping[int, Position], count: int) -> None:
    """Raise StateMismatch for the state of another topic, or of another partition count than `count` (0: not known).

    Fences are offsets, and would take new records for replays; customers change their partition with the count.
    """
    for topic in {position.topic for position in positions.values()} - {"", settings.touchpoints}:
        raise StateMismatch(
            f"the state of app {settings.app_id} was made of topic {topic}, not {settings.touchpoints}",
            "set CJSTREAM_TOPICS__TOUCHPOINTS back, or take a new CJSTREAM_APP_ID and start anew",
        )
    before = {position.partitions for position in positions.values()} - {0, count}
    if count and before:
        raise count_changed(settings.touchpoints, before.pop(), count)


def count_changed(topic: str, before: int, now: int) -> StateMismatch:
    """Return the error of a state that was made with another number of partitions."""
    return StateMismatch(
        f"the state was made with {before} partitions of topic {topic}, which has {now} now: customers would change "
        "their partition, where their state is not",
        "take a new CJSTREAM_APP_ID with topics of the new count, and send the input again",
    )


async def look(settings: Settings, positions: Mapping[int, Position], committed: Committed) -> dict[int, Look]:
    """Look at partitions of the input, all at once. `Position()`: the changelog has none."""
    reached = {number: position.fence[1] for number, position in positions.items()}
    found, offsets = await asyncio.gather(records_at(settings, settings.touchpoints, reached), committed(positions))
    return {number: Look(position, offsets.get(number), found[number]) for number, position in positions.items()}


class Intake:
    """Looks at the input before partitions are opened, and now and then while they are."""

    def __init__(self, settings: Settings, metrics: Metrics, committed: Committed) -> None:
        self._settings, self._metrics, self._committed = settings, metrics, committed
        self._told: dict[int, int] = {}  # partition -> offset up to which lost records are counted

    async def check(self, positions: Mapping[int, Position]) -> None:
        """Raise StateMismatch if the state of a partition was made of another log; count what is gone unread."""
        looks = await answered(lambda: look(self._settings, positions, self._committed))
        others = {number: why for number, each in looks.items() if (why := each.why_other()) is not None}
        if others:
            raise another_input(self._settings, others)
        for number, each in looks.items():
            self._count_lost(number, each)

    def _count_lost(self, number: int, look: Look) -> None:
        topic, start = self._settings.touchpoints, look.found.span.start
        lost = min(look.lost(), start - self._told.get(number, 0))
        if lost <= 0:
            return
        tell("records_lost", topic=topic, partition=number, records=lost, offset=start - 1)
        self._metrics.inc("cjstream_lost_records_total", (), lost)
        self._told[number] = start


def another_input(settings: Settings, others: Mapping[int, str]) -> StateMismatch:
    """Return the error of partitions whose state was made of another log, with the reason of each."""
    told = [f"partition {number}: {why}" for number, why in sorted(others.items())]
    more = f" and {len(told) - NAMED_PARTITIONS} more" if len(told) > NAMED_PARTITIONS else ""
    return StateMismatch(
        f"the state of app {settings.app_id} does not fit the topic {settings.touchpoints}, as if one of them was made "
        f"anew ({'; '.join(told[:NAMED_PARTITIONS])}{more})",
        f"restore what was there, or {ACCEPT} to go on with the topic as it is",
    )
