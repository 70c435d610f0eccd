"""The ceiling: aiokafka's getmany and JSON decoding, nothing else. No state, no output, no commit.

Configured by the environment; argument: how many records there are. Prints records per second.
"""

import asyncio
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from cjstream import settings
from cjstream.ingest.codec import loads


async def read(total: int) -> float:
    """Return how many records a second are fetched and decoded, once the consumer is started."""
    config = settings.load()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=config.kafka_bootstrap_servers,
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    try:
        parts = [TopicPartition(config.touchpoints, number) for number in range(8)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        done, began = 0, time.monotonic()
        while done < total:
            for rows in (await consumer.getmany(timeout_ms=1000, max_records=16_000)).values():
                for row in rows:
                    loads(row.value)
                done += len(rows)
        return total / (time.monotonic() - began)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    print(asyncio.run(read(int(sys.argv[1]))))
