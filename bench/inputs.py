"""What goes in: the generated population as it is, with hot keys, and rough: with duplicates, late and out of order.

Each is the whole lives of 200,000 customers, the same at every run. They all come within the first of 30 days, which
has more than half of the touchpoints: up to there the mix is the same, some 19 of 100 are a customer's first.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import Any
from zlib import crc32

from bench.common import DAYS, SEED, START_MS
from cjstream.core.times import format_time, parse_time
from cjstream.ingest.codec import dumps
from cjstream.population import population

CUSTOMERS = 200_000
ARRIVAL_DAYS = 1
REPEATED = 0.05  # share of the touchpoints of `rough`
REPEAT_RECORDS = 1000  # later at the most
SET_BACK = 0.10  # share as well; by up to twice the lateness of `shop`, so half of them are late
LATENESS_MS = 600_000

Rows = Iterator[tuple[bytes, bytes]]


def even() -> Rows:
    """Yield the population in event-time order."""
    return map(_row, _lives(CUSTOMERS))


def hot() -> Rows:
    """Yield the population with the lives of many under one id, by Zipf's law: the first of 200,000 ids has 5.7 %."""
    for key, value in even():
        rank = int(CUSTOMERS ** (crc32(key) / 2**32))  # a share of 1/rank: its logarithm is uniform
        found = b"h%d-%07d" % (SEED, rank)
        yield found, value.replace(b'"customer_id":"%b"' % key, b'"customer_id":"%b"' % found, 1)


def rough(customers: int | None = None) -> Rows:
    """Yield the population with 5 % of it twice, 5 % late and 5 % out of order within the lateness.

    A repeated touchpoint comes again some records later. One that is late or out of order has an event time set back
    behind its customer's newest one: as if it had been held back until then, and in every stretch as many.
    """
    dice, held = Random(SEED), list[tuple[int, int, tuple[bytes, bytes]]]()
    for number, row in enumerate(map(_row, _set_back(_lives(customers or CUSTOMERS), Random(SEED + 1)))):
        while held and held[0][0] <= number:
            yield heappop(held)[2]
        yield row
        if dice.random() < REPEATED:
            heappush(held, (number + 1 + int(dice.random() * REPEAT_RECORDS), number, row))
    yield from (row for _, _, row in sorted(held))


def _set_back(touchpoints: Iterator[dict[str, Any]], dice: Random) -> Iterator[dict[str, Any]]:
    """Yield touchpoints, SET_BACK of them older than the newest that their customers have sent."""
    newest_ms: dict[str, int] = {}
    owed = 0.0
    for each in touchpoints:
        owed += SET_BACK * 2 * dice.random()
        known_ms = newest_ms.get(each["customer_id"])
        if owed >= 1 and known_ms is not None:
            owed -= 1
            each["occurred_at"] = format_time(known_ms - int(dice.random() * 2 * LATENESS_MS))
        elif each.get("initiator") != "business":  # what the shop does never makes anything late
            at_ms = parse_time(each["occurred_at"])
            assert at_ms is not None, "the generated population has no bad time"
            newest_ms[each["customer_id"]] = at_ms
        yield each


def _lives(customers: int) -> Iterator[dict[str, Any]]:
    return population(customers, SEED, START_MS, DAYS, ARRIVAL_DAYS)


def _row(touchpoint: dict[str, Any]) -> tuple[bytes, bytes]:
    return touchpoint["customer_id"].encode(), dumps(touchpoint)


PROFILES = {"even": even, "hot": hot, "rough": rough}
