"""The definition stood behind the first states that need it: a crash between two batches made them unreadable."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord

from cjstream.core.state import definition_key
from cjstream.definitions import shipped
from cjstream.ingest.codec import WireRecord
from cjstream.metrics import Metrics
from cjstream.settings import load
from cjstream.stream.partitions import Partitions

TOUCHPOINT = {"id": "t1", "customer_id": "anna", "type": "page_view", "occurred_at": 1_767_225_600_000}


class Outbox:
    """Notes the keys sent to each topic, in order."""

    def __init__(self) -> None:
        self.keys: dict[str, list[bytes | None]] = {}

    async def send(self, topic: str, _partition: int, records: Sequence[WireRecord]) -> int:
        self.keys.setdefault(topic, []).extend(record.key for record in records)
        return len(self.keys[topic]) - 1


def test_the_definition_goes_ahead_of_the_first_customer() -> None:
    outbox: Any = Outbox()
    settings, shop = load({}), shipped("shop")
    record: Any = ConsumerRecord(
        settings.touchpoints, 0, 0, 1_767_225_600_000, 0, b"anna", json.dumps(TOUCHPOINT).encode(), None, 4, 0, ()
    )

    async def scenario() -> None:
        partitions = Partitions(settings, Metrics(), outbox)
        partitions.active = (shop,)
        await partitions.keep({0})
        await partitions.open([0])
        partition = partitions[0]
        partition.advance(partition.decode([record]), [record])
        partition.publish([record], lambda: None)
        await partitions.drain()
        await partitions.keep(set())

    asyncio.run(scenario())
    assert outbox.keys[settings.state_changelog][:2] == [definition_key(shop.hash), b"anna"]
