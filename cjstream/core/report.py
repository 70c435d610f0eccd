"""How state is told to others: transitions, current stages and signals made from visits and their cause."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from cjstream.core.definition import JourneyDefinition, Stage
from cjstream.core.fields import Fields
from cjstream.core.fold import CLOCKS, TIMEOUTS, Event
from cjstream.core.measures import feedback, score
from cjstream.core.measures.feedback import Thread
from cjstream.core.measures.finding import Finding
from cjstream.core.moves import Change
from cjstream.core.outcome import converted_at, furthest, outcome
from cjstream.core.outputs import JourneyCurrent, Signal, StageCurrent, StageTransition, id_of, stable_id
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import CustomerState, Instance, Measured, Visit, experience_of, value_of
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Touchpoint

NO_FIELDS = Fields("", "", "", 0)
NO_JOURNEYS: Mapping[str, JourneyDefinition] = {}
SEVERITIES = {"stalled": "warning"}


class Cause:
    """Whom a step is about, and the touchpoint that made it; None: the clock did."""

    customer_id: str
    touchpoint: Touchpoint | None
    account_id: str | None
    life: tuple[int, ...] = ()  # after an erasure its time: what is found anew has another id then


class Place(NamedTuple):
    """Where a customer is in a journey: the key of a run, and its stage, None for outside."""

    instance: str
    stage: str | None


def transition(
    definition: JourneyDefinition,
    instance: Instance,
    change: Change,
    path: Sequence[Visit],
    sequence: int,
    round_: int,
    cause: Cause,
    old: JourneyDefinition | None = None,
) -> StageTransition:
    """Return the record of one change of an instance; `path` are all its told visits after it.

    `old` is the definition that it was under before the change, if that is another one.
    """
    visit, previous, path_from = change.visit, change.previous, change.path_from
    touchpoint = cause.touchpoint
    if touchpoint is not None and path_from is None and visit is not None and not visit.touchpoint_id:
        touchpoint = None  # a deadline passed before the touchpoint
    came_from, is_in = _stage(previous, old or definition), _stage(visit, definition)
    at_ms = touchpoint.at_ms if touchpoint is not None else visit.at_ms if visit is not None else 0
    fields = touchpoint.fields if touchpoint is not None else NO_FIELDS
    is_correction = path_from is not None
    return StageTransition(  # by place, since twenty-three names cost as much as all the rest
        id_of(f"transition\0{cause.customer_id}\0{definition.journey}\0{sequence}"),
        definition.journey,
        definition.hash,
        instance.key,
        round_,
        sequence,
        cause.customer_id,
        cause.account_id,
        None if came_from is None else came_from.id,
        None if is_in is None else is_in.id,
        None if came_from is None else came_from.group,
        None if is_in is None else is_in.group,
        change.kind,
        _cause(definition, visit, touchpoint, path if is_correction else ()),
        format_time(at_ms),
        None if is_correction or came_from is None else _seconds(visit, previous),
        visit is not None and visit.inferred,
        None if path_from is None else path_from + _trimmed(instance),
        None if path_from is None else _path(path[path_from:], definition),
        fields.channel,
        fields.device,
        fields.persona,
        fields.campaign,
    )


def _stage(visit: Visit | None, definition: JourneyDefinition) -> Stage | None:
    return definition.stages[visit.stage] if visit is not None and visit.stage != OUTSIDE else None


def _cause(
    definition: JourneyDefinition, visit: Visit | None, touchpoint: Touchpoint | None, corrected: Sequence[Visit]
) -> dict[str, Any]:
    if touchpoint is None:
        assert visit is not None, "the clock only adds visits"
        return {"deadline": TIMEOUTS[visit.rule]}
    for each in corrected:  # the rule is that of the visit which the touchpoint began, wherever that is in the path
        visit = each if each.touchpoint_id == touchpoint.id else visit
    is_by_it = visit is not None and visit.touchpoint_id == touchpoint.id and visit.rule >= 0
    rule_id = definition.table[visit.rule].id if visit is not None and is_by_it else None
    return {"touchpoint_id": touchpoint.id, "type": touchpoint.type, "rule": rule_id}


def _seconds(visit: Visit | None, previous: Visit | None) -> float:
    assert visit is not None
    assert previous is not None
    return (visit.at_ms - previous.at_ms) / 1000


def _trimmed(instance: Instance) -> int:
    return instance.past.trimmed if instance.past is not None else 0


def _path(path: Sequence[Visit], definition: JourneyDefinition) -> list[dict[str, Any]]:
    return [
        {
            "stage": definition.stage_name(visit.stage),
            "entered_at": format_time(visit.at_ms),
            "inferred": visit.inferred,
        }
        for visit in path
    ]


def current(
    state: CustomerState,
    customer_id: str,
    by_hash: Mapping[str, JourneyDefinition],
    active: Mapping[str, JourneyDefinition] = NO_JOURNEYS,
) -> StageCurrent:
    """Return where a customer stands in every journey entered, of those whose definition is known.

    `active` are the definitions in force by journey: what they measure is told as well.
    """
    journeys = {
        name: _journey(journey.instances[-1], journey.sequence, by_hash[journey.instances[-1].definition])
        for name, journey in sorted(state.journeys.items())
        if journey.instances and journey.instances[-1].visits and journey.instances[-1].definition in by_hash
    }
    return StageCurrent(
        customer_id, value_of(state.account_id), journeys, value_of(state.persona), value_of(state.channel),
        judgement=value_of(state.measured.judgement) if state.measured is not None else None,
        open_feedback=open_feedback(state, active), score=None, score_at=None,
    )  # fmt: skip


def open_feedback(state: CustomerState, active: Mapping[str, JourneyDefinition]) -> int | None:
    """Return how much feedback has no answer yet, in all journeys that keep its clock; None: no journey does."""
    found = None
    for name, definition in active.items():
        spec = definition.measures.feedback if definition.measures is not None else None
        if spec is not None:
            found = (found or 0) + feedback.open_count(experience_of(state.measured, name).threads)
    return found


def scored(told: StageCurrent, state: CustomerState, active: Mapping[str, JourneyDefinition]) -> StageCurrent:
    """Return `told` with the engagement score at the customer's newest moment, of the first journey that keeps one."""
    for name in sorted(active):
        measures = active[name].measures
        if measures is not None and measures.score is not None:
            at_ms = max(state.newest_ms, state.heard_ms, 0)
            points = score.value(measures.score, experience_of(state.measured, name).score or score.NOTHING, at_ms)
            return replace(told, score=round(points, 6), score_at=format_time(at_ms))
    return told


def _journey(instance: Instance, sequence: int, definition: JourneyDefinition) -> JourneyCurrent:
    last, reached = instance.visits[-1], converted_at(instance)
    stage = _stage(last, definition)
    return JourneyCurrent(
        stage=None if stage is None else stage.id,
        furthest_stage=definition.stage_name(furthest(instance)),
        group=None if stage is None else stage.group,
        entered_at=None if stage is None else format_time(last.at_ms),
        sequence=sequence,
        instance=instance.key,
        round=instance.round,
        outcome=outcome(instance),
        converted_at=None if reached is None else format_time(reached),
        definition=instance.definition,
    )


def signal(
    kind: str,
    definition: JourneyDefinition,
    instance: Instance,
    event: Event,
    cause: Cause,
    more: dict[str, Any] | None = None,
) -> Signal:
    """Return the signal of an event, told as `kind`, with `more` in its detail; the same id for the same cause."""
    touchpoint = None if event.due_ms is not None else cause.touchpoint
    about: tuple[str | int, ...] = ("", event.cause or "", event.stage, event.due_ms or 0)
    return Signal(
        signal_id=stable_id(
            "signal", cause.customer_id, definition.journey, instance.key, event.round, kind,
            *(about if touchpoint is None else (touchpoint.id,)),
        ),
        kind=kind,
        severity=SEVERITIES.get(kind, "info"),
        journey=definition.journey,
        instance=instance.key,
        stage=definition.stage_name(event.stage),
        customer_id=cause.customer_id,
        since=format_time(event.since_ms),
        due=None if event.due_ms is None or kind == "converted" else format_time(event.due_ms),
        cause=_signal_cause(event, touchpoint),
        owner=definition.owner,
        detail=_stall_detail(event) if kind == "stalled" else {"round": event.round, **(more or {})},
    )  # fmt: skip


def finding_signal(definition: JourneyDefinition, place: Place, finding: Finding, cause: Cause) -> Signal:
    """Return the signal of what a measure found. Its id is the same for the same finding."""
    touchpoint = cause.touchpoint if finding.cause is None else None
    by_touchpoint = None if touchpoint is None else {"touchpoint_id": touchpoint.id, "type": touchpoint.type}
    return Signal(
        signal_id=stable_id(
            "signal",
            cause.customer_id,
            definition.journey,
            finding.instance or "",
            finding.kind,
            *cause.life,
            *finding.about,
        ),
        kind=finding.kind,
        severity=finding.severity,
        journey=definition.journey,
        instance=place.instance,
        stage=place.stage,
        customer_id=cause.customer_id,
        since=format_time(finding.since_ms),
        due=None if finding.due_ms is None else format_time(finding.due_ms),
        cause=by_touchpoint if finding.cause is None else {"deadline": finding.cause},
        owner=definition.owner,
        detail=dict(finding.detail),
    )


def leaving_detail(measured: Measured, threads: tuple[Thread, ...], touchpoint: Touchpoint | None) -> dict[str, Any]:
    """Return what a customer who was dropped did last and waited for; `touchpoint`: the one that ended the run."""
    waiting = feedback.open_of(threads)
    return {
        "last_type": value_of(measured.last),
        "judgement": value_of(measured.judgement),
        "unanswered": len(waiting),
        "unanswered_feedback": waiting[0].id if waiting else None,
        "unanswered_type": waiting[0].type if waiting else None,
        "exit_reason": None if touchpoint is None else touchpoint.fields.exit_reason,
    }


def _signal_cause(event: Event, touchpoint: Touchpoint | None) -> dict[str, Any]:
    if touchpoint is not None:
        return {"touchpoint_id": touchpoint.id, "type": touchpoint.type}
    return {"deadline": f"stall.{event.cause}" if event.cause in CLOCKS else event.cause}


def _stall_detail(event: Event) -> dict[str, Any]:
    assert event.due_ms is not None
    return {"clock": event.cause, "waited_seconds": (event.due_ms - event.since_ms) / 1000}
