"""The one reducer of journeys for which order matters: touchpoints in order, and the deadlines between them.

Within one touchpoint: the deadlines before it, counts and the customer's clock, snooze, exits, stage rules, stages that
the score leads to, goal.
"""

from typing import NamedTuple

from cjstream.core.definition import EXIT, GOAL, MOVE, RAISE, SNOOZE, JourneyDefinition, Stage
from cjstream.core.outcome import Deadline, entered_ms, furthest
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import TIMEOUT_ENTERED, TIMEOUT_TOUCH, Entry, Instance, Past, Reached, Visit

SINCE_ENTERED, SINCE_LAST_TOUCH = "since_entered", "since_last_touch"
CLOCKS = {SINCE_ENTERED: (1, TIMEOUT_ENTERED), SINCE_LAST_TOUCH: (2, TIMEOUT_TOUCH)}  # bit of `stalled`, and rule
TIMEOUTS = {rule: f"stall.{clock}" for clock, (_, rule) in CLOCKS.items()}  # a visit's rule -> its deadline's name
NOTHING_PAST = Past()


class Event(NamedTuple):
    """Something that a fold met and that may become a signal: stalled, dropped, converted, or a late conversion.

    `due_ms` is the deadline, or None. `cause` names it: window, window.STAGE, or a clock of a stall.
    """

    kind: str
    round: int
    stage: int
    since_ms: int
    due_ms: int | None
    cause: str | None


class Fold:
    """One instance while touchpoints are folded into it; `frozen` gives the result. Touchpoints must come in order."""

    def __init__(self, instance: Instance, definition: JourneyDefinition) -> None:
        past = instance.past or NOTHING_PAST
        self.definition, self._instance, self._past = definition, instance, past
        self.round, self.visits, self.goal = instance.round, list(instance.visits), instance.goal
        self.origin, self.dropped_ms = instance.origin, instance.dropped_ms
        self.counts = list(past.counts) or [0] * len(definition.counted)
        self.touched_ms, self.stalled, self.snoozed_ms = past.touched_ms, past.stalled, past.snoozed_ms
        entered = entered_ms(instance)
        self.entered_ms, self.furthest = -1 if entered is None else entered, furthest(instance)
        self.left = past.left
        self.passed_ms = -1  # the last deadline that passed
        self.events: list[Event] = []
        self.refused: str | None = None

    def frozen(self) -> Instance:
        """Return the instance as it is now, without a log."""
        old = self._past
        past = Past(
            tuple(self.counts), self.touched_ms, self.stalled, self.snoozed_ms, self.entered_ms, self.furthest,
            trimmed=old.trimmed, before=old.before, totals=old.totals, left=self.left,
        )  # fmt: skip
        return Instance(
            self._instance.definition, self._instance.key, self.round, tuple(self.visits),
            self.goal, self.origin, self.dropped_ms, past,
        )  # fmt: skip

    # -- deadlines

    def deadlines(self) -> list[Deadline]:
        """Return the deadlines that lie ahead of the customer where it stands."""
        if self.stage == OUTSIDE:
            return []
        visit, found = self.visits[-1], list[Deadline]()
        stage = self.definition.stages[visit.stage]
        if self.goal is None and self.dropped_ms is None:
            if self.definition.window_ms is not None:
                found.append(Deadline(self.entered_ms + self.definition.window_ms, 0, "window"))
            if stage.window_ms is not None:
                found.append(Deadline(visit.at_ms + stage.window_ms, 1, f"window.{stage.id}"))
        if stage.stall is not None:
            found += self._stalls(visit, stage)
        return found

    def _stalls(self, visit: Visit, stage: Stage) -> list[Deadline]:
        stall = stage.stall
        assert stall is not None
        found = []
        for order, (clock, limit_ms, since_ms) in enumerate(
            (
                (SINCE_ENTERED, stall.since_entered_ms, visit.at_ms),
                (SINCE_LAST_TOUCH, stall.since_last_touch_ms, max(visit.at_ms, self.touched_ms)),
            ),
            start=2,
        ):
            if limit_ms is not None and not self.stalled & CLOCKS[clock][0]:
                found.append(Deadline(max(since_ms + limit_ms, self.snoozed_ms), order, clock))
        return found

    def settle(self, until_ms: int) -> None:
        """Let every deadline before `until_ms` pass, the earliest first. One at that very moment has not passed."""
        while found := self.deadlines():
            first = min(found)
            if first.due_ms >= until_ms:
                return
            self._pass(first)

    def _pass(self, deadline: Deadline) -> None:
        self.passed_ms = deadline.due_ms
        if deadline.cause in CLOCKS:
            self._stall(deadline)
        else:
            self._drop(deadline.due_ms, deadline.due_ms, deadline.cause)

    def _stall(self, deadline: Deadline) -> None:
        visit = self.visits[-1]
        stall = self.definition.stages[visit.stage].stall
        assert stall is not None
        bit, rule = CLOCKS[deadline.cause]
        self.stalled |= bit
        since_ms = visit.at_ms if deadline.cause == SINCE_ENTERED else max(visit.at_ms, self.touched_ms)
        self._note("stalled", since_ms, deadline.due_ms, deadline.cause)
        if stall.to == OUTSIDE:
            self._leave(Visit(OUTSIDE, deadline.due_ms, 0, "", rule=rule))
            self._drop_unless_converted(deadline.due_ms, deadline.due_ms, deadline.cause)
        elif stall.to is not None:
            self._enter(Visit(stall.to, deadline.due_ms, 0, "", rule=rule), 0, deadline)

    # -- touchpoints

    def apply(self, entry: Entry) -> None:
        """Fold in a touchpoint that is not before any that was folded in; `refused` then says why a move was."""
        self.settle(entry.at_ms)
        self.refused = None
        if entry.counted >= 0:
            self.counts[entry.counted] += 1
        if entry.by_customer:
            self.touched_ms = max(self.touched_ms, entry.at_ms)
        stage = self.stage  # rules and goal see the stage before the touchpoint, also if it moves the customer
        if entry.holds_ms:
            self._snooze(entry, stage)
        exits = self._first(entry, EXIT, stage) if stage != OUTSIDE else None
        rule = self._first(entry, MOVE, stage) if exits is None else None
        if exits is not None:
            self._leave(Visit(OUTSIDE, entry.at_ms, entry.sequence, entry.touchpoint_id, rule=exits))
        elif rule is not None:
            self._propose(rule, entry, stage)
        if exits is None and self.definition.asks_score:
            self._raise(entry)
        if self._first(entry, GOAL, stage) is not None:
            self._reach(Reached(entry.at_ms, entry.sequence, entry.touchpoint_id, entry.origin))
        if exits is not None:
            self._drop_unless_converted(entry.at_ms)

    def _snooze(self, entry: Entry, stage: int) -> None:
        table = self.definition.table
        snoozes = [table[i] for i in entry.matches if table[i].kind == SNOOZE]
        for rule, until_ms in zip(snoozes, entry.holds_ms, strict=True):
            if until_ms >= 0 and (rule.past is None or rule.past(stage, self.counts, entry.score)):
                self.snoozed_ms = until_ms
                return

    def _first(self, entry: Entry, kind: str, stage: int) -> int | None:
        table = self.definition.table
        for i in entry.matches:
            rule = table[i]
            if rule.kind == kind and (rule.past is None or rule.past(stage, self.counts, entry.score)):
                return i
        return None

    @property
    def stage(self) -> int:
        """Index of the stage, or OUTSIDE."""
        return self.visits[-1].stage if self.visits else OUTSIDE

    def _propose(self, rule: int, entry: Entry, stage: int) -> None:
        to = self.definition.table[rule].to
        self.refused = self._refusal(to, entry.at_ms, stage)
        if self.refused is not None or to == stage:
            return
        if self.visits and (stage == OUTSIDE or self._restarts(to, stage)):
            self._begin_round(entry)
        self._enter(Visit(to, entry.at_ms, entry.sequence, entry.touchpoint_id, rule=rule), entry.origin)

    def _raise(self, entry: Entry) -> None:
        """Let the score lead further up than the touchpoint did by itself; nobody is brought back who has left."""
        stages = self.definition.stages
        for i in entry.matches:
            rule, stage = self.definition.table[i], self.stage
            if rule.kind != RAISE or (self.visits and stage == OUTSIDE):
                continue
            is_up = stage == OUTSIDE or stages[rule.to].weight > stages[stage].weight
            if is_up and rule.past is not None and rule.past(stage, self.counts, entry.score):
                refused = self.refused
                self._propose(i, entry, stage)
                self.refused = self.refused or refused

    def _refusal(self, to: int, at_ms: int, stage: int) -> str | None:
        definition = self.definition
        if stage == OUTSIDE:
            return self._entry_refusal(to, at_ms)
        if self._restarts(to, stage):
            return "cooldown" if at_ms < self.entered_ms + definition.cooldown_ms else None
        if definition.stages[to].weight >= definition.stages[stage].weight or definition.moves == "any":
            return None
        if definition.moves == "listed":
            return None if (stage, to) in definition.backward else "not_listed"
        return "backward"

    def _entry_refusal(self, to: int, at_ms: int) -> str | None:
        definition = self.definition
        if self.visits and definition.reentry == "never":
            return "no_reentry"
        if self.visits and at_ms < self.visits[-1].at_ms + definition.cooldown_ms:
            return "cooldown"
        return "not_entered" if definition.entry == "closed" and to != definition.first else None

    def _restarts(self, to: int, stage: int) -> bool:
        return self.definition.reentry == "every" and to == self.definition.first != stage

    def _begin_round(self, entry: Entry) -> None:
        self._drop_unless_converted(entry.at_ms)  # a round that is replaced has ended too
        self.round += 1
        self.counts = [0] * len(self.counts)
        if entry.counted >= 0:
            self.counts[entry.counted] = 1
        self.goal, self.dropped_ms, self.snoozed_ms = None, None, -1
        self.entered_ms, self.furthest, self.left = -1, OUTSIDE, OUTSIDE

    def _enter(self, visit: Visit, origin: int, deadline: Deadline | None = None) -> None:
        stages = self.definition.stages
        self.visits.append(visit)
        self.stalled = 0
        if self.furthest == OUTSIDE or stages[visit.stage].weight > stages[self.furthest].weight:
            self.furthest = visit.stage
        if self.entered_ms < 0:
            self.entered_ms, self.origin = visit.at_ms, origin
            if self.goal is not None:  # met before the entry: counts from now on
                self._note("converted", visit.at_ms)
        if visit.stage == self.definition.goal_stage:
            self._reach(Reached(visit.at_ms, visit.sequence, visit.touchpoint_id, origin), deadline)

    def _leave(self, visit: Visit) -> None:
        self.visits.append(visit)
        self.stalled = 0

    def _reach(self, reached: Reached, deadline: Deadline | None = None) -> None:
        if self.goal is not None:
            return
        self.goal = reached
        if self.dropped_ms is not None:
            self._note("late_conversion", reached.at_ms)
        elif self.visits and deadline is None:
            self._note("converted", reached.at_ms)
        elif deadline is not None:
            self._note("converted", reached.at_ms, deadline.due_ms, deadline.cause)

    def _drop_unless_converted(self, at_ms: int, due_ms: int | None = None, cause: str | None = None) -> None:
        if self.goal is None and self.dropped_ms is None:
            self._drop(at_ms, due_ms, cause)

    def _drop(self, at_ms: int, due_ms: int | None, cause: str | None) -> None:
        self.dropped_ms = at_ms
        self.left = next(visit.stage for visit in reversed(self.visits) if visit.stage != OUTSIDE)
        self.events.append(Event("dropped", self.round, self.left, self.entered_ms, due_ms, cause))

    def _note(self, kind: str, since_ms: int, due_ms: int | None = None, cause: str | None = None) -> None:
        self.events.append(Event(kind, self.round, self.stage, since_ms, due_ms, cause))
