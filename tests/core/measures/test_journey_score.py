"""The journey score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures.journey_score import (
    MISSING,
    PARTS,
    Inputs,
    JourneyScore,
    PartSpec,
    Spec,
    ranking,
    read,
    score,
)
from cjstream.core.reading import Reader
from tests.core.builders import Object

WHOLE: Object = {
    "conversion": {"weight": 3, "target": 0.2},
    "drop_off": {"weight": 2, "target": 0.5},
    "time_to_convert": {"weight": 1, "target": "7d"},
    "satisfaction": {"weight": 2, "by": "csat", "target": 0.8},
    "sla_met": {"weight": 1, "target": 0.9},
    "advocacy": {"weight": 1, "target": 0.1},
}


def compiled(value: object) -> tuple[Spec, list[tuple[str, str]]]:
    reader = Reader()
    return read(reader, value, "m", ()), [(each.path, each.message) for each in reader.problems]


def one(name: str, target: object, value: float, **more: object) -> float | None:
    """Return the points of a part by itself."""
    spec, faults = compiled({name: {"weight": 1, "target": target, **more}})
    assert not faults
    return score(spec, Inputs(**{spec.parts[0].figure: value})).total


def test_a_score_is_compiled_in_the_order_of_its_parts() -> None:
    spec, faults = compiled(dict(reversed(WHOLE.items())))
    assert not faults
    assert [part.name for part in spec.parts] == list(PARTS)
    assert spec.parts[2] == PartSpec("time_to_convert", 1, "time_to_convert", 604_800)
    assert spec.parts[3] == PartSpec("satisfaction", 2, "csat", 0.8)


def test_weight_and_by_have_defaults() -> None:
    spec, faults = compiled({"satisfaction": {"target": 0.8}})
    assert (spec.parts, faults) == ((PartSpec("satisfaction", 1, "csat", 0.8),), [])


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({}, "m", "needs at least one part"),
        ([], "m", "must be a mapping of conversion"),
        ({"fame": {}}, "m.fame", "is not known here; use conversion"),
        ({"conversion": 3}, "m.conversion", "must be a mapping of weight, target"),
        ({"conversion": {"by": "nps", "target": 1}}, "m.conversion.by", "is not known here"),
        ({"conversion": {"weight": 1}}, "m.conversion.target", "is missing"),
        ({"conversion": {"weight": 0, "target": 1}}, "m.conversion.weight", "must be above 0"),
        ({"conversion": {"weight": -1, "target": 1}}, "m.conversion.weight", "must be a number from 0"),
        ({"conversion": {"weight": True, "target": 1}}, "m.conversion.weight", "must be a number from 0"),
        ({"conversion": {"target": 20}}, "m.conversion.target", "must be a number from 0 to 1, not 20"),
        ({"sla_met": {"target": "0.9"}}, "m.sla_met.target", "must be a number from 0 to 1, not '0.9'"),
        ({"time_to_convert": {"target": 7}}, "m.time_to_convert.target", "must be a duration"),
        ({"time_to_convert": {"target": "0s"}}, "m.time_to_convert.target", "must be longer than 0"),
        ({"satisfaction": {"by": "ces", "target": 1}}, "m.satisfaction.by", "must be one of csat, nps, sentiment"),
        ({"satisfaction": {"by": "nps", "target": 101}}, "m.satisfaction.target", "must be a number from -100 to 100"),
        ({"satisfaction": {"by": "sentiment", "target": 2}}, "m.satisfaction.target", "must be a number from -1 to 1"),
    ],
)
def test_faults_are_told_with_their_path(value: object, path: str, message: str) -> None:
    _, faults = compiled(value)
    found = [text for where, text in faults if where == path]
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    ("name", "target", "value", "points"),
    [
        ("conversion", 0.2, 0, 0),
        ("conversion", 0.2, 0.05, 25),
        ("conversion", 0.2, 0.2, 100),
        ("conversion", 0.2, 0.9, 100),
        ("conversion", 0, 0, 100),
        ("sla_met", 0.8, 0.6, 75),
        ("advocacy", 0.1, 0.05, 50),
        ("drop_off", 0.5, 0.5, 100),
        ("drop_off", 0.5, 0.1, 100),
        ("drop_off", 0.5, 0.75, 50),
        ("drop_off", 0.5, 1, 0),
        ("drop_off", 1, 1, 100),
        ("time_to_convert", "10s", 5, 100),
        ("time_to_convert", "10s", 0, 100),
        ("time_to_convert", "10s", 40, 25),
    ],
)
def test_a_part_is_measured_against_its_target(name: str, target: object, value: float, points: float) -> None:
    assert one(name, target, value) == pytest.approx(points)


@pytest.mark.parametrize(
    ("by", "target", "value", "points"),
    [
        ("csat", 0.8, 0.4, 50),
        ("nps", 50, -100, 0),
        ("nps", 50, -25, 50),
        ("nps", 50, 60, 100),
        ("nps", -100, -100, 100),
        ("sentiment", 0.6, -1, 0),
        ("sentiment", 0.6, -0.2, 50),
        ("sentiment", 0.6, 0.6, 100),
    ],
)
def test_satisfaction_is_what_the_definition_takes_it_to_be(
    by: str, target: float, value: float, points: float
) -> None:
    assert one("satisfaction", target, value, by=by) == pytest.approx(points)


def test_the_total_is_the_weighted_mean_and_the_worst_part_is_the_one_that_costs_most() -> None:
    spec, _ = compiled(WHOLE)
    found = score(spec, Inputs(0.1, 0.5, 1_209_600, 0.2, None, None, 0.9, 0.1))
    assert [part.score for part in found.parts] == pytest.approx([50, 100, 50, 25, 100, 100])
    assert [part.loss for part in found.parts] == pytest.approx([15, 0, 5, 15, 0, 0])
    assert found.total == pytest.approx(65)
    assert found.worst == "conversion"  # the first of two that cost the same


def test_missing_parts_are_left_out_and_told_and_the_others_are_all_there_is() -> None:
    spec, _ = compiled({"conversion": {"weight": 1, "target": 0.2}, "sla_met": {"weight": 99, "target": 1}})
    found = score(spec, Inputs(conversion=0.1))
    sla = found.parts[1]
    assert found.total == pytest.approx(50)
    assert (sla.value, sla.score, sla.loss, sla.missing) == (None, None, None, MISSING["sla_met"])
    assert found.parts[0].missing is None


def test_each_figure_that_may_be_missing_has_its_reason() -> None:
    assert tuple(MISSING) == Inputs._fields
    for by in ("csat", "nps", "sentiment"):
        spec, _ = compiled({"satisfaction": {"by": by, "target": 0}})
        assert score(spec, Inputs()).parts[0].missing == MISSING[by]


def test_without_any_figure_there_is_no_total() -> None:
    spec, _ = compiled(WHOLE)
    found = score(spec, Inputs())
    assert (found.total, found.worst) == (None, None)
    assert all(part.missing for part in found.parts)


def test_where_every_target_is_met_nothing_is_worst() -> None:
    spec, _ = compiled(WHOLE)
    found = score(spec, Inputs(1, 0, 1, 1, None, None, 1, 1))
    assert (found.total, found.worst) == (100, None)


SHARES = st.floats(0, 1)


@given(st.builds(Inputs, SHARES, SHARES, st.floats(0, 1e9), SHARES, st.none(), st.none(), SHARES, SHARES), SHARES)
def test_a_score_lies_between_0_and_100_and_better_figures_never_lower_it(inputs: Inputs, better: float) -> None:
    spec, _ = compiled(WHOLE)
    total = score(spec, inputs).total
    assert total is not None
    assert 0 <= total <= 100
    assert inputs.conversion is not None
    improved = score(spec, inputs._replace(conversion=max(better, inputs.conversion))).total
    assert improved is not None
    assert improved >= total - 1e-9


def test_journeys_are_ranked_the_best_first_those_without_a_score_last() -> None:
    scores = {name: JourneyScore(total, (), None) for name, total in {"d": None, "c": 10, "b": 90, "a": 10}.items()}
    assert [name for name, _ in ranking(scores)] == ["b", "a", "c", "d"]
