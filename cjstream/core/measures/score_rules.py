"""The score as a definition asks for it: `measures.score`, read and compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, NamedTuple

from cjstream.core.condition import Predicate, compile_when
from cjstream.core.measures.tally import HALF_LIFE, NONE, TO_ZERO_IN, WINDOW, Decay, decay_of
from cjstream.core.past import PAST_KEYS
from cjstream.core.reading import Item, Reader
from cjstream.core.stages import Stage

KEYS = ("cap", "decay", "groups", "rules", "thresholds")
DECAYS: Mapping[str, int] = {"half_life": HALF_LIFE, "to_zero_in": TO_ZERO_IN, "window": WINDOW}
RULE_KEYS = ("id", "on", "when", "points", "group")
THRESHOLD_KEYS = ("id", "at", "below", "to")
MAX_RULES = 64  # the state of a customer holds a tally of each
FEW_RULES = 8
MAX_GROUPS = 64
MAX_THRESHOLDS = 16
MAX_POINTS = 1_000_000
MAX_LAYOUTS = 1024  # kept at hand; one for each set of rules that customers have contributed by


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A touchpoint of a type that leads here and passes `when` brings `points`, which may be below 0."""

    id: str
    points: float
    group: str | None
    when: Predicate | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score that rises to `at` is told, and not again before it fell below `below`; `to`: the id of a stage."""

    id: str
    at: float
    below: float
    to: str | None


class Layout(NamedTuple):
    """How the places of a state add up: the points of each, the places `free` of a cap, and those of each group.

    `by_type`: the places that a touchpoint of a type adds to, if that is sure without a look at its fields.
    """

    place_of: Mapping[str, int]  # by rule
    points: tuple[float, ...]  # 0 of a rule that is gone
    free: tuple[int, ...]
    groups: tuple[tuple[float, tuple[int, ...]], ...]  # cap, places
    by_type: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Spec:
    """A compiled score. `cap`, and the caps of `groups`, are the most that counts; a rule without a group has none.

    `rules` are by id; so are those of each type in `by_type`. `types`: all types of touchpoints that may bring points.
    """

    rules: Mapping[str, ScoreRule]
    by_type: Mapping[str, tuple[ScoreRule, ...]]
    types: frozenset[str]
    groups: Mapping[str, float]
    cap: float | None
    decay: Decay
    thresholds: tuple[Threshold, ...]
    lowest: float  # `at` of the lowest threshold
    safe: float  # the highest `below`
    names: frozenset[str]  # of the thresholds
    all_rules: tuple[str, ...]  # their ids, sorted, if they are few: then a state has places for all from the start
    layouts: dict[tuple[str, ...], Layout] = field(default_factory=dict, compare=False, repr=False)

    def layout(self, rules: tuple[str, ...]) -> Layout:
        """Return how the places of a state that knows these rules add up."""
        found = self.layouts.get(rules)
        if found is None:
            if len(self.layouts) >= MAX_LAYOUTS:
                self.layouts.clear()
            found = self.layouts[rules] = self._layout(rules)
        return found

    def _layout(self, rules: Sequence[str]) -> Layout:
        grouped: dict[str, list[int]] = {}
        free = list[int]()
        for place, name in enumerate(rules):
            group = self.rules[name].group if name in self.rules else None
            (free if group is None else grouped.setdefault(group, [])).append(place)
        place_of = {name: place for place, name in enumerate(rules)}
        return Layout(
            place_of,
            tuple([self.rules[name].points if name in self.rules else 0.0 for name in rules]),
            tuple(free),
            tuple([(self.groups[group], tuple(places)) for group, places in grouped.items()]),
            {
                kind: tuple([place_of[rule.id] for rule in asked])
                for kind, asked in self.by_type.items()
                if all(rule.when is None and rule.id in place_of for rule in asked)
            },
        )


def read(reader: Reader, value: Any, path: str, stages: Sequence[Stage]) -> Spec:
    """Return the score that a definition asks for; faults go to `reader`."""
    data = reader.mapping(value, path, KEYS)
    groups = _groups(reader, data["groups"], f"{path}.groups") if "groups" in data else {}
    rules, by_type = _rules(reader, data.get("rules"), f"{path}.rules", groups)
    thresholds = _thresholds(reader, data["thresholds"], f"{path}.thresholds", stages) if "thresholds" in data else ()
    return Spec(
        rules=rules,
        by_type=by_type,
        types=frozenset(by_type),
        groups=groups,
        cap=_positive(reader, data["cap"], f"{path}.cap") if "cap" in data else None,
        decay=_decay(reader, data["decay"], f"{path}.decay") if "decay" in data else decay_of(NONE, 1),
        thresholds=thresholds,
        lowest=min((threshold.at for threshold in thresholds), default=inf),
        safe=max((threshold.below for threshold in thresholds), default=inf),
        names=frozenset(threshold.id for threshold in thresholds),
        all_rules=tuple(sorted(rules)) if len(rules) <= FEW_RULES else (),
    )


def _groups(reader: Reader, value: Any, path: str) -> dict[str, float]:
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_GROUPS:
        reader.report(path, f"must map 1 to {MAX_GROUPS} names to caps, as {{browsing: {{cap: 20}}}}")
        return {}
    caps = {}
    for name, told in value.items():
        where = f"{path}.{name}"
        if reader.name(name, where) and reader.mapping(told, where, ("cap",)) is told:
            caps[name] = _positive(reader, told.get("cap"), f"{where}.cap")
    return caps


def _decay(reader: Reader, value: Any, path: str) -> Decay:
    data = reader.mapping(value, path, tuple(DECAYS))
    named = [name for name in DECAYS if name in data]
    if len(named) != 1:
        if isinstance(value, dict):
            reader.report(path, f"needs exactly one of {', '.join(DECAYS)}; leave it out for a score that never fades")
        return decay_of(NONE, 1)
    return decay_of(DECAYS[named[0]], reader.clock(data, named[0], path) or 1)


def _rules(
    reader: Reader, value: Any, path: str, groups: Mapping[str, float]
) -> tuple[dict[str, ScoreRule], dict[str, tuple[ScoreRule, ...]]]:
    rules, types = dict[str, ScoreRule](), dict[str, frozenset[str]]()
    for name, where, item in _named(reader, value, path, "score", RULE_KEYS, MAX_RULES):
        types[name] = reader.types(item.get("on"), f"{where}.on")
        points = _number(reader, item.get("points"), f"{where}.points")
        if points == 0:
            reader.report(f"{where}.points", "must not be 0: the rule would do nothing")
        group = item.get("group")
        if group is not None and (not isinstance(group, str) or group not in groups):
            reader.report(f"{where}.group", f"must be one of `groups`, not {group!r}")
        rules[name] = ScoreRule(name, points, group, _when(reader, item, f"{where}.when"))
    by_id = {name: rules[name] for name in sorted(rules)}
    kinds = {kind for name in rules for kind in types[name]}
    return by_id, {kind: tuple(by_id[name] for name in by_id if kind in types[name]) for kind in sorted(kinds)}


def _when(reader: Reader, item: Item, path: str) -> Predicate | None:
    when = item.get("when", {})
    if not isinstance(when, dict):
        return compile_when(when, path, reader.report)
    for key in PAST_KEYS:
        if key in when:
            reader.report(f"{path}.{key}", "is not known here: points are for touchpoint fields only")
    return compile_when({key: spec for key, spec in when.items() if key not in PAST_KEYS}, path, reader.report)


def _thresholds(reader: Reader, value: Any, path: str, stages: Sequence[Stage]) -> tuple[Threshold, ...]:
    names, found = [stage.id for stage in stages], []
    for name, where, item in _named(reader, value, path, "threshold", THRESHOLD_KEYS, MAX_THRESHOLDS):
        at = _positive(reader, item.get("at"), f"{where}.at")
        below = _number(reader, item["below"], f"{where}.below") if "below" in item else at
        if below > at:
            reader.report(f"{where}.below", f"must not be above `at`, which is {at:g}")
        to = None if item.get("to") is None else reader.word(item["to"], f"{where}.to", names)
        found.append(Threshold(name, at, below, to or None))
    return tuple(found)


def _named(
    reader: Reader, value: Any, path: str, noun: str, known: Sequence[str], most: int
) -> list[tuple[str, str, Item]]:
    """Return (id, path, item) of each item of a list; no two ids are equal."""
    found = dict[str, tuple[str, str, Item]]()
    for n, (where, item) in enumerate(reader.items(value, path, most), start=1):
        reader.known_keys(item, known, where)
        name = reader.name(item.get("id", f"{noun}-{n}"), f"{where}.id")
        if name in found:
            reader.report(f"{where}.id", f"{name!r} stands twice")
        found[name] = name, where, item
    return list(found.values())


def _number(reader: Reader, value: Any, path: str) -> float:
    """Return a number; after a fault one that passes every comparison, so that it is told once."""
    if type(value) not in (int, float) or not -MAX_POINTS <= value <= MAX_POINTS:
        reader.report(path, f"must be a number from -{MAX_POINTS} to {MAX_POINTS}, not {value!r}")
        return nan
    return float(value)


def _positive(reader: Reader, value: Any, path: str) -> float:
    number = _number(reader, value, path)
    if number <= 0:
        reader.report(path, "must be above 0")
    return number
