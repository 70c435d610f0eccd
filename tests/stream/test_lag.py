"""The lag in seconds: the age of the oldest record that is not durable, or the most that it can be."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from cjstream.definitions import shipped
from cjstream.ingest.codec import dumps
from cjstream.stream import lag
from cjstream.stream.lag import Lag
from tests.core.builders import fields
from tests.stream.scraped import PARTITIONS, Scraped

NOW = 1_800_000_000  # seconds


class Worker:
    """One partition: `records` behind, the oldest one under way of `oldest` (None: none is), the last one `reached`."""

    def __init__(self, records: int = 0, oldest: float | None = None, reached: float | None = None) -> None:
        self.set(records, oldest, reached)
        input_3: tuple[str, int] = TP("touchpoints", 3)
        self.consumer = SimpleNamespace(lag=lambda tp: self.records if tp == input_3 else 0)
        self.settings = SimpleNamespace(touchpoints="touchpoints")
        self.partitions = SimpleNamespace(opened=lambda: iter([SimpleNamespace(number=3, publisher=self.publisher)]))
        self.lag = Lag(self)  # type: ignore[arg-type]

    def set(self, records: int, oldest: float | None = None, reached: float | None = None) -> None:
        self.records = records
        self.publisher = SimpleNamespace(
            oldest_ms=None if oldest is None else oldest * 1000, reached_ms=-1 if reached is None else reached * 1000
        )

    def seconds(self) -> float:
        """Return the lag in seconds; that in records is as it was set."""
        found = {(name, *labels): value for name, labels, value in self.lag.samples()}
        assert found["cjstream_lag_records", "3"] == self.records
        return found["cjstream_lag_seconds", "3"]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [float(NOW)]
    monkeypatch.setattr(lag, "time", lambda: times[0])
    return times


def test_without_a_lag_it_is_0_whatever_is_known_of_times() -> None:
    assert Worker(0, oldest=NOW - 50, reached=NOW - 90).seconds() == 0


def test_it_is_the_age_of_the_oldest_record_under_way() -> None:
    assert Worker(5, oldest=NOW - 50, reached=NOW - 10).seconds() == 50


def test_of_records_that_nobody_has_read_it_is_the_age_of_the_last_one_before_them() -> None:
    assert Worker(5, reached=NOW - 3600).seconds() == 3600


def test_a_record_that_comes_after_a_long_silence_is_not_older_than_the_time_without_a_lag(now: list[float]) -> None:
    worker = Worker(0, reached=NOW - 3600)
    assert worker.seconds() == 0
    now[0] += 15
    worker.set(1, reached=NOW - 3600)
    assert worker.seconds() == 15
    now[0] += 15
    assert worker.seconds() == 30


def test_what_is_not_known_is_0_until_something_is() -> None:
    worker = Worker(5)
    assert worker.seconds() == 0
    worker.set(5, oldest=NOW - 7)
    assert worker.seconds() == 7


def test_a_record_of_a_clock_that_goes_ahead_is_not_of_the_future() -> None:
    assert Worker(5, oldest=NOW + 50).seconds() == 0


def test_a_record_of_the_future_does_not_hide_the_age_of_those_behind_it(now: list[float]) -> None:
    worker = Worker(0, reached=NOW + 3600)
    assert worker.seconds() == 0
    now[0] += 20
    worker.set(5, reached=NOW + 3600)
    assert worker.seconds() == 20


def test_a_publisher_knows_its_oldest_record_until_it_is_durable(tmp_path: Path) -> None:
    async def main() -> None:
        worker, may_go = Scraped(tmp_path, shipped()), asyncio.Event()
        send = worker.outbox.send

        async def wait(*told: Any) -> int:
            await may_go.wait()
            return await send(*told)

        await worker.own(*range(PARTITIONS))
        worker.outbox.send = wait  # type: ignore[method-assign, assignment]
        partition = worker.partitions[0]
        publisher, seen = partition.publisher, list[tuple[int | None, int]]()
        for offset, at_ms in enumerate((NOW * 1000, NOW * 1000 + 500)):
            value = dumps(fields(f"t{offset}", "page_view", 0))
            record: Any = ConsumerRecord("touchpoints", 0, offset, at_ms, 0, b"ani", value, None, 3, len(value), ())
            partition.advance(partition.decode([record]), [record])
            partition.publish([record], lambda: None)
            seen.append((publisher.oldest_ms, publisher.reached_ms))
            await asyncio.sleep(0)  # the first one is on its way, while the second one gathers
            seen.append((publisher.oldest_ms, publisher.reached_ms))
        oldest = NOW * 1000
        assert seen == [(oldest, -1), (oldest, oldest), (oldest, oldest), (oldest, oldest)]
        may_go.set()
        await publisher.drained()
        assert (publisher.oldest_ms, publisher.reached_ms) == (None, oldest + 500)
        await worker.partitions.close()

    asyncio.run(main())
