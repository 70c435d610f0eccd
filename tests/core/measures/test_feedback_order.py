"""Threads of feedback against a walk over all touchpoints sorted, whatever the order in which they arrive."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from cjstream.core.measures.feedback_log import MAX_MESSAGES, MAX_THREADS
from cjstream.core.measures.feedback_threads import KEPT_MS
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS, parsed
from tests.core.measures.desk import ALL_CLOCKS, HOUR_MS, Desk, answered, desk, said, spec_of

EXAMPLES = settings().max_examples
DAY_MS = 24 * HOUR_MS
CLOCKS = {"first_response": 4 * HOUR_MS, "next_response": 2 * HOUR_MS, "resolution": 24 * HOUR_MS}
OPENS = ("review", "question")
EDIT = "review_edited"
Told = tuple[str, str, str, int]  # kind, clock, feedback id, since


@dataclass
class Case:
    """Feedback in the plain model: since when each clock runs, and the follow-ups that are feedback, by id."""

    at_ms: int
    clocks: dict[str, int]
    last_ms: int
    also: dict[str, int] = field(default_factory=dict)

    def knows(self, name: str | None, at_ms: int) -> bool:
        return self.also.get(name or "", -1) >= self.at_ms and self.lives(at_ms)

    def lives(self, at_ms: int) -> bool:
        return bool(self.clocks) or at_ms <= self.last_ms + KEPT_MS


class Model:
    """All touchpoints in their order, one after the other."""

    def __init__(self, touchpoints: Iterable[Touchpoint]) -> None:
        self.cases: dict[str, Case] = {}
        self.told = set[Told]()
        for each in sorted(touchpoints, key=_order):
            self._take(each)

    def now(self, now_ms: int) -> set[Told]:
        """Return what holds at `now_ms`."""
        running = [(name, *clock) for name, case in self.cases.items() for clock in case.clocks.items()]
        return self.told.union(*(holding(*each, now_ms, is_met=False) for each in running))

    @property
    def open(self) -> dict[str, int]:
        waits = {
            name: [since_ms for clock, since_ms in case.clocks.items() if clock != "resolution"]
            for name, case in self.cases.items()
        }
        return {name: min(since) for name, since in waits.items() if since}

    def _take(self, each: Touchpoint) -> None:
        is_edit = each.by_customer and each.type == EDIT and _reply_to(each) is not None
        is_feedback = each.by_customer and each.type in OPENS
        own = _reply_to(each) if is_edit else each.id if is_feedback else None
        if (name := self._name(own, each.at_ms)) is not None:
            self._add(name, self.cases[name], each, is_edit=True)
        elif (name := self._name(_reply_to(each), each.at_ms)) is not None:
            self._add(name, self.cases[name], each)
        elif own is not None:
            for other in self.cases.values():
                other.also.pop(own, None)
            self.cases[own] = Case(each.at_ms, {"first_response": each.at_ms, "resolution": each.at_ms}, each.at_ms)

    def _name(self, name: str | None, at_ms: int) -> str | None:
        if name in self.cases:
            return name if self.cases[name].lives(at_ms) else None
        return next((main for main, case in self.cases.items() if case.knows(name, at_ms)), None)

    def _add(self, name: str, case: Case, each: Touchpoint, *, is_edit: bool = False) -> None:
        case.last_ms = each.at_ms
        if each.type == "resolved":
            for clock in CLOCKS:
                self._stop(name, clock, each.at_ms, is_met=not each.by_customer or clock == "resolution")
        elif not each.by_customer:
            self._stop(name, "first_response", each.at_ms, is_met=True)
            self._stop(name, "next_response", each.at_ms, is_met=True)
        elif is_edit:
            case.clocks = {"first_response": each.at_ms, "resolution": each.at_ms} | case.clocks
        else:
            if each.type in OPENS:
                case.also[each.id] = each.at_ms
                self.cases.pop(each.id, None)  # of long ago
            if "first_response" not in case.clocks:
                case.clocks.setdefault("next_response", each.at_ms)

    def _stop(self, name: str, clock: str, at_ms: int, *, is_met: bool) -> None:
        since_ms = self.cases[name].clocks.pop(clock, None)
        if since_ms is not None:
            self.told |= holding(name, clock, since_ms, at_ms, is_met=is_met)


def holding(name: str, clock: str, since_ms: int, until_ms: int, *, is_met: bool) -> set[Told]:
    target_ms = CLOCKS[clock]
    found = {"sla_due_soon"} if since_ms + target_ms * 3 // 4 < until_ms else set[str]()
    if since_ms + target_ms < until_ms:
        found.add("sla_breached")
    elif is_met:
        found.add("sla_met")
    return {(kind, clock, name, since_ms) for kind in found}


def _reply_to(each: Touchpoint) -> str | None:
    reply_to = each.fields.reply_to
    return None if reply_to == each.id else reply_to


def _order(each: Touchpoint) -> tuple[Any, ...]:
    """Sort by time, feedback first; then by sequence, then edits, other messages, answers, ends."""
    is_first = each.by_customer and each.type in OPENS and _reply_to(each) is None
    role = {EDIT: 0, "review": 1, "question": 1}.get(each.type, 2) if each.by_customer else 3
    if each.type == "resolved":
        role = 4 if each.by_customer else 5
    return each.at_ms, not is_first, each.sequence, role, each.id


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, list[Touchpoint], list[Touchpoint]]:
    """Return a lateness, touchpoints in their order, and in one in which they may arrive, each of them twice."""
    step_ms = draw(st.sampled_from([HOUR_MS // 4, HOUR_MS, 8 * HOUR_MS, 9 * DAY_MS]))
    lateness_ms = draw(st.sampled_from([0, 1, 3, 6])) * step_ms
    kinds = st.sampled_from([*OPENS, EDIT, "message", "answer", "answer", "resolved"])
    drawn = st.tuples(kinds, st.integers(0, 12), st.integers(0, 4), st.integers(0, 1), st.booleans(), st.integers(0, 6))
    touchpoints, delays = [], {}
    for n, (kind, steps, to, sequence, by_customer, delay) in enumerate(draw(st.lists(drawn, min_size=1, max_size=12))):
        more = {"initiator": "business"} if kind == "answer" or (kind == "resolved" and not by_customer) else {}
        reply_to = {"reply_to": f"t{(n + to) % 5}"} if to or kind not in OPENS else {}
        fields = {"id": f"t{n}", "customer_id": "ani", "type": kind, "occurred_at": START_MS + steps * step_ms}
        touchpoints.append(parsed({**fields, "sequence": sequence, **more, **reply_to}))
        delays[f"t{n}"] = lateness_ms * delay // 6
    shuffled = sorted(draw(st.permutations(touchpoints)), key=lambda each: each.at_ms + delays[each.id])
    return lateness_ms, sorted(touchpoints, key=_order), [each for one in shuffled for each in (one, one)]


def fed(lateness_ms: int, touchpoints: list[Touchpoint]) -> Desk:
    found = Desk(spec_of({"on": list(OPENS), **ALL_CLOCKS}), lateness_ms)
    found.feed(*touchpoints)
    return found


def told(each: Desk) -> list[Told]:
    return [(finding.kind, str(finding.about[0]), str(finding.about[1]), finding.since_ms) for finding in each.findings]


@settings(max_examples=10 * EXAMPLES)
@given(stories(), st.integers(0, 40))
def test_threads_and_findings_are_those_of_all_touchpoints_in_their_order(
    story: tuple[int, list[Touchpoint], list[Touchpoint]], hours: int
) -> None:
    lateness_ms, in_order, shuffled = story
    plain, customer = fed(lateness_ms, in_order), fed(lateness_ms, shuffled)
    assert customer.state == plain.state
    now_ms = plain.settled_ms + hours * HOUR_MS
    for each in (plain, customer):
        each.wait((now_ms - START_MS) / HOUR_MS)
    model = Model(in_order)
    expected, waiting = model.now(now_ms), model.open
    assert customer.state == plain.state
    assert dict(plain.open) == {name: (since_ms - START_MS) / HOUR_MS for name, since_ms in waiting.items()}
    assert sorted(told(plain)) == sorted(expected), "once each"
    assert set(told(customer)) >= expected
    event(f"told {len(expected) > 0}, forgotten {len(plain.state) < len(waiting)}")


def test_a_thread_is_forgotten_thirty_days_after_its_last_message_if_no_clock_runs() -> None:
    each = desk(lateness_ms=0)
    each.feed(said("r", "review", 0), answered("a", 1, "r", "resolved"), said("x", "page_view", 30 * 24 + 1))
    assert [thread.id for thread in each.state] == ["r"]
    each.feed(said("y", "page_view", 30 * 24 + 1.1))
    assert each.state == ()


def test_a_thread_in_which_a_clock_runs_is_not_forgotten() -> None:
    each = desk(lateness_ms=0)
    each.feed(said("r", "review", 0), said("x", "page_view", 9000))
    assert each.open == [("r", 0)]


def test_a_follow_up_of_long_ago_is_kept_as_long_as_what_it_follows() -> None:
    each = desk(lateness_ms=0)
    each.feed(said("r", "review", 0), said("q", "question", 1, "r"), said("x", "page_view", 900))
    held = each.state
    assert [thread.id for thread in held] == ["q", "r"]
    each.feed(said("w", "page_view", 900))
    assert each.state is held
    each.feed(answered("a", 900, "r"), answered("s", 901, "q", "resolved"), said("y", "page_view", 902))
    assert each.open == []
    each.feed(said("z", "page_view", 901 + 30 * 24 + 1))
    assert each.state == ()


def test_an_old_follow_up_is_no_part_of_feedback_that_came_later_under_the_same_id() -> None:
    each = desk(lateness_ms=40 * 24 * HOUR_MS)
    each.feed(said("r", "review", 0), said("q", "question", 1, "r"), answered("s", 2, "r", "resolved"))
    each.feed(said("e", "review_edited", 35 * 24, "r"), answered("a", 35 * 24 + 1, "q"))
    assert each.open == [("r", 35 * 24)]


def test_closed_feedback_makes_room_first_then_what_was_never_heard_of() -> None:
    each = desk(lateness_ms=99 * HOUR_MS)
    each.feed(*(said(f"open-{n:02}", "review", n) for n in range(MAX_THREADS - 3)))
    each.feed(said("closed", "review", 20), answered("s", 20, "closed", "resolved"), answered("a", 19, "unknown"))
    each.feed(said("answered", "review", 18), answered("b", 18, "answered"))
    rest = {f"open-{n:02}" for n in range(MAX_THREADS - 3)}
    for hour, kept in enumerate(({"unknown", "answered"}, {"answered"}, set[str](), set[str]()), start=30):
        new = f"new-{hour}"
        each.feed(said(new, "review", hour))
        rest |= {new}
        rest -= {min(rest)} - {new} if hour == 33 else set()
        assert {thread.id for thread in each.state} >= kept
    assert {thread.id for thread in each.state} == {f"open-{n:02}" for n in range(1, 13)} | {
        f"new-{hour}" for hour in range(30, 34)
    }


def test_of_too_many_messages_the_oldest_are_taken_as_final() -> None:
    each = desk(lateness_ms=99 * HOUR_MS)
    each.feed(said("r", "review", 0), answered("a", 1, "r"))
    each.feed(*(said(f"m{n}", "message", 2 + n / 100, "r") for n in range(3 * MAX_MESSAGES)))
    (thread,) = each.state
    assert len(thread.messages) == MAX_MESSAGES
    assert each.open == [("r", 2)]
    assert [finding.kind for finding in each.findings] == ["sla_met"]


def test_a_thread_is_forgotten_whatever_was_said_to_it_after_its_time() -> None:
    answer, visit = answered("a", 30 * 24 + 1.6, "r"), said("x", "page_view", 30 * 24 + 3.5)
    one, other = desk(lateness_ms=2 * HOUR_MS), desk(lateness_ms=2 * HOUR_MS)
    for each, rest in ((one, (answer, visit)), (other, (visit, answer))):
        each.feed(said("r", "review", 0), answered("s", 1, "r", "resolved"), said("w", "page_view", 10), *rest)
    assert one.state == other.state
    assert [thread.opening for thread in one.state] == [None]
