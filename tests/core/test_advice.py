"""Advice: what is legal in a definition, and yet hardly what was meant."""

from typing import Any

import pytest

from cjstream.core.advice import advise
from cjstream.core.definition import compile_definition
from cjstream.definitions import names, shipped
from tests.core.languages import SMALL, WHOLE, Object, changed

ONE, OTHER = {"on": ["x", "y"], "to": "awareness"}, {"on": "z", "to": "purchase"}
SHADOW = "is never asked: an earlier entry without a condition takes x"
PART = "is not asked about all of its types: an earlier entry without a condition takes x"


def advice(data: Object = SMALL, **change: Any) -> dict[str, str]:
    """Return the messages by path."""
    found = advise(compile_definition(changed(data, **change)))
    assert {problem.line for problem in found} <= {None}
    return {problem.path: problem.message for problem in found}


@pytest.mark.parametrize("name", names())
def test_there_is_none_for_what_is_shipped(name: str) -> None:
    assert advise(shipped(name)) == ()


def test_there_is_none_for_the_examples() -> None:
    assert advice(SMALL) == advice(WHOLE) == {}


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("x", {"rules[1]": SHADOW}),
        (["x", "y"], {"rules[1]": f"{SHADOW}, y"}),
        (["x", "new"], {"rules[1]": PART}),
        ("new", {}),
    ],
)
def test_a_rule_is_not_asked_about_what_an_earlier_one_takes_without_a_condition(
    on: Any, found: dict[str, str]
) -> None:
    assert advice(rules=[ONE, {"on": on, "to": "purchase"}, OTHER]) == found


@pytest.mark.parametrize("when", [{"channel": "email"}, {"stage": "purchase"}])
def test_a_rule_with_a_condition_leaves_its_types_to_those_after_it(when: Object) -> None:
    assert advice(rules=[{**ONE, "when": when}, {**ONE, "to": "purchase"}]) == {}


def test_the_last_of_several_rules_is_told_what_each_of_them_takes() -> None:
    rules = [
        {"on": "x", "to": "awareness"},
        {"on": "y", "when": {}, "to": "purchase"},
        {"on": ["y", "x"], "to": "purchase"},
    ]
    assert advice(rules=rules) == {"rules[2]": f"{SHADOW}, y"}


@pytest.mark.parametrize(("key", "more"), [("exits", {}), ("ignore", {}), ("personas", {"persona": "researcher"})])
def test_every_list_of_which_the_first_that_holds_counts_is_looked_at(key: str, more: Object) -> None:
    lists: Object = {key: [{"on": "x", **more}, {"on": "x", "when": {"channel": "email"}, **more}]}
    assert advice(**lists) == {f"{key}[1]": SHADOW}


def test_a_later_snooze_is_asked_too() -> None:
    assert advice(snooze=[{"on": "x", "for": "7d"}, {"on": "x", "until": "properties.when"}]) == {}


def test_what_is_ignored_comes_to_no_rule_and_no_exit() -> None:
    found = advice(
        rules=[ONE, OTHER], ignore=[{"on": "x"}, {"on": "z", "when": {"device": "bot"}}], exits=[{"on": "x"}]
    )
    assert found == {"rules[0]": PART, "exits[0]": SHADOW}


def test_an_exit_leaves_its_type_to_the_rules_as_it_is_asked_inside_only() -> None:
    assert advice(rules=[ONE, OTHER], exits=[{"on": "x"}]) == {}


def test_a_stage_that_nothing_leads_to_is_told() -> None:
    third = {"id": "advocacy", "weight": 40}
    assert advice(stages=[*SMALL["stages"], third]) == {"stages[2]": "no rule, timeout or threshold leads to advocacy"}


def test_a_timeout_leads_to_a_stage() -> None:
    third = {"id": "advocacy", "weight": 40}
    first = {**SMALL["stages"][0], "stall": {"since_entered": "7d", "to": "advocacy"}}
    assert advice(stages=[first, SMALL["stages"][1], third]) == {}


def test_a_threshold_of_the_score_leads_to_a_stage() -> None:
    score = {"rules": [{"on": "x", "points": 1}], "thresholds": [{"at": 50, "to": "advocacy"}]}
    third = {"id": "advocacy", "weight": 40}
    assert advice(stages=[*SMALL["stages"], third], measures={"score": score}) == {}


@pytest.mark.parametrize(("conditions", "idle"), [("wn", ""), ("wnw", "2"), ("nwn", "12"), ("ww", ""), ("", "")])
def test_a_target_of_feedback_behind_one_without_a_condition_is_never_asked(conditions: str, idle: str) -> None:
    when = {"w": {"channel": "email"}, "n": {}}
    targets = [{"when": when[each], "first_response": "4h"} for each in conditions]
    found = advice(measures={"feedback": {"targets": targets} if targets else {}})
    message = "is never asked: an earlier entry has no condition"
    assert found == {f"measures.feedback.targets[{place}]": message for place in idle}
