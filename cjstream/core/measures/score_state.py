"""What is kept of a customer's score, and how contributions are added to it in the order of time."""

from collections.abc import Iterable, Sequence
from math import inf
from operator import mul
from typing import NamedTuple

import msgspec

from cjstream.core.measures.score_rules import Layout, Spec, Threshold
from cjstream.core.measures.tally import Tally

Entry = tuple[int, int, int]  # (at_ms, sequence, place of the rule)


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A threshold that was ever crossed, by its id: 2 * how often, 1 more while it cannot be crossed again.

    `code`: now. `base`: before all recent contributions. `turns`: (at_ms, sequence, what it became) among them.
    """

    threshold: str
    code: int = 0
    base: int = 0
    turns: tuple[tuple[int, int, int], ...] = ()


class ScoreState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is kept of a customer's score, in the decay in which it was counted; `rules`: what the places stand for.

    `recent`, ascending: contributions that an older one may still come before. `now` has them in it, `base`, which only
    a half-life needs, has not. `newest_ms`: of the customer's own contributions. `marks` are by id.
    """

    kind: int = -1
    period_ms: int = 0
    rules: tuple[str, ...] = ()
    now: Tally = Tally()
    base: Tally = Tally()
    recent: tuple[Entry, ...] = ()
    newest_ms: int = -1
    marks: tuple[Mark, ...] = ()


class Contribution(NamedTuple):
    """What a rule brings to the score: how many times it still counts, and all that is worth by now, in points."""

    rule: str
    times: int
    points: float


class Crossing(NamedTuple):
    """A threshold was crossed for the `ordinal`th time: the score then, and what it was made of."""

    threshold: Threshold
    ordinal: int
    since_ms: int
    score: float
    parts: list[Contribution]


Marks = tuple[Mark, ...]


def added(
    spec: Spec, layout: Layout, old: Tally, marks: Marks, moment: tuple[int, int], places: Sequence[int]
) -> tuple[Tally, Marks, Sequence[Crossing]]:
    """Return the tally and the marks with all that one moment (at_ms, sequence) brings, and what was crossed.

    `places` are those of the rules. Moments come in the order of time.
    """
    decay = spec.decay
    tick = decay.tick(moment[0])
    tally = decay.add(old, tick, places)
    if not spec.thresholds:
        return tally, marks, ()
    after, before, ups = total(spec, layout, tally, tick), inf, 0
    for mark in marks:
        if mark.code & 1 and mark.threshold in spec.names:  # an older edition may have had others
            ups += 1
    if ups and tick > decay.newest(old):  # else it was not below `below`, or the threshold would not be up
        before = total(spec, layout, old, tick)
    is_up = ups == len(spec.thresholds) and after >= spec.safe and before >= spec.safe
    if is_up or (not ups and after < spec.lowest):
        return tally, marks, ()
    return tally, *_turned(spec, layout, tally, marks, moment, (before, after))


def _turned(
    spec: Spec, layout: Layout, tally: Tally, marks: Marks, moment: tuple[int, int], scores: tuple[float, float]
) -> tuple[Marks, Sequence[Crossing]]:
    """Cross, or arm again, the thresholds that the score before and after a moment is on the other side of."""
    turned, crossings, (before, after) = {mark.threshold: mark for mark in marks}, list[Crossing](), scores
    for threshold in spec.thresholds:
        mark = turned.get(threshold.id) or Mark(threshold.id)
        code = mark.code
        if code & 1 and (before < threshold.below or after < threshold.below):
            code -= 1
        if not code & 1 and after >= threshold.at:
            code += 3
            now = parts(spec, layout.place_of, tally, spec.decay.tick(moment[0]))
            crossings.append(Crossing(threshold, code >> 1, moment[0], after, now))
        if code != mark.code:
            turned[threshold.id] = Mark(threshold.id, code, mark.base, (*mark.turns, (*moment, code)))
    return tuple([mark for _, mark in sorted(turned.items())]), crossings


def total(spec: Spec, layout: Layout, tally: Tally, tick: int) -> float:
    """Return the score at `tick`."""
    points = list(map(mul, layout.points, spec.decay.amounts(tally, tick)))
    if layout.groups:
        score = 0.0
        for place in layout.free:
            score += points[place]
        for cap, places in layout.groups:
            of_group = 0.0
            for place in places:
                of_group += points[place]
            score += of_group if of_group < cap else cap  # noqa: FURB136 - quicker than min, and on the hot path
    else:
        score = sum(points, 0.0)
    return score if spec.cap is None or score < spec.cap else spec.cap


def parts(spec: Spec, rules: Iterable[str], tally: Tally, tick: int) -> list[Contribution]:
    """Return what each rule brings at `tick`; none that brings nothing."""
    times, amounts = spec.decay.times(tally, tick), spec.decay.amounts(tally, tick)
    return [
        Contribution(rule, n, spec.rules[rule].points * amount)
        for rule, n, amount in zip(rules, times, amounts, strict=True)
        if n and rule in spec.rules
    ]
