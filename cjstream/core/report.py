"""How state is told to others: transitions, current stages and signals made from visits and their cause."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from cjstream.core.definition import JourneyDefinition, Rule
from cjstream.core.moves import Change
from cjstream.core.outputs import JourneyCurrent, Signal, StageCurrent, StageTransition, stable_id
from cjstream.core.state import CustomerState, Instance, Latest, Visit
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Touchpoint

WEIGHT = attrgetter("weight")


def transition(
    definition: JourneyDefinition,
    old: Instance,
    new: Instance,
    change: Change,
    sequence: int,
    rule: Rule | None,
    touchpoint: Touchpoint,
    account_id: str | None,
) -> StageTransition:
    """Return the record of one change of visits, caused by `touchpoint` through `rule`."""
    is_correction = change.path_from is not None
    came_from, is_in = _stage(old, definition), _stage(new, definition)
    fields = touchpoint.fields
    return StageTransition(
        transition_id=stable_id("transition", touchpoint.customer_id, definition.journey, sequence),
        journey=definition.journey,
        definition=definition.hash,
        instance=new.key,
        round=new.round,
        sequence=sequence,
        customer_id=touchpoint.customer_id,
        account_id=account_id,
        from_stage=came_from and came_from.id,
        to_stage=is_in and is_in.id,
        from_group=came_from and came_from.group,
        to_group=is_in and is_in.group,
        kind=change.kind,
        cause={"touchpoint_id": touchpoint.id, "type": touchpoint.type, "rule": rule and rule.id},
        occurred_at=format_time(touchpoint.at_ms),
        seconds_in_previous=None if is_correction or not old.visits else _seconds(old.visits[-1], new.visits[-1]),
        inferred=new.visits[-1].inferred,
        path_from=change.path_from,
        path=_path(new, definition, change.path_from),
        channel=fields.get("channel"),
        device=fields.get("device"),
        persona=fields.get("persona"),
        campaign=fields.get("campaign"),
    )


def _stage(instance: Instance, definition: JourneyDefinition) -> Any:
    return definition.stages[instance.visits[-1].stage] if instance.visits else None


def _value(latest: Latest | None) -> str | None:
    return latest.value if latest is not None else None


def _seconds(previous: Visit, visit: Visit) -> float:
    return (visit.at_ms - previous.at_ms) / 1000


def _path(instance: Instance, definition: JourneyDefinition, path_from: int | None) -> list[dict[str, Any]] | None:
    if path_from is None:
        return None
    return [
        {
            "stage": definition.stages[visit.stage].id,
            "entered_at": format_time(visit.at_ms),
            "inferred": visit.inferred,
        }
        for visit in instance.visits[path_from:]
    ]


def converted_at(instance: Instance, definition: JourneyDefinition) -> int | None:
    """Return when an instance that was entered met its goal, in milliseconds, or None.

    A goal met before the first stage counts from the entry on: only who is in a journey can convert.
    """
    if not instance.visits:
        return None
    if definition.goal_stage is not None:
        return next((visit.at_ms for visit in instance.visits if visit.stage == definition.goal_stage), None)
    return max(instance.goal.at_ms, instance.visits[0].at_ms) if instance.goal is not None else None


def current(state: CustomerState, customer_id: str, by_hash: Mapping[str, JourneyDefinition]) -> StageCurrent:
    """Return where a customer stands in every journey entered, of those whose definition is known."""
    journeys = {
        name: _journey(journey.instances[-1], journey.sequence, by_hash[journey.instances[-1].definition])
        for name, journey in sorted(state.journeys.items())
        if journey.instances and journey.instances[-1].visits and journey.instances[-1].definition in by_hash
    }
    return StageCurrent(
        customer_id, _value(state.account_id), journeys, _value(state.persona), _value(state.channel),
        judgement=None, open_feedback=None, score=None, score_at=None,
    )  # fmt: skip


def _journey(instance: Instance, sequence: int, definition: JourneyDefinition) -> JourneyCurrent:
    last, reached = instance.visits[-1], converted_at(instance, definition)
    stage = definition.stages[last.stage]
    furthest = max([definition.stages[visit.stage] for visit in instance.visits], key=WEIGHT)
    return JourneyCurrent(
        stage=stage.id,
        furthest_stage=furthest.id,
        group=stage.group,
        entered_at=format_time(last.at_ms),
        sequence=sequence,
        instance=instance.key,
        round=instance.round,
        outcome="in_progress" if reached is None else "converted",
        converted_at=None if reached is None else format_time(reached),
        definition=instance.definition,
    )


def signal(
    kind: str, definition: JourneyDefinition, instance: Instance, touchpoint: Touchpoint, since_ms: int
) -> Signal:
    """Return a signal caused by a touchpoint. Its id is the same for the same cause."""
    stage = _stage(instance, definition)
    customer_id = touchpoint.customer_id
    return Signal(
        signal_id=stable_id(
            "signal", customer_id, definition.journey, instance.key, instance.round, kind, touchpoint.id
        ),
        kind=kind,
        severity="info",
        journey=definition.journey,
        instance=instance.key,
        stage=stage and stage.id,
        customer_id=customer_id,
        since=format_time(since_ms),
        due=None,
        cause={"touchpoint_id": touchpoint.id, "type": touchpoint.type},
        owner=definition.owner,
        detail=None,
    )
