"""Declared rules over touchpoint types: B follows each A in time, B comes after an A only, A never comes.

Each rule watches each run of a customer by itself; a touchpoint of the business counts as one of the customer does.
What is kept is a function of the touchpoints taken in, whatever their order. Times that nothing can come before any
more are folded into the one A that waits for its B.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cjstream.core.measures.expected_rules import ABSENCE, KEYS, MAX_RULES, PRECEDENCE, RESPONSE, Rule, Rules, read
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.touchpoint import Touchpoint

__all__ = [
    "DEVIATION", "KEYS", "MAX_KEYS", "MAX_RULES", "MAX_TIMES", "Rule", "Rules", "Watch", "advance", "dues", "read",
]  # fmt: skip

DEVIATION, WARNING = "deviation", "warning"
TOO_SLOW, UNEXPECTED, FORBIDDEN = "too_slow", "unexpected", "forbidden"
NOTHING: tuple[Finding, ...] = ()
MAX_KEYS = 100  # runs of a customer; the one whose last touchpoint is the oldest gives way
MAX_TIMES = 16  # As, and Bs, of a run within the lateness; of more, the oldest can no longer be corrected


class Watch(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the rule of an id has seen of a run. Times are in milliseconds, ascending.

    A response: `open_ms`, the A that waits for its B as far as this is final, -1 for none; and the later As and Bs.
    Other rules: the earliest A and B.
    """

    key: str
    rule: str
    firsts: tuple[int, ...] = ()
    seconds: tuple[int, ...] = ()
    open_ms: int = -1


def advance(
    rules: Rules, watches: tuple[Watch, ...], touchpoint: Touchpoint | None, moment: Moment
) -> tuple[tuple[Watch, ...], Sequence[Finding]]:
    """Return the watches after a touchpoint (None: only time passes), and what the rules found.

    The watches are sorted; the same object if nothing changed. A touchpoint that names no run is left out. To be asked
    whenever time passes: what is final is then folded.
    """
    asked: tuple[Rule, ...] = ()
    if touchpoint is not None and moment.key is not None:
        asked = rules.by_type.get(touchpoint.type, ())
    if not asked and not (watches and _may_change(rules, watches, moment)):
        return watches, NOTHING
    found, kept, is_changed = list[Finding](), list[Watch](), False
    for old in (*watches, *_fresh(asked, watches, moment.key)):
        rule = rules.by_id.get(old.rule)
        if rule is None:
            is_changed = True  # the definition has it no more
            continue
        new = old
        if touchpoint is not None and rule in asked and old.key == moment.key:
            new = _with(old, rule, touchpoint)
        if rule.kind == RESPONSE:
            if _may_miss(rule, new, moment.settled_ms):
                found += _new_findings(rule, old, new, None, moment)
            new = _folded(new, moment.newest_ms - moment.lateness_ms)
        elif new is not old:
            found += _new_findings(rule, old, new, touchpoint, moment)
        is_changed |= new is not old
        if new.firsts or new.seconds or new.open_ms >= 0:
            kept.append(new)
    return (_newest(kept) if is_changed else watches), found


def _may_change(rules: Rules, watches: tuple[Watch, ...], moment: Moment) -> bool:
    """Return whether time alone may tell or fold something; a quick look, as it mostly does not."""
    from_ms, to_ms, final_ms = moment.settled_before_ms, moment.settled_ms, moment.newest_ms - moment.lateness_ms
    for watch in watches:
        within_ms = rules.limits_ms.get(watch.rule)
        if within_ms is None:
            return True  # the definition has the rule no more
        if within_ms:
            for at_ms in watch.firsts:
                if at_ms < final_ms or from_ms <= at_ms + within_ms < to_ms:
                    return True
            if from_ms <= watch.open_ms + within_ms < to_ms or (watch.seconds and watch.seconds[0] < final_ms):
                return True
    return False


def _fresh(asked: Sequence[Rule], watches: Sequence[Watch], key: str | None) -> list[Watch]:
    """Return an empty watch for each of the rules that has none of this run."""
    known = {watch.rule for watch in watches if watch.key == key}
    return [Watch(key, rule.id) for rule in asked if rule.id not in known and key is not None]


def _with(watch: Watch, rule: Rule, touchpoint: Touchpoint) -> Watch:
    """Return the watch with a touchpoint; the same object if it adds nothing."""
    firsts, seconds = watch.firsts, watch.seconds
    if touchpoint.type in rule.first:
        firsts = _added(firsts, touchpoint.at_ms)
    else:
        seconds = _added(seconds, touchpoint.at_ms)
    if rule.kind != RESPONSE:
        firsts, seconds = firsts[:1], seconds[:1]
    if (firsts, seconds) == (watch.firsts, watch.seconds):
        return watch
    return Watch(watch.key, watch.rule, firsts, seconds, watch.open_ms)


def _added(times: tuple[int, ...], at_ms: int) -> tuple[int, ...]:
    return times if at_ms in times else tuple(sorted((*times, at_ms)))


def _new_findings(
    rule: Rule, old: Watch, new: Watch, touchpoint: Touchpoint | None, moment: Moment
) -> Iterator[Finding]:
    """Yield what holds after a step and did not hold before it."""
    if rule.kind == RESPONSE:
        now = _missed(rule, new, moment.settled_ms)
        was = _missed(rule, old, moment.settled_before_ms) if now else now
        yield from (_too_slow(rule, new.key, at_ms) for at_ms in now if at_ms not in was)
    elif touchpoint is not None and _is_broken(rule, new) and not _is_broken(rule, old):
        yield _broken(rule, new.key, touchpoint)


def _may_miss(rule: Rule, watch: Watch, settled_ms: int) -> bool:
    """Return whether time ran out for the earliest A, if there is one; a quick look, as a step rarely is that late."""
    if watch.open_ms >= 0:
        return watch.open_ms + rule.within_ms < settled_ms
    return bool(watch.firsts) and watch.firsts[0] + rule.within_ms < settled_ms


def _is_broken(rule: Rule, watch: Watch) -> bool:
    """Return whether a rule without a deadline is broken; an A at the time of B comes before it."""
    if rule.kind == ABSENCE:
        return bool(watch.firsts)
    return bool(watch.seconds) and (not watch.firsts or watch.seconds[0] < watch.firsts[0])


def _broken(rule: Rule, key: str, touchpoint: Touchpoint) -> Finding:
    kind = FORBIDDEN if rule.kind == ABSENCE else UNEXPECTED
    detail: dict[str, Any] = {"deviation": kind, "rule": rule.id, "type": touchpoint.type}
    if rule.kind == PRECEDENCE:
        detail["missing"] = sorted(rule.first)
    return Finding(DEVIATION, (kind, rule.id, key, 0), touchpoint.at_ms, None, None, WARNING, detail, key)


def _too_slow(rule: Rule, key: str, at_ms: int) -> Finding:
    detail = {"deviation": TOO_SLOW, "rule": rule.id, "missing": sorted(rule.second)}
    return Finding(
        DEVIATION, (TOO_SLOW, rule.id, key, at_ms), at_ms, at_ms + rule.within_ms, f"expected.{rule.id}", WARNING,
        detail, key,
    )  # fmt: skip


def _missed(rule: Rule, watch: Watch, settled_ms: int) -> list[int]:
    """Return the times of the As of a response whose time ran out before `settled_ms`."""
    return [due_ms - rule.within_ms for due_ms in _late(rule, watch) if due_ms < settled_ms]


def _late(rule: Rule, watch: Watch) -> Iterator[int]:
    """Yield the deadlines that no B has kept so far."""
    for opened_ms, answered_ms in _openings(watch):
        due_ms = opened_ms + rule.within_ms
        if answered_ms is None or answered_ms > due_ms:
            yield due_ms


def _openings(watch: Watch) -> Iterator[tuple[int, int | None]]:
    """Yield each A that opened, with the B that closed it. While one is open no other opens; a B comes after its A."""
    open_ms = watch.open_ms
    for at_ms, is_answer in _in_order(watch):
        if not is_answer:
            open_ms = at_ms if open_ms < 0 else open_ms
        elif 0 <= open_ms <= at_ms:
            yield open_ms, at_ms
            open_ms = -1
    if open_ms >= 0:
        yield open_ms, None


def _in_order(watch: Watch) -> list[tuple[int, bool]]:
    return sorted([(at_ms, False) for at_ms in watch.firsts] + [(at_ms, True) for at_ms in watch.seconds])


def _folded(watch: Watch, final_ms: int) -> Watch:
    """Return a response's watch with the times before `final_ms` folded; nothing older comes any more."""
    firsts, seconds = watch.firsts, watch.seconds
    if not (_is_to_fold(firsts, final_ms) or _is_to_fold(seconds, final_ms)):
        return watch
    for times in (firsts, seconds):
        if len(times) > MAX_TIMES:
            final_ms = max(final_ms, times[-MAX_TIMES])
    first, second = bisect_left(firsts, final_ms), bisect_left(seconds, final_ms)
    done = Watch(watch.key, watch.rule, firsts[:first], seconds[:second], watch.open_ms)
    open_ms = next((opened_ms for opened_ms, answered_ms in _openings(done) if answered_ms is None), -1)
    return Watch(watch.key, watch.rule, firsts[first:], seconds[second:], open_ms)


def _is_to_fold(times: tuple[int, ...], final_ms: int) -> bool:
    return bool(times) and (times[0] < final_ms or len(times) > MAX_TIMES)


def _newest(watches: list[Watch]) -> tuple[Watch, ...]:
    """Return the watches sorted, those of MAX_KEYS runs at most."""
    watches.sort(key=lambda watch: (watch.key, watch.rule))
    if len(watches) <= MAX_KEYS:
        return tuple(watches)
    newest = dict[str, int]()
    for watch in watches:
        newest[watch.key] = max(newest.get(watch.key, -1), watch.open_ms, *watch.firsts, *watch.seconds)
    surplus = sorted(newest, key=lambda key: (newest[key], key))[: max(len(newest) - MAX_KEYS, 0)]
    return tuple(watch for watch in watches if watch.key not in surplus)


def dues(rules: Rules, watches: Sequence[Watch]) -> Iterator[int]:
    """Yield the deadlines of responses that no B has kept so far, passed or not."""
    for watch in watches:
        rule = rules.by_id.get(watch.rule)
        if rule is not None and rule.kind == RESPONSE:
            yield from _late(rule, watch)
