"""Step conversion by the period in which the earlier stage was reached."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.figures import JourneyReport
from cjstream.core.measures.run import Run
from cjstream.core.periods import DAY_MS
from cjstream.core.step_counts import StepCounts

STAGES = ("a", "b", "c")


def run(*visits: tuple[str, int], outcome: str = "in_progress", **more: Any) -> Run:
    """Return a run by stages and the day on which each was entered."""
    stages, days = zip(*visits, strict=True)
    entered_ms = tuple(day * DAY_MS for day in days)
    values = {"ended_ms": entered_ms[-1], "is_inside": True, "converted_ms": None, "dropped_ms": None, "left": None}
    values |= {"persona": None, "customer_id": "ani", "round": 1} | more
    return Run(stages=stages, entered_ms=entered_ms, outcome=outcome, **values)


def counted(*runs: Run, every: str = "day") -> StepCounts:
    counts = StepCounts(STAGES, every)
    for each in runs:
        counts.run(each)
    return counts


def test_who_goes_on_later_counts_for_the_period_of_the_stage_before() -> None:
    found = counted(run(("a", 3), ("b", 5), ("c", 9)), run(("a", 3)))
    assert found.came == {(3 * DAY_MS, 1): 2, (5 * DAY_MS, 2): 1}
    assert found.went_on == {(3 * DAY_MS, 1): 1, (5 * DAY_MS, 2): 1}


def test_who_jumps_over_a_stage_came_to_it_at_the_time_of_the_next() -> None:
    found = counted(run(("a", 3), ("c", 9)))
    assert found.came == {(3 * DAY_MS, 1): 1, (9 * DAY_MS, 2): 1}
    assert found.went_on == found.came


def test_who_comes_back_to_a_stage_counts_by_the_first_time() -> None:
    found = counted(run(("b", 1), ("a", 2), ("b", 3), ("c", 4)))
    assert found.came == {(DAY_MS, 1): 1, (DAY_MS, 2): 1}


def test_outcomes_count_by_the_period_of_the_entry() -> None:
    found = counted(run(("a", 3), ("c", 40), outcome="converted"), run(("c", 4), outcome="dropped"), every="month")
    assert found.outcomes == {(0, "converted"): 1, (0, "dropped"): 1}
    assert found.periods() == [0, 31 * DAY_MS]


def walks() -> st.SearchStrategy[list[Run]]:
    visits = st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 40)), min_size=1, max_size=5)
    return st.lists(
        visits.map(lambda drawn: run(*((s, d) for (s, _), d in zip(drawn, sorted(d for _, d in drawn), strict=True))))
    )


@given(walks(), walks(), st.sampled_from(["day", "week", "month"]))
def test_over_all_periods_they_are_the_funnel_and_parts_add_up(some: list[Run], others: list[Run], every: str) -> None:
    counts, report = counted(*some, every=every), JourneyReport("shop", "", STAGES)
    counts.merge(counted(*others, every=every))
    for each in (*some, *others):
        report.run(each)
    assert counts == counted(*some, *others, every=every)
    reached = [step.reached for step in report.funnel()]
    for place in (1, 2):
        came = sum(count for (_, at), count in counts.came.items() if at == place)
        went_on = sum(count for (_, at), count in counts.went_on.items() if at == place)
        assert (came, went_on) == (reached[place - 1], reached[place])
    assert counts.outcomes.total() == report.entered
