"""The engagement score: points by rule, faded by age, capped by group and in all; and the thresholds that it crosses.

score(t) = min(cap, sum over groups min(cap of the group, sum of points * decay(age))); ages in the ticks of tally.py.
A threshold is crossed by a contribution that lifts the score to `at`. It can be crossed again once the score was below
`below` right before a later contribution, faded up to then, or right after it. What comes at one (at_ms, sequence)
comes at once.

The state is the same whatever the order of arrival, as long as no more than MAX_RECENT contributions are within the
lateness. Beyond that crossings are judged by the newest ones, and sums of half-lives may differ in their last digits.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby

from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.score_rules import Layout, ScoreRule, Spec, Threshold, read
from cjstream.core.measures.score_state import (
    Contribution,
    Crossing,
    Entry,
    Mark,
    Marks,
    ScoreState,
    added,
    parts,
    total,
)
from cjstream.core.measures.tally import HALF_LIFE, PARTS, Tally, decay_of, pruned
from cjstream.core.touchpoint import Touchpoint

__all__ = [
    "KIND", "MAX_RECENT", "NOTHING", "Contribution", "ScoreRule", "ScoreState", "Spec", "Threshold",
    "advance", "contributions", "dues", "read", "value", "value_at", "values_at",
]  # fmt: skip

KIND = "score_threshold"
NOTHING = ScoreState()
MAX_RECENT = 256  # contributions that can still be put in another order
MAX_BUCKETS = 4096  # all of 64 rules in 33 ticks, twice; more come of a lateness far beyond the period
TOLD = 5  # contributions in a finding
DIGITS = 6  # of points in a finding


def advance(
    spec: Spec, state: ScoreState, touchpoint: Touchpoint | None, moment: Moment
) -> tuple[ScoreState, Sequence[Finding]]:
    """Return the state after a touchpoint, and the thresholds that are crossed by now and were not before.

    A finding is about (id of the threshold, number of the crossing), so what an older touchpoint undoes and a later one
    does again is the same one. Time alone changes nothing.
    """
    if touchpoint is None or touchpoint.type not in spec.types:
        return state, ()
    before, layout = state, spec.layout(state.rules)
    if state.kind != spec.decay.kind or state.period_ms != spec.decay.period_ms:
        state = fitted(spec, state)
    places = layout.by_type.get(touchpoint.type)
    if places is None:
        held = [rule.id for rule in spec.by_type[touchpoint.type] if rule.when is None or rule.when(touchpoint)]
        if not held:
            return before, ()
        state, layout, places = _placed(spec, state, layout, held)
    at_ms, sequence, recent = touchpoint.at_ms, touchpoint.sequence, state.recent
    entries = (*recent, (at_ms, sequence, places[0]))
    if len(places) > 1:
        entries += tuple([(at_ms, sequence, place) for place in places[1:]])
    told: Sequence[Crossing]
    if not recent or (at_ms, sequence) > recent[-1][:2]:
        tally, marks, told = added(spec, layout, state.now, state.marks, (at_ms, sequence), places)
    else:
        entries = tuple(sorted(entries))
        tally, marks, crossed = _refolded(spec, state, entries)
        known = {mark.threshold: mark.code >> 1 for mark in state.marks}
        told = [each for each in crossed if each.ordinal > known.get(each.threshold.id, 0)]
    newest_ms = max(state.newest_ms, at_ms) if touchpoint.by_customer else state.newest_ms
    after = _settled(spec, tally, marks, state, entries, newest_ms, moment.lateness_ms)
    return after, [_finding(each) for each in told] if told else ()


def dues(spec: Spec, state: ScoreState) -> Iterable[int]:  # noqa: ARG001 - as every measure
    """Return the deadlines of a score, which has none: it fades, and is read when somebody asks."""
    return ()


def value(spec: Spec, state: ScoreState, at_ms: int) -> float:
    """Return the score at `at_ms`. All contributions count; those that are newer than `at_ms` in full."""
    state = fitted(spec, state)
    return total(spec, spec.layout(state.rules), state.now, spec.decay.tick(at_ms))


def contributions(spec: Spec, state: ScoreState, at_ms: int) -> list[Contribution]:
    """Return what each rule brings to `value`, by id: without caps it is the sum. None that brings nothing."""
    state = fitted(spec, state)
    return parts(spec, state.rules, state.now, spec.decay.tick(at_ms))


def value_at(spec: Spec, state: ScoreState, at_ms: int, sequence: int) -> float:
    """Return the score by the contributions up to (`at_ms`, `sequence`), which are no older than the lateness."""
    if not state.recent or (at_ms, sequence) >= state.recent[-1][:2]:
        return value(spec, state, at_ms)
    return values_at(spec, state, [(at_ms, sequence)])[0]


def values_at(spec: Spec, state: ScoreState, moments: Iterable[tuple[int, int]]) -> list[float]:
    """Return `value_at` of some (at_ms, sequence), ascending, at the cost of one pass."""
    state, decay = fitted(spec, state), spec.decay
    tally, recent, found, at = _before_recent(spec, state), state.recent, list[float](), 0
    for moment in moments:
        while at < len(recent) and recent[at][:2] <= moment:
            when_ms, _, place = recent[at]
            tally = decay.add(tally, decay.tick(when_ms), (place,))
            at += 1
        found.append(total(spec, spec.layout(state.rules), tally, decay.tick(moment[0])))
    return found


def fitted(spec: Spec, state: ScoreState) -> ScoreState:
    """Return the state in the decay of this edition of the definition.

    What was counted in another one counts on, by the time of each tick; contributions that no longer have a time of
    their own take that of the newest one; and all are final.
    """
    decay = spec.decay
    if state.kind == decay.kind and state.period_ms == decay.period_ms:
        return state
    if not state.rules:
        return ScoreState(decay.kind, decay.period_ms)
    newest_ms = max(state.newest_ms, state.recent[-1][0]) if state.recent else state.newest_ms
    tally = decay.moved(Tally(), [None] * len(state.rules))
    for at_ms, place, times in decay_of(state.kind, state.period_ms).history(state.now):
        tally = decay.add(tally, decay.tick(newest_ms if at_ms is None else at_ms), (place,), times)
    base = tally if decay.kind == HALF_LIFE else Tally()
    marks = tuple([Mark(mark.threshold, mark.code, mark.code) for mark in state.marks])
    return ScoreState(decay.kind, decay.period_ms, state.rules, tally, base, (), state.newest_ms, marks)


def _placed(
    spec: Spec, state: ScoreState, layout: Layout, held: Sequence[str]
) -> tuple[ScoreState, Layout, tuple[int, ...]]:
    """Return the state and its layout with places for these rules, and the places."""
    if any(rule not in layout.place_of for rule in held):
        state = _widened(spec, state, held)
        layout = spec.layout(state.rules)
    return state, layout, tuple([layout.place_of[rule] for rule in held])


def _widened(spec: Spec, state: ScoreState, rules: Iterable[str]) -> ScoreState:
    """Return the state with places for these rules, without rules and thresholds that are gone."""
    decay, old_places = spec.decay, spec.layout(state.rules).place_of
    wider = spec.all_rules or tuple(sorted({*rules, *[rule for rule in state.rules if rule in spec.rules]}))
    sources = [old_places.get(rule) for rule in wider]
    now = decay.moved(state.now, sources)
    base = decay.moved(state.base, sources) if state.base.counts else state.base
    recent, marks = state.recent, state.marks
    if wider[: len(state.rules)] != state.rules:
        new_of = {old: new for new, old in enumerate(sources)}
        recent = tuple([(at_ms, number, new_of[old]) for at_ms, number, old in recent if old in new_of])
    if marks:
        known = {threshold.id for threshold in spec.thresholds}
        marks = tuple([mark for mark in marks if mark.threshold in known])
    return ScoreState(state.kind, state.period_ms, wider, now, base, recent, state.newest_ms, marks)


def _before_recent(spec: Spec, state: ScoreState) -> Tally:
    tick = spec.decay.tick
    return spec.decay.without(state.now, state.base, [(tick(at_ms), place) for at_ms, _, place in state.recent])


def _refolded(spec: Spec, state: ScoreState, entries: Iterable[Entry]) -> tuple[Tally, Marks, list[Crossing]]:
    """Return what all recent contributions come to, one of which is new and not the newest."""
    marks: Marks = tuple([Mark(mark.threshold, mark.base, mark.base) for mark in state.marks if mark.base])
    tally, layout, crossed = _before_recent(spec, state), spec.layout(state.rules), list[Crossing]()
    for moment, group in groupby(entries, key=lambda entry: entry[:2]):
        tally, marks, told = added(spec, layout, tally, marks, moment, [place for _, _, place in group])
        crossed += told
    return tally, marks, crossed


def _settled(
    spec: Spec,
    tally: Tally,
    marks: Marks,
    old: ScoreState,
    recent: tuple[Entry, ...],
    newest_ms: int,
    lateness_ms: int,
) -> ScoreState:
    """Return the state after contributions, with what nothing older can come before any more out of `recent`."""
    decay, base, floor_ms = spec.decay, old.base, newest_ms - lateness_ms
    if recent[0][0] < floor_ms or len(recent) > MAX_RECENT:
        final = max(bisect_left(recent, (floor_ms,)), len(recent) - MAX_RECENT)
        base = decay.settle(base, len(old.rules), ((decay.tick(at_ms), place) for at_ms, _, place in recent[:final]))
        recent = recent[final:]
    if decay.forgets:
        tally = pruned(tally, decay.tick(floor_ms))
        if len(tally.buckets) > MAX_BUCKETS:
            tally = pruned(tally, tally.buckets[-MAX_BUCKETS - 1][0] + PARTS)
    for mark in marks:
        if mark.turns and mark.turns[0] < recent[0]:
            marks = _settled_marks(marks, recent[0][:2])
            break
    return ScoreState(decay.kind, decay.period_ms, old.rules, tally, base, recent, newest_ms, marks)


def _settled_marks(marks: Iterable[Mark], first: tuple[int, int]) -> tuple[Mark, ...]:
    """Return the marks without the turns before the first recent contribution."""
    found = []
    for mark in marks:
        final = bisect_left(mark.turns, first)
        base = mark.turns[final - 1][2] if final else mark.base
        found.append(Mark(mark.threshold, mark.code, base, mark.turns[final:]))
    return tuple(found)


def _finding(crossing: Crossing) -> Finding:
    threshold = crossing.threshold
    best = sorted(crossing.parts, key=lambda part: (-abs(part.points), part.rule))[:TOLD]
    detail = {
        "threshold": threshold.id,
        "at": threshold.at,
        "score": round(crossing.score, DIGITS),
        "contributions": [
            {"rule": rule, "count": times, "points": round(points, DIGITS)} for rule, times, points in best
        ],
    }
    return Finding(KIND, (threshold.id, crossing.ordinal), crossing.since_ms, None, None, "info", detail)
