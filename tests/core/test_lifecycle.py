"""New, returning, resurrecting, dormant: who was active when."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.lifecycle import DORMANT, KINDS, NEW, RESURRECTING, RETURNING, Interval, intervals, kinds_of, note

WEEK_MS = 7 * 86_400_000


def test_who_is_active_is_new_then_returning_and_after_a_pause_resurrecting() -> None:
    assert dict(kinds_of([3, 4, 6], 6)) == {3: NEW, 4: RETURNING, 5: DORMANT, 6: RESURRECTING}


def test_who_is_silent_is_dormant_once_and_not_beyond_the_end_of_the_report() -> None:
    assert list(kinds_of([3], 3)) == [(3, NEW)]
    assert list(kinds_of([3], 9)) == [(3, NEW), (4, DORMANT)]


def test_intervals_are_noted_once_and_in_order_however_they_come() -> None:
    active: list[int] = []
    for number in (5, 5, 3, 9, 3, 4):
        note(active, number)
    assert active == [3, 4, 5, 9]


def test_rows_name_their_time_and_whether_it_is_over() -> None:
    counts = Counter({(1, NEW): 3, (2, DORMANT): 1, (2, RETURNING): 2, (4, RESURRECTING): 1})
    assert intervals(counts, WEEK_MS, 1000, 5 * WEEK_MS + 999) == [
        Interval(1000 + WEEK_MS, 1000 + 2 * WEEK_MS, True, 3, 0, 0, 0),
        Interval(1000 + 2 * WEEK_MS, 1000 + 3 * WEEK_MS, True, 0, 2, 0, 1),
        Interval(1000 + 4 * WEEK_MS, 1000 + 5 * WEEK_MS, False, 0, 0, 1, 0),
    ]
    assert intervals(Counter(), WEEK_MS, 0, 0) == []


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(0, 3))
def test_everybody_active_is_one_of_three_and_the_dormant_were_active_before(drawn: list[int], silent: int) -> None:
    active: list[int] = []
    for number in drawn:
        note(active, number)
    last = active[-1] + silent
    told = list(kinds_of(active, last))
    assert len(dict(told)) == len(told)
    kinds = dict(told)
    for number in range(active[0], last + 1):
        was, now, ever = number - 1 in active, number in active, number > active[0]
        due = (RETURNING if was else RESURRECTING if ever else NEW) if now else DORMANT if was else None
        assert kinds.get(number) == due
    assert set(kinds.values()) <= set(KINDS)
