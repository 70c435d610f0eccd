"""Policies of a definition: every fault with its path, and what to write instead."""

from typing import Any

import pytest

from cjstream.core.definition import compile_definition
from cjstream.core.policies import INSTANCE_FIELDS, MAX_INSTANCES, MAX_REPLACED, MAX_VALUES
from cjstream.core.touchpoint import FIELDS
from tests.core.languages import Object, changed, faults

HASH = "0123456789abcdef"
STAGES = [{"id": name, "weight": n} for n, name in enumerate("abc")]


def data(**change: Any) -> Object:
    return changed({"journey": "j", "stages": STAGES, "rules": [{"on": "x", "to": "a"}]}, **change)


@pytest.mark.parametrize(
    ("key", "value", "paths"),
    [
        ("moves", "listed", ["moves"]),
        ("moves", None, ["moves"]),
        ("moves", ["any"], ["moves"]),
        ("moves", {}, ["moves.listed"]),
        ("moves", {"listed": []}, ["moves.listed"]),
        ("moves", {"listed": [["b", "a"]], "any": True}, ["moves.any"]),
        ("moves", {"listed": ["ba"]}, ["moves.listed[0]"]),
        ("moves", {"listed": [["b", "a"], ["c", "b", "a"]]}, ["moves.listed[1]"]),
        ("moves", {"listed": [["b", "z"]]}, ["moves.listed[0][1]"]),
        ("moves", {"listed": [[1, ["a"]]]}, ["moves.listed[0][0]", "moves.listed[0][1]"]),
        ("moves", {"listed": [["a", "b"]]}, ["moves.listed[0]"]),
        ("moves", {"listed": [["b", "b"]]}, ["moves.listed[0]"]),
        ("entry", "half", ["entry"]),
        ("entry", None, ["entry"]),
        ("entry", ["open"], ["entry"]),
        ("window", "0d", ["window"]),
        ("window", 0, ["window"]),
        ("window", 14, ["window"]),
        ("window", None, ["window"]),
        ("instance", "order_id", ["instance"]),
        ("instance", "properties.", ["instance"]),
        ("instance", "text", ["instance"]),
        ("instance", "customer_id", ["instance"]),
        ("instance", None, ["instance"]),
        ("instance", {}, ["instance.key"]),
        ("instance", {"key": ["properties.a"]}, ["instance.key"]),
        ("instance", {"key": "properties.a", "most": 3}, ["instance.most"]),
        ("instance", {"key": "properties.a", "limit": 0}, ["instance.limit"]),
        ("instance", {"key": "properties.a", "limit": MAX_INSTANCES + 1}, ["instance.limit"]),
        ("instance", {"key": "properties.a", "limit": True}, ["instance.limit"]),
        ("instance", {"key": "properties.a", "limit": 2.0}, ["instance.limit"]),
        ("reentry", "always", ["reentry"]),
        ("reentry", None, ["reentry"]),
        ("reentry", {"policy": "always"}, ["reentry.policy"]),
        ("reentry", {"cooldown": "long"}, ["reentry.cooldown"]),
        ("reentry", {"after": "1d"}, ["reentry.after"]),
        ("reentry", {"policy": "never", "cooldown": "1d"}, ["reentry.cooldown"]),
        ("count_by", None, ["count_by"]),
        ("count_by", ["channel"], ["count_by"]),
        ("count_by", {"campaign": ["spring"]}, ["count_by.campaign"]),
        ("count_by", {"channel": "email"}, ["count_by.channel"]),
        ("count_by", {"channel": []}, ["count_by.channel"]),
        ("count_by", {"channel": [f"c{n}" for n in range(MAX_VALUES + 1)]}, ["count_by.channel"]),
        ("count_by", {"channel": ["email", 5]}, ["count_by.channel[1]"]),
        ("count_by", {"channel": ["x" * 129]}, ["count_by.channel[0]"]),
        ("count_by", {"channel": ["email", "print", "email"]}, ["count_by.channel"]),
        ("count_by", {"channel": ["", ""]}, ["count_by.channel[0]", "count_by.channel[1]"]),
        ("count_by", {"channel": ["email", "other"]}, ["count_by.channel[1]"]),
        ("replaces", None, ["replaces"]),
        ("replaces", [], ["replaces"]),
        ("replaces", [{}] * (MAX_REPLACED + 1), ["replaces"]),
        ("replaces", [{}], ["replaces[0].definition"]),
        ("replaces", [{"definition": 123456789012345}], ["replaces[0].definition"]),
        ("replaces", [{"definition": HASH.upper()}], ["replaces[0].definition"]),
        ("replaces", [{"definition": "x"}, {"definition": "y"}], ["replaces[0].definition", "replaces[1].definition"]),
        ("replaces", [{"definition": HASH}, {"definition": HASH}], ["replaces[1].definition"]),
        ("replaces", [{"definition": HASH, "from": "a"}], ["replaces[0].from"]),
        ("replaces", [{"definition": HASH, "stages": ["a"]}], ["replaces[0].stages"]),
        ("replaces", [{"definition": HASH, "stages": None}], ["replaces[0].stages"]),
        ("replaces", [{"definition": HASH, "stages": {"old": "gone"}}], ["replaces[0].stages.old"]),
        ("replaces", [{"definition": HASH, "stages": {"o ld": "a"}}], ["replaces[0].stages.o ld"]),
        ("replaces", [{"definition": HASH, "stages": {f"s{n}": "a" for n in range(65)}}], ["replaces[0].stages"]),
    ],
)
def test_a_fault_is_reported_at_its_path(key: str, value: Any, paths: list[str]) -> None:
    assert list(faults(data(**{key: value}))) == paths


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"moves": "down"}, "moves", "must be forward_only, any, or {listed: [[FROM, TO]]}, not 'down'"),
        ({"moves": {"listed": [["a", "c"]]}}, "moves.listed[0]", "must lead down"),
        ({"entry": "ajar"}, "entry", "must be one of open, closed, infer, not 'ajar'"),
        ({"window": "0s"}, "window", "leave it out for no limit"),
        ({"instance": "order"}, "instance", "must be properties.NAME, or one of"),
        ({"reentry": "often"}, "reentry", "must be one of never, after_exit, every, not 'often'"),
        ({"count_by": {"channel": ["other"]}}, "count_by.channel[0]", "leave it out"),
        ({"replaces": [{"definition": 1}]}, "replaces[0].definition", "in quotes, not 1"),
    ],
)
def test_the_message_says_what_to_write_instead(change: Object, path: str, says: str) -> None:
    assert says in faults(data(**change))[path]


def test_an_old_definition_may_be_replaced_as_it_is() -> None:
    assert compile_definition(data(replaces=[{"definition": HASH}])).replaces == {HASH: {}}


def test_what_can_tell_instances_apart_is_a_field_of_the_touchpoint() -> None:
    assert {*INSTANCE_FIELDS} <= {*FIELDS}
    for field in INSTANCE_FIELDS:
        assert compile_definition(data(instance=field)).instance_field == (field,)
