"""A load in which all happens that a worker counts: customers as they come, and records that are odd on purpose."""

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.faults.harness import Line

MEASURED = Path(__file__).parents[2] / "bench" / "measured.yaml"  # the shop with every measure on
SHIPPED = ("loyal_customers", "customer_experience", "five_phases")  # those that a shop's touchpoints move in
CHANNELS = ["website", "search", "social_media", "email", "marketplace"]
DAY_MS = 86_400_000


def journeys(home: Path) -> str:
    """Return CJSTREAM_JOURNEYS: shipped ones, and the measured shop made impatient, so that nobody has to wait."""
    shop: dict[str, Any] = YAML(typ="safe").load(MEASURED)
    shop |= {"window": "12d", "count_by": {"channel": CHANNELS, "device": ["smartphone", "desktop"]}}
    shop |= {"reentry": {"policy": "never"}, "exits": [{"id": "gone", "on": "account_closed"}]}
    for stage in shop["stages"]:
        stage["stall"] = {"since_last_touch": "2d"}
    file = home / "shop.json"
    file.write_text(json.dumps(shop, default=str), "utf-8")
    return ":".join([str(file), *SHIPPED])


def touchpoint(customer: str, number: int, kind: str, at_ms: int, **fields: Any) -> Line:
    """Return one as a record."""
    named = {"id": f"{customer}-{number}", "customer_id": customer, "type": kind, "occurred_at": at_ms, **fields}
    return Line(customer.encode(), json.dumps(named).encode())


def odd() -> Iterator[Line]:
    """Yield records without end: what `cjstream generate` never sends."""
    for number in count():
        name, now_ms = f"odd-{time.time_ns()}", int(time.time() * 1000)
        yield touchpoint(name, 1, "page_view", now_ms - 60 * DAY_MS, channel="website")  # dropped by the window ...
        yield touchpoint(name, 2, "review", now_ms - 5000, text="terrible, never again", rating=1)
        yield touchpoint(name, 3, "answer", now_ms - 4000, initiator="business", reply_to=f"{name}-2")  # in time
        yield touchpoint(name, 7, "survey", now_ms - 3500, rating=10, scale="nps")
        yield touchpoint(name, 4, "purchase", now_ms - 3000, value=9, currency="EUR")  # ... and buys: a late conversion
        yield touchpoint(name, 4, "purchase", now_ms - 3000, value=9, currency="EUR")  # a duplicate
        yield touchpoint(name, 4, "purchase", now_ms - 3000, value=8, currency="EUR")  # one that differs
        yield touchpoint(name, 5, "page_view", now_ms - 40 * DAY_MS)  # late
        yield Line(b"odd", b'{"broken')
        yield Line(b"odd", json.dumps({"id": "x", "customer_id": "odd"}).encode())
        yield touchpoint("odd", number, "page_view", now_ms + 2 * DAY_MS)  # of the future
        yield touchpoint(name, 6, "page_view", now_ms, channel=f"channel-{number}", device=f"device-{number}")
        yield touchpoint(f"{name}-b", 1, "page_view", now_ms)
        yield touchpoint(f"{name}-b", 2, "account_closed", now_ms)
        yield Line(name.encode(), None)  # forget this customer
