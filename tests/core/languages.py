"""Definitions as plain data, for the tests of what compiles them: a small one, and one with every key there is."""

from copy import deepcopy
from typing import Any

import pytest

from cjstream.core.definition import compile_definition
from cjstream.errors import DefinitionError

Object = dict[str, Any]
ABSENT = object()

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
WHOLE: Object = {
    "journey": "contracts",
    "title": {"en": "Contracts", "id": "Kontrak"},
    "owner": "sales",
    "review_by": "2027-05-31",
    "goal": {"on": "signed", "when": {"seen": ["offer", "meeting"]}},
    "lateness": "1h",
    "moves": {"listed": [["renewal", "prospect"], ["won", "prospect"]]},
    "entry": "closed",
    "window": "90d",
    "instance": {"key": "properties.contract.id", "limit": 5},
    "reentry": {"policy": "every", "cooldown": "30d"},
    "stages": [
        {
            "id": "prospect",
            "weight": 10,
            "group": "before",
            "title": {"en": "Prospect"},
            "window": "30d",
            "stall": {"since_entered": "14d", "since_last_touch": "7d", "exit": True},
            "behind": {"people": "sales", "policy": ["answer in 4 h", "no price by mail"], "technology": "CRM"},
        },
        {"id": "won", "weight": 20, "stall": {"since_last_touch": "60d", "to": "renewal"}},
        {"id": "renewal", "weight": 30, "stall": {"since_entered": "90d"}},
    ],
    "rules": [
        {"on": "demo", "when": {"stage": {"below": "won"}, "count": {"demo": {"gte": 2}}}, "to": "prospect"},
        {"id": "paid", "on": ["signed", "paid"], "when": {"value": {"gte": 1}}, "to": "won"},
        {"on": "renewed", "to": "renewal"},
    ],
    "exits": [{"on": "cancelled"}, {"id": "bad", "on": "blocked", "when": {"stage": ["won", "renewal"]}}],
    "ignore": [{"on": ["demo", "bot_view"], "when": {"channel": "bot"}}],
    "personas": [{"on": "demo", "when": {"value": {"gte": 1000}}, "persona": "enterprise"}],
    "snooze": [{"on": "meeting", "for": "7d"}, {"id": "later", "on": "call_back", "until": "properties.when"}],
    "count_by": {"channel": ["website", "email"], "persona": ["enterprise"]},
    "replaces": [{"definition": "0123456789abcdef", "stages": {"lead": "prospect", "won": "won"}}],
}


def changed(data: Object = SMALL, **change: Any) -> Object:
    """Return a copy with other values under these keys; ABSENT takes a key out."""
    return {key: value for key, value in {**deepcopy(data), **change}.items() if value is not ABSENT}


def varied(data: Object, path: str, value: Any) -> Object:
    """Return a copy with another value at a path such as `stages.0.id`; ABSENT takes it out."""
    *keys, last = path.split(".")
    copy = deepcopy(data)
    node: Any = copy
    for key in keys:
        node = _child(node, key)
    if value is ABSENT:
        del node[last]
    elif isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return copy


def at(data: Object, path: str) -> Any:
    """Return the value at a path."""
    node: Any = data
    for key in path.split("."):
        node = _child(node, key)
    return node


def _child(node: Any, key: str) -> Any:
    return node[int(key)] if isinstance(node, list) else node[key]


def leaves(node: Any, path: str = "") -> list[str]:
    """Return the path of every plain value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if pairs is None:
        return [path]
    return [leaf for key, value in pairs for leaf in leaves(value, f"{path}.{key}" if path else str(key))]


def faults(data: Any) -> dict[str, str]:
    """Return the messages of a definition that is refused, by path."""
    with pytest.raises(DefinitionError) as caught:
        compile_definition(data, "here.yaml")
    assert caught.value.source == "here.yaml"
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), caught.value.problems
    return found
