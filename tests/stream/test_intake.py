"""Whether the input is the log that the state was made of, and what of it is gone: the decision, without a broker."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.core.state import Position, hash_of_value
from cjstream.errors import StateMismatch
from cjstream.kafka import Found, Span
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream import intake as module
from cjstream.stream.intake import Intake, Look, require_topic
from tests.stream.test_clock import World

AT = Position((0, 7), 1_000, hash_of_value(b"{}"), topic="touchpoints")
UNREAD = Position(pending_acked=3, partitions=8)  # written before the first record came
ACCEPTED = Position((1, -1), topic="touchpoints")


def record(offset: int = 7, timestamp: int | None = 1_000, value: bytes | None = b"{}") -> Any:
    return SimpleNamespace(offset=offset, timestamp=timestamp, value=value)


def look(position: Position = AT, committed: int | None = 8, start: int = 0, end: int = 20, at: Any = None) -> Look:
    return Look(position, committed, Found(Span(start, end), at))


@pytest.mark.parametrize(
    "found",
    [
        look(at=record()),
        look(start=8),
        look(start=20, end=20),
        look(Position(), None, end=0),
        look(Position(), None),
        look(Position(), 0),
        look(UNREAD, None, start=5),
        look(ACCEPTED, 0),
        look(ACCEPTED, 0, end=0),
        look(Position((0, 7), -1, hash_of_value(None)), at=record(timestamp=None, value=None)),
    ],
    ids=[
        "the same record", "it begins later", "all is gone", "a fresh app", "an app that has committed nothing yet",
        "a commit of nothing", "never read", "accepted", "accepted and empty", "a record of no time and no value",
    ],
)  # fmt: skip
def test_the_same_log_is_trusted(found: Look) -> None:
    assert found.why_other() is None


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (look(end=7), "the input ends at offset 7, but 7 was applied"),
        (look(end=0), "the input ends at offset 0"),
        (look(at=record(timestamp=1_001)), "is another record now"),
        (look(at=record(value=b"[]")), "is another record now"),
        (look(at=record(offset=8)), "is no record now"),
        (look(at=None), "is no record now"),
        (look(Position(), 8), "8 is committed, but the state changelog holds nothing"),
        (look(UNREAD, 8), "8 is committed, but the state changelog holds nothing"),
    ],
)
def test_another_log_or_another_changelog_is_told(found: Look, says: str) -> None:
    assert says in (found.why_other() or "")


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (look(at=record()), 0),
        (look(start=8), 0),
        (look(start=10), 2),
        (look(start=10, committed=None), 2),
        (look(start=10, committed=5), 2),
        (look(start=10, committed=9), 1),
        (look(ACCEPTED, 0, start=3), 3),
        (look(Position(), None, start=3), 0),
        (look(UNREAD, None, start=3), 0),
    ],
    ids=[
        "nothing is gone", "what is gone was applied", "two are gone", "nothing was committed", "the commit is behind",
        "the commit is ahead", "after `accept`", "a fresh app on an old topic",
        "one that has written there",
    ],
)  # fmt: skip
def test_lost_is_what_was_neither_applied_nor_committed(found: Look, lost: int) -> None:
    assert found.lost() == lost


def check(monkeypatch: pytest.MonkeyPatch, metrics: Metrics, found: Mapping[int, Look]) -> None:
    """Let an intake look at these partitions."""

    async def records_at(_settings: Any, _topic: str, offsets: Mapping[int, int]) -> dict[int, Found]:
        return {number: found[number].found for number in offsets}

    async def committed(numbers: Iterable[int]) -> dict[int, int]:
        return {number: each.committed for number, each in found.items() if each.committed is not None}

    monkeypatch.setattr(module, "records_at", records_at)
    positions = {number: each.position for number, each in found.items()}
    asyncio.run(Intake(load({}), metrics, committed).check(positions))


def test_other_partition_counts_are_refused_and_unknown_ones_are_not() -> None:
    positions = {0: Position((0, 7), partitions=4), 1: Position(), 2: ACCEPTED}
    require_topic(load({}), positions, 4)
    require_topic(load({}), positions, 0)
    with pytest.raises(StateMismatch, match="made with 4 partitions of topic touchpoints, which has 8 now"):
        require_topic(load({}), positions, 8)


@pytest.mark.asyncio
async def test_the_count_is_kept_with_the_position() -> None:
    world = World()
    world.partitions.count = 3
    await world.partitions.keep({0})
    await world.partitions.open([0])
    assert (await world.looked("anna")).rows.position().partitions == 3
    await world.partitions.keep(set())


def test_one_sentence_names_some_partitions_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {number: look(end=number) for number in range(5)}
    with pytest.raises(StateMismatch) as raised:
        check(monkeypatch, Metrics(), {**others, 9: look(at=record())})
    said = str(raised.value)
    assert "partition 0: the input ends at offset 0" in said
    assert "and 2 more" in said
    assert "partition 9" not in said
    assert "`cjstream topics accept`" in said


def test_lost_records_are_counted_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    with caplog.at_level(logging.ERROR):
        check(monkeypatch, metrics, {0: look(start=10), 1: look(at=record())})
    assert b"cjstream_lost_records_total 2.0" in metrics.render()[1]
    [line] = caplog.messages
    assert "touchpoints partition 0: 2 input records up to offset 9" in line
    assert "retention" in line
