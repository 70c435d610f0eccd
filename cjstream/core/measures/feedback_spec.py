"""The block `measures.feedback` of a definition: what is feedback, and how long it may wait for an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.condition import Predicate, compile_when
from cjstream.core.measures.calendar import ALWAYS, Calendar
from cjstream.core.measures.feedback_threads import CLOCKS
from cjstream.core.measures.opening_hours import read_calendar
from cjstream.core.past import PAST_KEYS
from cjstream.core.reading import Reader
from cjstream.core.stages import Stage

FEEDBACK_KEYS = ("on", "resolved_by", "edited_by", "due_soon", "calendar", "targets")
TARGET_KEYS = ("when", *CLOCKS)
ON = frozenset({"review", "complaint", "question", "survey_answered"})
RESOLVED_BY = frozenset({"resolved", "issue_resolved"})
EDITED_BY = frozenset({"review_edited", "complaint_edited", "question_edited"})
DUE_SOON = 0.75
MAX_TARGETS = 100


@dataclass(frozen=True, slots=True)
class Target:
    """How long feedback that passes `when` may wait, in working milliseconds by the place in CLOCKS; 0: as it likes."""

    when: Predicate | None
    times_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """The block `measures.feedback`, compiled. The first of `targets` that a touchpoint passes is its own."""

    on: frozenset[str] = ON
    resolved_by: frozenset[str] = RESOLVED_BY
    edited_by: frozenset[str] = EDITED_BY
    due_soon: float = DUE_SOON
    calendar: Calendar = ALWAYS
    targets: tuple[Target, ...] = ()

    def __hash__(self) -> int:
        return hash(self.due_soon)  # a process knows few of them, and each look at a clock that runs asks for it


def read(reader: Reader, value: Any, path: str, stages: Sequence[Stage]) -> Spec:  # noqa: ARG001 - as every measure
    """Return the compiled form of `measures.feedback`; faults go to `reader`."""
    data = reader.mapping(value, path, FEEDBACK_KEYS)
    types = {key: reader.types(data[key], f"{path}.{key}") for key in ("on", "resolved_by", "edited_by") if key in data}
    due_soon = data.get("due_soon", DUE_SOON)
    if isinstance(due_soon, bool) or not isinstance(due_soon, int | float) or not 0 < due_soon < 1:
        reader.report(f"{path}.due_soon", f"must be a share of the target between 0 and 1, not {due_soon!r}")
    calendar = read_calendar(reader, data["calendar"], f"{path}.calendar") if "calendar" in data else ALWAYS
    items = reader.items(data["targets"], f"{path}.targets", MAX_TARGETS) if "targets" in data else []
    targets = tuple(_target(reader, item, where) for where, item in items)
    return Spec(**types, due_soon=due_soon, calendar=calendar, targets=targets)


def _target(reader: Reader, item: Mapping[Any, Any], path: str) -> Target:
    reader.known_keys(item, TARGET_KEYS, path)
    times = [reader.clock(item, clock, path) for clock in CLOCKS]
    if not any(clock in item for clock in CLOCKS):
        reader.report(path, "needs a clock: first_response: 4h, next_response: 4h or resolution: 2d")
    when = item.get("when", {})
    if isinstance(when, dict):
        for key in [key for key in PAST_KEYS if key in when]:
            reader.report(f"{path}.when.{key}", "is not asked here; ask for fields of the feedback only")
        when = {key: spec for key, spec in when.items() if key not in PAST_KEYS}
    return Target(compile_when(when, f"{path}.when", reader.report), tuple(each or 0 for each in times))
