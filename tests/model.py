"""What a set of touchpoints of one customer must lead to in one journey: the slow and obvious way.

Takes a definition as plain data (what its YAML holds) and all touchpoints (Touchpoint v1 objects), sorts them, folds
once from the start with simple values. Shares no code with cjstream, so that the engine can be held against it. No
touchpoint may be late: which ones are depends on the order of arrival, and a set has none. Knows no limit on instances.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from tests.reference import milliseconds

Object = dict[str, Any]

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
PAST = ("stage", "seen", "count")  # keys of `when` that ask for the past, not for the touchpoint
WINDOW, STAGE_WINDOW, SINCE_ENTERED, SINCE_TOUCH = range(4)  # which of two deadlines of one moment comes first
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, arg: value == arg,
    "ne": lambda value, arg: value != arg,
    "in": lambda value, arg: value in arg,
    "not_in": lambda value, arg: value not in arg,
    "gt": lambda value, arg: value > arg,
    "gte": lambda value, arg: value >= arg,
    "lt": lambda value, arg: value < arg,
    "lte": lambda value, arg: value <= arg,
    "exists": lambda value, arg: arg,
}


class Visit(NamedTuple):
    """A stay in a stage from `at_ms` on; stage None is outside; `inferred`: skipped over, never seen."""

    stage: str | None
    at_ms: int
    inferred: bool = False


class Stalled(NamedTuple):
    """A stall clock that ran out."""

    stage: str
    clock: str
    due_ms: int


class Times(NamedTuple):
    """What one stage took, as HubSpot counts: the last entry and exit, the last completed visit, all of them."""

    entered_ms: int
    exited_ms: int | None
    latest_ms: int | None
    cumulative_ms: int
    open_ms: int | None
    visits: int


@dataclass
class Run:
    """One instance: `visits`, `stalled`, `signals` (converted, dropped), `refused` of all rounds, the rest of the last.

    A round that ends by a re-entry without an exit is dropped then, unless it converted.
    """

    visits: list[Visit] = field(default_factory=list)
    stalled: list[Stalled] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    round: int = 0
    entered_ms: int | None = None
    goal_ms: int | None = None
    dropped_ms: int | None = None
    left: str | None = None
    furthest: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    snoozed_ms: int = -1
    touched_ms: int = -1
    fired: set[str] = field(default_factory=set)

    @property
    def stage(self) -> str | None:
        """The stage it is in, None outside."""
        return self.visits[-1].stage if self.visits else None

    @property
    def converted_ms(self) -> int | None:
        """When the newest round converted: before it was dropped, and not before it was entered."""
        if self.goal_ms is None or self.entered_ms is None or self.dropped_ms is not None:
            return None
        return max(self.goal_ms, self.entered_ms)

    @property
    def outcome(self) -> str | None:
        """The outcome of the newest round; None if it never entered."""
        if self.entered_ms is None:
            return None
        if self.converted_ms is not None:
            return "converted"
        return "in_progress" if self.dropped_ms is None else "dropped"

    @property
    def is_late(self) -> bool:
        """Whether the goal was met after the run was dropped, if only later in the same moment."""
        return self.dropped_ms is not None and self.goal_ms is not None

    def times(self, now_ms: int) -> dict[str, Times]:
        """Return what each stage took, skipped ones left out."""
        found: dict[str, Times] = {}
        seen = [visit for visit in self.visits if not visit.inferred]
        ends = [visit.at_ms for visit in seen[1:]]
        for n, (stage, at_ms, _) in enumerate(seen):
            if stage is None:
                continue
            old = found.get(stage, Times(0, None, None, 0, None, 0))
            if n < len(ends):
                lasted = ends[n] - at_ms
                found[stage] = Times(at_ms, ends[n], lasted, old.cumulative_ms + lasted, None, old.visits + 1)
            else:
                found[stage] = Times(
                    at_ms, old.exited_ms, old.latest_ms, old.cumulative_ms, now_ms - at_ms, old.visits + 1
                )
        return found


def judge(data: Object, touchpoints: Iterable[Object], horizon_ms: int = -1) -> dict[str, Run]:
    """Return the runs by instance key, of those that were entered or refused something.

    Fires the deadlines before the last touchpoint that is not ignored, and those before `horizon_ms`.
    """
    runs = _Fold(data).run(touchpoints, horizon_ms)
    return {key: run for key, run in runs.items() if run.visits or run.refused}


def in_order(data: Object, touchpoints: Iterable[Object]) -> list[Object]:
    """Return touchpoints in the order in which they count for a journey."""
    fold = _Fold(data)
    return sorted(touchpoints, key=lambda touchpoint: fold.order(fold.with_persona(touchpoint)))


def newest_ms(touchpoints: Iterable[Object], *journeys: Object) -> int:
    """Return the time of the last touchpoint that one of the journeys does not ignore, or -1."""
    heard = [each for each in touchpoints if not all(_Fold(data).ignores(each) for data in journeys)]
    return max((milliseconds(each["occurred_at"]) for each in heard), default=-1)


class _Fold:
    def __init__(self, data: Object) -> None:
        self.data = data
        self.weights = {stage["id"]: stage["weight"] for stage in data["stages"]}
        self.stages = {stage["id"]: stage for stage in data["stages"]}
        self.lowest = min(self.weights, key=lambda stage: self.weights[stage])
        reentry = data.get("reentry", {})
        policy = {"policy": reentry} if isinstance(reentry, str) else reentry
        self.reentry, self.cooldown_ms = policy.get("policy", "after_exit"), _ms(policy.get("cooldown", 0))
        self.exits, self.snoozes = data.get("exits", []), data.get("snooze", [])
        self.goals = [data["goal"]] if isinstance(data.get("goal"), dict) else []
        self.table = [*self.exits, *data["rules"], *self.goals, *self.snoozes]
        self.runs: dict[str, Run] = {}

    def run(self, touchpoints: Iterable[Object], horizon_ms: int) -> dict[str, Run]:
        once: dict[str, Object] = {}
        for touchpoint in touchpoints:
            once.setdefault(touchpoint["id"], touchpoint)
        kept = [touchpoint for touchpoint in once.values() if not self.ignores(touchpoint)]
        for touchpoint in sorted(map(self.with_persona, kept), key=self.order):
            self.fire(milliseconds(touchpoint["occurred_at"]))
            self.take(touchpoint, milliseconds(touchpoint["occurred_at"]))
        self.fire(horizon_ms)
        return self.runs

    def ignores(self, touchpoint: Object) -> bool:
        return self.first(self.data.get("ignore"), touchpoint) is not None

    def with_persona(self, touchpoint: Object) -> Object:
        rule = self.first(self.data.get("personas"), touchpoint)
        return touchpoint if touchpoint.get("persona") or rule is None else {**touchpoint, "persona": rule["persona"]}

    def order(self, touchpoint: Object) -> tuple[int, int, float, str]:
        rule = self.first(self.data["rules"], touchpoint)
        weight = -inf if rule is None else self.weights[rule["to"]]
        return milliseconds(touchpoint["occurred_at"]), touchpoint.get("sequence") or 0, weight, touchpoint["id"]

    def first(self, rules: list[Object] | None, touchpoint: Object) -> Object | None:
        """Return the first rule whose conditions on the touchpoint itself hold."""
        return next((rule for rule in rules or () if _matches(rule, touchpoint)), None)

    # One touchpoint

    def take(self, touchpoint: Object, at_ms: int) -> None:
        key = self.key(touchpoint)
        if key is not None:
            self.apply(touchpoint, at_ms, self.runs.setdefault(key, Run()))
        elif self.first(self.table, touchpoint):
            self.runs.setdefault("", Run()).refused.append((touchpoint["id"], "no_instance_key"))

    def apply(self, touchpoint: Object, at_ms: int, run: Run) -> None:
        run.counts[touchpoint["type"]] += 1
        if touchpoint.get("initiator") != "business":
            run.touched_ms = at_ms
        before = run.stage

        def first(rules: Iterable[Object]) -> Object | None:
            return next((rule for rule in rules if _matches(rule, touchpoint) and self.allows(rule, run, before)), None)

        snooze = first(rule for rule in self.snoozes if _until(rule, touchpoint, at_ms) is not None)
        if snooze is not None:
            run.snoozed_ms = _until(snooze, touchpoint, at_ms) or 0
        exits = before is not None and first(self.exits)
        if exits:
            run.visits.append(Visit(None, at_ms))
        elif rule := first(self.data["rules"]):
            reason = self.propose(run, rule["to"], at_ms, touchpoint["type"])
            if reason is not None:
                run.refused.append((touchpoint["id"], reason))
        if first(self.goals):
            self.reach(run, at_ms)
        if exits:
            self.drop(run, at_ms, before)

    def key(self, touchpoint: Object) -> str | None:
        spec = self.data.get("instance")
        if spec is None:
            return ""
        value = _field(touchpoint, spec if isinstance(spec, str) else spec["key"])
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None

    def allows(self, rule: Object, run: Run, before: str | None) -> bool:
        """Return whether the conditions on the past hold, with the stage as it was before the touchpoint."""
        when = rule.get("when", {})
        return (
            ("stage" not in when or self.in_stage(when["stage"], before))
            and all(run.counts[kind] for kind in _list(when.get("seen", [])))
            and all(_passes(run.counts[kind], spec) for kind, spec in when.get("count", {}).items())
        )

    def in_stage(self, spec: Any, before: str | None) -> bool:
        if before is None:
            return False
        if not isinstance(spec, dict):
            return before in _list(spec)
        weight = self.weights[before]
        return bool(
            ("at_least" not in spec or weight >= self.weights[spec["at_least"]])
            and ("below" not in spec or weight < self.weights[spec["below"]])
        )

    # Moves

    def propose(self, run: Run, to: str, at_ms: int, kind: str) -> str | None:
        """Move the run if the policies allow it, else return why not."""
        closed = self.data.get("entry", "open") == "closed" and to != self.lowest
        if not run.visits:
            if closed:
                return "not_entered"
            self.start(run, to, at_ms)
        elif run.stage is None:
            if self.reentry == "never":
                return "no_reentry"
            if at_ms < run.visits[-1].at_ms + self.cooldown_ms:
                return "cooldown"
            if closed:
                return "not_entered"
            self.restart(run, to, at_ms, kind)
        elif to != run.stage:
            return self.move(run, run.stage, to, at_ms, kind)
        return None

    def move(self, run: Run, stage: str, to: str, at_ms: int, kind: str) -> str | None:
        if self.reentry == "every" and to == self.lowest:
            assert run.entered_ms is not None
            if at_ms < run.entered_ms + self.cooldown_ms:
                return "cooldown"
            self.restart(run, to, at_ms, kind)
            return None
        if self.weights[to] < self.weights[stage]:
            policy = self.data.get("moves", "forward_only")
            if policy == "forward_only":
                return "backward"
            if policy != "any" and [stage, to] not in policy["listed"]:
                return "not_listed"
        self.enter(run, to, at_ms)
        return None

    def restart(self, run: Run, to: str, at_ms: int, kind: str) -> None:
        self.drop(run, at_ms, run.stage)
        run.round += 1
        run.goal_ms = run.dropped_ms = run.left = run.furthest = None
        run.counts = Counter({kind: 1})
        run.snoozed_ms = -1
        self.start(run, to, at_ms)

    def start(self, run: Run, to: str, at_ms: int) -> None:
        run.entered_ms = at_ms
        if run.goal_ms is not None:  # met before the first entry
            run.signals.append("converted")
        self.enter(run, to, at_ms)

    def enter(self, run: Run, to: str, at_ms: int) -> None:
        if self.data.get("entry") == "infer":
            above = -inf if run.stage is None else self.weights[run.stage]
            skipped = [stage for stage, weight in self.weights.items() if above < weight < self.weights[to]]
            run.visits += [Visit(stage, at_ms, True) for stage in sorted(skipped, key=lambda one: self.weights[one])]
        run.visits.append(Visit(to, at_ms))
        run.fired.clear()
        if run.furthest is None or self.weights[to] > self.weights[run.furthest]:
            run.furthest = to
        if self.data.get("goal") == to:
            self.reach(run, at_ms)

    def reach(self, run: Run, at_ms: int) -> None:
        if run.goal_ms is None:
            run.goal_ms = at_ms
            run.signals += ["converted"] if run.converted_ms is not None else []

    def drop(self, run: Run, at_ms: int, stage: str | None) -> None:
        """Drop the run, if it has not converted, out of this stage."""
        if run.goal_ms is None and run.dropped_ms is None:
            run.dropped_ms, run.left = at_ms, stage
            run.signals.append("dropped")

    # Deadlines

    def fire(self, before_ms: int) -> None:
        for run in self.runs.values():
            while due := min((due for due in self.deadlines(run) if due[0] < before_ms), default=None):
                self.pass_by(run, *due)

    def deadlines(self, run: Run) -> Iterable[tuple[int, int]]:
        """Yield when which deadline is due, of those still ahead."""
        if run.stage is None:
            return
        stage, at_ms = self.stages[run.stage], run.visits[-1].at_ms
        stall: Mapping[str, Any] = stage.get("stall", {})
        assert run.entered_ms is not None
        if run.goal_ms is None and run.dropped_ms is None:
            if "window" in self.data:
                yield run.entered_ms + _ms(self.data["window"]), WINDOW
            if "window" in stage:
                yield at_ms + _ms(stage["window"]), STAGE_WINDOW
        if "since_entered" in stall and "since_entered" not in run.fired:
            yield max(at_ms + _ms(stall["since_entered"]), run.snoozed_ms), SINCE_ENTERED
        if "since_last_touch" in stall and "since_last_touch" not in run.fired:
            yield max(max(run.touched_ms, at_ms) + _ms(stall["since_last_touch"]), run.snoozed_ms), SINCE_TOUCH

    def pass_by(self, run: Run, due_ms: int, which: int) -> None:
        if which in (WINDOW, STAGE_WINDOW):
            self.drop(run, due_ms, run.stage)
            return
        clock = "since_entered" if which == SINCE_ENTERED else "since_last_touch"
        assert run.stage is not None
        stall = self.stages[run.stage]["stall"]
        run.stalled.append(Stalled(run.stage, clock, due_ms))
        run.fired.add(clock)
        if stall.get("exit"):
            self.drop(run, due_ms, run.stage)
            run.visits.append(Visit(None, due_ms))
        elif "to" in stall:
            self.enter(run, stall["to"], due_ms)


def _ms(duration: Any) -> int:
    if duration == 0:
        return 0
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d)", duration)
    assert match is not None, duration
    return int(match[1]) * UNIT_MS[match[2]]


def _until(snooze: Object, touchpoint: Object, at_ms: int) -> int | None:
    if "for" in snooze:
        return at_ms + _ms(snooze["for"])
    value = _field(touchpoint, snooze["until"])
    return None if value is None else milliseconds(value)


def _matches(rule: Object, touchpoint: Object) -> bool:
    """Return whether type and conditions on the touchpoint itself hold."""
    on = rule["on"]
    when = rule.get("when", {})
    return touchpoint["type"] in _list(on) and all(
        _passes(_field(touchpoint, name), spec) for name, spec in when.items() if name not in PAST
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _field(touchpoint: Object, path: str) -> Any:
    value: Any = touchpoint
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _passes(value: Any, spec: Any) -> bool:
    operators = spec if isinstance(spec, dict) else {"in": spec} if isinstance(spec, list) else {"eq": spec}
    if value is None:
        return operators == {"exists": False}
    return all(COMPARE[operator](value, arg) for operator, arg in operators.items())
