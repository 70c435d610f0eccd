"""Why customers leave: what is told of runs that were dropped."""

import pickle
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.figures import CONVERTED, DROPPED, IN_PROGRESS
from cjstream.core.measures.customer_log import CustomerLog
from cjstream.core.measures.leaving import ASKS, PAINS, Leaving, Left, Spec, read
from cjstream.core.measures.run import Run
from cjstream.core.measures.watching import watch
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS, touchpoint

BUSINESS = {"initiator": "business"}


def dropped(
    since: int = 0, until: int | None = 100, stage: str | None = "a", outcome: str = DROPPED, ended: int = 200
) -> Run:
    """Return a run that was entered and dropped in these seconds."""
    dropped_ms = None if until is None else START_MS + until * 1000
    entered_ms, ended_ms = START_MS + since * 1000, START_MS + ended * 1000
    return Run(("a",), (entered_ms,), ended_ms, True, outcome, None, dropped_ms, stage, None, "ani", 1)


def left(*touchpoints: Touchpoint, run: Run | None = None, spec: Spec | None = None) -> Left:
    """Return what is told of one dropped run of a customer."""
    log, leaving = CustomerLog(watch(None, spec or Spec())), Leaving()
    for each in touchpoints:
        log.touch(each)
    leaving.run(run or dropped(), log)
    return leaving.stages["a"]


def test_pains_and_asks_have_defaults_and_can_be_given() -> None:
    reader = Reader()
    assert read(reader, {}, "measures.leaving", ()) == Spec(frozenset(PAINS), frozenset(ASKS)) == Spec()
    given_ = read(reader, {"pains": ["crash"], "asks": "ticket"}, "measures.leaving", ())
    assert given_ == Spec(frozenset({"crash"}), frozenset({"ticket"}))
    assert not reader.problems


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"pain": ["x"]}, "measures.leaving.pain"),
        ({"pains": []}, "measures.leaving.pains"),
        ({"asks": 7}, "measures.leaving.asks"),
        ([], "measures.leaving"),
    ],
)
def test_faults_are_told_with_their_path(value: object, path: str) -> None:
    reader = Reader()
    read(reader, value, "measures.leaving", ())
    assert [each.path for each in reader.problems] == [path]


@pytest.mark.parametrize("outcome", [CONVERTED, IN_PROGRESS])
def test_runs_that_were_not_dropped_count_nowhere(outcome: str) -> None:
    leaving = Leaving()
    leaving.run(dropped(outcome=outcome, stage=None), CustomerLog(watch(None, Spec())))
    assert (leaving.stages, leaving.total) == ({}, Left())


def test_what_a_customer_did_last_is_what_came_last_before_the_drop() -> None:
    touchpoints = [touchpoint(kind, kind, at) for kind, at in (("page_view", 0), ("checkout", 100), ("search", 101))]
    for order in permutations(touchpoints):
        assert left(*order).last == {"checkout": 1}


def test_of_a_run_without_a_time_of_its_drop_the_end_counts() -> None:
    assert left(touchpoint("s", "search", 101), run=dropped(until=None)).last == {"search": 1}


def test_what_came_before_the_run_is_not_what_was_done_last() -> None:
    assert left(touchpoint("s", "search", 4), run=dropped(since=5)).last == {"none": 1}


def test_the_judgement_is_the_last_one_known_then_also_from_before_the_run() -> None:
    moods = [touchpoint(f"r{at}", "review", at, sentiment=mood) for at, mood in ((1, "positive"), (3, "negative"))]
    late = touchpoint("late", "review", 101, sentiment="neutral")
    assert left(late, *moods, run=dropped(since=5)).judgements == {"negative": 1}
    assert left(late).judgements == {"none": 1}


def test_the_exit_reason_is_the_last_one_given_in_the_run() -> None:
    told = [touchpoint(f"x{at}", "note", at, exit_reason=f"reason{at}") for at in (4, 6, 8, 101)]
    assert left(*told, run=dropped(since=5)).reasons == {"reason8": 1}
    assert left(told[0], run=dropped(since=5)).reasons == {"none": 1}


def test_a_pain_counts_once_per_run() -> None:
    pains = [touchpoint(f"p{at}", kind, at) for at, kind in ((4, "error"), (5, "payment_error"), (6, "payment_error"))]
    assert left(*pains, run=dropped(since=5)).pains == {"payment_error": 1}
    assert left(*pains).pains == {"error": 1, "payment_error": 1}
    assert left(*pains, spec=Spec(pains=frozenset({"other"}))).pains == {}


def asked(at: float = 10, kind: str = "question") -> Touchpoint:
    return touchpoint("q", kind, at)


def answer(at: float) -> Touchpoint:
    return touchpoint(f"answer{at}", "answer", at, reply_to="q", **BUSINESS)


@pytest.mark.parametrize(
    ("touchpoints", "told"),
    [
        ([], (0, 0, 0)),
        ([asked()], (1, 0, 1)),
        ([asked(kind="complaint")], (1, 0, 1)),
        ([asked(kind="review")], (0, 0, 0)),
        ([asked(), answer(20)], (1, 1, 0)),
        ([asked(), answer(20), answer(30)], (1, 1, 0)),
        ([asked(), answer(10)], (1, 1, 0)),
        ([asked(), answer(9)], (1, 0, 1)),  # older than the question
        ([asked(), answer(100)], (1, 1, 0)),
        ([asked(), answer(101)], (1, 0, 1)),  # too late
        ([asked(4), answer(20)], (0, 0, 0)),  # asked before the run
        ([answer(20)], (0, 0, 0)),
        ([asked(), touchpoint("b", "complaint", 11), answer(20)], (2, 1, 1)),
        ([asked(), touchpoint("self", "note", 20, reply_to="q")], (1, 0, 1)),
    ],
)
def test_questions_and_complaints_of_the_run_are_answered_or_not(
    touchpoints: list[Touchpoint], told: tuple[int, int, int]
) -> None:
    for order in permutations(touchpoints):
        found = left(*order, run=dropped(since=5))
        assert (found.asked, found.answered, found.unanswered_runs) == told


ACTS = st.sampled_from([asked(), answer(20), touchpoint("p", "error", 30, exit_reason="slow", sentiment="negative")])


@given(st.lists(st.tuples(st.lists(ACTS, max_size=3), st.sampled_from("ab")), max_size=6), st.integers(0, 6))
def test_parts_merged_are_the_whole(customers: list[tuple[list[Touchpoint], str]], cut: int) -> None:
    whole, one, other = Leaving(), Leaving(), Leaving()
    for place, (touchpoints, stage) in enumerate(customers):
        log = CustomerLog(watch(None, Spec()))
        for each in touchpoints:
            log.touch(each)
        for leaving in (whole, one if place < cut else other):
            leaving.run(dropped(stage=stage), log)
    other = pickle.loads(pickle.dumps(other))
    other.merge(one)
    assert (other, other.total) == (whole, whole.total)
    assert whole.total.runs == len(customers) == sum(whole.total.last.values())
