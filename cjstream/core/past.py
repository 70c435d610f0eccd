"""Conditions on the past: the stage before the touchpoint, the touchpoints of the run by type, the engagement score.

`when: {stage: {at_least: purchase}, seen: [purchase, delivered], count: {purchase: {gte: 2}}, score: {gte: 50}}` holds
when every part passes. `seen`, `count` and `score` include the touchpoint at hand. Outside of the journey no condition
on the stage passes.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from cjstream.core.reading import Reader

# (index of the stage before the touchpoint or OUTSIDE, how many there are of each counted type, the score)
PastPredicate = Callable[[int, Sequence[int], float], bool]

SCORE = "score"
PAST_KEYS = ("stage", "seen", "count", SCORE)
MAX_COUNTED = 64  # types; the state holds a number for each
MAX_COUNT = 1_000_000
COUNT = f"a whole number from 0 to {MAX_COUNT}"
Limits = list[tuple[Callable[[float, float], bool], float]]
STAGE_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"at_least": operator.ge, "below": operator.lt}
COUNT_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
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
    if SCORE in when:
        tests.append(_is_scored(_limits(reader, when[SCORE], f"{path}.{SCORE}", _is_score, "a number")))
    return _all_of(tests)


def _all_of(tests: list[PastPredicate]) -> PastPredicate | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda stage, counts, score: all(test(stage, counts, score) for test in tests)


def _in_stage(allowed: frozenset[int]) -> PastPredicate:
    return lambda stage, counts, score: stage in allowed


def _were_seen(places: list[int]) -> PastPredicate:
    return lambda stage, counts, score: all(counts[place] for place in places)


def _is_counted(place: int, tests: Limits) -> PastPredicate:
    return lambda stage, counts, score: all(compare(counts[place], limit) for compare, limit in tests)


def _is_scored(tests: Limits) -> PastPredicate:
    return lambda stage, counts, score: all(compare(score, limit) for compare, limit in tests)


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
            found.append(_is_counted(counted.index(kind), _limits(reader, limits, f"{path}.{kind}", _is_count, COUNT)))
    return found


def _is_count(limit: Any) -> bool:
    return type(limit) is int and 0 <= limit <= MAX_COUNT


def _is_score(limit: Any) -> bool:
    return type(limit) in (int, float) and -MAX_COUNT <= limit <= MAX_COUNT


def _limits(reader: Reader, spec: Any, path: str, is_legal: Callable[[Any], bool], wanted: str) -> Limits:
    limits = spec if isinstance(spec, dict) else {"eq": spec}
    if not limits:
        reader.report(path, f"needs a number, or one of {', '.join(COUNT_OPERATORS)} with one")
    found = []
    for name, limit in limits.items():
        if name not in COUNT_OPERATORS:
            reader.report(f"{path}.{name}", f"is no operator; use one of {', '.join(COUNT_OPERATORS)}")
        elif not is_legal(limit):
            reader.report(f"{path}.{name}", f"needs {wanted}, not {limit!r}")
        else:
            found.append((COUNT_OPERATORS[name], limit))
    return found


def asks(items: Iterable[Any], name: str) -> bool:
    """Return whether the `when` of one of these rules, as plain data, has a condition of this name; never faults."""
    whens = (item.get("when") for item in items if isinstance(item, dict))
    return any(isinstance(when, dict) and name in when for when in whens)


def asking_rules(data: Mapping[str, Any]) -> list[Any]:
    """Return what asks the state in a definition, as plain data: exits, rules, goal and snoozes; never faults."""
    lists = [data.get(key) for key in ("exits", "rules", "snooze")]
    return [data.get("goal"), *chain.from_iterable(each for each in lists if isinstance(each, list))]


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
    if SCORE in when:
        spec = when[SCORE] if isinstance(when[SCORE], dict) else {"eq": when[SCORE]}
        found[SCORE] = {name: float(limit) for name, limit in spec.items()}
    return found
