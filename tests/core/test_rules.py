"""Rules of a definition beside those that move: exits, ignore, personas, snooze; every fault with its path."""

from typing import Any

import pytest

from cjstream.core.definition import compile_definition
from cjstream.core.past import MAX_COUNTED
from cjstream.core.rules import MAX_PAST_RULES
from tests.core.languages import Object, changed, faults


@pytest.mark.parametrize("key", ["exits", "ignore", "personas", "snooze"])
@pytest.mark.parametrize("value", [None, [], {}, "x"])
def test_each_list_is_one_or_is_left_out(key: str, value: Any) -> None:
    assert list(faults(changed(**{key: value}))) == [key]


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"exits": ["cancelled"]}, ["exits[0]"]),
        ({"exits": [{"on": "x", "to": "purchase"}]}, ["exits[0].to"]),
        ({"exits": [{}]}, ["exits[0].on"]),
        ({"exits": [{"on": "x", "when": []}]}, ["exits[0].when"]),
        ({"exits": [{"id": "a b", "on": "x"}]}, ["exits[0].id"]),
        ({"exits": [{"on": "x"}, {"id": "exit-1", "on": "y"}]}, ["exits[1].id"]),
        ({"exits": [{"id": "paid", "on": "x"}]}, ["exits[0].id"]),
        ({"ignore": [{"id": "rule-1", "on": "x"}]}, ["ignore[0].id"]),
        ({"ignore": [{"on": "x", "when": {"seen": "y", "channel": {"near": 1}}}]}, [
            "ignore[0].when.seen", "ignore[0].when.channel.near",
        ]),
        ({"ignore": [{"on": "x", "when": {"stage": "purchase", "count": {"x": 1}}}]}, [
            "ignore[0].when.stage", "ignore[0].when.count",
        ]),
        ({"personas": [{"on": "x", "persona": "y", "when": {"seen": ["y"]}}]}, ["personas[0].when.seen"]),
        ({"personas": [{"on": "x"}]}, ["personas[0].persona"]),
        ({"personas": [{"on": "x", "persona": ["y"]}]}, ["personas[0].persona"]),
        ({"snooze": [{"on": "x"}]}, ["snooze[0]"]),
        ({"snooze": [{"on": "x", "for": "1d", "until": "properties.x"}]}, ["snooze[0]"]),
        ({"snooze": [{"on": "x", "for": 0}]}, ["snooze[0].for"]),
        ({"snooze": [{"on": "x", "for": "a while"}]}, ["snooze[0].for"]),
        ({"snooze": [{"on": "x", "until": "occurred_at"}]}, ["snooze[0].until"]),
        ({"snooze": [{"on": "x", "until": None}]}, ["snooze[0].until"]),
        ({"goal": {"on": "x", "when": {"stage": "gone"}}}, ["goal.when.stage"]),
        ({"goal": {"on": "x", "when": {"seen": []}}}, ["goal.when.seen"]),
    ],
)  # fmt: skip
def test_a_fault_is_reported_at_its_path(change: Object, paths: list[str]) -> None:
    assert list(faults(changed(**change))) == paths


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"snooze": [{"on": "x"}]}, "snooze[0]", "exactly one of `for: 7d` and `until: properties.NAME`"),
        ({"snooze": [{"on": "x", "until": "x"}]}, "snooze[0].until", "must be properties.NAME"),
        ({"ignore": [{"on": "x", "when": {"seen": "y"}}]}, "ignore[0].when.seen", "ask for touchpoint fields only"),
        ({"rules": [{"on": "x", "when": {"sean": "y"}, "to": "purchase"}]}, "rules[0].when.sean", "stage, seen, count"),
    ],
)
def test_the_message_says_what_to_write_instead(change: Object, path: str, says: str) -> None:
    assert says in faults(changed(**change))[path]


def test_the_types_that_the_past_is_asked_for_are_bounded_as_the_state_holds_a_number_for_each() -> None:
    types = [f"t{n}" for n in range(MAX_COUNTED + 1)]
    goal = {"on": "x", "when": {"seen": types[:40], "count": dict.fromkeys(types[40:-1], 1)}}
    assert len(compile_definition(changed(goal=goal)).counted) == MAX_COUNTED
    goal["when"]["count"][types[-1]] = 1  # type: ignore[index]
    assert faults(changed(goal=goal)) == {"": "asks `seen` and `count` for 65 types; at most 64, the state holds each"}


def asking(rules: int, **more: Any) -> list[Object]:
    """Return so many rules on x that ask for the past, in each of the three ways."""
    whens: list[Object] = [{"stage": "purchase"}, {"seen": "y"}, {"count": {"y": 2}}]
    return [{"on": ["x", f"t{n}"], "when": whens[n % 3], **more} for n in range(rules)]


def test_of_one_type_at_most_32_rules_of_all_lists_together_ask_for_the_past() -> None:
    own, now = asking(MAX_PAST_RULES - 3, to="purchase"), [{"on": "x", "when": {"value": 1}, "to": "purchase"}] * 40
    lists: Object = {"goal": asking(1)[0], "exits": asking(1), "snooze": asking(1, **{"for": "1d"})}
    elsewhere = [{**rule, "on": "z"} for rule in asking(MAX_PAST_RULES, to="purchase")]
    assert compile_definition(changed(rules=[*own, *now, *elsewhere], **lists)).hash
    assert faults(changed(rules=[*own, *now, *elsewhere, *asking(1, to="purchase")], **lists)) == {
        "snooze[0].when": "is one too many: at most 32 rules of a type may ask the past (x)"
    }


def test_the_first_rule_beyond_the_limit_is_told_once() -> None:
    assert list(faults(changed(rules=asking(40, to="purchase")))) == ["rules[32].when"]
