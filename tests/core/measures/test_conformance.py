"""Conformance: the best alignment of visits with a path, against one by brute force; fitness, deviations, variants."""

import pickle
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures import conformance
from cjstream.core.measures.conformance import Conformance, Variant, align, fitness
from cjstream.core.measures.expected import Spec, read
from cjstream.core.measures.run import Run
from cjstream.core.outputs import Signal
from cjstream.core.reading import Reader
from tests.core.builders import journey

STAGES = st.lists(st.sampled_from("abcx"), max_size=5).map(tuple)
HOUR_MS = 3_600_000


def is_part(some: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Return whether the path holds these in this order."""
    rest = iter(path)
    return all(each in rest for each in some)


def most_matches(actual: tuple[str, ...], path: tuple[str, ...]) -> int:
    """Return how many visits can match, by trying all choices of them."""
    sizes = range(len(actual), -1, -1)
    return next(size for size in sizes if any(is_part(some, path) for some in combinations(actual, size)))


def kept(names: tuple[str, ...], left_out: set[int]) -> list[str]:
    return [name for place, name in enumerate(names) if place not in left_out]


def test_the_worked_case_has_fitness_three_quarters() -> None:
    assert fitness("ard", "acrdx") == 0.75


@pytest.mark.parametrize(
    ("actual", "path", "is_over", "expected"),
    [
        ("abc", "abc", True, 1.0),
        ("ab", "abc", True, 0.8),  # c is missing: 1 of 5
        ("ab", "abc", False, 1.0),  # c may still come
        ("ard", "acrdx", False, 6 / 7),
        ("ac", "abc", False, 0.8),
        ("xy", "abc", True, 0.0),
        ("xy", "abc", False, 0.0),
        ("", "abc", False, 1.0),
    ],
)
def test_fitness_counts_what_matches_nothing_on_both_sides(
    actual: str, path: str, is_over: bool, expected: float
) -> None:
    assert fitness(actual, path, is_over=is_over) == pytest.approx(expected)


@given(STAGES, STAGES)
def test_a_run_that_is_over_has_the_fitness_of_the_best_alignment(
    actual: tuple[str, ...], path: tuple[str, ...]
) -> None:
    length = len(actual) + len(path)
    best = 2 * most_matches(actual, path) / length if length else 1.0
    assert fitness(actual, path) == pytest.approx(best)


@given(STAGES, STAGES)
def test_a_run_that_goes_on_is_compared_up_to_the_last_step_that_it_can_have_come_to(
    actual: tuple[str, ...], path: tuple[str, ...]
) -> None:
    most = most_matches(actual, path)
    end = next(end for end in range(len(path) + 1) if most_matches(actual, path[:end]) == most)
    aligned = align(actual, path, is_over=False)
    assert (aligned.expected, aligned.deviations) == (end, len(actual) + end - 2 * most)


@given(STAGES, STAGES, st.booleans())
def test_what_is_left_of_both_sides_is_the_same(actual: tuple[str, ...], path: tuple[str, ...], is_over: bool) -> None:
    aligned = align(actual, path, is_over=is_over)
    skipped = {step for step, _ in aligned.skipped}
    assert kept(actual, set(aligned.unexpected)) == kept(path[: aligned.expected], skipped)
    assert list(aligned.unexpected) == sorted(set(aligned.unexpected))
    assert len(skipped) == len(aligned.skipped)


@given(STAGES, STAGES)
def test_a_skipped_step_is_passed_by_the_visit_to_the_next_step_matched(
    actual: tuple[str, ...], path: tuple[str, ...]
) -> None:
    aligned = align(actual, path, is_over=True)
    matched = [place for place in range(len(actual)) if place not in aligned.unexpected]
    skipped = [step for step, _ in aligned.skipped]
    for step, place in aligned.skipped:
        steps_before = step - skipped.index(step)  # of the matched ones
        assert place == (matched[steps_before] if steps_before < len(matched) else len(actual))


def test_of_two_visits_that_could_match_the_earlier_one_does() -> None:
    assert align("aba", "a", is_over=False).unexpected == (1, 2)
    assert align("abc", "bac", is_over=False) == (3, 3, (1,), ((0, 0),))


def test_of_two_steps_that_could_be_the_last_matched_the_earlier_one_is() -> None:
    assert align("xc", "cdx", is_over=False) == (2, 1, (0,), ())


# -- added up


def spec(**expected: Any) -> Spec:
    reader = Reader()
    found = read(reader, expected, "measures.expected", journey(stages="abcd").stages)
    assert reader.problems == []
    return found


def run(stages: str, *, hours: int = 100, **more: Any) -> Run:
    """Return a run with an hour in each stage, `hours` long; inside and in progress unless told otherwise."""
    entered = tuple(place * HOUR_MS for place in range(len(stages)))
    given_: dict[str, Any] = {
        "is_inside": True, "outcome": "in_progress", "converted_ms": None, "dropped_ms": None, "left": None,
        "persona": None, "customer_id": "ani", "round": 1, **more,
    }  # fmt: skip
    return Run(tuple(stages), entered, hours * HOUR_MS, **given_)


def signal(kind: str, detail: dict[str, Any] | None) -> Signal:
    return Signal("id", kind, "warning", "shop", "", None, "ani", "", None, None, None, detail)


def added(spec_: Spec, *runs: Run) -> Conformance:
    found = Conformance(spec_)
    for each in runs:
        found.run(each)
    return found


PATH = spec(path=["a", "b", {"stage": "c", "within": "2h"}, "d"])


def test_mean_fitness_is_over_runs() -> None:
    found = added(PATH, run("abcd"), run("acd"), run("ab", is_inside=False))
    assert found.fitness == pytest.approx((1 + 6 / 7 + 4 / 6) / 3)


def test_no_runs_have_no_fitness() -> None:
    assert Conformance(PATH).fitness is None


def test_a_dropped_run_is_compared_with_the_whole_path_although_the_customer_is_inside() -> None:
    found = added(PATH, run("abc", outcome="dropped", dropped_ms=5 * HOUR_MS, left="c"))
    assert found.deviations == {("not_reached", "d"): 1}


def test_runs_are_counted_by_the_kind_and_stage_of_each_deviation() -> None:
    found = added(PATH, run("acbc"), run("bd", is_inside=False, hours=9), run("ab", hours=9), run("ab", hours=3))
    assert found.deviations == {
        ("unexpected", "c"): 1,  # only one of the two visits matches
        ("skipped", "a"): 1,
        ("skipped", "c"): 1,
        ("too_slow", "c"): 1,  # of b at 1 h and 2 h; not at 3 h
    }


def test_a_run_that_left_is_too_slow_only_for_what_ran_out_before() -> None:
    assert added(PATH, run("ab", is_inside=False, hours=3)).deviations == {
        ("not_reached", "c"): 1, ("not_reached", "d"): 1,
    }  # fmt: skip
    assert ("too_slow", "c") in added(PATH, run("ab", is_inside=False, hours=4)).deviations


def test_a_persona_is_held_against_its_own_path() -> None:
    found = added(spec(personas=[{"persona": "hunter", "path": ["a", "d"]}]), run("ad", persona="hunter"), run("b"))
    assert (found.fitness, found.fits.total(), found.runs) == (1.0, 1, 2)


def test_deviations_from_rules_are_counted_by_signal() -> None:
    found = Conformance(PATH)
    found.signal(signal("deviation", {"deviation": "forbidden", "rule": "pays"}))
    found.signal(signal("deviation", {"deviation": "skipped", "stage": "b"}))
    found.signal(signal("deviation", None))
    found.signal(signal("stalled", {"deviation": "forbidden", "rule": "pays"}))
    assert found.rules == {("pays", "forbidden"): 1}


def test_the_most_frequent_variants_come_first() -> None:
    found = added(PATH, run("ab"), run("b"), run("ab"), run("a"))
    assert found.top(2) == [Variant(("a", "b"), 2, 0.5), Variant(("a",), 1, 0.25)]


def test_variants_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "MAX_VARIANTS", 1)
    monkeypatch.setattr(conformance, "MAX_VISITS", 2)
    found = added(PATH, run("abc"), run("a"), run("b"), run("a"))
    assert (found.variants, found.other) == ({("a",): 2}, 2)


RUNS = st.lists(
    st.builds(
        run,
        st.text("abcx", min_size=1, max_size=4),
        is_inside=st.booleans(),
        persona=st.sampled_from([None, "hunter"]),
    ),
    max_size=8,
)


@given(RUNS, RUNS)
def test_parts_in_other_processes_add_up_to_the_whole(left: list[Run], right: list[Run]) -> None:
    one, other = added(PATH, *left), added(PATH, *right)
    for part in (one, other):
        part.signal(signal("deviation", {"deviation": "forbidden", "rule": "pays"}))
    one.merge(pickle.loads(pickle.dumps(other)))
    whole = added(PATH, *left, *right)
    assert (one.runs, one.deviations, one.fitness) == (whole.runs, whole.deviations, whole.fitness)
    assert one.top(9) == whole.top(9)
    assert one.rules == {("pays", "forbidden"): 2}


def test_merging_keeps_what_was_not_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "MAX_VARIANTS", 1)
    one, other = added(PATH, run("a"), run("b")), added(PATH, run("c"), run("c"), run("a"))
    one.merge(other)
    assert (one.variants, one.other) == ({("a",): 1}, 4)
