"""The ceiling: aiokafka's getmany and JSON decoding, nothing else. No state, no output, no group, no commit.

Configured by the environment; argument: for how many seconds it counts. It reads from the start again when it is
through. Prints records per second, and CPU microseconds of the process per record.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.common import PARTITIONS
from cjstream import settings
from cjstream.ingest.codec import loads

WARM_UP_SECONDS = 2.0
MAX_RECORDS = 16_000


async def read(seconds: float) -> tuple[float, float]:
    """Return how many records a second are fetched and decoded after the warm-up, and the CPU time of each."""
    marks = [(time.monotonic(), time.process_time(), 0)] * 2
    began, total = time.monotonic(), 0
    async for count in _decoded():
        total += count
        now = time.monotonic()
        if now < began + WARM_UP_SECONDS:
            marks[0] = now, time.process_time(), total
        elif now >= marks[0][0] + seconds:
            marks[1] = now, time.process_time(), total
            break
    records = marks[1][2] - marks[0][2]
    return records / (marks[1][0] - marks[0][0]), (marks[1][1] - marks[0][1]) / records * 1e6


async def _decoded() -> AsyncIterator[int]:
    """Yield how many records each fetch had, for ever."""
    config = settings.load()
    servers = config.kafka_bootstrap_servers
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, max_partition_fetch_bytes=4 << 20)
    await consumer.start()
    try:
        parts = [TopicPartition(config.touchpoints, number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        for part in parts:
            consumer.seek(part, starts[part])
        while True:
            for part, rows in (await consumer.getmany(timeout_ms=1000, max_records=MAX_RECORDS)).items():
                for row in rows:
                    loads(row.value)
                yield len(rows)
                if rows[-1].offset + 1 >= ends[part]:
                    consumer.seek(part, starts[part])
    finally:
        await consumer.stop()


if __name__ == "__main__":
    print(*asyncio.run(read(float(sys.argv[1]))))
