"""Journey definitions: what they compile to, what their hash depends on, and every fault at once with its path."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import MAX_RULES, MAX_STAGES, JourneyDefinition, compile_definition
from cjstream.errors import DefinitionError
from tests.core.builders import SHOP, touchpoint

Object = dict[str, Any]

SMALL: Object = {
    "journey": "shop",
    "title": "Shop",
    "owner": "marketing",
    "goal": {"on": "purchase", "when": {"value": {"gt": 0}}},
    "lateness": "10m",
    "stages": [
        {"id": "awareness", "weight": 10, "group": "before", "title": "Awareness"},
        {"id": "purchase", "weight": 30},
    ],
    "rules": [
        {"on": "page_view", "to": "awareness"},
        {"id": "paid", "on": ["purchase", "order_paid"], "when": {"value": {"gte": 1}}, "to": "purchase"},
    ],
}


def changed(**change: Any) -> Object:
    return {**deepcopy(SMALL), **change}


def faults(data: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        compile_definition(data, "here.yaml")
    assert caught.value.source == "here.yaml"
    return [problem.path for problem in caught.value.problems]


def compiled() -> JourneyDefinition:
    return compile_definition(SMALL)


def test_a_definition_compiles() -> None:
    found = compiled()
    assert [(stage.id, stage.weight, stage.group) for stage in found.stages] == [
        ("awareness", 10, "before"),
        ("purchase", 30, None),
    ]
    assert (found.journey, found.owner, found.lateness_ms, found.goal_stage) == ("shop", "marketing", 600_000, None)


def test_the_smallest_definition_has_no_goal_and_takes_nothing_late() -> None:
    found = compile_definition({key: SMALL[key] for key in ("journey", "stages", "rules")})
    assert (found.lateness_ms, found.goal_stage, found.goal_rule, found.owner) == (0, None, None, None)


def test_its_data_compiles_to_itself_again_also_after_json() -> None:
    again = compile_definition(json.loads(json.dumps(compiled().data)))
    assert (again.hash, again.stages, again.data) == (compiled().hash, compiled().stages, compiled().data)


def test_the_first_rule_that_matches_wins() -> None:
    rules = [
        {"id": "big", "on": "purchase", "when": {"value": {"gte": 100}}, "to": "purchase"},
        {"id": "any", "on": ["purchase", "page_view"], "to": "awareness"},
        {"id": "never", "on": "purchase", "to": "purchase"},
    ]
    found = compile_definition(changed(rules=rules))
    names = [
        rule and rule.id
        for rule in (
            found.rule_for(touchpoint("t", "purchase", 0, value=100)),
            found.rule_for(touchpoint("t", "purchase", 0, value=99)),
            found.rule_for(touchpoint("t", "page_view", 0)),
            found.rule_for(touchpoint("t", "error", 0)),
        )
    ]
    assert names == ["big", "any", "any", None]


def test_a_rule_without_an_id_is_named_by_its_place() -> None:
    rule = compiled().rule_for(touchpoint("t", "page_view", 0))
    assert rule is not None
    assert rule.id == "rule-1"


def test_a_goal_can_be_a_condition_on_a_touchpoint() -> None:
    found = compiled()
    assert found.meets_goal(touchpoint("t", "purchase", 0, value=1))
    assert not found.meets_goal(touchpoint("t", "purchase", 0, value=0))
    assert not found.meets_goal(touchpoint("t", "page_view", 0, value=1))


def test_a_goal_can_be_a_stage() -> None:
    found = compile_definition(changed(goal="purchase"))
    assert found.goal_stage == 1
    assert not found.meets_goal(touchpoint("t", "purchase", 0, value=1))


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"journey": None}, ["journey"]),
        ({"journey": "my shop"}, ["journey"]),
        ({"colour": "red"}, ["colour"]),
        ({"title": ["Shop"]}, ["title"]),
        ({"owner": ""}, ["owner"]),
        ({"owner": "x" * 129}, ["owner"]),
        ({"lateness": 10}, ["lateness"]),
        ({"lateness": "10 minutes"}, ["lateness"]),
        ({"stages": None, "rules": None}, ["stages", "rules"]),
        ({"rules": []}, ["rules"]),
        ({"rules": {"on": "x", "to": "awareness"}}, ["rules"]),
        ({"rules": ["page_view"]}, ["rules[0]"]),
        ({"rules": [{"on": "x", "to": "checkout"}]}, ["rules[0].to"]),
        ({"rules": [{"on": "x"}]}, ["rules[0].to"]),
        ({"rules": [{"to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": [], "to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": ["x", 1], "to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": "x", "to": "awareness", "if": {}}]}, ["rules[0].if"]),
        ({"rules": [{"on": "x", "to": "awareness", "when": None}]}, ["rules[0].when"]),
        ({"rules": [{"on": "x", "to": "awareness", "when": {"valu": 1}}]}, ["rules[0].when.valu"]),
        ({"rules": [{"id": "a b", "on": "x", "to": "awareness"}]}, ["rules[0].id"]),
        ({"rules": [{"id": "r", "on": "x", "to": "awareness"}] * 2}, ["rules[1].id"]),
        ({"rules": [{"id": "rule-2", "on": "x", "to": "awareness"}, {"on": "x", "to": "awareness"}]}, ["rules[1].id"]),
        ({"rules": [{"on": "x", "to": "awareness"}] * (MAX_RULES + 1)}, ["rules"]),
        ({"goal": "checkout"}, ["goal"]),
        ({"goal": ["purchase"]}, ["goal"]),
        ({"goal": {}}, ["goal.on"]),
        ({"goal": {"on": "purchase", "to": "purchase"}}, ["goal.to"]),
        ({"goal": {"on": "purchase", "when": {"value": {"gt": "x"}}}}, ["goal.when.value.gt"]),
    ],
)
def test_a_fault_is_reported_at_its_path(change: Object, paths: list[str]) -> None:
    assert faults(changed(**change)) == paths


@pytest.mark.parametrize(
    ("stages", "paths"),
    [
        ([{"id": "a", "weight": 1}, {"id": "a", "weight": 2}], ["stages[1].id"]),
        ([{"id": "a", "weight": 1}, {"id": "b", "weight": 1.0}], ["stages[1].weight"]),
        ([{"id": "a"}, {"id": "b"}], ["stages[0].weight", "stages[1].weight"]),
        ([{"id": "a", "weight": True}], ["stages[0].weight"]),
        ([{"id": "a", "weight": "1"}], ["stages[0].weight"]),
        ([{"id": "a", "weight": float("nan")}], ["stages[0].weight"]),
        ([{"id": "a", "weight": 1e10}], ["stages[0].weight"]),
        ([{"weight": 1}, {"id": "", "weight": 2}, {"id": "a", "weight": 3}], ["stages[0].id", "stages[1].id"]),
        ([{"id": "a", "weight": 1, "color": 1}], ["stages[0].color"]),
        ([{"id": "a", "weight": 1, "group": 5, "title": 6}], ["stages[0].title", "stages[0].group"]),
        (["b", {"id": "a", "weight": 1}], ["stages[0]"]),
        ([{"id": f"s{n}", "weight": n} for n in range(MAX_STAGES + 1)], ["stages", "rules[0].to"]),
    ],
)
def test_a_fault_of_a_stage_is_told_once(stages: list[Any], paths: list[str]) -> None:
    to = stages[-1].get("id")
    assert faults({"journey": "j", "stages": stages, "rules": [{"on": "x", "to": to}]}) == paths


@pytest.mark.parametrize("data", [None, [], "journey: shop", 5])
def test_what_is_no_mapping_is_refused(data: Any) -> None:
    assert faults(data) == [""]


def test_all_faults_are_reported_at_once() -> None:
    data = changed(journey="", lateness="soon", goal="gone", extra=1)
    data["rules"][1] = {"on": 5, "when": {"value": {"near": 1}}, "to": "nowhere"}
    assert set(faults(data)) == {
        "extra", "journey", "rules[1].to", "rules[1].when.value.near", "rules[1].on", "goal", "lateness",
    }  # fmt: skip


def test_the_message_says_what_to_write_instead() -> None:
    with pytest.raises(DefinitionError, match=r"here: rules\[0\]\.to: must be one of the stages awareness, purchase"):
        compile_definition(changed(rules=[{"on": "x", "to": "buy"}]), "here")


def varied(path: str, value: Any) -> Object:
    data = deepcopy(SMALL)
    *keys, last = path.split(".")
    node: Any = data
    for key in keys:
        node = node[int(key) if key.isdigit() else key]
    node[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "The shop"),
        ("owner", "sales"),
        ("stages.0.title", "First"),
        ("stages.0.group", "elsewhere"),
        ("stages.1.weight", 30.0),
        ("lateness", "600s"),
        ("rules.0.on", ["page_view"]),
        ("rules.0.id", "rule-1"),
        ("rules.0.when", {}),
        ("rules.1.on", ["order_paid", "purchase", "purchase"]),
        ("rules.1.when", {"value": {"gte": 1.0}}),
        ("goal.on", ["purchase"]),
    ],
)
def test_the_hash_is_the_same_for_what_behaves_the_same(path: str, value: Any) -> None:
    assert compile_definition(varied(path, value)).hash == compiled().hash


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("journey", "store"),
        ("lateness", "11m"),
        ("goal", "purchase"),
        ("goal", None),
        ("goal.on", "order_paid"),
        ("goal.when", {"value": {"gt": 1}}),
        ("stages.1.weight", 31),
        ("rules.0.to", "purchase"),
        ("rules.0.on", "search"),
        ("rules.0.when", {"channel": "email"}),
        ("rules.1.when", {"value": {"gte": 2}}),
        ("rules.1.when", {"value": {"gt": 1}}),
        ("rules.1.id", "bought"),
    ],
)
def test_the_hash_is_another_for_what_behaves_otherwise(path: str, value: Any) -> None:
    assert compile_definition(varied(path, value)).hash != compiled().hash


def test_the_order_of_rules_is_behaviour() -> None:
    rules = [{"id": "one", "on": "x", "to": "awareness"}, {"id": "two", "on": "x", "to": "purchase"}]
    hashes = {compile_definition(changed(rules=order)).hash for order in (rules, rules[::-1])}
    assert len(hashes) == 2


def test_the_hash_of_a_released_definition_never_changes() -> None:
    """Customers are pinned to it: another hash for the same text would make them strangers."""
    assert compiled().hash == "fa52f272832c494e"
    assert SHOP.hash == "63866e703bad041c"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(["purchase", "awareness", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "on", "to", "when", "weight", "value", "gte", "eq", "odd"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["journey", "goal", "lateness", "stages", "rules", "owner"]), json_values)
def test_any_data_compiles_or_is_refused_with_paths(key: str, value: Any) -> None:
    try:
        found = compile_definition(changed(**{key: value}))
    except DefinitionError as error:
        assert error.problems  # noqa: PT017, either way is right
    else:
        assert compile_definition(json.loads(json.dumps(found.data))).hash == found.hash


def test_half_a_surrogate_pair_is_refused_since_no_record_can_carry_it() -> None:
    stages = [{"id": "a", "weight": 1, "group": "\ud800"}]
    with pytest.raises(DefinitionError, match="surrogate"):
        compile_definition({"journey": "j", "stages": stages, "rules": [{"on": "x", "to": "a"}]})
