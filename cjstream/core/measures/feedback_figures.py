"""What signals and touchpoints of feedback add up to in a report: clocks kept, answers given, time to the first one.

Counts of customers are put together by `merge`; shares and times are computed where they are read.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

from cjstream.core.figures import Spread, spread
from cjstream.core.measures.feedback_spec import Spec
from cjstream.core.outputs import Signal
from cjstream.core.touchpoint import Touchpoint

BREACHED, MET = "sla_breached", "sla_met"

_Name = TypeVar("_Name", bound=Hashable)


class Kept(NamedTuple):
    """Runs of clocks that were stopped in time, and those that were not."""

    met: int = 0
    breached: int = 0

    @property
    def share(self) -> float | None:
        """Share of those that were stopped in time; None of none."""
        return self.met / (self.met + self.breached) if self.met or self.breached else None


class Answered(NamedTuple):
    """Feedback of one type: with an answer of the business, and without one so far."""

    answered: int = 0
    unanswered: int = 0


class _Verdict(NamedTuple):
    is_met: bool
    clock: str
    stage: str | None
    channel: str | None


class _Asked(NamedTuple):
    at_ms: int
    type: str
    reply_to: str | None


class FeedbackFigures:
    """Feedback of some customers in one journey. Feed signals and touchpoints of a customer in the order of the log.

    Keeps a line per feedback, answer and run of a clock; can be pickled.
    """

    def __init__(self, spec: Spec) -> None:
        self._on, self._calendar = spec.on, spec.calendar
        self._verdicts: dict[tuple[str, str, str, str], _Verdict] = {}  # by customer, feedback, clock, since
        self._asked: dict[tuple[str, str], _Asked] = {}  # by customer and id
        self._answers: dict[tuple[str, str], list[int]] = {}  # by customer and the id they reply to

    def signal(self, signal: Signal) -> None:
        """Take a signal. Of one run of a clock the last one counts: an answer may be heard of after the breach."""
        if signal.kind not in (BREACHED, MET) or signal.detail is None:
            return
        detail = signal.detail
        key = signal.customer_id, detail["feedback_id"], detail["clock"], signal.since
        self._verdicts[key] = _Verdict(signal.kind == MET, detail["clock"], signal.stage, detail["channel"])

    def touch(self, touchpoint: Touchpoint, stage: str | None) -> None:  # noqa: ARG002 - as every figure
        """Take a touchpoint that was no duplicate."""
        reply_to = touchpoint.fields.reply_to
        if touchpoint.by_customer:
            if touchpoint.type in self._on:
                asked = _Asked(touchpoint.at_ms, touchpoint.type, reply_to)
                self._asked[touchpoint.customer_id, touchpoint.id] = asked
        elif reply_to is not None:
            self._answers.setdefault((touchpoint.customer_id, reply_to), []).append(touchpoint.at_ms)

    def merge(self, other: "FeedbackFigures") -> None:
        """Add what other customers, or the same ones later, said and heard."""
        self._verdicts.update(other._verdicts)
        self._asked.update(other._asked)
        for key, answers in other._answers.items():
            self._answers.setdefault(key, []).extend(answers)

    @property
    def overall(self) -> Kept:
        """All clocks together."""
        return self._kept(lambda verdict: None).get(None, Kept())

    def sla(self) -> dict[str, Kept]:
        """Return how the clocks were kept, by clock."""
        return self._kept(lambda verdict: verdict.clock)

    def sla_by_stage(self) -> dict[tuple[str | None, str], Kept]:
        """Return how the clocks were kept, by the stage of the customer when it was told, and clock."""
        return self._kept(lambda verdict: (verdict.stage, verdict.clock))

    def sla_by_channel(self) -> dict[tuple[str | None, str], Kept]:
        """Return how the clocks were kept, by the channel of the feedback, and clock."""
        return self._kept(lambda verdict: (verdict.channel, verdict.clock))

    def first_response(self) -> Spread:
        """Return how long feedback waited for its first answer, in working time, of that which has one."""
        return spread(
            self._calendar.working_ms(asked.at_ms, answered_ms)
            for asked, answered_ms in self._feedback()
            if answered_ms is not None
        )

    def answered(self) -> dict[str, Answered]:
        """Return how much feedback was answered, by its type."""
        found = defaultdict[str, Answered](Answered)
        for asked, answered_ms in self._feedback():
            yes, no = found[asked.type]
            found[asked.type] = Answered(yes + (answered_ms is not None), no + (answered_ms is None))
        return dict(sorted(found.items()))

    def _kept(self, name_of: Callable[[_Verdict], _Name]) -> dict[_Name, Kept]:
        found = dict[_Name, Kept]()
        for verdict in self._verdicts.values():
            met, breached = found.get(name_of(verdict), Kept())
            found[name_of(verdict)] = Kept(met + verdict.is_met, breached + (not verdict.is_met))
        return found

    def _feedback(self) -> Iterable[tuple[_Asked, int | None]]:
        """Yield feedback, and when it was first answered. A follow-up is none; an answer to it answers the feedback."""
        answers = defaultdict[tuple[str, str], list[int]](list)
        for key, times_ms in self._answers.items():
            answers[self._root(key)] += times_ms
        for key, asked in self._asked.items():
            if self._root(key) == key:
                yield asked, min((at_ms for at_ms in answers[key] if at_ms >= asked.at_ms), default=None)

    def _root(self, key: tuple[str, str]) -> tuple[str, str]:
        """Return the feedback that this is a follow-up to, over any number of follow-ups; else itself."""
        asked = self._asked.get(key)
        while asked is not None and asked.reply_to is not None:
            parent_key = key[0], asked.reply_to
            parent = self._asked.get(parent_key)
            if parent is None or (parent.at_ms, parent.reply_to or "", parent_key) >= (
                asked.at_ms,
                asked.reply_to,
                key,
            ):
                break
            key, asked = parent_key, parent
        return key
