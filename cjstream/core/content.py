"""The content hash: the name of a definition's behaviour. Customers are pinned to it, so it must never change."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from cjstream.core.condition import canonical
from cjstream.core.past import PAST_KEYS, SCORE, asking_rules, asks, canonical_past
from cjstream.core.policies import AFTER_EXIT, FORWARD_ONLY, INSTANCE_LIMIT, LISTED, OPEN
from cjstream.core.times import parse_duration

Data = Mapping[str, Any]


def content_hash(data: Data) -> str:
    """Return 16 hex digits that name a definition's behaviour: the same whatever its titles, groups or owner say.

    Hashes a canonical JSON of the compiled form, so spellings that mean the same have the same hash. A key that is
    absent or says the default leaves no trace, so definitions older than the key keep their hash.
    """
    behaviour = {
        "journey": data["journey"],
        "lateness": parse_duration(data.get("lateness", 0)),
        "stages": [_stage(stage) for stage in data["stages"]],
        "rules": [[name, *_condition(rule), rule["to"]] for name, rule in _named("rule", data["rules"])],
        "goal": _condition(data["goal"]) if isinstance(data.get("goal"), dict) else data.get("goal"),
        **{key: value for key, value in _options(data) if value},
    }
    text = json.dumps(behaviour, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def _options(data: Data) -> Iterable[tuple[str, Any]]:
    """Yield each optional part; what is empty or None says the default."""
    yield "moves", _moves(data.get("moves", FORWARD_ONLY))
    yield "entry", data.get("entry") if data.get("entry") != OPEN else None
    yield "window", parse_duration(data["window"]) if "window" in data else None
    yield "instance", _instance(data["instance"]) if "instance" in data else None
    yield "reentry", _reentry(data.get("reentry", AFTER_EXIT))
    yield "exits", [[name, *_condition(rule)] for name, rule in _named("exit", data.get("exits", ()))]
    yield "ignore", [[name, *_condition(rule)] for name, rule in _named("ignore", data.get("ignore", ()))]
    personas = _named("persona", data.get("personas", ()))
    yield "personas", [[name, *_condition(rule), rule["persona"]] for name, rule in personas]
    yield "snooze", [[name, *_condition(rule), _hold(rule)] for name, rule in _named("snooze", data.get("snooze", ()))]
    yield "count_by", {name: sorted(labels) for name, labels in data.get("count_by", {}).items()}
    yield "score", _score(data["measures"]["score"]) if asks_score(data) else None  # else it moves nobody
    yield "replaces", {item["definition"]: _new_ids(item.get("stages", {})) for item in data.get("replaces", ())}


def asks_score(data: Data) -> bool:
    """Return whether the engagement score may move a customer; never faults."""
    measures = data.get("measures")
    score = measures.get("score") if isinstance(measures, dict) else None
    if not isinstance(score, dict):
        return False
    thresholds = score.get("thresholds")
    leads = isinstance(thresholds, list) and any(
        isinstance(each, dict) and each.get("to") is not None for each in thresholds
    )
    return leads or asks(asking_rules(data), SCORE)


def _score(score: Data) -> dict[str, Any]:
    named = sorted(_named("score", score["rules"]), key=lambda pair: pair[0])  # their order does nothing
    return {
        "cap": float(score["cap"]) if "cap" in score else None,
        "decay": {name: parse_duration(text) for name, text in score.get("decay", {}).items()},
        "groups": {name: float(group["cap"]) for name, group in score.get("groups", {}).items()},
        "rules": [[name, *_condition(rule), float(rule["points"]), rule.get("group")] for name, rule in named],
        "thresholds": [
            [name, float(each["at"]), float(each.get("below", each["at"])), each.get("to")]
            for name, each in _named("threshold", score.get("thresholds", ()))
        ],
    }


def _named(noun: str, rules: Iterable[Data]) -> Iterable[tuple[str, Data]]:
    return ((rule.get("id", f"{noun}-{n}"), rule) for n, rule in enumerate(rules, 1))


def _condition(item: Data) -> list[Any]:
    on, when = item["on"], item.get("when", {})
    fields = canonical({name: spec for name, spec in when.items() if name not in PAST_KEYS})
    return [sorted(set(on)) if isinstance(on, list) else [on], {**fields, **canonical_past(when)}]


def _stage(stage: Data) -> list[Any]:
    limits: dict[str, Any] = {"window": parse_duration(stage["window"])} if "window" in stage else {}
    if "stall" in stage:
        stall = stage["stall"]
        clocks = {key: parse_duration(stall[key]) for key in ("since_entered", "since_last_touch") if key in stall}
        exits = {"exit": True} if stall.get("exit") else {}
        limits["stall"] = {**clocks, **exits, **{key: stall[key] for key in ("to",) if key in stall}}
    return [stage["id"], float(stage["weight"]), *([limits] if limits else [])]


def _moves(moves: Any) -> Any:
    if isinstance(moves, dict):
        return {LISTED: sorted({tuple(pair) for pair in moves[LISTED]})}
    return moves if moves != FORWARD_ONLY else None


def _instance(instance: Any) -> list[Any]:
    data = instance if isinstance(instance, dict) else {"key": instance}
    return [data["key"], data.get("limit", INSTANCE_LIMIT)]


def _reentry(reentry: Any) -> list[Any] | None:
    data = reentry if isinstance(reentry, dict) else {"policy": reentry}
    found = [data.get("policy", AFTER_EXIT), parse_duration(data.get("cooldown", 0))]
    return found if found != [AFTER_EXIT, 0] else None


def _hold(rule: Data) -> list[Any]:
    return ["for", parse_duration(rule["for"])] if "for" in rule else ["until", rule["until"]]


def _new_ids(stages: Data) -> dict[str, str]:
    return {old: new for old, new in stages.items() if old != new}
