"""Oracles that share no code with cjstream: what touchpoints must lead to, and whether the topics say so.

Deliberately naive: everything in memory, sorted, one pass, for forward-only journeys with open entry.
It judges the kill tests, so read it with suspicion. test_reference.py holds it against numbers of others.

No touchpoint may be late: which ones are depends on the order of arrival, and a set has none.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Object = dict[str, Any]
Condition = Callable[[Object], bool]
Record = tuple[bytes | None, bytes | None]  # key and value, as read from a topic

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Visit(NamedTuple):
    """A stay in a stage from `entered_at_ms` (since the epoch) on; stage None is outside of the journey."""

    stage: str | None
    entered_at_ms: int


class Outcome(NamedTuple):
    """What must have become of one customer: its visits, oldest first, and its conversion, if any."""

    path: list[Visit]
    converted_at_ms: int | None


NOTHING = Outcome([], None)


@dataclass(frozen=True)
class Journey:
    """A forward-only journey in the simplest form that can be judged.

    `stages` gives stage and weight by touchpoint type, `goal` the type that converts; `when` may narrow a
    type by a condition, for stages and goal alike. `name` is the journey's id in the records.
    """

    name: str
    stages: Mapping[str, tuple[str, int]]
    goal: str
    when: Mapping[str, Condition] = field(default_factory=dict)

    def counts(self, touchpoint: Object) -> bool:
        """Tell whether the touchpoint meets the condition of its type."""
        condition = self.when.get(touchpoint["type"])
        return condition is None or condition(touchpoint)


SHOP = Journey(
    name="shop",
    stages={
        **dict.fromkeys(("page_view", "search", "ad_click", "social_view"), ("awareness", 10)),
        **dict.fromkeys(
            ("product_view", "comparison", "reviews_read", "wishlist", "cart_add", "checkout"),
            ("consideration", 20),
        ),
        "purchase": ("purchase", 30),
        **dict.fromkeys(("delivered", "support_contact", "repeat_purchase"), ("retention", 40)),
        **dict.fromkeys(("review", "referral"), ("advocacy", 50)),
    },
    goal="purchase",
    when={"review": lambda touchpoint: touchpoint.get("rating", 0) >= 4},
)


def milliseconds(time: str | int) -> int:
    """Return an event time, RFC 3339 or milliseconds, as whole milliseconds since the epoch, rounded down."""
    if isinstance(time, int):
        return time
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(milliseconds=1)


def reduce_touchpoints(touchpoints: Iterable[Object], journey: Journey) -> dict[str, Outcome]:
    """Return the outcome by customer. Any order; of touchpoints with the same id the first one counts."""
    by_customer: defaultdict[str, dict[str, Object]] = defaultdict(dict)
    for touchpoint in touchpoints:
        by_customer[touchpoint["customer_id"]].setdefault(touchpoint["id"], touchpoint)
    return {customer: _outcome(list(own.values()), journey) for customer, own in by_customer.items()}


def _outcome(touchpoints: list[Object], journey: Journey) -> Outcome:
    def rank(touchpoint: Object) -> tuple[int, int, int, str]:
        _, weight = journey.stages.get(touchpoint["type"], ("", 0))
        sequence = touchpoint.get("sequence") or 0
        return milliseconds(touchpoint["occurred_at"]), sequence, weight, touchpoint["id"]

    path: list[Visit] = []
    highest = -1
    converted_at_ms = None
    for touchpoint in sorted(filter(journey.counts, touchpoints), key=rank):
        at_ms = milliseconds(touchpoint["occurred_at"])
        stage, weight = journey.stages.get(touchpoint["type"], ("", -1))
        if weight > highest:
            highest = weight
            path.append(Visit(stage, at_ms))
        if touchpoint["type"] == journey.goal and converted_at_ms is None:
            converted_at_ms = at_ms
    return Outcome(path, converted_at_ms)


class BadTransitions(AssertionError):
    """Transitions of one customer that cannot be folded; the text says at which sequence and why."""


def fold_transitions(records: Iterable[Object]) -> list[Visit]:
    """Return the path told by the StageTransitions of one customer and journey, in any order, no repeats.

    Raises BadTransitions if the sequences are not 1, 2, 3... or a record does not leave the stage that the
    one before it reached.
    """
    path: list[Visit] = []
    for expected, record in enumerate(sorted(records, key=lambda record: int(record["sequence"])), start=1):
        before = path[-1].stage if path else None
        if record["sequence"] != expected:
            raise BadTransitions(f"sequence {record['sequence']} where {expected} is due")
        if record["from_stage"] != before:
            raise BadTransitions(f"sequence {expected} leaves {record['from_stage']}, the customer is in {before}")
        if record["kind"] == "correction":
            if record["path_from"] > len(path):
                raise BadTransitions(f"sequence {expected} corrects visits that were never told")
            path[record["path_from"] :] = [_visit(visit) for visit in record["path"]]
        else:
            path.append(Visit(record["to_stage"], milliseconds(record["occurred_at"])))
        after = path[-1].stage if path else None
        if record["to_stage"] != after:
            raise BadTransitions(f"sequence {expected} says {record['to_stage']}, its path ends in {after}")
    return path


def _visit(visit: Object) -> Visit:
    return Visit(visit["stage"], milliseconds(visit["entered_at"]))


@dataclass
class Report:
    """Everything found wrong, one sentence each, and how many allowed repeats there were."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong_paths: list[str] = field(default_factory=list)
    wrong_order: list[str] = field(default_factory=list)
    unequal_repeats: list[str] = field(default_factory=list)
    wrong_currents: list[str] = field(default_factory=list)
    repeats: int = 0

    @property
    def differences(self) -> list[str]:
        """All sentences; empty if the topics say exactly what they must."""
        lists = {name: value for name, value in vars(self).items() if isinstance(value, list)}
        return [f"{name}: {sentence}" for name, sentences in lists.items() for sentence in sentences]


def check(
    touchpoints: Iterable[Object],
    transitions: Iterable[Record],
    currents: Iterable[Record],
    journey: Journey = SHOP,
) -> Report:
    """Hold two whole output topics against all touchpoints that were sent, for one journey.

    Records come in the order of their partition; partitions may be mixed, as a customer is in one only.
    """
    report = Report()
    due = reduce_touchpoints(touchpoints, journey)
    told = _read_transitions(transitions, journey, report)
    for customer in sorted(due.keys() | told.keys()):
        _check_path(customer, due.get(customer, NOTHING).path, told.get(customer, {}), report)
    _check_currents(due, currents, {customer: max(known) for customer, known in told.items()}, journey, report)
    return report


def _read_transitions(records: Iterable[Record], journey: Journey, report: Report) -> dict[str, dict[int, bytes]]:
    """Return the value by sequence by customer; note repeats and what arrives out of order."""
    told: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
    owners: dict[str, tuple[str, int]] = {}
    for key, value in records:
        record = json.loads(value or b"{}")
        if record.get("journey") != journey.name:
            continue
        customer, sequence = record["customer_id"], record["sequence"]
        known = told[customer]
        if key != customer.encode():
            report.unexpected.append(f"{customer}: a transition under the key {key!r}")
        if owners.setdefault(record["transition_id"], (customer, sequence)) != (customer, sequence):
            report.unequal_repeats.append(f"{customer}: sequence {sequence} has the id of another transition")
        if sequence not in known:
            if sequence != len(known) + 1:
                report.wrong_order.append(f"{customer}: sequence {sequence} where {len(known) + 1} is due")
            known[sequence] = value or b""
        elif known[sequence] == value:
            report.repeats += 1
        else:
            report.unequal_repeats.append(f"{customer}: sequence {sequence} comes again with other bytes")
    return told


def _check_path(customer: str, due: Sequence[Visit], told: Mapping[int, bytes], report: Report) -> None:
    records = [json.loads(value) for _, value in sorted(told.items())]
    try:
        path = fold_transitions(records)
    except BadTransitions as error:
        report.wrong_paths.append(f"{customer}: {error}")
        path = [Visit(record["to_stage"], milliseconds(record["occurred_at"])) for record in records]
    report.missing += [f"{customer}: {visit}" for visit in due if visit not in path]
    report.unexpected += [f"{customer}: {visit}" for visit in path if visit not in due]
    if path != due:
        report.wrong_paths.append(f"{customer}: {path} where {due} is due")


def _check_currents(
    due: Mapping[str, Outcome],
    currents: Iterable[Record],
    sequences: Mapping[str, int],
    journey: Journey,
    report: Report,
) -> None:
    newest = {(key or b"").decode(): json.loads(value or b"null") for key, value in currents}
    for customer in sorted(due.keys() | newest.keys()):
        outcome, current = due.get(customer, NOTHING), newest.get(customer)
        wanted = _due_current(customer, outcome, sequences.get(customer, 0))
        told = _told_current(current, journey.name, wanted)
        if told != wanted and (outcome != NOTHING or current is not None):
            report.wrong_currents.append(f"{customer}: {told} where {wanted} is due")


def _due_current(customer: str, outcome: Outcome, sequence: int) -> Object:
    last = outcome.path[-1] if outcome.path else Visit(None, 0)
    return {
        "customer_id": customer,
        "stage": last.stage,
        "furthest_stage": last.stage,  # forward only: the newest visit is the furthest
        "entered_at": last.entered_at_ms if outcome.path else None,
        "sequence": sequence,
        "outcome": "in_progress" if outcome.converted_at_ms is None else "converted",
        "converted_at": outcome.converted_at_ms,
    }


def _told_current(current: Object | None, journey_name: str, wanted: Object) -> Object:
    """Return the fields of a StageCurrent that `wanted` has; an absent journey counts as not begun."""
    if current is None:
        return {}
    begun = current["journeys"].get(journey_name)
    if begun is None:
        return _due_current(current["customer_id"], NOTHING, 0)
    told = {name: value for name, value in {**current, **begun}.items() if name in wanted}
    for name in ("entered_at", "converted_at"):
        told[name] = None if told[name] is None else milliseconds(told[name])
    return told
