"""What an analysis remembers of one customer until all touchpoints are in: they may come in any order."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_MS
from cjstream.core.measures.labels import OTHER
from cjstream.core.measures.sentiment import POSITIVE
from cjstream.core.measures.sessions import Named, Visits, visits
from cjstream.core.touchpoint import Touchpoint

JUDGED, EXIT_REASON, PAIN, ASKED, ANSWERED = "judged", "exit_reason", "pain", "asked", "answered"
NOTED = {"sentiment": JUDGED, "exit_reason": EXIT_REASON, "reply_to": ANSWERED}
TYPE_BITS = 10  # with the 53 of a sequence they fit into a word
MAX_TYPES = 1 << TYPE_BITS  # told apart as the last thing that a customer did; those that come after them are OTHER


class Note(NamedTuple):
    """Something that few touchpoints tell. In the order of time.

    `about`: the judgement, the reason, the type of the pain, the id of what was asked or of what is answered.
    """

    at_ms: int
    sequence: int
    touchpoint_id: str
    kind: str
    about: str


@dataclass(slots=True)
class Watch:
    """What the logs of all customers look for, under one definition; shared by them. All are touchpoint types.

    `praises`: those that are advocacy if they are positive. `site`: channels, None for touchpoints without one. `asks`:
    questions and complaints. `keeps_moments`: whether it is to be known what a customer did last.
    """

    sales: frozenset[str] = frozenset()
    advocates: frozenset[str] = frozenset()
    praises: frozenset[str] = frozenset()
    site: frozenset[str | None] = frozenset()
    pains: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    keeps_moments: bool = True
    types: list[str] = field(default_factory=lambda: [OTHER])
    codes: dict[str, int] = field(default_factory=lambda: {OTHER: 0})  # places in `types`
    special: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.special = self.sales | self.advocates | self.praises | self.pains | self.asks

    def code_of(self, kind: str) -> int:
        """Return the number of a type that was not seen before."""
        if len(self.types) < MAX_TYPES:
            self.codes[kind] = len(self.types)
            self.types.append(kind)
        return self.codes.get(kind, 0)


class CustomerLog:
    """The memory of one customer: `touch` it with every touchpoint that was no duplicate, in any order; then read.

    `sales`: how many, whoever told of them. `is_advocate`: the customer praised the business or recommended it.
    """

    __slots__ = (
        "_durations_ms", "_first_sale_ms", "_marks", "_moments_ms", "_named", "_notes", "_referred_ms", "_times_ms",
        "_watch", "is_advocate", "sales",
    )  # fmt: skip

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.sales = 0
        self.is_advocate = False
        self._first_sale_ms = self._referred_ms = MAX_MS + 1
        self._times_ms = array("q")  # on the site, in no named session
        self._moments_ms, self._marks = array("q"), array("Q")  # of the customer's touchpoints: sequence and type
        self._named: dict[str, Named] | None = None
        self._durations_ms: dict[int, int] | None = None  # by time, of `_times_ms`
        self._notes: list[Note] | None = None

    def touch(self, touchpoint: Touchpoint) -> None:
        """Remember a touchpoint, with its derived sentiment."""
        watch, fields, kind = self._watch, touchpoint.fields, touchpoint.type
        if kind in watch.special:
            self._note_type(touchpoint, watch)
        if fields.sentiment or fields.referred_by or fields.exit_reason or fields.reply_to:
            self._note_fields(touchpoint, fields)
        if not touchpoint.by_customer:
            return
        at_ms, session_id = touchpoint.at_ms, fields.session_id
        if session_id is not None:
            self._go_on(session_id, at_ms, fields.duration_ms)
        elif fields.channel in watch.site:
            self._times_ms.append(at_ms)
            self._last(at_ms, fields.duration_ms)
        if watch.keeps_moments:
            code = watch.codes.get(kind)
            if code is None:
                code = watch.code_of(kind)
            self._moments_ms.append(at_ms)
            self._marks.append(touchpoint.sequence << TYPE_BITS | code)

    def _go_on(self, session_id: str, at_ms: int, duration_ms: int | None) -> None:
        if self._named is None:
            self._named = {}
        session = self._named.get(session_id)
        if session is None:
            self._named[session_id] = Named(at_ms, duration_ms)
        else:
            session.take(at_ms, duration_ms)

    def _last(self, at_ms: int, duration_ms: int | None) -> None:
        if duration_ms is not None:
            self._durations_ms = self._durations_ms or {}
            self._durations_ms[at_ms] = self._durations_ms.get(at_ms, 0) + duration_ms

    def _note_type(self, touchpoint: Touchpoint, watch: Watch) -> None:
        kind = touchpoint.type
        if kind in watch.sales:
            self.sales += 1
            self._first_sale_ms = min(self._first_sale_ms, touchpoint.at_ms)
        if not touchpoint.by_customer:
            return
        if kind in watch.advocates or (kind in watch.praises and touchpoint.fields.sentiment == POSITIVE):
            self.is_advocate = True
        if kind in watch.pains:
            self._note(touchpoint, PAIN, kind)
        if kind in watch.asks:
            self._note(touchpoint, ASKED, touchpoint.id)

    def _note_fields(self, touchpoint: Touchpoint, fields: Fields) -> None:
        if fields.referred_by is not None:
            self._referred_ms = min(self._referred_ms, touchpoint.at_ms)
        if self._watch.keeps_moments:
            for name, kind in NOTED.items():
                if about := getattr(fields, name):
                    self._note(touchpoint, kind, about)

    def _note(self, touchpoint: Touchpoint, kind: str, about: str) -> None:
        if kind == ANSWERED and touchpoint.by_customer:
            return
        if self._notes is None:
            self._notes = []
        self._notes.append(Note(touchpoint.at_ms, touchpoint.sequence, touchpoint.id, kind, about))

    @property
    def is_referred(self) -> bool:
        """Whether somebody recommended the business to the customer, and not only after the first sale."""
        return self._referred_ms <= min(self._first_sale_ms, MAX_MS)

    def sessions(self) -> Visits:
        """Return how many sessions there were, and how long they were together."""
        return visits((self._named or {}).values(), self._times_ms, self._durations_ms or {})

    def last_type(self, since_ms: int, until_ms: int) -> str | None:
        """Return the type of what the customer did last, since_ms <= event time <= until_ms; None: nothing.

        Of one time the highest sequence is the last; of one sequence too, the last type by name.
        """
        moments = self._moments_ms
        if sorted(moments) != moments.tolist():
            self._sort()
            moments = self._moments_ms
        end = bisect_right(moments, until_ms)
        if not end or moments[end - 1] < since_ms:
            return None
        last = self._marks[bisect_left(moments, moments[end - 1]) : end]
        return max((mark >> TYPE_BITS, self._watch.types[mark & MAX_TYPES - 1]) for mark in last)[1]

    def _sort(self) -> None:
        moments_ms, marks = zip(*sorted(zip(self._moments_ms, self._marks, strict=True)), strict=True)
        self._moments_ms, self._marks = array("q", moments_ms), array("Q", marks)

    def notes(self, until_ms: int) -> list[Note]:
        """Return what was noted up to `until_ms`, in the order of time."""
        return sorted(note for note in self._notes or () if note.at_ms <= until_ms)
