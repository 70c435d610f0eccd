"""A worker without Kafka, as a scrape sees it: real partitions, facts and gauges; what it writes is durable at once."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiokafka import ConsumerRecord
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cjstream import settings
from cjstream.core.definition import JourneyDefinition
from cjstream.ingest.codec import dumps
from cjstream.kafka import partition_of
from cjstream.metrics import Metrics
from cjstream.stream import fact_gauges, gauges
from cjstream.stream.facts import FactTable
from cjstream.stream.partitions import Partitions

PARTITIONS = 4
TIME_MS = 2**41  # of every record: in 2039, so no touchpoint is of the future
Series = tuple[str, frozenset[tuple[str, str]]]


class Outbox:
    """Takes everything, and says at once at which offset it lies. `sent` by topic and partition."""

    def __init__(self) -> None:
        self.sent: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)

    async def send(self, topic: str, partition: int, records: Iterable[Any]) -> int:
        """Return the offset of the last record."""
        self.sent[topic, partition] += records
        return len(self.sent[topic, partition]) - 1


def record(topic: str, partition: int, offset: int, key: bytes, value: bytes | None) -> Any:
    """Return a record as the consumer gives it."""
    sizes = len(key), len(value or b"")
    return ConsumerRecord(topic, partition, offset, TIME_MS, 0, key, value, None, *sizes, ())


class Scraped:
    """As much of an app as `gauges` looks at. To be made and used in a running loop."""

    def __init__(self, tmp_path: Path, *active: JourneyDefinition) -> None:
        self.settings = settings.load({}, data_dir=str(tmp_path))
        self.metrics, self.outbox = Metrics(), Outbox()
        self.partitions = Partitions(self.settings, self.metrics, self.outbox)  # type: ignore[arg-type]
        self.partitions.active = active
        self.facts = FactTable(self.settings, self.metrics, self.outbox, lambda _: 0, lambda: PARTITIONS)  # type: ignore[arg-type]
        self.partition_count, self.rebalancing, self._consumer = PARTITIONS, False, None
        self.tables, self.consumer = SimpleNamespace(_recovery=None), SimpleNamespace(lag=lambda tp: 0)
        self.membership = SimpleNamespace(is_fresh=lambda: True)
        self.watchdog = SimpleNamespace(stalled_seconds=0.0)
        self._offsets: Counter[int] = Counter()
        gauges.register(self)  # type: ignore[arg-type]
        fact_gauges.register(self)  # type: ignore[arg-type]

    async def own(self, *numbers: int) -> None:
        """Have these partitions, and no other."""
        self.facts.keep(set(numbers))
        await self.partitions.keep(set(numbers))
        await self.partitions.open(numbers)

    async def take(self, values: Iterable[dict[str, Any] | bytes]) -> None:
        """Apply the touchpoints, or what is none, of those partitions that are ours; return when all is durable."""
        rows: dict[int, list[Any]] = {}
        for value in values:
            key = value["customer_id"].encode() if isinstance(value, dict) else b"nobody"
            number = partition_of(key, PARTITIONS)
            data = dumps(value) if isinstance(value, dict) else value
            rows.setdefault(number, []).append(record("touchpoints", number, self._offsets[number], key, data))
            self._offsets[number] += 1
        for partition in self.partitions.opened():
            if records := rows.get(partition.number):
                partition.advance(partition.decode(records), records)
                partition.publish(records, lambda: None)
        await self.partitions.drain()

    async def take_facts(self, facts: Iterable[tuple[bytes, bytes]]) -> None:
        """Apply facts, all of partition 0."""
        await self.facts.take(0, [record("facts", 0, offset, *fact) for offset, fact in enumerate(facts)])

    def changelog(self, number: int) -> list[Any]:
        """Return what was written to the changelog of a partition, as a restore reads it."""
        sent = self.outbox.sent[self.settings.state_changelog, number]
        return [record("changelog", number, offset, each.key, each.value) for offset, each in enumerate(sent)]

    def page(self) -> dict[Series, float]:
        """Return a scrape: every series with its value."""
        families = parse_text(self.metrics.render()[1].decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def sum_by(self, name: str, *labels: str) -> Counter[tuple[str, ...]]:
        """Return `sum by (labels) (name)`, without zeros."""
        sums: Counter[tuple[str, ...]] = Counter()
        for (metric, series), value in self.page().items():
            if metric == name:
                sums[tuple(dict(series)[label] for label in labels)] += int(value)
        return +sums
