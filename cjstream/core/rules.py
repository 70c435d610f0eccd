"""Rules: what a touchpoint leads to. Exits, moves, the goal and snoozes; and the two that act before any of them.

A rule looks at the touchpoint (`when`, core/condition.py) and at the past (`past`, core/past.py).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.condition import Predicate, compile_when, path_reader
from cjstream.core.limits import MAX_MS
from cjstream.core.measures.score import Spec
from cjstream.core.past import MAX_COUNTED, PAST_KEYS, PastPredicate, asking_rules, compile_past, types_asked
from cjstream.core.reading import Item, Reader
from cjstream.core.stages import OUTSIDE, Stage, stage_index
from cjstream.core.times import parse_time
from cjstream.core.touchpoint import Touchpoint

MOVE, EXIT, GOAL, SNOOZE, RAISE = "move", "exit", "goal", "snooze", "raise"
MAX_RULES = 1000  # of each list
MAX_PAST_RULES = 32  # with conditions on the past, of one touchpoint type, in all lists together
RULE_KEYS = ("id", "on", "when", "to")
GOAL_KEYS = ("on", "when")
PLAIN_KEYS = ("id", "on", "when")  # exits, ignore
PERSONA_KEYS = (*PLAIN_KEYS, "persona")
SNOOZE_KEYS = (*PLAIN_KEYS, "for", "until")

Hold = Callable[[Touchpoint], int | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A touchpoint of one of the types `on` that passes `when`, after a past that passes `past`, does what `kind` says.

    MOVE proposes the stage with index `to`, and so does RAISE, for a score that was reached, if it is further up; EXIT,
    GOAL and SNOOZE lead to none, their `to` is OUTSIDE. `hold` of a
    SNOOZE returns until when the stalls wait (event time), None if the touchpoint does not say.
    """

    id: str
    on: frozenset[str]
    when: Predicate | None
    to: int
    past: PastPredicate | None = None
    kind: str = MOVE
    hold: Hold | None = None

    def holds(self, touchpoint: Touchpoint) -> bool:
        """Return whether the `when` holds; the type was already looked up, the past is not asked."""
        return self.when is None or self.when(touchpoint)


@dataclass(frozen=True, slots=True)
class PersonaRule:
    """A touchpoint without a persona that passes `rule` gets this one."""

    persona: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a definition; `counted` are the types that conditions on the past ask for, sorted."""

    rules: tuple[Rule, ...]
    goal: Rule | None
    exits: tuple[Rule, ...]
    snoozes: tuple[Rule, ...]
    ignores: tuple[Rule, ...]
    personas: tuple[PersonaRule, ...]
    raises: tuple[Rule, ...]
    counted: tuple[str, ...]

    @property
    def table(self) -> tuple[Rule, ...]:
        """The rules that look at the state, in the order in which they are asked; `raises` at the end, as they came."""
        return (*self.exits, *self.rules, *([self.goal] if self.goal else []), *self.snoozes, *self.raises)


def read_rules(reader: Reader, data: Item, stages: Sequence[Stage], score: Spec | None = None) -> RuleBook:
    """Return the rules of a definition, and those that thresholds of its `score` make."""
    counted = _counted(reader, data)
    rules, goal = RuleReader(reader, stages, counted), data.get("goal")
    return RuleBook(
        rules=rules.moves(data.get("rules")),
        goal=rules.goal(goal) if isinstance(goal, dict) else None,
        exits=rules.exits(data["exits"]) if "exits" in data else (),
        snoozes=rules.snoozes(data["snooze"]) if "snooze" in data else (),
        ignores=rules.ignores(data["ignore"]) if "ignore" in data else (),
        personas=rules.personas(data["personas"]) if "personas" in data else (),
        raises=rules.raises(score) if score is not None else (),
        counted=counted,
    )


def _counted(reader: Reader, data: Item) -> tuple[str, ...]:
    items = [item for item in asking_rules(data) if isinstance(item, dict)]
    counted = sorted({kind for item in items for kind in types_asked(item.get("when"))})
    if len(counted) > MAX_COUNTED:
        reader.report(
            "", f"asks `seen` and `count` for {len(counted)} types; at most {MAX_COUNTED}, the state holds each"
        )
    return tuple(counted)


class RuleReader:
    """Reads the rules of one definition; ids are told in causes, so no two are equal, whatever their list."""

    def __init__(self, reader: Reader, stages: Sequence[Stage], counted: Sequence[str]) -> None:
        self.reader, self.counted = reader, counted
        self.index = {stage.id: i for i, stage in enumerate(stages)}
        self.weights = {stage.id: stage.weight for stage in stages}
        self.ids = set[str]()
        self.past_rules = Counter[str]()  # by type

    def moves(self, value: Any) -> tuple[Rule, ...]:
        """Return the rules that move to a stage, in the order of the file."""
        return tuple(
            self._rule(name, item, path, stage_index(self.reader, item.get("to"), f"{path}.to", self.index))
            for name, path, item in self._items(value, "rules", "rule", RULE_KEYS)
        )

    def exits(self, value: Any) -> tuple[Rule, ...]:
        """Return the rules that leave the journey from any stage."""
        found = self._items(value, "exits", "exit", PLAIN_KEYS)
        return tuple(self._rule(name, item, path, OUTSIDE, EXIT) for name, path, item in found)

    def goal(self, item: Item) -> Rule:
        """Return the goal that is a condition."""
        self.reader.known_keys(item, GOAL_KEYS, "goal")
        return self._rule("goal", item, "goal", OUTSIDE, GOAL)

    def snoozes(self, value: Any) -> tuple[Rule, ...]:
        """Return the rules that let the stalls wait."""
        found = self._items(value, "snooze", "snooze", SNOOZE_KEYS)
        return tuple(
            self._rule(name, item, path, OUTSIDE, SNOOZE, self._hold(item, path)) for name, path, item in found
        )

    def ignores(self, value: Any) -> tuple[Rule, ...]:
        """Return the rules that pick the touchpoints to take no notice of."""
        return tuple(
            self._early(name, item, path) for name, path, item in self._items(value, "ignore", "ignore", PLAIN_KEYS)
        )

    def personas(self, value: Any) -> tuple[PersonaRule, ...]:
        """Return the rules that derive a persona."""
        return tuple(
            PersonaRule(self.reader.text(item.get("persona"), f"{path}.persona"), self._early(name, item, path))
            for name, path, item in self._items(value, "personas", "persona", PERSONA_KEYS)
        )

    def raises(self, score: Spec) -> tuple[Rule, ...]:
        """Return a rule for each threshold that leads to a stage: asked whenever a touchpoint may bring points."""
        found = []
        for n, threshold in enumerate(score.thresholds):
            if threshold.to is not None:
                if threshold.id in self.ids:
                    self.reader.report(f"measures.score.thresholds[{n}].id", f"{threshold.id!r} is a rule's id as well")
                found.append(
                    Rule(threshold.id, score.types, None, self.index[threshold.to], _reaches(threshold.at), RAISE)
                )
        return tuple(found)

    def _items(self, value: Any, path: str, noun: str, known: Sequence[str]) -> list[tuple[str, str, Item]]:
        """Return (id, path, item) of each rule in a list."""
        found = []
        for n, (where, item) in enumerate(self.reader.items(value, path, MAX_RULES), start=1):
            self.reader.known_keys(item, known, where)
            name = self.reader.name(item.get("id", f"{noun}-{n}"), f"{where}.id")
            if name in self.ids:
                self.reader.report(f"{where}.id", f"{name!r} stands twice")
            self.ids |= {name} - {""}
            found.append((name, where, item))
        return found

    def _rule(self, name: str, item: Item, path: str, to: int, kind: str = MOVE, hold: Hold | None = None) -> Rule:
        when, past = self._when(item, f"{path}.when")
        types = self.reader.types(item.get("on"), f"{path}.on")
        if past is not None:
            self._count_past(types, path)
        return Rule(name, types, when, to, past, kind, hold)

    def _count_past(self, types: frozenset[str], path: str) -> None:
        """Count a rule with conditions on the past, and report the first that is one too many of a type."""
        self.past_rules.update(types)
        crowded = sorted(kind for kind in types if self.past_rules[kind] == MAX_PAST_RULES + 1)
        if crowded:
            self.reader.report(
                f"{path}.when",
                f"is one too many: at most {MAX_PAST_RULES} rules of a type may ask the past ({', '.join(crowded)})",
            )

    def _early(self, name: str, item: Item, path: str) -> Rule:
        """Return a rule that is asked before the state is looked at."""
        when = item.get("when")
        if isinstance(when, dict):
            for key in [key for key in PAST_KEYS if key in when]:
                self.reader.report(f"{path}.when.{key}", "is not known yet here; ask for touchpoint fields only")
            item = {**item, "when": {key: spec for key, spec in when.items() if key not in PAST_KEYS}}
        return self._rule(name, item, path, OUTSIDE)

    def _when(self, item: Item, path: str) -> tuple[Predicate | None, PastPredicate | None]:
        when = item.get("when")
        if not isinstance(when, dict):
            return compile_when(when, path, self.reader.report) if "when" in item else None, None
        now = {key: spec for key, spec in when.items() if key not in PAST_KEYS}
        past = compile_past(self.reader, when, path, self.weights, self.counted)
        return compile_when(now, path, self.reader.report), past

    def _hold(self, item: Item, path: str) -> Hold | None:
        if ("for" in item) == ("until" in item):
            self.reader.report(path, "needs exactly one of `for: 7d` and `until: properties.NAME`")
            return None
        if "for" in item:
            return _hold_for(self.reader.clock(item, "for", path) or 0)
        read = path_reader(item["until"])
        if read is None:
            self.reader.report(f"{path}.until", "must be properties.NAME, a property that holds a time")
            return None
        return lambda touchpoint: parse_time(read(touchpoint))


def _reaches(points: float) -> PastPredicate:
    return lambda stage, counts, score: score >= points


def _hold_for(ms: int) -> Hold:
    return lambda touchpoint: min(touchpoint.at_ms + ms, MAX_MS)
