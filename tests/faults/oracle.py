"""What must hold at a kill and at the end, by the reference reducer. Shares no decision with the engine."""

import json
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from cjstream import definitions
from cjstream.core.state import CustomerState, decode_state, fence_of, is_reserved
from cjstream.ingest.codec import dumps
from cjstream.population import population
from cjstream.settings import Settings
from tests.faults.harness import Line, Record, TopicLog
from tests.reference import SHOP, Object, Report, check, milliseconds, reduce_touchpoints

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


class Due(NamedTuple):
    """One touchpoint that must cause a transition."""

    offset: int
    customer: str
    touchpoint_id: str


class Ledger:
    """The input as the log has it, and what each record of it must lead to."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.touchpoints: list[Object] = []
        self.rejected: dict[int, list[Record]] = defaultdict(list)
        self.offsets: dict[bytes, tuple[int, list[int]]] = {}  # key -> partition, offsets of its touchpoints
        own: dict[bytes, list[tuple[int, Object]]] = defaultdict(list)
        for record in records:
            touchpoint = _parse(record)
            if touchpoint is None:
                self.rejected[record.partition].append(record)
                continue
            key = record.key or b""
            self.touchpoints.append(touchpoint)
            self.offsets.setdefault(key, (record.partition, []))[1].append(record.offset)
            own[key].append((record.offset, {**touchpoint, "occurred_at": milliseconds(touchpoint["occurred_at"])}))
        self.causes: dict[int, list[Due]] = defaultdict(list)
        for key, history in own.items():
            self.causes[self.offsets[key][0]] += _causes(key.decode(), history)
        self.outcomes = reduce_touchpoints(self.touchpoints, SHOP)


def _parse(record: Record) -> Object | None:
    try:
        touchpoint = json.loads(record.value or b"")
        milliseconds(touchpoint["occurred_at"])
    except (ValueError, TypeError, KeyError):
        return None
    found: Object = touchpoint
    return found


def _causes(customer: str, history: Sequence[tuple[int, Object]]) -> Iterator[Due]:
    """Yield the touchpoints with which the path of a customer changes, in the order of the log."""
    path: list[Any] = []
    for number, (offset, touchpoint) in enumerate(history, start=1):
        after = reduce_touchpoints((each for _, each in history[:number]), SHOP)[customer].path
        if after != path:
            yield Due(offset, customer, touchpoint["id"])
        path = after


class Topics:
    """The outputs of an app, read on as they grow, and held against a ledger."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.ledger = ledger
        self._changelog = TopicLog(settings, settings.state_changelog)
        self._transitions = TopicLog(settings, settings.transitions)
        self._dead = TopicLog(settings, settings.dead_letter)
        self._current = TopicLog(settings, settings.stage_current)
        self.states: dict[bytes, bytes] = {}
        self.regressed = 0  # changelog records that only a zombie can have written
        self.caused: set[tuple[str, str]] = set()
        self.dead: dict[tuple[int, int], list[Record]] = defaultdict(list)

    def read_on(self) -> None:
        """Read what is new."""
        for record in self._changelog.read_on():
            if record.key is not None and not is_reserved(record.key):
                self._keep(record.key, record.value)
        for record in self._transitions.read_on():
            told = json.loads(record.value or b"{}")
            self.caused.add((told["customer_id"], told["cause"]["touchpoint_id"]))
        for record in self._dead.read_on():
            headers = dict(record.headers)
            self.dead[record.partition, int(headers["__streams.errors.offset"])].append(record)

    def _keep(self, key: bytes, value: bytes | None) -> None:
        """Take a changelog record as a restore does: one below the fence held was written by a zombie."""
        held = self.states.get(key)
        if value is None:
            self.states.pop(key, None)
        elif held is not None and fence_of(value) < fence_of(held):
            self.regressed += 1
        else:
            self.states[key] = value

    def lost(self, committed: dict[int, int]) -> list[str]:
        """Return which effects of input below the committed offsets cannot be read. Call `read_on` before."""
        found = []
        for key, (partition, offsets) in self.ledger.offsets.items():
            below = bisect_left(offsets, committed[partition])
            fence = fence_of(self.states[key])[1] if key in self.states else -1
            if below and fence < offsets[below - 1]:
                found.append(f"state of {key.decode()}: fence {fence}, {offsets[below - 1]} is committed")
        for partition, causes in self.ledger.causes.items():
            found += (
                f"transition of {due.customer} by {due.touchpoint_id} at offset {due.offset}"
                for due in causes
                if due.offset < committed[partition] and (due.customer, due.touchpoint_id) not in self.caused
            )
        for partition, records in self.ledger.rejected.items():
            found += (
                f"dead letter of {partition}/{record.offset}"
                for record in records
                if record.offset < committed[partition] and (partition, record.offset) not in self.dead
            )
        return found

    def changelog_records(self) -> int:
        """Return how many changelog records were read so far."""
        return len(self._changelog.records)

    def differences(self) -> tuple[list[str], Report]:
        """Return what is wrong when all input was processed, and the reference's report. Reads on itself."""
        self.read_on()
        self._current.read_on()
        told = [(record.key, record.value) for record in self._transitions.records]
        currents = [(record.key, record.value) for record in self._current.records]
        report = check(self.ledger.touchpoints, told, currents)
        return [*report.differences, *self._wrong_states(), *self._wrong_dead(), *self._wrong_headers()], report

    def corrections(self) -> int:
        """Return how many of the transitions read are corrections, repeats among them."""
        return sum(b'"kind":"correction"' in (record.value or b"") for record in self._transitions.records)

    def _wrong_states(self) -> Iterator[str]:
        stages = [stage.id for stage in definitions.shipped().stages]
        for customer, outcome in self.ledger.outcomes.items():
            data = self.states.get(customer.encode())
            path = [] if data is None else _path(decode_state(data), stages)
            if path != outcome.path:
                yield f"state of {customer}: {path} where {outcome.path} is due"
        for key in self.states.keys() - {customer.encode() for customer in self.ledger.outcomes}:
            yield f"state of {key!r}, who never was"

    def _wrong_dead(self) -> Iterator[str]:
        due = {(record.partition, record.offset): record for own in self.ledger.rejected.values() for record in own}
        for at in due.keys() ^ self.dead.keys():
            yield f"dead letter of {at}: {'missing' if at in due else 'unexpected'}"
        for at in due.keys() & self.dead.keys():
            for letter in self.dead[at]:
                if (letter.key, letter.value, letter.timestamp) != (due[at].key, due[at].value, due[at].timestamp):
                    yield f"dead letter of {at}: changed"

    def _wrong_headers(self) -> Iterator[str]:
        known: dict[str, Any] = {}
        for record in self._transitions.records:
            headers = dict(record.headers)
            name = headers["ce_id"].decode()
            if known.setdefault(name, record.headers) != record.headers:
                yield f"headers of the repeated transition {name} differ"


def _path(state: CustomerState, stages: Sequence[str]) -> list[Any]:
    journey = state.journeys.get(SHOP.name)
    if journey is None or not journey.instances:
        return []
    return [(stages[visit.stage], visit.at_ms) for visit in journey.instances[-1].visits]
