"""Compiles journey definitions from plain data. Every fault is found at once, with its path."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.condition import walk
from cjstream.core.content import asks_score, content_hash
from cjstream.core.measures.compiled import Measures, read_measures
from cjstream.core.past import SCORE, asking_rules, asks
from cjstream.core.policies import CLOSED, DIMENSIONS, EVERY, FORWARD_ONLY, OTHER, Policies, read_policies
from cjstream.core.reading import Item, Reader, title_of
from cjstream.core.rules import EXIT, GOAL, MAX_RULES, MOVE, RAISE, SNOOZE, PersonaRule, Rule, RuleBook, read_rules
from cjstream.core.stages import MAX_STAGES, OUTSIDE, Stage, Stall, read_stages, stage_index
from cjstream.core.times import parse_duration
from cjstream.core.touchpoint import Touchpoint, is_id
from cjstream.errors import DefinitionError, Problem

__all__ = [
    "EXIT", "GOAL", "MAX_RULES", "MAX_STAGES", "MOVE", "OUTSIDE", "RAISE", "SNOOZE", "JourneyDefinition", "PersonaRule",
    "Rule", "Stage", "Stall", "compile_definition", "content_hash", "title_of",
]  # fmt: skip

DESCRIPTIVE = ("title", "owner", "review_by")  # say something to people, change nothing: outside the hash
KEYS = (
    "journey", *DESCRIPTIVE, "goal", "lateness", "moves", "entry", "window", "instance", "reentry",
    "stages", "rules", "exits", "ignore", "personas", "snooze", "count_by", "replaces", "measures",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JourneyDefinition:
    """A compiled journey. `hash` names its behaviour; `data` is the plain form that compiles to it again.

    The goal is `goal_stage` (an index), or a condition (`goal_rule`), or neither.
    """

    journey: str
    stages: tuple[Stage, ...]
    goal_stage: int | None
    goal_rule: Rule | None
    lateness_ms: int
    owner: str | None
    hash: str
    data: Mapping[str, Any]
    moves: str
    backward: frozenset[tuple[int, int]]  # (from, to) that a `listed` policy allows
    entry: str
    window_ms: int | None  # from a run's first visit to its conversion
    table: tuple[Rule, ...]  # exits, rules, goal, snoozes; the state stores places in it
    table_by_type: Mapping[str, tuple[int, ...]]  # ascending
    certain: Mapping[
        str, tuple[int, bool] | None
    ]  # by type the place of its move and whether it is the goal; None: ask
    counted: tuple[str, ...]  # types that conditions on the past ask for, sorted
    instance_field: tuple[str, ...] | None  # None: one instance per customer
    instance_limit: int
    reentry: str
    cooldown_ms: int
    ignores: tuple[Rule, ...]
    personas: tuple[PersonaRule, ...]
    count_by: Mapping[str, tuple[str, ...]]  # every dimension, its labels sorted
    replaces: Mapping[str, Mapping[str, str]]  # old hash -> {old stage id: new one}, where they differ
    first: int  # the stage of lowest weight
    order_free: bool  # the earliest touchpoint per stage and for the goal tell everything
    has_windows: bool
    has_deadlines: bool
    touches_matter: bool  # some stall waits for silence
    digits: tuple[tuple[str, Mapping[str, int]], ...]  # what each label adds to an origin, by configured dimension
    measures: Measures | None  # those that it asks for; None: none of them
    is_measured: bool  # some measure is kept up while touchpoints come
    keeps_mood: bool  # some measure asks for the judgement, or for what the customer did last
    asks_score: bool  # some rule does
    asks_sentiment: bool  # some rule or measure does

    def matches(self, touchpoint: Touchpoint) -> tuple[int, ...]:
        """Return the places in `table` of the rules that the touchpoint passes, conditions on the past left aside."""
        table, places = self.table, self.table_by_type.get(touchpoint.type, ())
        return tuple([place for place in places if (when := table[place].when) is None or when(touchpoint)])

    def ignores_it(self, touchpoint: Touchpoint) -> bool:
        """Return whether the journey takes no notice of the touchpoint."""
        for rule in self.ignores:  # noqa: SIM110 - every touchpoint asks, and a loop is quicker
            if touchpoint.type in rule.on and (rule.when is None or rule.when(touchpoint)):
                return True
        return False

    def key_of(self, touchpoint: Touchpoint) -> str | None:
        """Return which instance the touchpoint belongs to, `""` if there is one per customer.

        None if it does not say: the field is absent, or is neither a whole number nor a text that could be an id.
        """
        if self.instance_field is None:
            return ""
        value = walk(touchpoint.fields, self.instance_field)
        text = str(value) if type(value) is int else value
        return text if isinstance(text, str) and is_id(text) else None

    def origin_of(self, touchpoint: Touchpoint) -> int:
        """Return channel, device and persona as one small number: a digit each, 0 for what `count_by` does not list."""
        origin = 0
        for name, worth in self.digits:
            origin += worth.get(getattr(touchpoint.fields, name) or "", 0)
        return origin

    def origin_values(self, origin: int) -> dict[str, str]:
        """Return channel, device and persona of an origin."""
        values = {}
        for name in DIMENSIONS:
            labels = self.count_by[name]
            origin, digit = divmod(origin, len(labels) + 1)
            values[name] = labels[digit - 1] if digit else OTHER
        return values

    def stage_name(self, index: int) -> str | None:
        """Return the id of a stage, None for OUTSIDE."""
        return None if index == OUTSIDE else self.stages[index].id


def compile_definition(data: Any, source: str = "definition") -> JourneyDefinition:
    """Return the journey that plain data (as YAML or JSON give it) describes.

    Raises DefinitionError with every fault: each has the path of what is wrong and what to write instead.
    """
    if not isinstance(data, dict):
        raise DefinitionError(source, [Problem("", None, "must be a mapping that starts with `journey: NAME`")])
    reader = Reader()
    reader.known_keys(data, KEYS, "")
    journey = reader.name(data.get("journey"), "journey")
    stages = read_stages(reader, data.get("stages"))
    measures = read_measures(reader, data, stages) if "measures" in data else None
    book = read_rules(reader, data, stages, None if measures is None else measures.score)
    goal_stage = _goal_stage(reader, data.get("goal"), stages)
    lateness_ms = reader.duration(data.get("lateness", 0), "lateness")
    policies = read_policies(reader, data, stages)
    _refuse_windows(reader, data)
    _refuse_unknown_score(reader, data)
    owner = reader.optional_text(data, "owner", "owner")
    reader.title(data, "")
    reader.day(data, "review_by")
    if not reader.problems and not _is_writable(data):
        reader.report("", "holds half of a surrogate pair, which no record can carry")
    if reader.problems:
        raise DefinitionError(source, reader.problems)
    has_windows = policies.window_ms is not None or any(stage.window_ms is not None for stage in stages)
    stalls = [stage.stall for stage in stages if stage.stall is not None]
    return JourneyDefinition(
        journey, stages, goal_stage, book.goal, lateness_ms, owner, content_hash(data), data,
        **policies._asdict(),
        table=book.table,
        table_by_type=_places_by_type(book.table),
        certain=_certain(book.table),
        counted=book.counted,
        ignores=book.ignores,
        personas=book.personas,
        first=min(range(len(stages)), key=lambda i: stages[i].weight),
        order_free=_is_order_free(policies, book) and not stalls,
        has_windows=has_windows,
        has_deadlines=has_windows or bool(stalls),
        touches_matter=any(stall.since_last_touch_ms is not None for stall in stalls),
        digits=_digits(policies.count_by),
        measures=measures,
        is_measured=measures is not None and measures.is_live,
        keeps_mood=measures is not None and measures.keeps_mood,
        asks_score=asks_score(data),
        asks_sentiment=(measures is not None and measures.asks_sentiment) or asks(asking_rules(data), "sentiment"),
    )  # fmt: skip


def _goal_stage(reader: Reader, value: Any, stages: Sequence[Stage]) -> int | None:
    if value is None or isinstance(value, dict):
        return None
    return stage_index(reader, value, "goal", {stage.id: i for i, stage in enumerate(stages)})


def _refuse_windows(reader: Reader, data: Item) -> None:
    """Report the windows of a journey without a goal: nobody converts, so they would drop everybody."""
    if data.get("goal") is None:
        stages = data.get("stages") if isinstance(data.get("stages"), list) else []
        places = [("window", data), *((f"stages[{i}].window", stage) for i, stage in enumerate(stages or ()))]
        for path, item in places:
            if isinstance(item, dict) and parse_duration(item.get("window")):
                reader.report(path, "drops everybody, since nobody converts without a goal; add a `goal`")


def _refuse_unknown_score(reader: Reader, data: Item) -> None:
    measures = data.get("measures")
    if asks(asking_rules(data), SCORE) and not (isinstance(measures, dict) and "score" in measures):
        reader.report("rules", "ask for the score, and none is kept; add `measures: {score: ...}`")


def _places_by_type(table: Sequence[Rule]) -> dict[str, tuple[int, ...]]:
    found = dict[str, list[int]]()
    for place, rule in enumerate(table):
        for kind in rule.on:
            found.setdefault(kind, []).append(place)
    return {kind: tuple(places) for kind, places in found.items()}


def _certain(table: Sequence[Rule]) -> dict[str, tuple[int, bool] | None]:
    """Return by type what the type alone tells: the place of the first move (-1: none), and whether it is the goal."""
    found = dict[str, tuple[int, bool] | None]()
    for kind, places in _places_by_type(table).items():
        rules = [(place, table[place]) for place in places]
        move = next((place for place, rule in rules if rule.kind == MOVE), -1)
        is_certain = all(rule.when is None for _, rule in rules)
        found[kind] = (move, any(rule.kind == GOAL for _, rule in rules)) if is_certain else None
    return found


def _is_order_free(policies: Policies, book: RuleBook) -> bool:
    """Return whether the earliest touchpoint of each stage tells everything, whatever came between (stalls aside)."""
    return (
        policies.moves == FORWARD_ONLY
        and policies.entry != CLOSED
        and policies.instance_field is None
        and policies.reentry != EVERY
        and not book.exits
        and not book.snoozes
        and all(rule.past is None for rule in book.table)
    )


def _digits(count_by: Mapping[str, Sequence[str]]) -> tuple[tuple[str, Mapping[str, int]], ...]:
    """Return what each label adds to an origin: a number with one digit per dimension, 0 for `other`."""
    found, worth = [], 1
    for name in DIMENSIONS:
        if count_by[name]:
            found.append((name, {label: digit * worth for digit, label in enumerate(count_by[name], 1)}))
        worth *= len(count_by[name]) + 1
    return tuple(found)


def _is_writable(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
