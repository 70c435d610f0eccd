"""How a journey is entered, moved in, left and entered again: the policies of a definition."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cjstream.core.condition import property_path
from cjstream.core.reading import Item, Reader
from cjstream.core.stages import MAX_STAGES, Stage, stage_index

FORWARD_ONLY, LISTED, ANY = "forward_only", "listed", "any"
OPEN, CLOSED, INFER = "open", "closed", "infer"
NEVER, AFTER_EXIT, EVERY = "never", "after_exit", "every"
ENTRIES = (OPEN, CLOSED, INFER)
REENTRIES = (NEVER, AFTER_EXIT, EVERY)
INSTANCE_KEYS = ("key", "limit")
REENTRY_KEYS = ("policy", "cooldown")
REPLACES_KEYS = ("definition", "stages")
DIMENSIONS = ("channel", "device", "persona")  # that totals are counted by
OTHER = "other"  # every value that `count_by` does not list
MAX_VALUES = 32
INSTANCE_LIMIT = 25
MAX_INSTANCES = 100
MAX_PAIRS = 1000
MAX_REPLACED = 100
HASH = re.compile(r"[0-9a-f]{16}", re.ASCII)
# The texts of a touchpoint that can tell one instance from another.
INSTANCE_FIELDS = (
    "type", "account_id", "anonymous_id", "channel", "device", "persona", "campaign", "session_id",
    "topic", "language", "currency", "reply_to", "referred_by",
)  # fmt: skip


class Policies(NamedTuple):
    """The fields of a JourneyDefinition that are policies."""

    moves: str
    backward: frozenset[tuple[int, int]]
    entry: str
    window_ms: int | None
    instance_field: tuple[str, ...] | None
    instance_limit: int
    reentry: str
    cooldown_ms: int
    count_by: Mapping[str, tuple[str, ...]]
    replaces: Mapping[str, Mapping[str, str]]


def read_policies(reader: Reader, data: Item, stages: Sequence[Stage]) -> Policies:
    """Return what a definition says of each policy, or its default."""
    moves, backward = _moves(reader, data.get("moves", FORWARD_ONLY), stages)
    field, limit = _instance(reader, data["instance"]) if "instance" in data else (None, INSTANCE_LIMIT)
    reentry, cooldown_ms = _reentry(reader, data.get("reentry", AFTER_EXIT))
    return Policies(
        moves, backward, reader.word(data.get("entry", OPEN), "entry", ENTRIES), reader.clock(data, "window", ""),
        field, limit, reentry, cooldown_ms,
        _count_by(reader, data.get("count_by", {})),
        _replaces(reader, data["replaces"], stages) if "replaces" in data else {},
    )  # fmt: skip


def _moves(reader: Reader, value: Any, stages: Sequence[Stage]) -> tuple[str, frozenset[tuple[int, int]]]:
    """Return the policy, and the pairs of stage indexes (from, to) that it allows backward."""
    if not isinstance(value, dict):
        if value not in (FORWARD_ONLY, ANY):
            reader.report("moves", f"must be forward_only, any, or {{listed: [[FROM, TO]]}}, not {value!r}")
        return str(value), frozenset()
    reader.known_keys(value, (LISTED,), "moves")
    index = {stage.id: i for i, stage in enumerate(stages)}
    pairs = set()
    for path, pair in reader.entries(value.get(LISTED), "moves.listed", MAX_PAIRS):
        if not isinstance(pair, list) or len(pair) != 2:
            reader.report(path, "must be a pair of stages, [FROM, TO]")
            continue
        faults = len(reader.problems)
        start, end = (stage_index(reader, name, f"{path}[{i}]", index) for i, name in enumerate(pair))
        if len(reader.problems) == faults and stages[end].weight >= stages[start].weight:
            reader.report(path, "must lead down, to a stage of lower weight; up is always allowed")
        pairs.add((start, end))
    return LISTED, frozenset(pairs)


def _instance(reader: Reader, value: Any) -> tuple[tuple[str, ...], int]:
    """Return the path of the instance key and how many instances of a customer may live at once."""
    data = reader.mapping(value, "instance", INSTANCE_KEYS) if isinstance(value, dict) else {"key": value}
    key, path = data.get("key"), "instance.key" if isinstance(value, dict) else "instance"
    field = (key,) if isinstance(key, str) and key in INSTANCE_FIELDS else property_path(key)
    if field is None:
        reader.report(path, f"must be properties.NAME, or one of {', '.join(INSTANCE_FIELDS)}, not {key!r}")
    limit = data.get("limit", INSTANCE_LIMIT)
    if type(limit) is not int or not 1 <= limit <= MAX_INSTANCES:
        reader.report("instance.limit", f"must be a whole number from 1 to {MAX_INSTANCES}, not {limit!r}")
        limit = INSTANCE_LIMIT
    return field or (), limit


def _reentry(reader: Reader, value: Any) -> tuple[str, int]:
    """Return the policy and the cooldown in milliseconds."""
    if not isinstance(value, dict):
        return reader.word(value, "reentry", REENTRIES), 0
    data = reader.mapping(value, "reentry", REENTRY_KEYS)
    policy = reader.word(data.get("policy", AFTER_EXIT), "reentry.policy", REENTRIES)
    cooldown_ms = reader.duration(data.get("cooldown", 0), "reentry.cooldown")
    if policy == NEVER and cooldown_ms:
        reader.report("reentry.cooldown", "waits for a re-entry, and `never` allows none; leave it out")
    return policy, cooldown_ms


def _count_by(reader: Reader, value: Any) -> dict[str, tuple[str, ...]]:
    """Return the labels of each dimension, sorted: their places are in the state, the order of the file is not told."""
    data = reader.mapping(value, "count_by", DIMENSIONS)
    return {name: _labels(reader, data[name], f"count_by.{name}") if name in data else () for name in DIMENSIONS}


def _labels(reader: Reader, value: Any, path: str) -> tuple[str, ...]:
    pairs = reader.entries(value, path, MAX_VALUES)
    labels = [reader.text(label, where) for where, label in pairs]
    for (where, _), label in zip(pairs, labels, strict=True):
        if label == OTHER:
            reader.report(where, f"{OTHER!r} is the name of all that is not listed; leave it out")
    for label, again in pairwise(sorted(labels)):
        if label == again != "":
            reader.report(path, f"{label!r} stands twice")
    return tuple(sorted(labels))


def _replaces(reader: Reader, value: Any, stages: Sequence[Stage]) -> dict[str, dict[str, str]]:
    """Return, by the hash of a definition that this one replaces, the new ids of its stages that changed."""
    index = {stage.id: i for i, stage in enumerate(stages)}
    found = dict[str, dict[str, str]]()
    for path, item in reader.items(value, "replaces", MAX_REPLACED):
        reader.known_keys(item, REPLACES_KEYS, path)
        old = item.get("definition")
        if not isinstance(old, str) or not HASH.fullmatch(old):
            reader.report(f"{path}.definition", f"must be the 16 hex digits of a definition, in quotes, not {old!r}")
            old = ""
        if old in found and old:
            reader.report(f"{path}.definition", f"{old!r} stands twice")
        found[old] = _new_ids(reader, item.get("stages", {}), f"{path}.stages", index)
    return found


def _new_ids(reader: Reader, value: Any, path: str, index: Mapping[str, int]) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_STAGES:
        reader.report(path, f"must map at most {MAX_STAGES} old stage ids to new ones")
        return {}
    for old, new in value.items():
        reader.name(old, f"{path}.{old}")
        stage_index(reader, new, f"{path}.{old}", index)
    return {str(old): str(new) for old, new in value.items() if old != new}
