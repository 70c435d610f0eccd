"""Declared rules over touchpoint types, against a model that sorts everything it ever saw."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures import watches as watches_
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.watches import MAX_KEYS, MAX_TIMES, Rules, Watch, advance, dues, read
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import touchpoint

LATENESS_MS = 20
WITHIN_MS = 5


def rules(*items: dict[str, Any]) -> Rules:
    """Return the rules with thousandths for seconds."""
    reader = Reader()
    found = read(reader, list(items), "rules")
    assert reader.problems == []
    by_id = {name: replace(rule, within_ms=rule.within_ms // 1000) for name, rule in found.by_id.items()}
    by_type = {kind: tuple(by_id[each.id] for each in some) for kind, some in found.by_type.items()}
    return Rules(by_id, by_type, {name: rule.within_ms for name, rule in by_id.items()})


ALL = rules(
    {"id": "in-time", "response": ["a", ["b", "c"]], "within": "5s"},
    {"id": "first", "precedence": ["a", "b"]},
    {"id": "never", "absence": "x"},
)
RESPONSE = rules({"id": "in-time", "response": ["a", "b"], "within": "5s"})
PRECEDENCE = rules({"id": "first", "precedence": ["a", "b"]})
ABSENCE = rules({"id": "never", "absence": ["x", "y"]})


def at(kind: str, at_ms: int, *, by_customer: bool = True) -> Touchpoint:
    return msgspec.structs.replace(touchpoint(f"{kind}{at_ms}", kind, 0), at_ms=at_ms, by_customer=by_customer)


class Feed:
    """One customer's watches, and what was found so far."""

    def __init__(self, rules_: Rules, lateness_ms: int = LATENESS_MS) -> None:
        self.rules, self.lateness_ms = rules_, lateness_ms
        self.watches: tuple[Watch, ...] = ()
        self.newest_ms = self.settled_ms = -1
        self.found = list[Finding]()

    def take(self, *touchpoints: Touchpoint, key: str | None = "") -> "Feed":
        for each in touchpoints:
            self.newest_ms = max(self.newest_ms, each.at_ms if each.by_customer else -1)
            self._step(each, max(self.settled_ms, each.at_ms), key)
        return self

    def wait(self, until_ms: int) -> "Feed":
        """Let the deadlines before a time pass, by the clock."""
        self._step(None, max(self.settled_ms, until_ms), None)
        return self

    def _step(self, each: Touchpoint | None, settled_ms: int, key: str | None) -> None:
        moment = Moment(self.newest_ms, self.settled_ms, settled_ms, self.lateness_ms, key)
        self.watches, found = advance(self.rules, self.watches, each, moment)
        self.settled_ms = settled_ms
        self.found += found

    @property
    def told(self) -> set[tuple[Any, ...]]:
        return {each.about for each in self.found}


def fed(rules_: Rules, *touchpoints: Touchpoint) -> Feed:
    return Feed(rules_).take(*touchpoints)


# -- response


def test_a_response_in_time_is_no_deviation_also_at_its_deadline_and_at_the_time_of_the_first() -> None:
    assert fed(RESPONSE, at("a", 0), at("b", 5), at("a", 6), at("b", 6), at("a", 90)).found == []


def test_a_response_is_too_slow_right_after_its_deadline() -> None:
    feed = fed(RESPONSE, at("a", 10))
    assert feed.wait(15).found == []
    assert feed.wait(16).found == [
        Finding(
            "deviation", ("too_slow", "in-time", "", 10), 10, 15, "expected.in-time", "warning",
            {"deviation": "too_slow", "rule": "in-time", "missing": ["b"]}, "",
        )
    ]  # fmt: skip


def test_an_open_one_that_is_final_is_too_slow_right_after_its_deadline_as_well() -> None:
    feed = Feed(RESPONSE, lateness_ms=2).take(at("a", 10), at("z", 13))
    assert feed.watches == (Watch("", "in-time", open_ms=10),)
    assert feed.wait(15).found == []
    assert feed.wait(16).told == {("too_slow", "in-time", "", 10)}


def test_a_response_too_slow_is_told_once() -> None:
    assert len(fed(RESPONSE, at("a", 0), at("z", 9), at("b", 12), at("z", 50)).found) == 1


def test_a_further_first_touchpoint_does_not_restart_an_open_one() -> None:
    assert fed(RESPONSE, at("a", 0), at("a", 4), at("z", 6), at("z", 12)).told == {("too_slow", "in-time", "", 0)}


def test_after_a_response_the_next_first_touchpoint_opens_again() -> None:
    feed = fed(RESPONSE, at("a", 0), at("b", 1), at("a", 2), at("z", 50), at("b", 51), at("a", 52)).wait(90)
    assert feed.told == {("too_slow", "in-time", "", 2), ("too_slow", "in-time", "", 52)}


def test_a_response_before_any_first_touchpoint_answers_nothing() -> None:
    assert fed(RESPONSE, at("b", 0), at("a", 1)).wait(90).told == {("too_slow", "in-time", "", 1)}


def test_dues_are_the_deadlines_not_kept_so_far() -> None:
    feed = fed(ALL, at("a", 0), at("b", 1), at("a", 2), at("b", 9), at("a", 12), at("x", 12))
    assert list(dues(ALL, feed.watches)) == [7, 17]
    assert list(dues(ABSENCE, feed.watches)) == []


def test_what_is_final_and_answered_is_not_kept() -> None:
    assert fed(RESPONSE, at("a", 0), at("b", 1), at("z", 21)).watches == (Watch("", "in-time", (), (1,), 0),)
    assert fed(RESPONSE, at("a", 0), at("b", 1), at("z", 22)).watches == ()
    assert fed(RESPONSE, at("a", 0), at("a", 1), at("z", 90)).watches == (Watch("", "in-time", open_ms=0),)


def test_beyond_the_bound_the_oldest_times_are_final() -> None:
    feed = Feed(RESPONSE, lateness_ms=10_000)
    feed.take(*(at("a", n * 10) for n in range(MAX_TIMES + 5)))
    (watch,) = feed.watches
    assert (len(watch.firsts), watch.open_ms) == (MAX_TIMES, 0)
    feed.take(*(at("b", 1_000 + n) for n in range(MAX_TIMES + 5)))
    (watch,) = feed.watches
    assert (len(watch.firsts), len(watch.seconds), watch.open_ms) == (0, MAX_TIMES, -1)
    feed.take(at("a", 3), at("b", 2))  # older than what was folded: taken as it comes
    assert feed.wait(9_999).told == {("too_slow", "in-time", "", 0), ("too_slow", "in-time", "", 3)}


# -- precedence and absence


def test_the_second_before_any_first_is_unexpected_once() -> None:
    feed = fed(PRECEDENCE, at("b", 3), at("b", 5), at("a", 7))
    assert feed.found == [
        Finding(
            "deviation", ("unexpected", "first", "", 0), 3, None, None, "warning",
            {"deviation": "unexpected", "rule": "first", "type": "b", "missing": ["a"]}, "",
        )
    ]  # fmt: skip


def test_the_second_after_a_first_or_at_its_time_is_expected() -> None:
    assert fed(PRECEDENCE, at("a", 1), at("b", 3)).found == []
    assert fed(PRECEDENCE, at("a", 3), at("b", 3), at("b", 99)).found == []


def test_a_first_that_arrives_late_counts_at_its_time() -> None:
    assert fed(PRECEDENCE, at("a", 9), at("b", 5)).told == {("unexpected", "first", "", 0)}
    assert fed(PRECEDENCE, at("a", 9), at("a", 4), at("b", 5)).told == set()


def test_what_must_not_come_is_forbidden_once() -> None:
    feed = fed(ABSENCE, at("z", 1), at("y", 3), at("x", 5), at("x", 2))
    assert feed.found == [
        Finding(
            "deviation", ("forbidden", "never", "", 0), 3, None, None, "warning",
            {"deviation": "forbidden", "rule": "never", "type": "y"}, "",
        )
    ]  # fmt: skip


# -- runs, edits, bounds


def test_each_run_is_watched_by_itself() -> None:
    feed = Feed(ALL).take(at("a", 1), key="one").take(at("b", 2), key="two")
    assert feed.wait(90).told == {("unexpected", "first", "two", 0), ("too_slow", "in-time", "one", 1)}
    assert [each.instance for each in feed.found] == ["two", "one"]


def test_a_touchpoint_that_names_no_run_is_left_out() -> None:
    assert Feed(ALL).take(at("b", 1), key=None).watches == ()
    assert Feed(ALL).take(at("a", 1), key="one").take(at("b", 2), key=None).wait(90).told == {
        ("too_slow", "in-time", "one", 1)
    }


def test_a_rule_that_the_definition_has_no_more_is_forgotten() -> None:
    feed = fed(ALL, at("a", 1), at("x", 2))
    assert list(dues(ABSENCE, feed.watches)) == []
    feed.rules = ABSENCE
    assert feed.take(at("z", 3)).watches == (Watch("", "never", (2,)),)


def test_a_step_that_changes_nothing_returns_the_same_watches() -> None:
    feed = fed(ALL, at("a", 1), at("b", 2), at("x", 2))
    before = feed.watches
    assert feed.take(at("a", 1), at("x", 8), at("z", 3)).watches is before
    assert fed(ALL, at("z", 1)).watches == ()


def test_of_too_many_runs_the_one_with_the_oldest_touchpoint_gives_way() -> None:
    feed = Feed(ABSENCE)
    for n in range(MAX_KEYS + 1):
        feed.take(at("x", (n + 5) % (MAX_KEYS + 1)), key=f"k{n:03}")
    assert len(feed.watches) == MAX_KEYS
    assert f"k{MAX_KEYS - 4:03}" not in [watch.key for watch in feed.watches]  # its x was at 0
    assert feed.watches == tuple(sorted(feed.watches, key=lambda watch: watch.key))


# -- any order


class Arrival(NamedTuple):
    """A touchpoint that arrives `delay_ms` after its time, and once more later; the clock runs ahead if it is told."""

    kind: str
    at_ms: int
    key: str
    by_customer: bool
    delays_ms: tuple[int, int]
    clock_ms: int | None


TIMES = st.one_of(st.integers(0, 30), st.integers(0, 12).map(lambda n: n * 5))
ARRIVALS = st.lists(
    st.builds(
        Arrival,
        st.sampled_from("aabbcxz"),
        TIMES,
        st.sampled_from(["", "k"]),
        st.sampled_from([True, True, False]),
        st.tuples(st.integers(0, LATENESS_MS), st.integers(0, LATENESS_MS)),
        st.none() | st.integers(0, 80),
    ),
    max_size=12,
)


def late(arrivals: Iterable[Arrival]) -> list[tuple[int, int, Arrival]]:
    """Return each twice, in an order of arrival that the lateness allows."""
    pairs = [(each.at_ms + delay, n, each) for n, each in enumerate(arrivals) for delay in each.delays_ms]
    return sorted(pairs, key=lambda pair: pair[:2])


def model(arrivals: Sequence[Arrival], settled_ms: int) -> set[tuple[Any, ...]]:
    """Return what holds of all rules, from all touchpoints in order."""
    found = set[tuple[Any, ...]]()
    for key in {each.key for each in arrivals}:
        mine = sorted((each.at_ms, each.kind) for each in arrivals if each.key == key)  # an a before b and c
        if any(kind == "x" for _, kind in mine):
            found.add(("forbidden", "never", key, 0))
        seconds = [at_ms for at_ms, kind in mine if kind == "b"]
        firsts = [at_ms for at_ms, kind in mine if kind == "a"]
        if seconds and not any(at_ms <= seconds[0] for at_ms in firsts):
            found.add(("unexpected", "first", key, 0))
        open_ms: int | None = None
        for at_ms, kind in [*mine, (10_000, "b")]:
            if kind == "a" and open_ms is None:
                open_ms = at_ms
            elif kind in "bc" and open_ms is not None:
                if at_ms > open_ms + WITHIN_MS and open_ms + WITHIN_MS < settled_ms:
                    found.add(("too_slow", "in-time", key, open_ms))
                open_ms = None
    return found


def run(arrivals: Iterable[tuple[int, int, Arrival]], *, clock: bool) -> Feed:
    feed = Feed(ALL)
    for _, _, each in arrivals:
        feed.take(at(each.kind, each.at_ms, by_customer=each.by_customer), key=each.key)
        if clock and each.clock_ms is not None:
            feed.wait(each.clock_ms)
    return feed


@given(ARRIVALS)
def test_any_order_leaves_the_same_state_and_tells_all_that_holds(arrivals: list[Arrival]) -> None:
    in_order = run(((each.at_ms, 0, each) for each in sorted(arrivals, key=lambda each: each.at_ms)), clock=False)
    feed = run(late(arrivals), clock=True)
    assert feed.watches == in_order.watches
    assert model(arrivals, feed.settled_ms) <= feed.told
    assert len(feed.found) >= len(feed.told)


@given(ARRIVALS)
def test_in_order_exactly_what_holds_is_told(arrivals: list[Arrival]) -> None:
    by_time = sorted(arrivals, key=lambda each: (each.at_ms, each.kind))
    feed = run(((each.at_ms, 0, each) for each in by_time), clock=False)
    assert feed.told == model(arrivals, feed.settled_ms)
    assert len(feed.found) == len(feed.told)
    open_ = [watch for watch in feed.watches if watch.rule == "in-time"]
    assert all(len(watch.firsts) <= watches_.MAX_TIMES for watch in open_)


@given(ARRIVALS)
def test_dues_hold_every_deadline_that_may_still_tell(arrivals: list[Arrival]) -> None:
    feed = run(late(arrivals), clock=False)
    ahead = {due_ms for due_ms in dues(ALL, feed.watches) if due_ms >= feed.settled_ms}
    before = len(feed.found)
    feed.wait(1_000)
    assert {each.due_ms for each in feed.found[before:]} == ahead
