"""Declared rules over touchpoint types, as `measures.expected.rules` tells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cjstream.core.reading import Item, Reader

RESPONSE, PRECEDENCE, ABSENCE = "response", "precedence", "absence"
KINDS = (RESPONSE, PRECEDENCE, ABSENCE)
KEYS = ("id", *KINDS, "within")
MAX_RULES = 64


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `kind` is one of KINDS, `first` are the types of A, `second` those of B (absence: none).

    `within_ms`: of a response only.
    """

    id: str
    kind: str
    first: frozenset[str]
    second: frozenset[str] = frozenset()
    within_ms: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a journey by id, and by the touchpoint types that they look at; `limits_ms`: `within_ms` by id."""

    by_id: Mapping[str, Rule] = field(default_factory=dict)
    by_type: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    limits_ms: Mapping[str, int] = field(default_factory=dict)


def read(reader: Reader, value: Any, path: str) -> Rules:
    """Return the compiled form of `measures.expected.rules`."""
    by_id, by_type = dict[str, Rule](), dict[str, tuple[Rule, ...]]()
    for n, (where, item) in enumerate(reader.items(value, path, MAX_RULES), start=1):
        rule = _rule(reader, item, where, f"expected-{n}")
        if rule.id in by_id:
            reader.report(f"{where}.id", f"{rule.id!r} stands twice")
        by_id[rule.id] = rule
        for kind in rule.first | rule.second:
            by_type[kind] = (*by_type.get(kind, ()), rule)
    return Rules(by_id, by_type, {name: rule.within_ms for name, rule in by_id.items()})


def _rule(reader: Reader, item: Item, path: str, default: str) -> Rule:
    reader.known_keys(item, KEYS, path)
    name = reader.name(item.get("id", default), f"{path}.id")
    kinds = [kind for kind in KINDS if kind in item]
    if len(kinds) != 1:
        reader.report(path, f"needs exactly one of {', '.join(KINDS)}")
        return Rule(name, ABSENCE, frozenset())
    kind = kinds[0]
    where, value = f"{path}.{kind}", item[kind]
    if ("within" in item) != (kind == RESPONSE):
        reader.report(f"{path}.within", "belongs to a response, which needs it: within: 5d")
    if kind == ABSENCE:
        return Rule(name, kind, reader.types(value, where))
    if not isinstance(value, list) or len(value) != 2:
        reader.report(where, "must be [A, B]: two touchpoint types, or two lists of them")
        return Rule(name, kind, frozenset())
    first, second = (reader.types(each, f"{where}[{n}]") for n, each in enumerate(value))
    if first & second:
        reader.report(where, f"has {', '.join(sorted(first & second))} on both sides")
    return Rule(name, kind, first, second, reader.clock(item, "within", path) or 0)
