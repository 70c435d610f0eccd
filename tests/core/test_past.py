"""Conditions on the past: the stage before the touchpoint, types seen in any order, and counts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.past import MAX_COUNT, PastPredicate, canonical_past, compile_past, types_asked
from cjstream.core.reading import Reader
from cjstream.core.stages import OUTSIDE

WEIGHTS = {"low": 10.0, "high": 30.0, "middle": 20.0}  # the order of the file is not that of the weights
COUNTED = ("delivered", "purchase", "view")


def compiled(when: Any) -> PastPredicate | None:
    reader = Reader()
    predicate = compile_past(reader, when, "when", WEIGHTS, COUNTED)
    assert reader.problems == []
    return predicate


def stages(spec: Any) -> set[str]:
    """Return the names of the stages in which a condition on the stage holds."""
    predicate = compiled({"stage": spec})
    assert predicate is not None
    assert not predicate(OUTSIDE, (0, 0, 0), 0.0), "outside passes none"
    return {name for i, name in enumerate(WEIGHTS) if predicate(i, (0, 0, 0), 0.0)}


def holds(when: Any, stage: int = 0, score: float = 0.0, **counts: int) -> bool:
    predicate = compiled(when)
    assert predicate is not None
    return predicate(stage, [counts.get(kind, 0) for kind in COUNTED], score)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("low", {"low"}),
        (["low", "high"], {"low", "high"}),
        ({"at_least": "low"}, {"low", "middle", "high"}),
        ({"at_least": "middle"}, {"middle", "high"}),
        ({"below": "middle"}, {"low"}),
        ({"below": "low"}, set()),
        ({"at_least": "middle", "below": "high"}, {"middle"}),
    ],
)
def test_a_condition_on_the_stage_compares_weights(spec: Any, names: set[str]) -> None:
    assert stages(spec) == names


def test_seen_asks_for_all_types_in_any_order() -> None:
    assert holds({"seen": ["purchase", "delivered"]}, purchase=1, delivered=3)
    assert not holds({"seen": ["purchase", "delivered"]}, purchase=2)
    assert holds({"seen": "view"}, view=1)
    assert not holds({"seen": "view"})


@pytest.mark.parametrize(
    ("limits", "passing"),
    [
        (2, {2}),
        ({"eq": 0}, {0}),
        ({"gt": 2}, {3, 4}),
        ({"gte": 2}, {2, 3, 4}),
        ({"lt": 1}, {0}),
        ({"lte": 1}, {0, 1}),
        ({"gte": 1, "lt": 3}, {1, 2}),
    ],
)
def test_count_compares_how_many_there_were(limits: Any, passing: set[int]) -> None:
    assert {n for n in range(5) if holds({"count": {"purchase": limits}}, purchase=n)} == passing


@pytest.mark.parametrize(
    ("spec", "passing"), [({"gte": 49.5}, {49.5, 50, 70}), ({"gt": 50, "lt": 70}, set()), (50, {50})]
)
def test_the_score_is_compared_with_limits(spec: Any, passing: set[float]) -> None:
    assert {score for score in (0, 49.5, 50, 70) if holds({"score": spec}, score=score)} == passing


def test_every_part_must_hold() -> None:
    when = {"stage": "low", "seen": "view", "count": {"purchase": {"gte": 2}, "delivered": 1}}
    assert holds(when, 0, view=1, purchase=2, delivered=1)
    assert not holds(when, 1, view=1, purchase=2, delivered=1)
    assert not holds(when, 0, view=0, purchase=2, delivered=1)
    assert not holds(when, 0, view=1, purchase=1, delivered=1)
    assert not holds(when, 0, view=1, purchase=2, delivered=2)


def test_a_block_that_asks_nothing_of_the_past_has_no_predicate() -> None:
    assert compiled({"channel": "email"}) is None


@pytest.mark.parametrize(
    ("when", "paths"),
    [
        ({"stage": "gone"}, ["when.stage"]),
        ({"stage": None}, ["when.stage"]),
        ({"stage": []}, ["when.stage"]),
        ({"stage": ["low", ["high"]]}, ["when.stage"]),
        ({"stage": {}}, ["when.stage"]),
        ({"stage": {"above": "low"}}, ["when.stage.above"]),
        ({"stage": {"at_least": "gone", "below": 5}}, ["when.stage.at_least", "when.stage.below"]),
        ({"seen": []}, ["when.seen"]),
        ({"seen": None}, ["when.seen"]),
        ({"seen": ["view", ""]}, ["when.seen"]),
        ({"count": None}, ["when.count"]),
        ({"count": {}}, ["when.count"]),
        ({"count": ["view"]}, ["when.count"]),
        ({"count": {5: 1}}, ["when.count.5"]),
        ({"count": {"view": {}}}, ["when.count.view"]),
        ({"count": {"view": None}}, ["when.count.view.eq"]),
        ({"count": {"view": 1.0}}, ["when.count.view.eq"]),
        ({"count": {"view": True}}, ["when.count.view.eq"]),
        ({"count": {"view": {"gte": -1}}}, ["when.count.view.gte"]),
        ({"count": {"view": {"gte": MAX_COUNT + 1}}}, ["when.count.view.gte"]),
        ({"score": {"gte": "50"}}, ["when.score.gte"]),
        ({"score": True}, ["when.score.eq"]),
        ({"score": {"in": [50]}}, ["when.score.in"]),
        ({"count": {"view": {"in": [1]}, "purchase": {"lt": "2"}}}, ["when.count.view.in", "when.count.purchase.lt"]),
    ],
)
def test_a_fault_is_reported_at_its_path(when: Any, paths: list[str]) -> None:
    reader = Reader()
    compile_past(reader, when, "when", WEIGHTS, COUNTED)
    assert [problem.path for problem in reader.problems] == paths


@pytest.mark.parametrize(
    ("when", "types"),
    [
        ({"seen": ["a", "b"], "count": {"b": 1, "c": {}}, "stage": "low"}, {"a", "b", "c"}),
        ({"seen": "a"}, {"a"}),
        ({"seen": 5, "count": ["a"]}, set()),
        ({"seen": [["a"], None], "count": {5: 1}}, set()),
        (None, set()),
        ("seen", set()),
    ],
)
def test_the_types_it_asks_for_are_found_whatever_else_is_wrong(when: Any, types: set[str]) -> None:
    assert types_asked(when) == types


names = st.sampled_from(sorted(WEIGHTS))
conditions = st.fixed_dictionaries(
    {},
    optional={
        "stage": names
        | st.lists(names, min_size=1)
        | st.dictionaries(st.sampled_from(["at_least", "below"]), names, min_size=1),
        "seen": st.sampled_from(COUNTED) | st.lists(st.sampled_from(COUNTED), min_size=1),
        "count": st.dictionaries(
            st.sampled_from(COUNTED),
            st.integers(0, 3) | st.dictionaries(st.sampled_from(["eq", "gte", "lt"]), st.integers(0, 3), min_size=1),
            min_size=1,
        ),
        "score": st.integers(0, 3) | st.dictionaries(st.sampled_from(["gte", "lt"]), st.floats(0, 3), min_size=1),
    },
)


@given(conditions, st.integers(-1, 2), st.tuples(*[st.integers(0, 3)] * 3), st.integers(0, 3))
def test_the_canonical_form_means_the_same(when: Any, stage: int, counts: tuple[int, ...], score: float) -> None:
    one, other = compiled(when), compiled(canonical_past(when))
    assert (one is None) == (other is None)
    assert one is None or other is None or one(stage, counts, score) == other(stage, counts, score)
