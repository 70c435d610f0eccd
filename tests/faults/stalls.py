"""A journey with clocks of seconds, touchpoints for it, and the signals that came."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from cjstream.settings import Settings
from tests.faults.harness import Line, Record, TopicLog, new_app

TEXT = """
journey: quick
lateness: 0s
stages:
  - {{id: look, weight: 1, stall: {{since_entered: {seconds}s}}}}
  - {{id: buy, weight: 2}}
rules:
  - {{on: page_view, to: look}}
  - {{on: purchase, to: buy}}
"""


def stall_app(servers: str, name: str, path: Path, partitions: int, seconds: int) -> Settings:
    """Return the settings of an app whose customers stall `seconds` after a page view without a purchase."""
    definition = path / "quick.yaml"
    definition.write_text(TEXT.format(seconds=seconds))
    return new_app(servers, name, path / "data", partitions, journeys=str(definition))


def now_ms() -> int:
    return int(time.time() * 1000)


def touchpoint(customer: str, at_ms: int, kind: str = "page_view") -> Line:
    fields = {"id": f"{customer}-{kind}-{at_ms}", "customer_id": customer, "type": kind, "occurred_at": at_ms}
    return Line(customer.encode(), json.dumps(fields).encode())


def noise() -> Iterator[Line]:
    """Yield touchpoints of a few customers that no rule is for, without end."""
    at_ms = now_ms()
    for number in count():
        yield touchpoint(f"noise-{number % 20}", at_ms + number // 20, "scroll")


class Signals:
    """The signals of an app as they come."""

    def __init__(self, settings: Settings) -> None:
        self._log = TopicLog(settings, settings.signals)

    def records(self) -> list[Record]:
        """Return all records up to now."""
        self._log.read_on()
        return self._log.records

    def told(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the signals by id; a repeat that differs from the first is an AssertionError."""
        known: dict[str, bytes] = {}
        for record in self.records():
            value = record.value or b""
            name = json.loads(value)["signal_id"]
            assert known.setdefault(name, value) == value, "a repeat has other bytes"
        return {name: json.loads(value) for name, value in known.items()}

    def customers(self) -> list[str]:
        """Return the customers of the distinct signals, sorted."""
        return sorted(signal["customer_id"] for signal in self.told().values())

    def repeats(self) -> int:
        """Return how many records are repeats."""
        return len(self.records()) - len(self.told())


def more_than_once(customers: Iterable[str]) -> list[str]:
    """Return who is there more than once."""
    return [customer for customer, times in Counter(customers).items() if times > 1]
