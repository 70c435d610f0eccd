"""One customer in one journey that is measured: the measures and the stages, one step of both.

What a measure keeps is told apart from what it finds: a finding is told once, when it first holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from cjstream.core import journey, plain
from cjstream.core.definition import JourneyDefinition
from cjstream.core.logged import Scores, Times
from cjstream.core.measures import expected, feedback, judgement, score
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.score_state import ScoreState
from cjstream.core.state import (
    NOT_BEGUN,
    CustomerState,
    Entry,
    Experience,
    JourneyState,
    Measured,
    experience_of,
    value_of,
)
from cjstream.core.told import Told
from cjstream.core.touchpoint import Touchpoint

ByHash = Mapping[str, JourneyDefinition]


def advance(
    old: JourneyState | None,
    active: JourneyDefinition,
    touchpoint: Touchpoint | None,
    times: Times,
    by_hash: ByHash,
    told: Told,
) -> JourneyState | None:
    """As `journey.advance`, with the measures of the active definition kept up."""
    before = old or NOT_BEGUN
    told.leaves = active.measures is not None and active.measures.leaving is not None
    moment = _moment(before, active, touchpoint, times)
    is_late = touchpoint is not None and touchpoint.at_ms < times.newest_before_ms - active.lateness_ms
    was = experience_of(told.measured[1], active.journey)
    now, findings = _experience(was, active, None if is_late else touchpoint, moment)
    told.is_matched = told.is_matched or (now is not was and touchpoint is not None)
    if now is not was:
        told.keep(active.journey, now)
    seen = None if touchpoint is None else plain.glance(old, active, touchpoint, times.newest_before_ms)
    if seen is not None:
        plain.note(seen, active, told)
        stages = old
    else:
        has_new_points = now.score is not was.score
        scores = _scores(now, active)
        stages = journey.advance(old, active, touchpoint, times, by_hash, told, scores, has_new_points=has_new_points)
    after = stages or NOT_BEGUN
    findings += _deviations(before, after, active, moment, by_hash, told)
    if told.measured[1].judgement is not None:
        judgements = told.measured[0].judgement, told.measured[1].judgement
        findings += judgement.at_risk(active, before, after, by_hash, judgements)
    told.may_differ = told.may_differ or after is not before or _counts_differ(was, now, active)
    if findings:
        told.find(active, after, findings, by_hash)
    told.leaves = False
    return stages


def _counts_differ(was: Experience, now: Experience, active: JourneyDefinition) -> bool:
    if active.measures is None or active.measures.feedback is None or was.threads is now.threads:
        return False
    return feedback.open_count(was.threads) != feedback.open_count(now.threads)


def _moment(before: JourneyState, active: JourneyDefinition, touchpoint: Touchpoint | None, times: Times) -> Moment:
    from_ms, to_ms, clock_ms = times.settled_before_ms, times.settled_ms, before.settled_ms
    if clock_ms >= 0:
        from_ms, to_ms = max(from_ms, clock_ms), max(to_ms, clock_ms)
    key = "" if active.instance_field is None or touchpoint is None else active.key_of(touchpoint)
    return Moment(times.newest_ms, from_ms, to_ms, active.lateness_ms, key)


def _experience(
    was: Experience, active: JourneyDefinition, touchpoint: Touchpoint | None, moment: Moment
) -> tuple[Experience, list[Finding]]:
    measures, findings = active.measures, list[Finding]()
    assert measures is not None
    threads, points, watches = was.threads, was.score, was.watches
    if measures.feedback is not None:
        threads, found = feedback.advance(measures.feedback, threads, touchpoint, moment)
        findings += found
    elif threads:  # no longer measured
        threads = ()
    if measures.score is not None:
        points, found = score.advance(measures.score, points or score.NOTHING, touchpoint, moment)
        points = was.score if points is score.NOTHING else points
        findings += found
    else:
        points = None
    if measures.expected is not None:
        watches, found = expected.advance(measures.expected, watches, touchpoint, moment)
        findings += found
    elif watches:
        watches = ()
    if threads is was.threads and points is was.score and watches is was.watches:
        return was, findings
    return Experience(threads, points, watches), findings


def _scores(now: Experience, active: JourneyDefinition) -> Scores | None:
    """Return what tells the score at a logged touchpoint, None if no rule asks for it."""
    measures = active.measures
    if not active.asks_score or measures is None or measures.score is None:
        return None
    return partial(_scores_at, measures.score, now.score or score.NOTHING)


def score_of(state: CustomerState, active: JourneyDefinition, touchpoint: Touchpoint) -> float:
    """Return the score that a rule sees at a touchpoint which the state has taken in; 0 if none is kept."""
    if active.measures is None or active.measures.score is None or state.measured is None:
        return 0.0
    kept = experience_of(state.measured, active.journey).score
    return score.value_at(active.measures.score, kept or score.NOTHING, touchpoint.at_ms, touchpoint.sequence)


def _scores_at(spec: score.Spec, points: ScoreState, entries: Sequence[Entry]) -> list[float]:
    if len(entries) == 1:
        return [score.value_at(spec, points, entries[0].at_ms, entries[0].sequence)]
    return score.values_at(spec, points, [(entry.at_ms, entry.sequence) for entry in entries])


# -- what the visits tell


def _deviations(
    before: JourneyState,
    after: JourneyState,
    active: JourneyDefinition,
    moment: Moment,
    by_hash: ByHash,
    told: Told,
) -> list[Finding]:
    """Return how the customer left the declared path, as far as it was not told before."""
    spec = active.measures.expected if active.measures is not None else None
    if spec is None or not after.instances:
        return []
    was, now = told.personas
    is_same = before.instances is after.instances and was == now
    if is_same and not _may_pass(spec.limits_ms, after, moment):
        return []
    found = list(_strayed(spec, after, moment.settled_ms, by_hash, now))
    if not found:
        return found
    new = _without(found, _strayed(spec, before, moment.settled_before_ms, by_hash, was))
    return _without(new, _strayed_on_the_way(spec, before, by_hash, was)) if new else new


def _without(found: list[Finding], told: Iterable[Finding]) -> list[Finding]:
    known = {_name(each) for each in told}
    return [each for each in found if _name(each) not in known]


def _may_pass(limits_ms: Sequence[int], state: JourneyState, moment: Moment) -> bool:
    """Return whether the step may let a deadline of the path pass: a quick look, as most let none."""
    from_ms, to_ms = moment.settled_before_ms, moment.settled_ms
    if not limits_ms or from_ms == to_ms:
        return False
    for instance in state.instances:
        for visit in instance.visits:
            for limit_ms in limits_ms:
                if from_ms <= visit.at_ms + limit_ms < to_ms:
                    return True
    return False


def _strayed(
    spec: expected.Spec, state: JourneyState, settled_ms: int, by_hash: ByHash, persona: str | None
) -> Iterator[Finding]:
    for walk in _walks(state, by_hash):
        yield from expected.deviations(spec, walk, persona, settled_ms)


def _strayed_on_the_way(
    spec: expected.Spec, state: JourneyState, by_hash: ByHash, persona: str | None
) -> Iterator[Finding]:
    """Yield what held after each visit: the next one may show it in another light, but it was told."""
    for walk in _walks(state, by_hash):
        for count in range(1, len(walk.stages)):
            way = walk._replace(stages=walk.stages[:count], entered_ms=walk.entered_ms[:count], left_ms=None)
            yield from expected.deviations(spec, way, persona, -1)


def _walks(state: JourneyState, by_hash: ByHash) -> Iterator[expected.Walk]:
    """Yield every round that is kept: two may end within one step, by a touchpoint out of order."""
    for instance in state.instances:
        yield from expected.walks_of(instance, by_hash[instance.definition])


def _name(finding: Finding) -> tuple[object, ...]:
    return finding.kind, finding.instance, finding.about


# -- deadlines


def ahead(state: CustomerState, active: JourneyDefinition, by_hash: ByHash) -> Iterator[int]:
    """Yield the deadlines of a journey's measures that have not passed."""
    old = state.journeys.get(active.journey, NOT_BEGUN)
    settled_ms = max(state.newest_ms, state.heard_ms, old.settled_ms)
    persona = value_of(state.persona)
    experience = experience_of(state.measured, active.journey)
    yield from (due_ms for due_ms in _dues(old, experience, active, by_hash, persona) if due_ms >= settled_ms)


def waits_differ(before: Measured | None, after: Measured | None) -> bool:
    """Return whether the deadlines of measures may be others; a score has none."""
    if before is not None and after is not None and before.journeys is after.journeys:
        return False
    for name in {*(before.journeys if before is not None else ()), *(after.journeys if after is not None else ())}:
        was, now = experience_of(before, name), experience_of(after, name)
        if was is not now and (was.threads is not now.threads or was.watches is not now.watches):
            return True
    return False


def _dues(
    old: JourneyState, experience: Experience, active: JourneyDefinition, by_hash: ByHash, persona: str | None
) -> Iterator[int]:
    measures = active.measures
    assert measures is not None
    if measures.feedback is not None:
        yield from feedback.dues(measures.feedback, experience.threads)
    if measures.expected is not None:
        yield from expected.dues(measures.expected, experience.watches)
        for walk in _walks(old, by_hash):
            yield from expected.path_dues(measures.expected, walk, persona)
