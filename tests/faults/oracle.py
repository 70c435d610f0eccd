"""What must hold at a kill and at the end, by the reference reducer (O2-O5). Shares no decision with the engine.

O1, the ledger, is in ledger.py; O6 in copies.py; O7 is `recovers` of scenario.py; O8 and O9 are in leaks.py.
"""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cjstream import definitions
from cjstream.core.state import CustomerState, decode_state, fence_of, is_reserved
from cjstream.settings import Settings
from tests.faults.harness import Record, TopicLog
from tests.faults.inputs import make_input
from tests.faults.ledger import Ledger
from tests.reference import SHOP, Report, check

__all__ = ["Ledger", "Seen", "Topics", "Verdict", "make_input"]


@dataclass
class Verdict:
    """What is wrong, one sentence each. `lost`: effects of input that are not there; `wrong`: customers in a wrong
    state; `unexpected`: transitions that nothing caused, out of order, or with other bytes than before.
    """

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    repeats: int = 0

    def counts(self) -> dict[str, int]:
        """Return the figures of a row of the table: `fault(kind, **verdict.counts())`."""
        found = {name: len(getattr(self, name)) for name in ("lost", "wrong", "unexpected")}
        return {**found, "repeats": self.repeats}

    def require(self) -> None:
        """Raise an AssertionError with the first sentences of each kind, if there is one."""
        found = {name: value[:5] for name, value in vars(self).items() if isinstance(value, list) and value}
        assert not found, f"{self.counts()}: {found}"


@dataclass
class Seen:
    """What could be read at one moment, and the offsets committed a moment before."""

    committed: Mapping[int, int]
    fences: Mapping[bytes, int]
    caused: set[tuple[str, str]]
    dead: set[tuple[int, int]]

    def lost(self, ledger: Ledger) -> list[str]:
        """O5: return which effects of input below the committed offsets could not be read."""
        return [*self._states(ledger), *self._transitions(ledger), *self._letters(ledger)]

    def _states(self, ledger: Ledger) -> Iterator[str]:
        for key, (partition, offsets) in ledger.offsets.items():
            below = bisect_left(offsets, self.committed[partition])
            fence = self.fences.get(key, -1)
            if below and fence < offsets[below - 1]:
                yield f"state of {key.decode()}: fence {fence}, {offsets[below - 1]} is committed"

    def _transitions(self, ledger: Ledger) -> Iterator[str]:
        for partition, causes in ledger.causes.items():
            for due in causes:
                if due.offset < self.committed[partition] and (due.customer, due.touchpoint_id) not in self.caused:
                    yield f"transition of {due.customer} by {due.touchpoint_id} at offset {due.offset}"

    def _letters(self, ledger: Ledger) -> Iterator[str]:
        for partition, records in ledger.rejected.items():
            for record in records:
                if record.offset < self.committed[partition] and (partition, record.offset) not in self.dead:
                    yield f"dead letter of {partition}/{record.offset}"


class Topics:
    """The outputs of an app, read on as they grow, and held against a ledger, which may be given at the end."""

    def __init__(self, settings: Settings, ledger: Ledger | None = None) -> None:
        self._ledger = ledger
        self._changelog = TopicLog(settings, settings.state_changelog)
        self._transitions = TopicLog(settings, settings.transitions)
        self._dead = TopicLog(settings, settings.dead_letter)
        self._current = TopicLog(settings, settings.stage_current)
        self._signals = TopicLog(settings, settings.signals)
        self.states: dict[bytes, bytes] = {}
        self.regressed = 0  # changelog records that only a zombie can have written
        self.caused: set[tuple[str, str]] = set()
        self.dead: dict[tuple[int, int], list[Record]] = defaultdict(list)

    @property
    def ledger(self) -> Ledger:
        """What the input must lead to."""
        assert self._ledger is not None, "the ledger is known when all input is sent"
        return self._ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._ledger = ledger

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

    def see(self, committed: Mapping[int, int]) -> Seen:
        """Read what is new and return what is readable now; take `committed` right before."""
        self.read_on()
        fences = {key: fence_of(value)[1] for key, value in self.states.items()}
        return Seen(committed, fences, set(self.caused), set(self.dead))

    def lost(self, committed: Mapping[int, int]) -> list[str]:
        """Return which effects of input below the committed offsets cannot be read."""
        return self.see(committed).lost(self.ledger)

    def changelog_records(self) -> int:
        """Return how many changelog records were read so far."""
        return len(self._changelog.records)

    def verdict(self) -> Verdict:
        """Return all that is wrong when all input was processed. Reads on itself."""
        _, report = self._report()
        dead = list(self._wrong_dead())
        return Verdict(
            lost=[*self.ledger.unread, *report.missing, *dead, *self._unaccounted()],
            wrong=[*report.wrong_paths, *report.wrong_currents, *self._wrong_states()],
            unexpected=[
                *report.unexpected, *report.wrong_order, *report.unequal_repeats, *self._wrong_headers(),
                *self._wrong_signals(),
            ],
            repeats=report.repeats + self._repeated_signals(),
        )  # fmt: skip

    def differences(self) -> tuple[list[str], Report]:
        """Return all that is wrong as one list, and the reference's report."""
        verdict, (_, report) = self.verdict(), self._report()
        return [*verdict.lost, *verdict.wrong, *verdict.unexpected], report

    def _report(self) -> tuple[int, Report]:
        self.read_on()
        self._current.read_on()
        self._signals.read_on()
        told = [(record.key, record.value) for record in self._transitions.records]
        currents = [(record.key, record.value) for record in self._current.records]
        return len(told), check(self.ledger.touchpoints, told, currents)

    def corrections(self) -> int:
        """Return how many of the transitions read are corrections, repeats among them."""
        return sum(b'"kind":"correction"' in (record.value or b"") for record in self._transitions.records)

    def _unaccounted(self) -> Iterator[str]:
        """O4: yield the partitions of which not each record is below its customer's fence or a dead letter."""
        accounted = Counter(partition for partition, _ in self.dead)
        for key, (partition, offsets) in self.ledger.offsets.items():
            if key in self.states:
                fence = fence_of(self.states[key])[1]
                accounted[partition] += sum(offset <= fence for offset in offsets)
        for partition, count in self.ledger.records.items():
            if accounted[partition] != count:
                yield f"partition {partition}: {accounted[partition]} of {count} records are accounted for"

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

    def _wrong_signals(self) -> Iterator[str]:
        """Repeats are the same to the byte, and who converted is told once under one id."""
        known: dict[str, bytes] = {}
        for record in self._signals.records:
            value = record.value or b"{}"
            name = json.loads(value)["signal_id"]
            if known.setdefault(name, value) != value:
                yield f"the repeated signal {name} differs"
        told = Counter(each["customer_id"] for each in map(json.loads, known.values()) if each["kind"] == "converted")
        due = Counter(name for name, each in self.ledger.outcomes.items() if each.converted_at_ms is not None)
        for customer in told.keys() | due.keys():
            if told[customer] != due[customer]:
                yield f"{customer}: {told[customer]} conversions told where {due[customer]} are due"

    def _repeated_signals(self) -> int:
        names = Counter(json.loads(record.value or b"{}")["signal_id"] for record in self._signals.records)
        return sum(names.values()) - len(names)


def _path(state: CustomerState, stages: Sequence[str]) -> list[Any]:
    journey = state.journeys.get(SHOP.name)
    if journey is None or not journey.instances:
        return []
    return [(stages[visit.stage], visit.at_ms) for visit in journey.instances[-1].visits]
