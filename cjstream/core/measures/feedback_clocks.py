"""What the clocks of feedback tell: deadlines that passed, and answers in time."""

from collections.abc import Iterable, Sequence

from cjstream.core.measures.feedback_spec import Spec
from cjstream.core.measures.feedback_threads import CLOCKS
from cjstream.core.measures.feedback_waits import State, deadlines, dues, is_early, waits, walked, warning_ms
from cjstream.core.measures.feedback_walk import Span
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.times import format_time

SEVERITIES = {"sla_due_soon": "warning", "sla_breached": "critical", "sla_met": "info"}

Key = tuple[str, tuple[str | int, ...]]  # (kind, about) of a finding


def findings(spec: Spec, old: State, new: State, moment: Moment) -> Sequence[Finding]:
    """Return what holds in the new state and did not hold in the old one, at the time of each."""
    if new is not old:
        holds = _holding(spec, new, moment.settled_ms)
        told = _holding(spec, old, moment.settled_before_ms) if holds else holds
        return [_finding(spec, key, span) for key, span in holds.items() if key not in told]
    from_ms, to_ms = moment.settled_before_ms, moment.settled_ms
    for due_ms in dues(spec, new) if from_ms < to_ms else ():
        if from_ms <= due_ms < to_ms:
            return [_finding(spec, key, span) for key, span in _passed(spec, new, moment)]
    return ()


def _passed(spec: Spec, state: State, moment: Moment) -> Iterable[tuple[Key, Span]]:
    """Yield what time alone brings to light: deadlines of clocks that run."""
    for span in walked(state).running:
        soon_ms, due_ms = deadlines(spec, span.since_ms, span.target_ms)
        if moment.settled_before_ms <= soon_ms < moment.settled_ms:
            yield ("sla_due_soon", _about(span)), span
        if moment.settled_before_ms <= due_ms < moment.settled_ms:
            yield ("sla_breached", _about(span)), span


def _about(span: Span) -> tuple[str | int, ...]:
    return CLOCKS[span.clock], span.thread_id, span.since_ms


def _holding(spec: Spec, state: State, settled_ms: int) -> dict[Key, Span]:
    """Return what holds of the clocks once every deadline before `settled_ms` has passed."""
    found = dict[Key, Span]()
    if is_early(spec, waits(state), settled_ms):
        return found
    for span in walked(state).spans:
        until_ms = settled_ms if span.stop_ms is None else span.stop_ms
        is_late = False
        if span.since_ms + warning_ms(spec, span.target_ms) < until_ms:  # else it is early in any calendar
            soon_ms, due_ms = deadlines(spec, span.since_ms, span.target_ms)
            is_late = due_ms < until_ms
            if soon_ms < until_ms:
                found["sla_due_soon", _about(span)] = span
            if is_late:
                found["sla_breached", _about(span)] = span
        if span.is_met and not is_late:
            found["sla_met", _about(span)] = span
    return found


def _finding(spec: Spec, key: Key, span: Span) -> Finding:
    kind, about = key
    clock, opening, is_met = CLOCKS[span.clock], span.opening, kind == "sla_met"
    if span.stop_ms is not None:
        waited_ms = spec.calendar.working_ms(span.since_ms, span.stop_ms)
    else:
        waited_ms = warning_ms(spec, span.target_ms) if kind == "sla_due_soon" else span.target_ms
    detail = {
        "feedback_id": span.thread_id,
        "clock": clock,
        "type": opening.type,
        "channel": opening.channel,
        "sentiment": opening.sentiment,
        "topic": opening.topic,
        "rating": opening.rating,
        "target_seconds": span.target_ms / 1000,
        "opened_at": format_time(opening.at_ms),
        "answered_at": format_time(span.stop_ms) if span.stop_ms is not None and span.is_met else None,
        "waited_seconds": waited_ms / 1000,
    }
    due_ms = None if is_met else deadlines(spec, span.since_ms, span.target_ms)[1]
    cause = None if is_met else f"sla.{clock}"
    return Finding(kind, about, span.since_ms, due_ms, cause, SEVERITIES[kind], detail, opening.key)
