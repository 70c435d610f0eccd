"""The block `measures` in whole definitions: what compiles keeps the schema, and a fault is refused with its path."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition
from cjstream.core.measures.compiled import READERS
from cjstream.definitions import parse
from cjstream.errors import DefinitionError, Problem
from tests.core.drawn_measures import measured
from tests.core.languages import ABSENT, SCORED, SMALL, WHOLE, Object, at, changed, faults, leaves, varied

SCHEMA = Path(__file__).parents[2] / "schemas" / "journey-definition.v1.schema.json"
VALIDATOR = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_bytes()), validate_formats=True)


def keeps_schema(data: Object) -> bool:
    return VALIDATOR.is_valid(data)


@given(measured())
def test_whatever_the_language_allows_compiles_and_keeps_the_schema(data: Object) -> None:
    found = compile_definition(deepcopy(data))
    assert found.measures is not None
    asked = {name for name in READERS if getattr(found.measures, name) is not None}
    assert asked == {*data["measures"]}
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@given(measured(may_move=False))
def test_measures_leave_the_hash_as_it_is_unless_the_score_moves_somebody(data: Object) -> None:
    assert compile_definition(data).hash == compile_definition(changed(data, measures=ABSENT)).hash


@given(measured())
def test_the_data_compiles_to_the_same_measures_again_also_after_json(data: Object) -> None:
    found = compile_definition(deepcopy(data))
    again = compile_definition(json.loads(json.dumps(found.data)))
    assert (again.hash, again.asks_score, again.asks_sentiment, again.has_deadlines) == (
        found.hash, found.asks_score, found.asks_sentiment, found.has_deadlines,
    )  # fmt: skip


def problems(data: Object) -> Sequence[Problem]:
    try:
        compile_definition(deepcopy(data))
    except DefinitionError as error:
        return error.problems
    return ()


@st.composite
def broken(draw: st.DrawFn) -> Object:
    """Return a measured journey with an odd value somewhere in its measures, which may yet be legal."""
    data = draw(measured().filter(lambda data: leaves(data["measures"])))
    keys = draw(st.sampled_from(leaves(data["measures"]))).split(".")
    place = ".".join(["measures", *keys[: max(len(keys) - draw(st.integers(0, 2)), 1)]])
    odd: list[Any] = [None, True, [], {}, -1, 1e300, "", "soon", "0d", ["", 7], {"nobody": "knows"}]
    return varied(data, place, draw(st.sampled_from(odd)))


@given(broken())
def test_what_is_odd_in_the_measures_is_refused_with_its_path_or_keeps_the_schema(data: Object) -> None:
    found = problems(data)
    assert all(problem.path.startswith(("measures.", "rules")) and problem.message for problem in found)
    assert found or keeps_schema(data)


@pytest.mark.parametrize("measure", [*READERS])
def test_a_measure_is_a_mapping_of_keys_that_are_known(measure: str) -> None:
    unknown = {**WHOLE["measures"][measure], "colour": "red"}
    told = faults(changed(WHOLE, measures={**WHOLE["measures"], measure: unknown}))
    assert told.keys() == {f"measures.{measure}.colour"}
    assert f"use {', '.join(at(WHOLE, f'measures.{measure}'))}" in told[f"measures.{measure}.colour"]
    assert faults(changed(WHOLE, measures={**WHOLE["measures"], measure: "on"})).keys() >= {f"measures.{measure}"}


def test_the_measures_are_a_mapping_of_the_known_ones() -> None:
    assert faults(changed(SMALL, measures={"nps": {}})) == {
        "measures.nps": f"is not known here; use {', '.join(READERS)}"
    }
    assert faults(changed(SMALL, measures=["score"])).keys() == {"measures"}
    assert compile_definition(changed(SMALL, measures={})).measures is not None


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("sentiment.at_risk", "nowhere", "sentiment.at_risk"),
        ("feedback.due_soon", 75, "feedback.due_soon"),
        ("feedback.calendar.time_zone", "Jakarta", "feedback.calendar.time_zone"),
        ("feedback.calendar.hours.sat", "22:00-06:00", "feedback.calendar.hours.sat"),
        ("feedback.calendar.hours.mon-fri.1", "11:00-17:00", "feedback.calendar.hours.mon-fri[1]"),
        ("feedback.calendar.holidays.0", "25.12.2026", "feedback.calendar.holidays[0]"),
        ("feedback.targets.0.when.rating.lte", "two", "feedback.targets[0].when.rating.lte"),
        ("feedback.targets.1.first_response", "4 hours", "feedback.targets[1].first_response"),
        ("score.cap", 0, "score.cap"),
        ("score.decay.window", "1d", "score.decay"),
        ("score.groups.talks.cap", -1, "score.groups.talks.cap"),
        ("score.rules.0.group", "nobody", "score.rules[0].group"),
        ("score.rules.1.id", "demos", "score.rules[1].id"),
        ("score.rules.0.when", {"stage": "won"}, "score.rules[0].when.stage"),
        ("score.thresholds.0.below", 60, "score.thresholds[0].below"),
        ("score.thresholds.0.to", "nowhere", "score.thresholds[0].to"),
        ("expected.path.2", "nowhere", "expected.path[2]"),
        ("expected.path.1.stage", "prospect", "expected.path[1].stage"),
        ("expected.path.0", {"stage": "prospect", "within": "1d"}, "expected.path[0].within"),
        ("expected.personas.0.path", [], "expected.personas[0].path"),
        ("expected.rules.0.within", "0d", "expected.rules[0].within"),
        ("expected.rules.1.within", "1d", "expected.rules[1].within"),
        ("expected.rules.0.response", ["paid", "paid"], "expected.rules[0].response"),
        ("leaving.pains", [], "leaving.pains"),
        ("metrics.sales", 3, "metrics.sales"),
        ("journey_score.conversion.weight", 0, "journey_score.conversion.weight"),
        ("journey_score.time_to_convert.target", 7, "journey_score.time_to_convert.target"),
        ("journey_score.satisfaction", {"by": "ces", "target": 1}, "journey_score.satisfaction.by"),
        ("journey_score.satisfaction.target", 101, "journey_score.satisfaction.target"),
        ("journey_score.sla_met", {}, "journey_score.sla_met.target"),
    ],
)
def test_a_fault_in_a_measure_is_told_once_with_its_path(path: str, value: Any, fault: str) -> None:
    assert [*faults(varied(WHOLE, f"measures.{path}", value))] == [f"measures.{fault}"]


def test_all_faults_are_told_at_once() -> None:
    broken = varied(varied(WHOLE, "measures.score.cap", 0), "measures.feedback.due_soon", 2)
    assert faults(varied(broken, "lateness", "soon")).keys() == {
        "lateness", "measures.score.cap", "measures.feedback.due_soon",
    }  # fmt: skip


def test_a_risk_after_the_goal_needs_a_goal() -> None:
    risky = {"sentiment": {"at_risk": "goal"}}
    assert compile_definition(changed(SMALL, measures=risky)).measures is not None
    assert faults(changed(SMALL, goal=ABSENT, measures=risky)).keys() == {"measures.sentiment.at_risk"}


@pytest.mark.parametrize("value", ["high", True, None, [20], {}, {"in": [20]}, {"gte": "20"}, {"gte": 1e7}])
def test_a_condition_on_the_score_is_a_number_or_operators_with_one(value: Any) -> None:
    broken = varied(SCORED, "rules.1.when.score", value)
    assert all(path.startswith("rules[1].when.score") for path in faults(broken))
    assert not keeps_schema(broken)


def test_a_rule_can_ask_for_a_score_only_if_one_is_kept() -> None:
    assert faults(changed(SCORED, measures={"leaving": {}})).keys() == {"rules"}
    assert faults(changed(SCORED, measures=ABSENT)).keys() == {"rules"}


@pytest.mark.parametrize("key", ["ignore", "personas"])
def test_what_is_asked_before_the_state_cannot_ask_for_the_score(key: str) -> None:
    more = {"persona": "keen"} if key == "personas" else {}
    broken = changed(SCORED, **{key: [{"on": "call", "when": {"score": {"gte": 5}}, **more}]})
    assert faults(broken).keys() == {f"{key}[0].when.score"}
    assert not keeps_schema(broken)


def test_a_fault_in_a_file_is_told_with_its_line() -> None:
    text = "journey: x\nstages: [{id: a, weight: 1}]\nrules: [{on: a, to: a}]\nmeasures:\n  score:\n    rules:\n"
    with pytest.raises(DefinitionError) as caught:
        parse(f"{text}      - {{on: a, points: 1}}\n      - {{on: a}}\n", "here.yaml")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("measures.score.rules[1].points", 8)
