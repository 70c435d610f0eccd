"""Gaps: expected less given rating, by place, never across scales."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures import gaps
from cjstream.core.measures.gaps import Gap, Gaps
from tests.core.builders import touchpoint


def touched(*many: dict[str, Any], stage: str | None = "a") -> Gaps:
    found = Gaps()
    for fields in many:
        found.touch(touchpoint("t1", "review", 0, **fields), stage)
    return found


def both(expected: float, rating: float, **more: Any) -> dict[str, Any]:
    return {"expected_rating": expected, "rating": rating, **more}


def test_a_gap_above_zero_says_that_more_was_expected_than_received() -> None:
    assert touched(both(5, 3), both(4, 4)).total() == {"stars": Gap(2, 2_000_000)}
    assert touched(both(5, 3), both(4, 4)).total()["stars"].mean == 1.0


def test_no_gap_has_no_mean() -> None:
    assert Gap().mean is None


@pytest.mark.parametrize(
    "fields",
    [
        {"rating": 3},
        {"expected_rating": 3},
        both(3, 4, initiator="business"),
        both(6, 4),
        both(4, 6),
        both(0, 4),
        both(4, 0),
    ],
)
def test_a_touchpoint_counts_only_with_both_ratings_of_a_customer_within_the_scale(fields: dict[str, Any]) -> None:
    assert touched(fields).total() == {}


def test_scales_are_kept_apart() -> None:
    found = touched(both(9, 8, scale="nps"), both(5, 3, scale="csat"), both(5, 3))
    assert {scale: gap.mean for scale, gap in found.total().items()} == {"nps": 1.0, "csat": 2.0, "stars": 2.0}


def test_gaps_are_told_by_stage_channel_and_persona() -> None:
    found = touched(both(5, 3, channel="email", persona="hunter"), both(2, 3, channel="website"))
    found.merge(touched(both(4, 3), stage=None))
    assert found.by_stage() == {("a", "stars"): Gap(2, 1_000_000), (None, "stars"): Gap(1, 1_000_000)}
    assert found.by_channel() == {
        ("email", "stars"): Gap(1, 2_000_000), ("website", "stars"): Gap(1, -1_000_000),
        (None, "stars"): Gap(1, 1_000_000),
    }  # fmt: skip
    assert found.by_persona() == {("hunter", "stars"): Gap(1, 2_000_000), (None, "stars"): Gap(2, 0)}


def test_places_beyond_the_limit_keep_their_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "MAX_PLACES", 1)
    found = touched(both(5, 3), both(5, 3, channel="email"), both(5, 3), both(4, 3, channel="website"))
    assert found.by_channel() == {(None, "stars"): Gap(2, 4_000_000), ("other", "stars"): Gap(2, 3_000_000)}
    assert found.by_stage() == {("a", "stars"): Gap(4, 7_000_000)}


RATINGS = st.floats(1, 5, allow_nan=False)
TOUCHES = st.lists(st.builds(both, RATINGS, RATINGS, channel=st.sampled_from(["email", "website"])), max_size=6)


@given(TOUCHES, TOUCHES)
def test_parts_add_up_to_the_whole_in_any_order(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    one = touched(*left)
    one.merge(pickle.loads(pickle.dumps(touched(*right))))
    assert one == touched(*right, *left)
