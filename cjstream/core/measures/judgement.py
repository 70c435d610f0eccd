"""How a customer judges the business: the newest sentiment. Who is dissatisfied after the purchase is at risk."""

from collections.abc import Mapping

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.finding import Finding
from cjstream.core.measures.sentiment import GOAL, NEGATIVE
from cjstream.core.outcome import converted_at
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Instance, JourneyState, Latest

ByHash = Mapping[str, JourneyDefinition]
Judgements = tuple[Latest | None, Latest | None]  # before and after a step


def at_risk(
    active: JourneyDefinition, before: JourneyState, after: JourneyState, by_hash: ByHash, judgements: Judgements
) -> list[Finding]:
    """Return the finding that a customer judges badly what was bought, if that was not so before the step."""
    bad = judgements[1]
    if bad is None or bad.value != NEGATIVE or (bad is judgements[0] and before.instances is after.instances):
        return []
    spec = active.measures.sentiment if active.measures is not None else None
    if spec is None or spec.at_risk is None:
        return []
    since_ms = _risk_since(spec.at_risk, after, by_hash, bad)
    if since_ms is None or _was_at_risk(spec.at_risk, before, by_hash, judgements[0]):
        return []
    detail = {"judgement": bad.value, "after": spec.at_risk, "seconds_after": (bad.at_ms - since_ms) / 1000}
    return [Finding("at_risk", (bad.at_ms, bad.sequence), bad.at_ms, None, None, "warning", detail)]


def _was_at_risk(after: str, state: JourneyState, by_hash: ByHash, judgement: Latest | None) -> bool:
    if judgement is None or judgement.value != NEGATIVE:
        return False
    return _risk_since(after, state, by_hash, judgement) is not None


def _risk_since(after: str, state: JourneyState, by_hash: ByHash, judgement: Latest) -> int | None:
    """Return when the customer first met the goal, or came to the stage, if that was before the judgement."""
    moments = [_reached_ms(after, each, by_hash[each.definition]) for each in state.instances]
    return min((at_ms for at_ms in moments if at_ms is not None and at_ms <= judgement.at_ms), default=None)


def _reached_ms(after: str, instance: Instance, definition: JourneyDefinition) -> int | None:
    if after == GOAL:
        return converted_at(instance)
    weights = [stage.weight for stage in definition.stages if stage.id == after]
    if not weights:
        return None  # an older version, without that stage
    times = [
        visit.at_ms
        for visit in instance.visits
        if visit.stage != OUTSIDE and definition.stages[visit.stage].weight >= weights[0]
    ]
    return min(times, default=None)
