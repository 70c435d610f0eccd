"""How far behind its input a worker is, at scrape time: in records, and in seconds.

A record is as old as Kafka's timestamp of it says. That of one that nobody has read yet is not known: then it is at
most as old as the last record before it, and not older than the time at which there was no lag.
"""

from collections.abc import Iterator
from time import time
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.metrics import Value
from cjstream.stream.publisher import Publisher

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp


class Lag:
    """The lag of the open partitions. It only looks, from any thread."""

    def __init__(self, app: "JourneyApp") -> None:
        self._app = app
        self._level_ms: dict[int, int] = {}  # partition -> when it was last seen without a lag

    def samples(self) -> Iterator[Value]:
        """Yield the lag of each open partition."""
        for partition in self._app.partitions.opened():
            number = partition.number
            records = int(self._app.consumer.lag(TP(self._app.settings.touchpoints, number)))
            yield "cjstream_lag_records", (str(number),), records
            yield "cjstream_lag_seconds", (str(number),), self._seconds(number, records, partition.publisher)

    def _seconds(self, number: int, records: int, publisher: Publisher) -> float:
        now_ms = int(time() * 1000)
        if not records:
            self._level_ms[number] = now_ms
            return 0.0
        oldest_ms = publisher.oldest_ms
        if oldest_ms is None:
            known_ms = publisher.reached_ms, self._level_ms.get(number, 0)
            oldest_ms = max((each for each in known_ms if each <= now_ms), default=0)  # a sender's clock may go ahead
        return max(0, now_ms - oldest_ms) / 1000 if oldest_ms > 0 else 0.0
