"""How much memory a touchpoint takes that was applied and waits to be durable: its record, outputs and new state.

    python bench/pending.py [--records 80000] [--json FILE]

No Kafka: a producer that never acks. The figure times CJSTREAM_MAX_PENDING_RECORDS is what pending may take.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from aiokafka.structs import ConsumerRecord

from bench.common import PARTITIONS, conclude, print_machine, touchpoints
from cjstream import definitions, settings
from cjstream.kafka import partition_of
from cjstream.metrics import Metrics
from cjstream.stream.partitions import Partitions

CHUNK = 1000


class Silent:
    """In the place of the outbox: takes everything, acks nothing."""

    async def send(self, *_: Any) -> int:
        """Never return."""
        await asyncio.Event().wait()
        return 0


async def pend(partitions: Partitions, records: list[list[Any]]) -> int:
    """Let all records be applied and wait; return by how many bytes the process has grown."""
    before = psutil.Process().memory_info().rss
    for number, rows in enumerate(records):
        partition = partitions[number]
        for start in range(0, len(rows), CHUNK):
            chunk = [_record(number, start + at, row) for at, row in enumerate(rows[start : start + CHUNK])]
            partition.advance(partition.decode(chunk), chunk)
            partition.publish(chunk, lambda held=chunk: held)
            await asyncio.sleep(0)
    return int(psutil.Process().memory_info().rss - before)


def _record(partition: int, offset: int, row: tuple[bytes, bytes]) -> Any:
    key, value = (bytes(bytearray(each)) for each in row)  # copies, as those that a fetch makes
    return ConsumerRecord("touchpoints", partition, offset, 2**41, 0, key, value, None, len(key), len(value), ())


async def measure(about: int) -> tuple[int, int, int]:
    """Return how many touchpoints wait, the bytes of their values, and the bytes they take."""
    outbox: Any = Silent()
    partitions = Partitions(settings.load({}), Metrics(), outbox)
    partitions.active = (definitions.shipped(),)
    await partitions.keep(set(range(PARTITIONS)))
    await partitions.open(range(PARTITIONS))
    records: list[list[Any]] = [[] for _ in range(PARTITIONS)]
    for row in touchpoints(about):
        records[partition_of(row[0], PARTITIONS)].append(row)
    grown = await pend(partitions, records)
    rows = [row for part in records for row in part]
    await partitions.keep(set())
    return len(rows), sum(len(value) for _, value in rows), grown


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=80_000, help="about how many (80000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    print_machine()
    count, value_bytes, grown = asyncio.run(measure(options.records))
    print(f"{count:,} touchpoints of {value_bytes / count:,.0f} bytes wait: {grown / count:,.0f} bytes each")
    return conclude({"records": count, "value_bytes": value_bytes, "grown_bytes": grown}, [], options.json)


if __name__ == "__main__":
    sys.exit(main())
