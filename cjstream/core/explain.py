"""Why a customer is where it is, as far as the state tells: visits and what began them, outcome, times, what is due."""

from collections.abc import Mapping
from itertools import pairwise

import msgspec

from cjstream.core.definition import OUTSIDE, JourneyDefinition
from cjstream.core.dwell import StageTime, times_in_stages
from cjstream.core.fold import CLOCKS, TIMEOUTS, Fold
from cjstream.core.moves import told
from cjstream.core.outcome import entered_ms, is_late, outcome
from cjstream.core.state import CustomerState, Instance, Visit
from cjstream.core.times import UNIT_MS, format_time


class Stay(msgspec.Struct, frozen=True):
    """One visit; `stage` None: outside. `left_at` and `seconds` are None while it lasts.

    `cause`: touchpoint_id and rule (null if it was not kept), or the deadline.
    """

    stage: str | None
    entered_at: str
    left_at: str | None
    seconds: float | None
    inferred: bool
    cause: dict[str, str | None]


class InStage(msgspec.Struct, frozen=True):
    """Times in one stage: last entry, last exit, last completed visit, all completed ones, and the one going on."""

    stage: str
    entered_at: str
    exited_at: str | None
    latest_seconds: float | None
    cumulative_seconds: float
    open_seconds: float | None
    visits: int


class Ahead(msgspec.Struct, frozen=True):
    """A deadline that lies ahead: window, window.STAGE, stall.since_entered or stall.since_last_touch."""

    deadline: str
    due: str


class Standing(msgspec.Struct, frozen=True):
    """One instance of one journey. `outcome` and `why` are of the newest round; `earlier`: visits no longer kept."""

    journey: str
    definition: str
    instance: str
    round: int
    stage: str | None
    outcome: str
    why: str
    earlier: int
    visits: list[Stay]
    times: list[InStage]
    ahead: list[Ahead]


def standings(state: CustomerState, by_hash: Mapping[str, JourneyDefinition], now_ms: int) -> list[Standing]:
    """Return where a customer stands in each instance entered whose definition is known, the newest last."""
    return [
        _standing(name, instance, by_hash[instance.definition], now_ms)
        for name, journey in sorted(state.journeys.items())
        for instance in journey.instances
        if instance.visits and instance.definition in by_hash
    ]


def unknown(state: CustomerState, by_hash: Mapping[str, JourneyDefinition]) -> list[str]:
    """Return the hashes of definitions that the customer is pinned to and that are not known."""
    found = {instance.definition for journey in state.journeys.values() for instance in journey.instances}
    return sorted(found - by_hash.keys())


def _standing(name: str, instance: Instance, definition: JourneyDefinition, now_ms: int) -> Standing:
    visits = told(instance, definition)
    return Standing(
        journey=name,
        definition=definition.hash,
        instance=instance.key,
        round=instance.round,
        stage=definition.stage_name(visits[-1].stage),
        outcome=outcome(instance),
        why=why(instance, definition),
        earlier=instance.past.trimmed if instance.past is not None else 0,
        visits=[_stay(visit, after, definition) for visit, after in pairwise((*visits, None)) if visit is not None],
        times=[_in_stage(each) for each in times_in_stages(instance, definition, now_ms)],
        ahead=[
            Ahead(f"stall.{each.cause}" if each.cause in CLOCKS else each.cause, format_time(each.due_ms))
            for each in sorted(Fold(instance, definition).deadlines())
        ],
    )


def _stay(visit: Visit, after: Visit | None, definition: JourneyDefinition) -> Stay:
    return Stay(
        stage=definition.stage_name(visit.stage),
        entered_at=format_time(visit.at_ms),
        left_at=None if after is None else format_time(after.at_ms),
        seconds=None if after is None else (after.at_ms - visit.at_ms) / 1000,
        inferred=visit.inferred,
        cause=_cause(visit, definition),
    )


def _cause(visit: Visit, definition: JourneyDefinition) -> dict[str, str | None]:
    if visit.rule in TIMEOUTS:
        return {"deadline": TIMEOUTS[visit.rule]}
    return {"touchpoint_id": visit.touchpoint_id, "rule": definition.table[visit.rule].id if visit.rule >= 0 else None}


def _in_stage(time: StageTime) -> InStage:
    return InStage(
        time.stage, format_time(time.entered_ms), None if time.exited_ms is None else format_time(time.exited_ms),
        _seconds(time.latest_ms), time.cumulative_ms / 1000, _seconds(time.open_ms), time.visits,
    )  # fmt: skip


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def why(instance: Instance, definition: JourneyDefinition) -> str:
    """Return in one sentence what the outcome of the newest round comes from."""
    became, goal = outcome(instance), instance.goal
    if became == "in_progress":
        has_goal = definition.goal_stage is not None or definition.goal_rule is not None
        return "the goal is not met yet" if has_goal else "the journey has no goal"
    if became == "converted" and goal is not None:
        met = f"touchpoint {goal.touchpoint_id} met the goal at {format_time(goal.at_ms)}"
        is_early = goal.at_ms < (entered_ms(instance) or 0)
        return f"{met}, before the first stage; it counts from the entry on" if is_early else met
    late = f"; touchpoint {goal.touchpoint_id} met the goal after that, too late" if goal and is_late(instance) else ""
    return f"{_why_dropped(instance, definition, instance.dropped_ms or 0)}{late}"


def _why_dropped(instance: Instance, definition: JourneyDefinition, at_ms: int) -> str:
    at = format_time(at_ms)
    for visit in reversed(instance.visits):
        if visit.stage == OUTSIDE and visit.at_ms == at_ms:
            cause = _cause(visit, definition)
            by = cause.get("deadline") or f"exit {cause['rule']}, touchpoint {cause['touchpoint_id']}"
            return f"left the journey by {by} at {at}, before the goal was met"
    if definition.window_ms is not None and at_ms == (entered_ms(instance) or 0) + definition.window_ms:
        return f"the goal was not met within the window of {span(definition.window_ms)}, which ended {at}"
    for visit in reversed(instance.visits):
        limit_ms = definition.stages[visit.stage].window_ms if visit.stage != OUTSIDE else None
        if limit_ms is not None and visit.at_ms + limit_ms == at_ms:
            return f"stayed in {definition.stage_name(visit.stage)} beyond its window of {span(limit_ms)}, until {at}"
    return f"its time ran out at {at}"


def span(ms: int) -> str:
    """Return a duration as a definition has it: `90d`, `36h`, `10m`."""
    unit = next(name for name in reversed(UNIT_MS) if ms % UNIT_MS[name] == 0)
    return f"{ms // UNIT_MS[unit]}{unit}"
