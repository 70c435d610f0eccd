"""Visits folded from StageTransition records, exactly as a consumer of the topic must fold them.

Per customer and journey the records are numbered 1, 2, 3... What is not newer than the last one taken is a repeat. A
`correction` replaces the visits of its instance from `path_from` on by its `path`; any other record appends its
`to_stage`, where null stands for outside of the journey. An `entry` is the first visit: what was known of the instance
before belongs to a life that was forgotten, as of a customer who was erased.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cjstream.core.outputs import StageTransition
from cjstream.core.times import parse_time

ENTRY, CORRECTION = "entry", "correction"


class BadTransitions(ValueError):
    """Records of one customer and journey that cannot be folded: one is missing, or contradicts those before it."""


class PathVisit(NamedTuple):
    """A stay from `entered_ms` on in `stage`; None: outside of the journey. `kind`: of the record that told of it."""

    stage: str | None
    entered_ms: int
    inferred: bool = False
    kind: str = CORRECTION


class Path:
    """The visits of one instance. The first `settled` ones are no longer kept, but count in `path_from`."""

    __slots__ = ("settled", "visits")

    def __init__(self) -> None:
        self.visits: list[PathVisit] = []
        self.settled = 0

    @property
    def stage(self) -> str | None:
        """The stage now; None: outside, or never entered."""
        return self.visits[-1].stage if self.visits else None

    def take(self, record: StageTransition) -> None:
        """Apply one record. Raises BadTransitions if it does not follow from the visits."""
        if record.kind == ENTRY or record.path_from == 0:
            self.visits, self.settled = [], 0
        if record.kind == CORRECTION:
            self._correct(record)
        elif record.from_stage != self.stage:
            raise BadTransitions(f"{_place(record)} leaves {record.from_stage}, the customer is in {self.stage}")
        else:
            self.visits.append(PathVisit(record.to_stage, _ms(record.occurred_at), record.inferred, record.kind))
        if record.to_stage != self.stage:
            raise BadTransitions(f"{_place(record)} says {record.to_stage}, its path ends in {self.stage}")

    def _correct(self, record: StageTransition) -> None:
        first = (record.path_from or 0) - self.settled
        if not 0 <= first <= len(self.visits):
            known = f"{self.settled} to {self.settled + len(self.visits)}"
            raise BadTransitions(f"{_place(record)} corrects from visit {record.path_from}, known are {known}")
        told = (PathVisit(each["stage"], _ms(each["entered_at"]), each["inferred"]) for each in record.path or ())
        self.visits[first:] = told

    def settle(self, count: int) -> list[PathVisit]:
        """Return the first `count` visits kept, which no correction will reach, and let go of them."""
        gone, self.visits = self.visits[:count], self.visits[count:]
        self.settled += len(gone)
        return gone


class Paths:
    """All paths of one customer: by (journey, instance), and the last sequence taken by journey."""

    __slots__ = ("by_instance", "sequences")

    def __init__(self) -> None:
        self.by_instance: dict[tuple[str, str], Path] = {}
        self.sequences: dict[str, int] = {}

    def take(self, record: StageTransition) -> bool:
        """Apply a record; False: it is a repeat, and nothing changed. Raises BadTransitions, also if one is missing."""
        last = self.sequences.get(record.journey, 0)
        if record.sequence <= last:
            return False
        if record.sequence > last + 1:
            raise BadTransitions(f"{_place(record)} comes after {last}: one is missing")
        path = self.by_instance.setdefault((record.journey, record.instance), Path())
        path.take(record)
        self.sequences[record.journey] = record.sequence
        return True


def fold(records: Iterable[StageTransition]) -> dict[str, Paths]:
    """Return the paths of each customer told by records in the order of their topic. Raises BadTransitions."""
    customers: dict[str, Paths] = {}
    for record in records:
        customers.setdefault(record.customer_id, Paths()).take(record)
    return customers


def _ms(time: str) -> int:
    ms = parse_time(time)
    if ms is None:
        raise BadTransitions(f"{time!r} is no time")
    return ms


def _place(record: StageTransition) -> str:
    return f"customer {record.customer_id}, journey {record.journey}: sequence {record.sequence}"
