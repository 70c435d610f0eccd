"""The table of facts: owned partitions only, in the order of the log, and dead letters durable before the ack."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from cjstream import settings
from cjstream.core.facts import Fact, key_of
from cjstream.ingest.codec import WireRecord
from cjstream.metrics import METRICS, Metrics
from cjstream.stream.fact_gauges import MAX_CURRENCIES, samples
from cjstream.stream.facts import OUTCOMES, FactTable

CONFIG = settings.load({})
DEAD_LETTERS = 2  # partitions


class Outbox:
    """In the place of the producer: notes what is sent, and acks when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, WireRecord]] = []
        self.acks = asyncio.Event()
        self.acks.set()

    async def send(self, topic: str, partition: int, records: Sequence[WireRecord]) -> int:
        self.sent += [(topic, partition, each) for each in records]
        await self.acks.wait()
        return 0


class Table(FactTable):
    """A table that owns partition 0 and 5, with `committed` offsets of our choice."""

    def __init__(self, committed: int = 0) -> None:
        self.outbox, self.metrics, self.at = Outbox(), Metrics(), committed
        super().__init__(CONFIG, self.metrics, self.outbox, lambda _: self.at, lambda: DEAD_LETTERS)  # type: ignore[arg-type]
        self.keep({0, 5})

    def reads(self, partition: int, *records: Any) -> None:
        asyncio.run(self.take(partition, records))

    def counted(self) -> dict[str, float]:
        lines = self.metrics.render()[1].decode().splitlines()
        found = (line.partition("cjstream_facts_read_total")[2].split() for line in lines if line[0] != "#")
        return {each[0].split('"')[1]: float(each[1]) for each in found if each and float(each[1])}


def clicks(value: float, day: int = 1) -> Fact:
    return Fact("clicks", "", "", f"2026-11-{day:02}", value, "")


def record(offset: int, fact: Fact, value: bytes | None = b"") -> Any:
    """Return the record of a fact, or of another value under its key."""
    value = json.dumps(fact._asdict()).encode() if value == b"" else value
    key = key_of(fact).encode()
    return ConsumerRecord(CONFIG.facts, 5, offset, 0, 0, key, value, None, len(key), 2, ())


def test_the_last_record_of_a_key_holds_and_a_null_takes_it_away() -> None:
    table = Table()
    table.reads(5, record(0, clicks(7)), record(1, clicks(9, day=2)), record(2, clicks(8)))
    assert (dict(table), len(table), table.position(5)) == (
        {key_of(each): each for each in (clicks(8), clicks(9, day=2))}, 2, 3
    )  # fmt: skip
    table.reads(5, record(3, clicks(8), None))
    assert list(table) == [key_of(clicks(9, day=2))]
    assert key_of(clicks(8)) not in table
    assert table.counted() == {"taken": 3, "withdrawn": 1}


def test_what_is_no_fact_is_durable_as_a_dead_letter_before_the_chunk_is_done() -> None:
    table = Table()

    async def scenario() -> bool:
        table.outbox.acks.clear()
        taking = asyncio.create_task(table.take(5, [record(0, clicks(7), b"oops"), record(1, clicks(8))]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        was_done = taking.done()
        table.outbox.acks.set()
        await taking
        return was_done

    assert not asyncio.run(scenario())
    [(topic, partition, letter)] = table.outbox.sent
    assert (topic, partition) == (CONFIG.dead_letter, 5 % DEAD_LETTERS)
    assert (letter.value, dict(letter.headers)["cjstream-reason"]) == (b"oops", b"not_json")
    assert table.counted() == {"taken": 1, "rejected": 1}


def test_what_lies_before_the_committed_offset_is_neither_counted_nor_a_dead_letter_again() -> None:
    table = Table(committed=2)
    table.reads(5, record(0, clicks(7), b"oops"), record(1, clicks(8)), record(2, clicks(9)))
    assert table[key_of(clicks(9))] == clicks(9)
    assert (table.outbox.sent, table.counted()) == ([], {"taken": 1})


def test_a_large_record_goes_as_hash_and_size() -> None:
    table = Table()
    table.reads(5, record(0, clicks(7), b'{"name": 1, "more": "' + b"x" * 60_000 + b'"}'))
    [(_, _, letter)] = table.outbox.sent
    assert b"sha256" in (letter.value or b"")


def test_a_partition_that_left_is_forgotten_and_one_that_stays_is_not_read_again() -> None:
    table = Table()
    table.reads(0, record(3, clicks(7)))
    table.reads(5, record(4, clicks(8, day=2)))
    table.keep({5, 6})
    assert [table.position(number) for number in (0, 5, 6)] == [0, 5, 0]
    assert list(table.values()) == [clicks(8, day=2)]
    table.reads(0, record(5, clicks(9)))  # some of it may still be on its way
    assert list(table.values()) == [clicks(8, day=2)]


@pytest.mark.parametrize("name", ["cjstream_facts", "cjstream_fact_value"])
def test_a_gauge_has_the_labels_of_its_row(name: str) -> None:
    found = list(samples([{("spend", "mail", "EUR"): (2, 1_500_000)}], {"mail"}))
    assert {len(labels) for each, labels, _ in found if each == name} == {len(METRICS[name].labels)}


def test_the_outcomes_are_those_of_the_counter() -> None:
    assert METRICS["cjstream_facts_read_total"].known == tuple(OUTCOMES.values())


def test_labels_come_from_closed_lists() -> None:
    parts = [
        {("clicks", "mail", ""): (2, 3_000_000), ("clicks", "fax", ""): (1, 1_000_000)},
        {("clicks", "pigeon", ""): (1, 500_000), ("visitors", "mail", ""): (9, 9_000_000)},
    ]
    found = {(name, labels): value for name, labels, value in samples(parts, {"mail", "web"}) if value}
    assert found == {
        ("cjstream_facts", ("clicks", "mail")): 2,
        ("cjstream_facts", ("clicks", "other")): 2,
        ("cjstream_facts", ("other", "mail")): 9,
        ("cjstream_fact_value", ("clicks", "mail", "")): 3,
        ("cjstream_fact_value", ("clicks", "other", "")): 1.5,
    }


def test_of_many_currencies_the_rest_is_told_as_other() -> None:
    codes = [f"C{number:02}" for number in range(MAX_CURRENCIES + 3)]
    found = samples([{("spend", "mail", code): (1, 1_000_000) for code in codes}], {"mail"})
    sums = {labels[2]: value for name, labels, value in found if name == "cjstream_fact_value"}
    assert sums == {**dict.fromkeys(codes[:MAX_CURRENCIES], 1), "other": 3}
