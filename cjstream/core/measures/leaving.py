"""Why customers leave: what those who were dropped did last, how they judged, and what had been left unanswered.

`measures.leaving` of a definition names the types that are pain to a customer, and those that ask for an answer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cjstream.core.measures import labels
from cjstream.core.measures.customer_log import ANSWERED, ASKED, EXIT_REASON, JUDGED, PAIN, CustomerLog, Note
from cjstream.core.measures.run import Run
from cjstream.core.reading import Reader
from cjstream.core.stages import Stage

PAINS = ("payment_error", "error", "complaint", "return_requested", "delivery_failed")
ASKS = ("question", "complaint")
KEYS = ("pains", "asks")
NONE = "none"  # nothing known


@dataclass(frozen=True, slots=True)
class Spec:
    """Touchpoint types that are pain to a customer, and those that ask for an answer."""

    pains: frozenset[str] = frozenset(PAINS)
    asks: frozenset[str] = frozenset(ASKS)


def read(reader: Reader, value: Any, path: str, _: Sequence[Stage]) -> Spec:
    """Return the compiled form of `measures.leaving`; faults go to the reader."""
    item = reader.mapping(value, path, KEYS)
    pains = reader.types(item["pains"], f"{path}.pains") if "pains" in item else frozenset(PAINS)
    asks = reader.types(item["asks"], f"{path}.asks") if "asks" in item else frozenset(ASKS)
    return Spec(pains, asks)


@dataclass
class Left:
    """Runs that were dropped in one stage. NONE stands for what is not known.

    `last`: by the type of the customer's last touchpoint. `judgements`: by the last judgement known then. `reasons`: by
    the last `exit_reason` given. `pains`: runs that met a pain, by its type. `asked`: questions and complaints in these
    runs; `answered`: those with an answer before the end; `unanswered_runs`: runs that ended with one open.
    """

    runs: int = 0
    last: Counter[str] = field(default_factory=Counter)
    judgements: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    pains: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    answered: int = 0
    unanswered_runs: int = 0

    def merge(self, other: "Left") -> None:
        """Add other runs."""
        self.runs += other.runs
        self.asked += other.asked
        self.answered += other.answered
        self.unanswered_runs += other.unanswered_runs
        for name in ("last", "judgements", "reasons", "pains"):
            labels.merge(getattr(self, name), getattr(other, name))


@dataclass
class Leaving:
    """Dropped runs by the stage they were in. A plain value: it can be pickled, and merged."""

    stages: dict[str, Left] = field(default_factory=dict)

    def run(self, run: Run, log: CustomerLog) -> None:
        """Count a run of a customer whose touchpoints are all in; one that was not dropped counts nowhere."""
        if run.left is None:
            return
        left = self.stages.setdefault(run.left, Left())
        since_ms, until_ms = run.entered_ms[0], run.ended_ms if run.dropped_ms is None else run.dropped_ms
        left.runs += 1
        labels.add(left.last, log.last_type(since_ms, until_ms) or NONE)
        notes = log.notes(until_ms)
        labels.add(left.judgements, _last(JUDGED, notes))
        here = [note for note in notes if note.at_ms >= since_ms]
        labels.add(left.reasons, _last(EXIT_REASON, here))
        for kind in sorted({note.about for note in here if note.kind == PAIN}):
            labels.add(left.pains, kind)
        asked = {note.about: note.at_ms for note in here if note.kind == ASKED}
        answered = {
            note.about for note in here if note.kind == ANSWERED and note.at_ms >= asked.get(note.about, until_ms + 1)
        }
        left.asked += len(asked)
        left.answered += len(answered)
        left.unanswered_runs += len(answered) < len(asked)

    def merge(self, other: "Leaving") -> None:
        """Add the runs of other customers."""
        for stage, left in other.stages.items():
            self.stages.setdefault(stage, Left()).merge(left)

    @property
    def total(self) -> Left:
        """All dropped runs."""
        found = Left()
        for left in self.stages.values():
            found.merge(left)
        return found


def _last(kind: str, notes: Sequence[Note]) -> str:
    return next((note.about for note in reversed(notes) if note.kind == kind), NONE)
