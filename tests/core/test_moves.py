"""Moves: which stage visits a set of proposals leaves, whatever their order, and what each change is called."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.moves import Change, compare, insert
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Visit
from tests.core.builders import journey

PLAIN = [{"id": "low", "weight": 10}, {"id": "high", "weight": 30}, {"id": "mid", "weight": 20}]
DEFINITION = journey(stages=PLAIN)
STAGES = DEFINITION.stages
LOW, HIGH, MID = range(3)


def visits(*proposals: Visit) -> tuple[Visit, ...]:
    kept: tuple[Visit, ...] = ()
    for proposal in proposals:
        kept = insert(kept, proposal, STAGES)
    return kept


def test_a_customer_enters_anywhere() -> None:
    assert visits(Visit(HIGH, 5, 0, "a")) == (Visit(HIGH, 5, 0, "a"),)


def test_only_a_higher_weight_moves_not_a_higher_place_in_the_list() -> None:
    low, mid, high = Visit(LOW, 1, 0, "a"), Visit(MID, 2, 0, "b"), Visit(HIGH, 3, 0, "c")
    assert visits(low, high) == (low, high)
    assert visits(low, mid, high) == (low, mid, high)
    assert visits(high, Visit(MID, 4, 0, "d")) == (high,)


def test_a_refused_move_gives_the_very_same_visits() -> None:
    before = visits(Visit(HIGH, 1, 0, "a"))
    assert insert(before, Visit(LOW, 2, 0, "b"), STAGES) is before
    assert insert(before, Visit(HIGH, 2, 0, "c"), STAGES) is before


def test_an_earlier_touchpoint_of_the_same_stage_takes_its_place() -> None:
    assert visits(Visit(LOW, 5, 0, "b"), Visit(LOW, 3, 0, "a")) == (Visit(LOW, 3, 0, "a"),)


def test_an_earlier_touchpoint_of_a_higher_stage_undoes_lower_visits() -> None:
    high = Visit(HIGH, 1, 0, "c")
    assert visits(Visit(LOW, 5, 0, "a"), Visit(MID, 6, 0, "b"), high) == (high,)


def test_an_earlier_touchpoint_of_a_lower_stage_comes_in_front() -> None:
    high, low = Visit(HIGH, 5, 0, "a"), Visit(LOW, 3, 0, "b")
    assert visits(high, low) == (low, high)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Visit(LOW, 1, 9, "z"), Visit(HIGH, 2, 0, "a")),  # time
        (Visit(LOW, 1, 1, "z"), Visit(HIGH, 1, 2, "a")),  # then the producer's sequence
        (Visit(LOW, 1, 1, "z"), Visit(HIGH, 1, 1, "a")),  # then weight
    ],
)
def test_ties_break_by_sequence_then_weight_never_by_arrival(first: Visit, second: Visit) -> None:
    assert visits(first, second) == visits(second, first) == (first, second)


def test_of_two_equal_touchpoints_the_lower_id_is_the_cause() -> None:
    a, b = Visit(LOW, 1, 0, "a"), Visit(LOW, 1, 0, "b")
    assert visits(a, b) == visits(b, a) == (a,)


def test_a_higher_stage_with_a_lower_sequence_keeps_the_lower_one_out() -> None:
    high, low = Visit(HIGH, 1, 1, "a"), Visit(LOW, 1, 2, "b")
    assert visits(high, low) == visits(low, high) == (high,)


proposals = st.lists(
    st.builds(Visit, st.integers(0, 2), st.integers(0, 3), st.integers(0, 1), st.sampled_from("abcd")),
    max_size=5,
    unique_by=lambda visit: visit.touchpoint_id,
)


@given(proposals)
def test_every_order_gives_the_same_visits(drawn: list[Visit]) -> None:
    assert len({visits(*order) for order in permutations(drawn)}) == 1


@given(proposals)
def test_visits_rise_in_time_and_in_weight(drawn: list[Visit]) -> None:
    kept = visits(*drawn)
    weights = [STAGES[visit.stage].weight for visit in kept]
    assert weights == sorted(set(weights))
    assert [visit.at_ms for visit in kept] == sorted(visit.at_ms for visit in kept)


A, B, C = Visit(LOW, 1, 0, "a"), Visit(MID, 2, 0, "b"), Visit(HIGH, 3, 0, "c")
BACK, OUT, AGAIN = Visit(LOW, 4, 0, "d"), Visit(OUTSIDE, 4, 0, "d"), Visit(MID, 5, 0, "d")
SKIPPED, TIMEOUT = Visit(MID, 3, 0, "c", inferred=True), Visit(HIGH, 4, 0, "")
SAME_TIME = Visit(LOW, 1, 5, "z")


@pytest.mark.parametrize(
    ("old", "new", "by", "kinds"),
    [
        ((), (A,), "a", ["entry"]),
        ((A,), (A, B), "b", ["forward"]),
        ((A, C), (A, C, BACK), "d", ["backward"]),
        ((A, C), (A, C, OUT), "d", ["exit"]),
        ((A, OUT), (A, OUT, AGAIN), "d", ["reentry"]),
        ((A, B), (A, B, TIMEOUT), None, ["timeout"]),
        ((A, B), (A, B, TIMEOUT, AGAIN), "d", ["timeout", "backward"]),
        ((A,), (A, SKIPPED, C), "c", ["forward", "forward"]),
        ((), (), "a", []),
        ((A,), (A,), "z", []),
        ((A,), (SAME_TIME,), "z", []),
    ],
)
def test_visits_added_at_the_end_are_moves(
    old: tuple[Visit, ...], new: tuple[Visit, ...], by: str | None, kinds: list[str]
) -> None:
    changes = compare(old, new, DEFINITION, by)
    assert [change.kind for change in changes] == kinds
    told = (*old, *new[len(old) :]) if changes else old
    pairs = zip((None, *told), told, strict=False)
    assert [(change.previous, change.visit, change.path_from) for change in changes] == [
        (previous, visit, None) for previous, visit in list(pairs)[len(old) :]
    ]


@pytest.mark.parametrize(
    ("old", "new", "by", "path_from"),
    [
        ((A, C), (A, B, C), "b", 1),
        ((A, B, C), (A, C), "c", 1),
        ((B,), (A, B), "a", 0),
        ((A, B), (A, Visit(MID, 1, 0, "b")), "b", 1),
        ((A,), (Visit(LOW, 1, 0, "a", inferred=True),), "a", 0),
        ((A,), (), "b", 0),
        ((A,), (A, B, C), "b", 1),  # c came before: it is no news of now
    ],
)
def test_anything_else_is_one_correction_named_by_where_it_begins(
    old: tuple[Visit, ...], new: tuple[Visit, ...], by: str, path_from: int
) -> None:
    last = new[-1] if new else None
    assert compare(old, new, DEFINITION, by) == [Change("correction", last, old[-1], path_from)]


def test_with_reentry_every_the_lowest_stage_begins_a_round() -> None:
    every = journey(stages=PLAIN, reentry="every")
    assert [change.kind for change in compare((A, C), (A, C, BACK), every, "d")] == ["reentry"]
