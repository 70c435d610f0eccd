"""Figures made of counts: funnel and rates, percentiles."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition
from cjstream.core.figures import JourneyReport, Spread, Step, spread
from tests.core.builders import journey

THREE = JourneyReport.of(journey(stages="abc"))


@pytest.fixture
def found() -> JourneyReport:
    """Ten runs: three got no further than a (one still may), four than b, three to c."""
    report = JourneyReport.of(journey(stages="abc"))
    report.runs = Counter(
        {
            ("a", "dropped"): 2,
            ("a", "in_progress"): 1,
            ("b", "dropped"): 1,
            ("b", "in_progress"): 3,
            ("c", "converted"): 3,
        }
    )
    report.left = Counter({"a": 1, "b": 2})
    return report


def test_the_funnel_counts_who_came_to_a_stage_or_further(found: JourneyReport) -> None:
    assert found.funnel() == [
        Step("a", 10, 1.0, None, None, None, 1),
        Step("b", 7, 0.7, 0.7, 1 - 0.7, 7 / 9, 2),
        Step("c", 3, 0.3, 3 / 7, 1 - 3 / 7, 3 / 4, 0),
    ]


def test_the_mature_rate_leaves_out_who_is_in_progress(found: JourneyReport) -> None:
    assert found.outcomes == {"dropped": 3, "in_progress": 4, "converted": 3}
    assert (found.conversion_rate, found.mature_conversion_rate) == (0.3, 0.5)


def test_most_customers_leave_at_the_stage_with_most_dropped_runs(found: JourneyReport) -> None:
    assert found.most_leave_at == "b"
    assert THREE.most_leave_at is None


def test_rates_of_nobody_are_none() -> None:
    assert (THREE.conversion_rate, THREE.mature_conversion_rate) == (None, None)
    assert THREE.funnel()[1] == Step("b", 0, None, None, None, None, 0)


def test_stages_are_in_the_order_of_their_weights() -> None:
    stages = [{"id": "last", "weight": 9}, {"id": "first", "weight": 1}]
    definition = compile_definition({"journey": "shop", "stages": stages, "rules": [{"on": "x", "to": "last"}]})
    assert JourneyReport.of(definition).stages == ("first", "last")


@pytest.mark.parametrize(
    ("times_ms", "due"),
    [
        ([], Spread(0, None, None)),
        ([7_000], Spread(1, 7.0, 7.0)),
        ([1_000, 2_000, 9_000], Spread(3, 2.0, 9.0)),
        ([4_000, 1_000, 2_000, 3_000], Spread(4, 2.5, 4.0)),
        (range(1_000, 11_000, 1_000), Spread(10, 5.5, 9.0)),
        (range(1_000, 12_000, 1_000), Spread(11, 6.0, 10.0)),
    ],
)
def test_median_is_the_middle_and_p90_the_nearest_rank(times_ms: list[int], due: Spread) -> None:
    assert spread(times_ms) == due


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_p90_is_the_smallest_time_that_nine_of_ten_do_not_exceed(times_ms: list[int]) -> None:
    p90_seconds = spread(times_ms).p90_seconds
    candidates = [each for each in times_ms if 10 * sum(other <= each for other in times_ms) >= 9 * len(times_ms)]
    assert p90_seconds == min(candidates) / 1000


def test_most_stop_at_the_furthest_stage_of_most_runs_that_did_not_convert(found: JourneyReport) -> None:
    assert found.most_stop_at == "b"
    found.runs["c", "dropped"] += 100
    assert found.most_stop_at == "b"
    assert THREE.most_stop_at is None
