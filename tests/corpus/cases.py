"""The corpus: odd and bad records as files, the expected outcome in their names. See README.md beside it."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
TAKEN = ("applied", "ignored", "duplicate", "conflict", "late", "erased")  # all other outcomes are reasons

Header = tuple[str, bytes | None]


class Sent(NamedTuple):
    """One record as a producer sends it. `timestamp_ms` None: when it is sent."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    timestamp_ms: int | None = None
    compression: str | None = None


class Case(NamedTuple):
    """A record, those that go before it, and what has to become of it: one of TAKEN, or the reason of its rejection."""

    name: str
    outcome: str
    record: Sent
    first: Sequence[Sent]

    @property
    def is_rejected(self) -> bool:
        """Whether it has to become a dead letter."""
        return self.outcome not in TAKEN

    def before(self) -> Sent:
        """Return the good record in front of it, of the customer whom it is about."""
        return self._good("before", "page_view", 0)

    def after(self) -> Sent:
        """Return the good record behind it."""
        return self._good("after", "purchase", 2_000)

    def _good(self, which: str, kind: str, after_ms: int) -> Sent:
        fields = {"id": f"{self.name}-{which}", "customer_id": self.name, "type": kind}
        return Sent(self.name.encode(), json.dumps({**fields, "occurred_at": START_MS + after_ms}).encode())


@cache
def cases() -> list[Case]:
    """Return all cases, by name."""
    return sorted(map(_case, FOLDER.glob("*.json")))


def _case(path: Path) -> Case:
    name, outcome, *_ = path.name.split(".")
    if path.name == f"{name}.{outcome}.json":
        return Case(name, outcome, Sent(name.encode(), path.read_bytes()), ())
    told = json.loads(path.read_bytes())
    return Case(name, outcome, _sent(name, told), [_sent(name, each) for each in told.pop("first", ())])


def _sent(name: str, told: dict[str, Any]) -> Sent:
    headers = [pair for each in told.get("headers", ()) for pair in _headers(*each)]
    key, value = told.get("key", name), told["value"]
    return Sent(
        None if key is None else _bytes(key),
        None if value is None else _bytes(value),
        headers,
        told.get("timestamp_ms"),
        told.get("compression"),
    )


def _headers(name: Any, value: Any, times: int = 1) -> Iterator[Header]:
    text = None if value is None else _bytes(value)
    for number in range(times):
        yield _bytes(name).decode().replace("{n}", str(number)), text


def _bytes(parts: Any) -> bytes:
    if isinstance(parts, str):
        return parts.encode()
    if isinstance(parts, list):
        return b"".join(map(_bytes, parts))
    if "hex" in parts:
        return bytes.fromhex(parts["hex"])
    part, times = _bytes(parts["repeat"]), parts["times"]
    if b"{n}" not in part:
        return part * int(times)
    return b"".join(part.replace(b"{n}", b"%d" % number) for number in range(times))
