"""Conditions on the past: the stage before the touchpoint, and the touchpoints of the run, counted by type.

`when: {stage: {at_least: purchase}, seen: [purchase, delivered], count: {purchase: {gte: 2}}}` holds when every part
passes. `seen` and `count` include the touchpoint at hand. Outside of the journey no condition on the stage passes.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cjstream.core.reading import Reader

# (index of the stage before the touchpoint or OUTSIDE, how many there are of each counted type)
PastPredicate = Callable[[int, Sequence[int]], bool]

PAST_KEYS = ("stage", "seen", "count")
MAX_COUNTED = 64  # types; the state holds a number for each
MAX_COUNT = 1_000_000
STAGE_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"at_least": operator.ge, "below": operator.lt}
COUNT_OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    "eq": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip


def types_asked(when: Any) -> set[str]:
    """Return the types that `seen` and `count` of a `when` block name; never faults."""
    if not isinstance(when, dict):
        return set()
    seen, count = when.get("seen"), when.get("count")
    asked = [*(seen if isinstance(seen, list) else [seen]), *(count if isinstance(count, dict) else ())]
    return {kind for kind in asked if isinstance(kind, str)}


def compile_past(
    reader: Reader, when: Mapping[Any, Any], path: str, weights: Mapping[str, float], counted: Sequence[str]
) -> PastPredicate | None:
    """Return the predicate of the conditions on the past in a `when` block, None without one.

    `weights` are those of the stages by id, in the order of the indexes; `counted` the types that are counted.
    """
    tests = list[PastPredicate]()
    if "stage" in when:
        tests.append(_in_stage(_stages(reader, when["stage"], f"{path}.stage", weights)))
    if "seen" in when:
        types = reader.types(when["seen"], f"{path}.seen")
        tests.append(_were_seen([counted.index(kind) for kind in sorted(types)]))
    if "count" in when:
        tests += _counts(reader, when["count"], f"{path}.count", counted)
    return _all_of(tests)


def _all_of(tests: list[PastPredicate]) -> PastPredicate | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda stage, counts: all(test(stage, counts) for test in tests)


def _in_stage(allowed: frozenset[int]) -> PastPredicate:
    return lambda stage, counts: stage in allowed


def _were_seen(places: list[int]) -> PastPredicate:
    return lambda stage, counts: all(counts[place] for place in places)


def _is_counted(place: int, tests: list[tuple[Callable[[int, int], bool], int]]) -> PastPredicate:
    return lambda stage, counts: all(compare(counts[place], limit) for compare, limit in tests)


def _stages(reader: Reader, spec: Any, path: str, weights: Mapping[str, float]) -> frozenset[int]:
    """Return the indexes of the stages that pass."""
    if not isinstance(spec, dict):
        names = spec if isinstance(spec, list) else [spec]
        if not names or not all(isinstance(name, str) and name in weights for name in names):
            reader.report(
                path, f"must be {{at_least: STAGE}}, {{below: STAGE}}, or some of the stages {_list(weights)}"
            )
        return frozenset(i for i, name in enumerate(weights) if name in names)
    if not spec:
        reader.report(path, "must be {at_least: STAGE} or {below: STAGE}")
    allowed = set(range(len(weights)))
    for name, stage in spec.items():
        if name not in STAGE_OPERATORS:
            reader.report(f"{path}.{name}", f"is no operator; use one of {', '.join(STAGE_OPERATORS)}")
        elif not isinstance(stage, str) or stage not in weights:
            reader.report(f"{path}.{name}", f"must be one of the stages {_list(weights)}, not {stage!r}")
        else:
            passes, limit = STAGE_OPERATORS[name], weights[stage]
            allowed &= {i for i, weight in enumerate(weights.values()) if passes(weight, limit)}
    return frozenset(allowed)


def _list(weights: Mapping[str, float]) -> str:
    return ", ".join(weights)


def _counts(reader: Reader, spec: Any, path: str, counted: Sequence[str]) -> list[PastPredicate]:
    if not isinstance(spec, dict) or not spec:
        reader.report(path, "must map touchpoint types to numbers, as {purchase: {gte: 2}}")
        return []
    found = list[PastPredicate]()
    for kind, limits in spec.items():
        if reader.types(kind, f"{path}.{kind}"):
            found.append(_is_counted(counted.index(kind), _limits(reader, limits, f"{path}.{kind}")))
    return found


def _limits(reader: Reader, spec: Any, path: str) -> list[tuple[Callable[[int, int], bool], int]]:
    limits = spec if isinstance(spec, dict) else {"eq": spec}
    if not limits:
        reader.report(path, f"needs a number, or one of {', '.join(COUNT_OPERATORS)} with one")
    found = []
    for name, limit in limits.items():
        if name not in COUNT_OPERATORS:
            reader.report(f"{path}.{name}", f"is no operator; use one of {', '.join(COUNT_OPERATORS)}")
        elif type(limit) is not int or not 0 <= limit <= MAX_COUNT:
            reader.report(f"{path}.{name}", f"needs a whole number from 0 to {MAX_COUNT}, not {limit!r}")
        else:
            found.append((COUNT_OPERATORS[name], limit))
    return found


def canonical_past(when: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plain form of the conditions on the past of a legal `when` block, the same for all their spellings."""
    found = dict[str, Any]()
    if "stage" in when:
        stage = when["stage"]
        found["stage"] = stage if isinstance(stage, dict) else sorted({*stage} if isinstance(stage, list) else {stage})
    if "seen" in when:
        found["seen"] = sorted({*when["seen"]} if isinstance(when["seen"], list) else {when["seen"]})
    if "count" in when:
        count = when["count"].items()
        found["count"] = {kind: spec if isinstance(spec, dict) else {"eq": spec} for kind, spec in count}
    return found
