"""Stages of a journey: their order, how long a customer may stay, and where it goes when it stays too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from cjstream.core.reading import Item, Reader

OUTSIDE = -1  # as the index of a stage: not in the journey
MAX_STAGES = 64
MAX_BEHIND = 32  # lines of a blueprint cell
MAX_CHAIN = 8  # timeout moves in a row
STAGE_KEYS = ("id", "weight", "group", "title", "window", "stall", "behind")
STALL_KEYS = ("since_entered", "since_last_touch", "to", "exit")
BEHIND_KEYS = ("people", "policy", "technology", "process")


@dataclass(frozen=True, slots=True)
class Stall:
    """How long a customer may stay in a stage (`since_entered_ms`) and be silent in it (`since_last_touch_ms`).

    When the first of the clocks fires, it moves to the stage with index `to`: OUTSIDE leaves the journey, None only
    signals.
    """

    since_entered_ms: int | None
    since_last_touch_ms: int | None
    to: int | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; a higher weight is further on. `window_ms` is the longest stay that may still end in a conversion."""

    id: str
    weight: float
    group: str | None
    window_ms: int | None = None
    stall: Stall | None = None


def read_stages(reader: Reader, value: Any) -> tuple[Stage, ...]:
    """Return the stages in the order of the file."""
    pairs = reader.items(value, "stages", MAX_STAGES)
    names = {name: i for i, name in enumerate(_id(item) for _, item in pairs)}
    stages: list[Stage] = []
    for path, item in pairs:
        stage = _stage(reader, item, path, names)
        if stage.id and any(stage.id == other.id for other in stages):
            reader.report(f"{path}.id", f"{stage.id!r} stands twice")
        if any(stage.weight == other.weight for other in stages):
            reader.report(f"{path}.weight", f"{stage.weight:g} stands twice; weights order the stages")
        stages.append(stage)
    paths = [path for path, _ in pairs]
    _refuse_cycles(reader, stages, paths)
    _refuse_long_chains(reader, stages, paths)
    return tuple(stages)


def stage_index(reader: Reader, value: Any, path: str, index: Mapping[str, int]) -> int:
    """Return the index of the stage that `value` names."""
    if not isinstance(value, str) or value not in index:
        reader.report(path, f"must be one of the stages {', '.join(index)}, not {value!r}")
        return 0
    return index[value]


def _id(item: Item) -> str:
    value = item.get("id")
    return value if isinstance(value, str) else ""


def _stage(reader: Reader, item: Item, path: str, index: Mapping[str, int]) -> Stage:
    reader.known_keys(item, STAGE_KEYS, path)
    weight = item.get("weight")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= 1e9:
        reader.report(f"{path}.weight", "must be a number; higher is further on")
        weight = nan  # equal to no other, so one fault is not told as two
    reader.title(item, path)
    name, group = reader.name(item.get("id"), f"{path}.id"), reader.optional_text(item, "group", f"{path}.group")
    window_ms = reader.clock(item, "window", path)
    stall = _stall(reader, item["stall"], path, index, _id(item)) if "stall" in item else None
    if "behind" in item:
        _check_behind(reader, item["behind"], f"{path}.behind")
    return Stage(name, weight, group, window_ms, stall)


def _stall(reader: Reader, value: Any, stage_path: str, index: Mapping[str, int], own: str) -> Stall:
    path = f"{stage_path}.stall"
    data = reader.mapping(value, path, STALL_KEYS)
    clocks = reader.clock(data, "since_entered", path), reader.clock(data, "since_last_touch", path)
    if clocks == (None, None) and isinstance(value, dict):
        reader.report(path, "needs a clock: since_entered: 14d, or since_last_touch: 7d, or both")
    to = OUTSIDE if _leaves(reader, data, path) else None
    if "to" in data:
        if to == OUTSIDE:
            reader.report(path, "has both `to` and `exit`; a timeout leads to one of them")
        to = stage_index(reader, data["to"], f"{path}.to", index)
        if data["to"] == own:
            reader.report(f"{path}.to", "must be another stage than the one it leaves")
    return Stall(*clocks, to)


def _leaves(reader: Reader, data: Item, path: str) -> bool:
    if not isinstance(data.get("exit", False), bool):
        reader.report(f"{path}.exit", "must be true or false")
    return data.get("exit") is True


def _refuse_cycles(reader: Reader, stages: Sequence[Stage], paths: Sequence[str]) -> None:
    """Report stages whose timeouts lead back to them: a silent customer would go round for ever."""
    told = set[int]()
    for start in range(len(stages)):
        round_trip = _round_trip(stages, start)
        if round_trip and not told.intersection(round_trip):
            told.update(round_trip)
            names = " -> ".join(stages[i].id for i in [*round_trip, start])
            reader.report(f"{paths[start]}.stall.to", f"goes round: {names}; let one timeout end elsewhere or exit")


def _round_trip(stages: Sequence[Stage], start: int) -> list[int]:
    """Return the stages that timeouts lead through from `start` and back to it, none if they end elsewhere."""
    visited, at = [start], _next(stages, start)
    while at is not None and at not in visited:
        visited.append(at)
        at = _next(stages, at)
    return visited if at == start and len(visited) > 1 else []


def _refuse_long_chains(reader: Reader, stages: Sequence[Stage], paths: Sequence[str]) -> None:
    """Report stages that no timeout leads to, and from which more than MAX_CHAIN do; what goes round is told apart."""
    reached = {_next(stages, i) for i in range(len(stages))}
    for start in range(len(stages)):
        moves = 0 if start in reached else _chain(stages, start)
        if moves > MAX_CHAIN:
            reader.report(
                f"{paths[start]}.stall.to", f"begins a chain of {moves} timeouts; at most {MAX_CHAIN}, let one end"
            )


def _chain(stages: Sequence[Stage], start: int) -> int:
    """Return how many timeout moves follow one another from `start`, 0 if they go round."""
    visited, at = [start], _next(stages, start)
    while at is not None and at not in visited:
        visited.append(at)
        at = _next(stages, at)
    return len(visited) - 1 if at is None else 0


def _next(stages: Sequence[Stage], at: int) -> int | None:
    stall = stages[at].stall
    return None if stall is None or stall.to == OUTSIDE else stall.to


def _check_behind(reader: Reader, value: Any, path: str) -> None:
    for key, told in reader.mapping(value, path, BEHIND_KEYS).items():
        lines = (
            reader.entries(told, f"{path}.{key}", MAX_BEHIND) if isinstance(told, list) else [(f"{path}.{key}", told)]
        )
        for where, line in lines:
            reader.text(line, where)
