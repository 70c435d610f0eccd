"""JourneyDefinition: stages, rules and goal, compiled from plain data. Every fault is found at once, with its path."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import nan
from typing import Any

from cjstream.core.condition import Predicate, canonical, compile_when
from cjstream.core.times import parse_duration
from cjstream.core.touchpoint import MAX_LABEL, Touchpoint, is_id
from cjstream.errors import DefinitionError, Problem

MAX_STAGES = 64
MAX_RULES = 1000
DESCRIPTIVE = ("title", "owner")  # say something to people, change nothing: outside the hash
KEYS = ("journey", "goal", "lateness", "stages", "rules", *DESCRIPTIVE)
STAGE_KEYS = ("id", "weight", "group", "title")
RULE_KEYS = ("id", "on", "when", "to")
GOAL_KEYS = ("on", "when")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; a higher weight is further on."""

    id: str
    weight: float
    group: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A touchpoint of one of the types `on` that passes `when` proposes a move to the stage with index `to`."""

    id: str
    on: frozenset[str]
    when: Predicate | None
    to: int

    def holds(self, touchpoint: Touchpoint) -> bool:
        """Return whether the condition holds; the type was already looked up."""
        return self.when is None or self.when(touchpoint)


@dataclass(frozen=True, slots=True)
class JourneyDefinition:
    """A compiled journey. `hash` names its behaviour; `data` is the plain form that compiles to it again.

    The goal is `goal_stage` (an index), or a condition (`goal_rule`), or neither.
    """

    journey: str
    stages: tuple[Stage, ...]
    rules_by_type: Mapping[str, tuple[Rule, ...]]
    goal_stage: int | None
    goal_rule: Rule | None
    lateness_ms: int
    owner: str | None
    hash: str
    data: Mapping[str, Any]

    def rule_for(self, touchpoint: Touchpoint) -> Rule | None:
        """Return the first rule that the touchpoint matches, in the order of the file."""
        for rule in self.rules_by_type.get(touchpoint.type, ()):
            if rule.when is None or rule.when(touchpoint):
                return rule
        return None

    def meets_goal(self, touchpoint: Touchpoint) -> bool:
        """Return whether the touchpoint itself is the goal; a stage as goal is read from the visits."""
        rule = self.goal_rule
        return rule is not None and touchpoint.type in rule.on and rule.holds(touchpoint)


def compile_definition(data: Any, source: str = "definition") -> JourneyDefinition:
    """Return the journey that plain data (as YAML or JSON give it) describes.

    Raises DefinitionError with every fault: each has the path of what is wrong and what to write instead.
    """
    return _Compiler(source).run(data)


class _Compiler:
    def __init__(self, source: str) -> None:
        self.source, self.problems = source, list[Problem]()

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, None, message))

    def run(self, data: Any) -> JourneyDefinition:
        if not isinstance(data, dict):
            raise DefinitionError(
                self.source, [Problem("", None, "must be a mapping that starts with `journey: NAME`")]
            )
        self.known_keys(data, KEYS, "")
        journey = self.name(data.get("journey"), "journey")
        stages = self.stages(data.get("stages"))
        index = {stage.id: i for i, stage in enumerate(stages)}
        rules = self.rules(data.get("rules"), index)
        goal_stage, goal_rule = self.goal(data.get("goal"), index)
        lateness_ms = self.duration(data.get("lateness", 0), "lateness")
        owner = self.optional_text(data, "owner", "owner")
        self.optional_text(data, "title", "title")
        if not self.problems and not _is_writable(data):
            self.report("", "holds half of a surrogate pair, which no record can carry")
        if self.problems:
            raise DefinitionError(self.source, self.problems)
        by_type = {kind: tuple(rule for rule in rules if kind in rule.on) for rule in rules for kind in rule.on}
        return JourneyDefinition(
            journey, stages, by_type, goal_stage, goal_rule, lateness_ms, owner, content_hash(data), data
        )

    def known_keys(self, data: Mapping[Any, Any], known: tuple[str, ...], path: str) -> None:
        for key in data:
            if key not in known:
                self.report(f"{path}.{key}" if path else str(key), f"is not known here; use {', '.join(known)}")

    def name(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not is_id(value):
            self.report(path, "must be a name of 1 to 128 visible characters")
            return ""
        return value

    def text(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_LABEL:
            self.report(path, f"must be a text of 1 to {MAX_LABEL} characters")
            return ""
        return value

    def optional_text(self, data: Mapping[Any, Any], key: str, path: str) -> str | None:
        return None if data.get(key) is None else self.text(data[key], path)

    def duration(self, value: Any, path: str) -> int:
        ms = parse_duration(value)
        if ms is None:
            self.report(path, f"must be a duration such as 30s, 15m, 4h or 14d, not {value!r}")
        return ms or 0

    def items(self, value: Any, path: str, most: int) -> list[tuple[str, dict[Any, Any]]]:
        if not isinstance(value, list) or not 0 < len(value) <= most:
            self.report(path, f"must be a list of 1 to {most} entries")
            return []
        pairs = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
        for where, item in pairs:
            if not isinstance(item, dict):
                self.report(where, "must be a mapping")
        return [(where, item) for where, item in pairs if isinstance(item, dict)]

    def stages(self, value: Any) -> tuple[Stage, ...]:
        stages: list[Stage] = []
        for path, item in self.items(value, "stages", MAX_STAGES):
            self.known_keys(item, STAGE_KEYS, path)
            stage = self.stage(item, path)
            if stage.id and any(stage.id == other.id for other in stages):
                self.report(f"{path}.id", f"{stage.id!r} stands twice")
            if any(stage.weight == other.weight for other in stages):
                self.report(f"{path}.weight", f"{stage.weight:g} stands twice; weights order the stages")
            stages.append(stage)
        return tuple(stages)

    def stage(self, item: Mapping[Any, Any], path: str) -> Stage:
        weight = item.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= 1e9:
            self.report(f"{path}.weight", "must be a number; higher is further on")
            weight = nan  # equal to no other, so one fault is not told as two
        self.optional_text(item, "title", f"{path}.title")
        name, group = self.name(item.get("id"), f"{path}.id"), self.optional_text(item, "group", f"{path}.group")
        return Stage(name, weight, group)

    def rules(self, value: Any, index: Mapping[str, int]) -> list[Rule]:
        rules: list[Rule] = []
        for n, (path, item) in enumerate(self.items(value, "rules", MAX_RULES), start=1):
            self.known_keys(item, RULE_KEYS, path)
            name = self.name(item.get("id", f"rule-{n}"), f"{path}.id")
            if name and any(name == rule.id for rule in rules):
                self.report(f"{path}.id", f"{name!r} stands twice")
            rules.append(self.rule(name, item, path, self.stage_index(item.get("to"), f"{path}.to", index)))
        return rules

    def rule(self, name: str, item: Mapping[Any, Any], path: str, to: int) -> Rule:
        when = compile_when(item["when"], f"{path}.when", self.report) if "when" in item else None
        return Rule(name, self.types(item.get("on"), f"{path}.on"), when, to)

    def types(self, value: Any, path: str) -> frozenset[str]:
        types = value if isinstance(value, list) else [value]
        if not types or not all(isinstance(kind, str) and 0 < len(kind) <= MAX_LABEL for kind in types):
            self.report(path, "must be a touchpoint type, or a list of them")
            return frozenset()
        return frozenset(types)

    def stage_index(self, value: Any, path: str, index: Mapping[str, int]) -> int:
        if not isinstance(value, str) or value not in index:
            self.report(path, f"must be one of the stages {', '.join(index)}, not {value!r}")
            return 0
        return index[value]

    def goal(self, value: Any, index: Mapping[str, int]) -> tuple[int | None, Rule | None]:
        if value is None:
            return None, None
        if isinstance(value, dict):
            self.known_keys(value, GOAL_KEYS, "goal")
            return None, self.rule("goal", value, "goal", 0)
        return self.stage_index(value, "goal", index), None


def _is_writable(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def content_hash(data: Mapping[str, Any]) -> str:
    """Return 16 hex digits that name a definition's behaviour: the same whatever its titles, groups or owner say.

    Hashes a canonical JSON of the compiled form, so spellings that mean the same have the same hash.
    """
    behaviour = {
        "journey": data["journey"],
        "lateness": parse_duration(data.get("lateness", 0)),
        "stages": [[stage["id"], float(stage["weight"])] for stage in data["stages"]],
        "rules": [
            [rule.get("id", f"rule-{n}"), *_condition(rule), rule["to"]] for n, rule in enumerate(data["rules"], 1)
        ],
        "goal": _condition(data["goal"]) if isinstance(data.get("goal"), dict) else data.get("goal"),
    }
    text = json.dumps(behaviour, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def _condition(item: Mapping[str, Any]) -> list[Any]:
    on = item["on"]
    return [sorted(set(on)) if isinstance(on, list) else [on], canonical(item.get("when", {}))]
