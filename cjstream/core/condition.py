"""Conditions on a touchpoint: a closed list of operators, compiled once to closures.

`when: {value: {gte: 1}, channel: [website, email], properties.plan: pro}` holds when every field passes. A plain
value means `eq`, a list means `in`. A field that is absent or null passes no operator but `exists: false`; one with a
default in the contract (DEFAULTS) is never absent.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_NUMBER
from cjstream.core.touchpoint import FIELDS, Touchpoint

DEFAULTS: Mapping[str, str] = {"initiator": "customer", "scale": "stars"}  # what absent or null means

Predicate = Callable[[Touchpoint], bool]
Test = Callable[[Any], bool]
Report = Callable[[str, str], None]  # (path, message): collects what is wrong


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_limit(arg: Any) -> bool:
    return _is_number(arg) and -MAX_NUMBER <= arg <= MAX_NUMBER  # JSON, in which definitions are kept, has no NaN


def _is_plain(arg: Any) -> bool:
    return isinstance(arg, str | bool) or _is_limit(arg)


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _bound(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    return lambda limit: lambda value: _is_number(value) and compare(value, limit)


def _is_list(arg: Any) -> bool:
    return isinstance(arg, list) and bool(arg) and all(_is_plain(item) for item in arg)


def _any_same(value: Any, options: list[Any]) -> bool:
    return any(_same(value, option) for option in options)


# operator -> (what its argument must be, a check of the argument, the test it compiles to)
OPERATORS: Mapping[str, tuple[str, Callable[[Any], bool], Callable[[Any], Test]]] = {
    "eq": ("a plain value", _is_plain, lambda arg: lambda value: _same(value, arg)),
    "ne": ("a plain value", _is_plain, lambda arg: lambda value: not _same(value, arg)),
    "in": ("a list of plain values", _is_list, lambda arg: lambda value: _any_same(value, arg)),
    "not_in": ("a list of plain values", _is_list, lambda arg: lambda value: not _any_same(value, arg)),
    "gt": ("a number", _is_limit, _bound(lambda value, limit: value > limit)),
    "gte": ("a number", _is_limit, _bound(lambda value, limit: value >= limit)),
    "lt": ("a number", _is_limit, _bound(lambda value, limit: value < limit)),
    "lte": ("a number", _is_limit, _bound(lambda value, limit: value <= limit)),
    "exists": ("true or false", lambda arg: isinstance(arg, bool), lambda arg: lambda value: bool(arg)),
}


def compile_when(when: Any, path: str, report: Report) -> Predicate | None:
    """Return the predicate of a `when` block, None for an empty one. Faults go to `report`."""
    if not isinstance(when, dict):
        report(path, "must map fields to conditions")
        return None
    tests = [_field_test(name, spec, f"{path}.{name}", report) for name, spec in when.items()]
    return _all_of([test for test in tests if test is not None])


def canonical(when: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a plain form of a legal `when` block that is the same for all its spellings."""
    return {name: sorted(_spelling(op, arg) for op, arg in _operators(spec).items()) for name, spec in when.items()}


def _spelling(op: str, arg: Any) -> str:
    if op in ("eq", "ne"):
        op, arg = ("in" if op == "eq" else "not_in"), [arg]
    options = arg if isinstance(arg, list) else [arg]
    return json.dumps([op, *sorted({json.dumps(float(item) if _is_number(item) else item) for item in options})])


def _all_of(tests: list[Predicate]) -> Predicate | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda touchpoint: all(test(touchpoint) for test in tests)


def _field_test(name: Any, spec: Any, path: str, report: Report) -> Predicate | None:
    read = _reader(name)
    if read is None:
        report(path, "is no touchpoint field; use one of the contract, properties.NAME, or stage, seen, count")
        return None
    tests = [_test(op, arg, f"{path}.{op}", report) for op, arg in _operators(spec).items()]
    if any(test is None for test in tests):
        return None
    if isinstance(spec, dict) and spec.get("exists") is False:
        if len(spec) > 1:
            report(path, "asks for an absent field, so nothing else can be asked of it")
        return _absent(read)
    return _present(read, [test for test in tests if test is not None])


def _operators(spec: Any) -> dict[Any, Any]:
    if isinstance(spec, dict):
        return spec
    return {"in": spec} if isinstance(spec, list) else {"eq": spec}


def _test(op: Any, arg: Any, path: str, report: Report) -> Test | None:
    if op not in OPERATORS:
        report(path, f"is no operator; use one of {', '.join(OPERATORS)}")
        return None
    wanted, is_legal, build = OPERATORS[op]
    if not is_legal(arg):
        report(path, f"needs {wanted}, not {arg!r}")
        return None
    return build(arg)


def _reader(name: Any) -> Callable[[Touchpoint], Any] | None:
    if isinstance(name, str) and name in DEFAULTS:
        return lambda touchpoint: getattr(touchpoint.fields, name) or DEFAULTS[name]
    if isinstance(name, str) and name in FIELDS:
        return attrgetter(f"fields.{name}")
    return path_reader(name)


def property_path(name: Any) -> tuple[str, ...] | None:
    """Return the keys that `properties.NAME`, with more dots for what is inside, walks along; None if it is no such."""
    head, *keys = name.split(".") if isinstance(name, str) else ("",)
    return (head, *keys) if head == "properties" and keys and all(keys) else None


def path_reader(name: Any) -> Callable[[Touchpoint], Any] | None:
    """Return what reads `properties.NAME` of a touchpoint, None where it is absent; None if `name` is no such path."""
    path = property_path(name)
    return None if path is None else lambda touchpoint: walk(touchpoint.fields, path)


def walk(fields: Fields, path: Sequence[str]) -> Any:
    """Return what lies in a field, or in objects within objects in it, None if it is absent."""
    value = getattr(fields, path[0])
    for key in path[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _present(read: Callable[[Touchpoint], Any], tests: list[Test]) -> Predicate:
    def holds(touchpoint: Touchpoint) -> bool:
        value = read(touchpoint)
        return value is not None and all(test(value) for test in tests)

    return holds


def _absent(read: Callable[[Touchpoint], Any]) -> Predicate:
    return lambda touchpoint: read(touchpoint) is None
