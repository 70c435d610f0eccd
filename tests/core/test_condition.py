"""Conditions: what each operator says of a value, and every fault of a `when` block with its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.condition import DEFAULTS, OPERATORS, canonical, compile_when
from tests.core.builders import touchpoint

PURCHASE = touchpoint(
    "t1", "purchase", 0, value=50, channel="website", rating=4.5, persona=None,
    properties={"plan": "pro", "trial": False, "seats": {"used": 3}, "tags": ["a"]},
)  # fmt: skip


def holds(when: Any) -> bool:
    problems: list[tuple[str, str]] = []
    predicate = compile_when(when, "when", lambda path, message: problems.append((path, message)))
    assert not problems
    return predicate is None or predicate(PURCHASE)


def faults(when: Any) -> dict[str, str]:
    problems: dict[str, str] = {}
    compile_when(when, "when", problems.__setitem__)
    return problems


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"value": 50},
        {"value": 50.0},
        {"value": {"eq": 50}},
        {"value": {"ne": 51}},
        {"value": [49, 50]},
        {"value": {"in": [50]}},
        {"value": {"not_in": [1, 2]}},
        {"value": {"gt": 49.9}},
        {"value": {"gte": 50}},
        {"value": {"lt": 51}},
        {"value": {"lte": 50}},
        {"value": {"gte": 10, "lt": 100}},
        {"value": {"exists": True}},
        {"campaign": {"exists": False}},
        {"persona": {"exists": False}},
        {"channel": ["website", "email"], "value": {"gt": 1}},
        {"properties.plan": "pro"},
        {"properties.trial": False},
        {"properties.seats.used": {"gte": 3}},
        {"properties.seats.free": {"exists": False}},
        {"properties.plan.tier": {"exists": False}},
        {"properties.tags": {"exists": True}},
        {"type": "purchase"},
    ],
)
def test_a_condition_that_holds(when: Any) -> None:
    assert holds(when)


@pytest.mark.parametrize(
    "when",
    [
        {"value": 51},
        {"value": "50"},
        {"value": {"ne": 50}},
        {"value": [1, 2]},
        {"value": {"not_in": [50]}},
        {"value": {"gt": 50}},
        {"value": {"gte": 50.1}},
        {"value": {"lt": 50}},
        {"value": {"lte": 49}},
        {"value": {"gte": 10, "lt": 50}},
        {"value": {"exists": False}},
        {"campaign": {"exists": True}},
        {"channel": "website", "value": 1},
        {"channel": {"gt": 1}},
        {"properties.trial": 0},
        {"properties.trial": {"gte": 0}},
        {"properties.tags": "a"},
    ],
)
def test_a_condition_that_does_not_hold(when: Any) -> None:
    assert not holds(when)


@pytest.mark.parametrize("operator", sorted(set(OPERATORS) - {"exists"}))
def test_an_absent_or_null_field_passes_no_operator(operator: str) -> None:
    argument = ["x"] if operator in ("in", "not_in") else 1
    assert not holds({"campaign": {operator: argument}})
    assert not holds({"persona": {operator: argument}})


@pytest.mark.parametrize(
    ("when", "path"),
    [
        (["value"], "when"),
        (None, "when"),
        ({"colour": "red"}, "when.colour"),
        ({1: "red"}, "when.1"),
        ({"properties": {"eq": 1}}, None),
        ({"properties.": 1}, "when.properties."),
        ({"props.plan": 1}, "when.props.plan"),
        ({"value": {"equals": 1}}, "when.value.equals"),
        ({"value": {"gt": "1"}}, "when.value.gt"),
        ({"value": {"gt": True}}, "when.value.gt"),
        ({"value": {"gte": float("nan")}}, "when.value.gte"),
        ({"value": {"lt": float("inf")}}, "when.value.lt"),
        ({"value": 10**400}, "when.value.eq"),
        ({"value": None}, "when.value.eq"),
        ({"value": []}, "when.value.in"),
        ({"value": [[1]]}, "when.value.in"),
        ({"value": {"not_in": "a"}}, "when.value.not_in"),
        ({"value": {"exists": 1}}, "when.value.exists"),
    ],
)
def test_a_fault_is_reported_at_its_path(when: Any, path: str | None) -> None:
    assert list(faults(when)) == ([path] if path else [])


def test_all_faults_are_reported_at_once() -> None:
    assert set(faults({"colour": 1, "value": {"gt": "x", "near": 2}})) == {
        "when.colour", "when.value.gt", "when.value.near",
    }  # fmt: skip


values = st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -1.0]) | st.sampled_from(["a", "b", "1"])


@given(values, values)
def test_opposite_operators_disagree_on_every_value(value: Any, other: Any) -> None:
    def says(operator: str, argument: Any) -> bool:
        predicate = compile_when({"properties.x": {operator: argument}}, "", lambda path, message: None)
        assert predicate is not None
        return predicate(touchpoint("t", "x", 0, properties={"x": value}))

    assert says("eq", other) != says("ne", other)
    assert says("in", [other]) == says("eq", other) != says("not_in", [other])
    if type(value) is type(other) is int:
        assert (says("gt", other), says("gte", other)) == (value > other, value >= other)
        assert (says("lt", other), says("lte", other)) == (not says("gte", other), not says("gt", other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"channel": "email"}, {"channel": {"eq": "email"}}),
        ({"channel": "email"}, {"channel": ["email"]}),
        ({"channel": ["b", "a", "a"]}, {"channel": {"in": ["a", "b"]}}),
        ({"value": {"ne": 1}}, {"value": {"not_in": [1.0]}}),
        ({"value": {"gt": 1, "lt": 2}}, {"value": {"lt": 2.0, "gt": 1.0}}),
    ],
)
def test_spellings_that_mean_the_same_have_one_canonical_form(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"value": 1}, {"value": "1"}),
        ({"value": 1}, {"value": True}),
        ({"value": {"gt": 1}}, {"value": {"gte": 1}}),
        ({"value": {"eq": 1}}, {"value": {"ne": 1}}),
        ({"value": [1, 2]}, {"value": [1, 3]}),
        ({"value": {"exists": True}}, {"value": {"exists": False}}),
    ],
)
def test_what_means_something_else_has_another_canonical_form(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


def test_an_absent_field_cannot_be_asked_anything_else() -> None:
    assert list(faults({"value": {"exists": False, "gte": 1}})) == ["when.value"]


@pytest.mark.parametrize("said", [{}, {"initiator": None, "scale": None}, DEFAULTS])
def test_an_initiator_that_is_absent_or_null_reads_customer_and_a_scale_reads_stars(said: Any) -> None:
    def passes(when: Any) -> bool:
        predicate = compile_when(when, "", lambda path, message: None)
        assert predicate is not None
        return predicate(touchpoint("t", "x", 0, **said))

    for name, default, other in (("initiator", "customer", "business"), ("scale", "stars", "nps")):
        assert passes({name: default})
        assert passes({name: {"not_in": [other]}})
        assert passes({name: {"exists": True}})
        assert not passes({name: other})
        assert not passes({name: {"ne": default}})
        assert not passes({name: {"exists": False}})


def test_an_initiator_and_a_scale_that_are_told_are_read_as_they_are() -> None:
    predicate = compile_when({"initiator": "business", "scale": "nps"}, "", lambda path, message: None)
    assert predicate is not None
    assert predicate(touchpoint("t", "x", 0, initiator="business", scale="nps"))
