"""Input for the fault tests: touchpoints with all that comes with them in life, drawn by a seed."""

import json
import random
from collections.abc import Iterator
from itertools import islice

from cjstream.ingest.codec import dumps
from cjstream.population import population
from tests.faults.harness import Line
from tests.reference import Object, milliseconds

START_MS = 1_750_000_000_000
DAYS = 30
LATENESS_MS = 600_000  # of the shipped `shop`
REJECTED = (
    b"not json", b"{", b"[1]", b'{"id": "x"}', b"\xff\xfe", b"",
    b'{"id": "x", "customer_id": "y", "type": "page_view", "occurred_at": "yesterday"}',
)  # fmt: skip
REPEATED_SHARE, SWAPPED_SHARE, REJECTED_SHARE = 0.02, 0.3, 0.01
NEAR = 200  # records between a touchpoint and its repeat: within the window of ids, whoever the customer is


def make_input(count: int, seed: int) -> tuple[list[Line], list[Object]]:
    """Return lines to send, and the touchpoints in them: `count`, plus repeated ids and bad records among them.

    Some neighbours of one customer are swapped, within the lateness bound.
    """
    dice = random.Random(seed)
    touchpoints = list(islice(population(count // 8 + 10, seed, START_MS, DAYS), count))
    assert len(touchpoints) == count
    _swap_neighbours(touchpoints, dice)
    lines: list[Line] = []
    for touchpoint in touchpoints:
        lines.append(Line(touchpoint["customer_id"].encode(), dumps(touchpoint)))
        chance = dice.random()
        if chance < REPEATED_SHARE:
            again = lines[-min(len(lines), dice.randrange(1, NEAR))]
            lines.append(again)
        elif chance < REPEATED_SHARE + REJECTED_SHARE:
            lines.append(Line(f"bad-{dice.randrange(1000)}".encode(), dice.choice(REJECTED)))
    return lines, touchpoints


def _swap_neighbours(touchpoints: list[Object], dice: random.Random) -> None:
    last: dict[str, int] = {}
    for at, touchpoint in enumerate(touchpoints):
        customer = touchpoint["customer_id"]
        before = last.pop(customer, None)
        if before is not None and dice.random() < SWAPPED_SHARE:
            gap_ms = milliseconds(touchpoint["occurred_at"]) - milliseconds(touchpoints[before]["occurred_at"])
            if gap_ms < LATENESS_MS:
                touchpoints[before], touchpoints[at] = touchpoints[at], touchpoints[before]
                continue  # each takes part in one swap, so none gets later than the bound
        last[customer] = at


def planted(canary: str) -> Iterator[Line]:
    """Yield records that hold `canary` wherever a customer's data may be: ids, texts, keys, headers, good and bad."""
    fields = {
        "id": f"{canary}-touchpoint", "customer_id": f"{canary}-customer", "type": "review", "occurred_at": START_MS,
        "account_id": f"{canary}-account", "persona": f"{canary}-persona", "channel": f"{canary}-channel",
        "device": f"{canary}-device", "campaign": f"{canary}-campaign", "text": f"{canary}, terrible!", "rating": 1,
        "topic": f"{canary}-topic", "properties": {f"{canary}-name": f"{canary}-value"},
    }  # fmt: skip
    key, headers = f"{canary}-customer".encode(), [(f"{canary}-header", canary.encode())]
    good = json.dumps(fields).encode()
    yield Line(key, good, headers=headers)
    yield Line(key, json.dumps({**fields, "id": f"{canary}-2", "type": "purchase", "currency": canary}).encode())
    for bad in (
        good[:-9],
        canary.encode(),
        b'["%s"]' % canary.encode(),
        good.replace(b'"rating": 1', b'"rating": "1"'),
    ):
        yield Line(key, bad, headers=headers)
    yield Line(key, json.dumps({**fields, "id": f"{canary}-3", "occurred_at": canary}).encode())
