"""The engagement score against a naive model that sorts everything, and the worked cases of its definition."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures import score
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.score import Contribution, ScoreState, Spec
from cjstream.core.measures.score_rules import MAX_LAYOUTS
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import SHOP, plain

DAY = 86_400_000
START = 1_767_225_600_000
Event = tuple[int, int, str]  # (at_ms, sequence, type)


def spec_of(rules: Any, **more: Any) -> Spec:
    reader = Reader()
    found = score.read(reader, {"rules": rules, **more}, "measures.score", SHOP.stages)
    assert not reader.problems, reader.problems
    return found


def faults(value: Any) -> dict[str, str]:
    reader = Reader()
    score.read(reader, value, "measures.score", SHOP.stages)
    assert len({problem.path for problem in reader.problems}) == len(reader.problems)
    return {problem.path.removeprefix("measures.score"): problem.message for problem in reader.problems}


def touchpoint(event: Event, *, by_customer: bool = True, **fields: Any) -> Touchpoint:
    at_ms, sequence, kind = event
    initiator = "customer" if by_customer else "business"
    return plain(f"{at_ms}-{sequence}-{kind}", "ani", kind, at_ms, sequence=sequence, initiator=initiator, **fields)


def fed(
    spec: Spec, events: Sequence[Event], lateness_ms: int = 0, state: ScoreState = score.NOTHING, **more: Any
) -> tuple[ScoreState, list[Finding]]:
    """Return the state and all findings after the events in this order of arrival."""
    newest_ms, told = -1, list[Finding]()
    for event in events:
        newest_ms = max(newest_ms, event[0])
        moment = Moment(newest_ms, 0, 0, lateness_ms)
        state, found = score.advance(spec, state, touchpoint(event, **more), moment)
        told += found
    return state, told


def days(*each: float, kind: str = "view") -> list[Event]:
    return [(START + round(day * DAY), 0, kind) for day in each]


VIEW = {"id": "view", "on": "view", "points": 10}


# the worked cases


@pytest.mark.parametrize("begin", [0, 0.123456, 1.9])
@pytest.mark.parametrize(
    ("decay", "after", "points"),
    [
        ({}, 10_000, 10),
        ({"decay": {"to_zero_in": "60d"}}, 0, 10),
        ({"decay": {"to_zero_in": "60d"}}, 30, 5),
        ({"decay": {"to_zero_in": "60d"}}, 60, 0),
        ({"decay": {"to_zero_in": "60d"}}, 600, 0),
        ({"decay": {"half_life": "30d"}}, 30, 5),
        ({"decay": {"half_life": "30d"}}, 90, 1.25),
        ({"decay": {"half_life": "30d"}}, 36_500, 10 * 2.0 ** -(36_500 / 30)),
        ({"decay": {"window": "30d"}}, 29, 10),
        ({"decay": {"window": "30d"}}, 30, 0),
    ],
)
def test_ten_points_fade_with_no_new_event(decay: Any, begin: float, after: float, points: float) -> None:
    spec = spec_of([VIEW], **decay)
    state, _ = fed(spec, days(begin))
    assert score.value(spec, state, START + round((begin + after) * DAY)) == pytest.approx(points, abs=1e-300)


@pytest.mark.parametrize("decay", [{"window": "30d"}, {"to_zero_in": "30d"}])
def test_a_rule_whose_points_are_all_too_old_brings_nothing(decay: dict[str, str]) -> None:
    spec = spec_of([VIEW], decay=decay)
    state, _ = fed(spec, days(0, 15))
    assert [each.times for each in score.contributions(spec, state, START + 31 * DAY)] == [1]
    assert score.contributions(spec, state, START + 45 * DAY) == []


def test_groups_and_the_whole_are_capped_and_contributions_are_not() -> None:
    rules = [
        {"id": "a", "on": "a", "points": 8, "group": "browsing"},
        {"id": "b", "on": ["a", "b"], "points": 5, "group": "browsing"},
        {"id": "c", "on": "c", "points": 30},
        {"id": "d", "on": "d", "points": -4},
    ]
    spec = spec_of(rules, groups={"browsing": {"cap": 20}, "idle": {"cap": 1}}, cap=45)
    state, _ = fed(spec, [(1, 0, "a"), (2, 0, "a"), (3, 0, "d")])
    assert score.value(spec, state, 3) == 20 - 4
    assert score.contributions(spec, state, 3) == [("a", 2, 16), ("b", 2, 10), ("d", 1, -4)]
    state, _ = fed(spec, [(4, 0, "c")], state=state)
    assert score.value(spec, state, 4) == 45


def test_a_touchpoint_counts_for_each_rule_that_holds_and_for_no_other() -> None:
    rules = [{"on": "buy", "points": 1}, {"on": "buy", "when": {"value": {"gte": 100}}, "points": 10}]
    spec = spec_of(rules)
    assert spec.types == {"buy"}
    small, large = touchpoint((1, 0, "buy"), value=1), touchpoint((2, 0, "buy"), value=100)
    state, _ = score.advance(spec, ScoreState(), small, Moment(1, 0, 0, 0))
    assert score.value(spec, state, 2) == 1
    state, _ = score.advance(spec, state, large, Moment(2, 0, 0, 0))
    assert score.contributions(spec, state, 2) == [("score-1", 2, 2), ("score-2", 1, 10)]


def test_what_brings_no_points_leaves_the_state_as_it_is() -> None:
    spec = spec_of([{**VIEW, "when": {"channel": "website"}}])
    moment = Moment(1, 0, 0, 0)
    state, _ = fed(spec, [(1, 0, "view")], channel="website")
    assert state != ScoreState()
    for nothing in (None, touchpoint((1, 0, "other")), touchpoint((1, 0, "view"), channel="email")):
        after, found = score.advance(spec, state, nothing, moment)
        assert after is state
        assert not found
    assert not list(score.dues(spec, state))


# thresholds


def crossings(found: Sequence[Finding]) -> list[tuple[Any, ...]]:
    return [(*finding.about, finding.since_ms) for finding in found]


def test_a_threshold_is_told_once_and_again_after_the_score_fell_below_below() -> None:
    hot = {"id": "hot", "at": 20, "below": 5}
    spec = spec_of([VIEW], decay={"to_zero_in": "32d"}, thresholds=[hot])
    _, found = fed(spec, days(0, 0, 1, 20, 21, 22, 60, 61, 62))
    assert crossings(found) == [("hot", 1, START), ("hot", 2, START + 62 * DAY)]
    first = found[0]
    assert (first.kind, first.severity, first.due_ms, first.cause, first.instance) == (
        "score_threshold", "info", None, None, None,
    )  # fmt: skip
    contributed = [{"rule": "view", "count": 2, "points": 20.0}]
    assert first.detail == {"threshold": "hot", "at": 20, "score": 20.0, "contributions": contributed}


def test_a_threshold_that_is_always_kept_up_is_told_once() -> None:
    spec = spec_of([VIEW], decay={"window": "30d"}, thresholds=[{"at": 20}])
    _, found = fed(spec, days(*range(100)))
    assert crossings(found) == [("threshold-1", 1, START + DAY)]


def test_negative_points_arm_a_threshold_again() -> None:
    complaint = {"id": "complaint", "on": "complaint", "points": -15}
    spec = spec_of([VIEW, complaint], thresholds=[{"id": "hot", "at": 20, "below": 10}])
    _, found = fed(spec, [*days(0, 1), *days(2, kind="complaint"), *days(3, 4)])
    assert crossings(found) == [("hot", 1, START + DAY), ("hot", 2, START + 4 * DAY)]


def test_the_strongest_contributions_are_told_with_a_crossing() -> None:
    rules = [{"id": f"r{n}", "on": f"t{n}", "points": n if n % 2 else -n} for n in range(1, 8)]
    spec = spec_of([*rules, {"id": "buy", "on": "buy", "points": 90}], thresholds=[{"id": "hot", "at": 80}])
    _, (found,) = fed(spec, [(n, 0, f"t{n}") for n in range(1, 8)] + [(9, 0, "buy")])
    assert [each["rule"] for each in found.detail["contributions"]] == ["buy", "r7", "r6", "r5", "r4"]


def test_an_older_touchpoint_undoes_a_crossing_and_the_next_one_has_its_name_again() -> None:
    complaint = {"id": "complaint", "on": "complaint", "points": -15}
    spec = spec_of([VIEW, complaint], thresholds=[{"id": "hot", "at": 20}])
    state, first = fed(spec, days(0, 2), 10 * DAY)
    assert crossings(first) == [("hot", 1, START + 2 * DAY)]
    state, nothing = fed(spec, days(1, kind="complaint"), 10 * DAY, state)
    assert not nothing
    assert state == fed(spec, [*days(0), *days(1, kind="complaint"), *days(2)], 10 * DAY)[0]
    state, second = fed(spec, days(3, 4), 10 * DAY, state)
    assert crossings(second) == [("hot", 1, START + 4 * DAY)]


def test_an_older_touchpoint_tells_of_the_crossings_that_it_brings_about() -> None:
    complaint = {"id": "complaint", "on": "complaint", "points": -15}
    spec = spec_of([VIEW, complaint], thresholds=[{"id": "hot", "at": 20}])
    state, first = fed(spec, [*days(0, 2), *days(3, kind="complaint"), *days(4)], 10 * DAY)
    assert crossings(first) == [("hot", 1, START + 2 * DAY)]
    _, second = fed(spec, days(1), 10 * DAY, state)
    assert crossings(second) == [("hot", 2, START + 4 * DAY)]


# any order of arrival, against a model that sorts

SECOND = 1000
TYPES: dict[str, dict[str, float]] = {"a": {"r1": 5, "r2": 2}, "b": {"r2": 2}, "c": {"r3": -6}, "d": {"r4": 11}}
GROUP_OF = {"r1": "g", "r2": "g"}
RULES = [
    {"id": "r4", "on": "d", "points": 11},
    {"id": "r1", "on": "a", "points": 5, "group": "g"},
    {"id": "r3", "on": "c", "points": -6},
    {"id": "r2", "on": ["a", "b"], "points": 2, "group": "g"},
]
LIMITS = {"low": (6.3, 6.3), "high": (17.1, 9.7)}  # none that a sum of points can meet exactly
DECAYS: list[dict[str, str]] = [{}, {"half_life": "16s"}, {"to_zero_in": "64s"}, {"window": "48s"}]


def weight(decay: dict[str, str], at_ms: int, now_ms: int) -> float:
    if not decay:
        return 1
    ((kind, text),) = decay.items()
    parts = 16 if kind == "half_life" else 32
    period_ms = int(text[:-1]) * SECOND
    age = now_ms * parts // period_ms - at_ms * parts // period_ms
    if kind == "half_life":
        return float(2.0 ** (-age / 16))
    if kind == "to_zero_in":
        return max(0.0, 1 - age / 32)
    return age < 32


def model_score(decay: dict[str, str], events: Sequence[Event], now_ms: int) -> float:
    sums = {"g": 0.0, "": 0.0}
    for at_ms, _, kind in events:
        for rule, points in TYPES.get(kind, {}).items():
            sums[GROUP_OF.get(rule, "")] += points * weight(decay, at_ms, now_ms)
    return min(30.0, min(12.0, sums["g"]) + sums[""])


def model_crossings(decay: dict[str, str], events: Sequence[Event]) -> dict[tuple[str, int], int]:
    """Return when each crossing took place."""
    found, counts, is_above = {}, dict.fromkeys(LIMITS, 0), dict.fromkeys(LIMITS, False)
    earlier: list[Event] = []
    for (at_ms, _), group in groupby(sorted(each for each in events if each[2] in TYPES), key=lambda each: each[:2]):
        before = model_score(decay, earlier, at_ms)
        earlier += group
        after = model_score(decay, earlier, at_ms)
        for name, (at, below) in LIMITS.items():
            if before < below or after < below:
                is_above[name] = False
            if not is_above[name] and after >= at:
                is_above[name] = True
                counts[name] += 1
                found[name, counts[name]] = at_ms
    return found


LATENESS = 20 * SECOND
EVENTS = st.lists(
    st.tuples(st.integers(0, 200).map(lambda n: n * SECOND), st.integers(0, 1), st.sampled_from("aabccddde")),
    max_size=25,
)
DELAYS = st.lists(st.integers(0, LATENESS), min_size=25, max_size=25)
EACH_DECAY = pytest.mark.parametrize("decay", DECAYS, ids=lambda decay: next(iter(decay), "none"))


def all_spec(decay: dict[str, str]) -> Spec:
    thresholds = [{"id": name, "at": at, "below": below} for name, (at, below) in LIMITS.items()]
    more = {"decay": decay} if decay else {}
    return spec_of(RULES, groups={"g": {"cap": 12}}, cap=30, thresholds=thresholds, **more)


def arrivals(events: Sequence[Event], delays: Sequence[int]) -> list[Event]:
    """Return the events in an order in which none comes later than the lateness allows."""
    pairs = [(event[0] + delay, event) for event, delay in zip(events, delays, strict=False)]
    return [event for _, event in sorted(pairs, key=lambda pair: pair[0])]


@EACH_DECAY
@given(EVENTS)
def test_in_order_each_crossing_is_told_once(decay: dict[str, str], events: list[Event]) -> None:
    by_moment = {event[:2]: event for event in events}
    _, told = fed(all_spec(decay), sorted(by_moment.values()), LATENESS)
    assert [(each.about, each.since_ms) for each in told] == [*model_crossings(decay, list(by_moment.values())).items()]


@EACH_DECAY
@given(EVENTS, DELAYS)
def test_any_order_of_arrival_gives_the_state_of_the_sorted_one(
    decay: dict[str, str], events: list[Event], delays: list[int]
) -> None:
    spec = all_spec(decay)
    in_order, _ = fed(spec, sorted(events), LATENESS)
    state, told = fed(spec, arrivals(events, delays), LATENESS)
    assert state == in_order
    assert {each.about for each in told} >= model_crossings(decay, events).keys()


@EACH_DECAY
@given(EVENTS, DELAYS, st.integers(0, 100))
def test_the_score_is_that_of_the_model_after_every_touchpoint(
    decay: dict[str, str], events: list[Event], delays: list[int], seconds: int
) -> None:
    spec, state, so_far = all_spec(decay), ScoreState(), list[Event]()
    for event in arrivals(events, delays):
        so_far.append(event)
        newest_ms = max(each[0] for each in so_far)
        known = set(model_crossings(decay, so_far[:-1]))
        state, told = score.advance(spec, state, touchpoint(event), Moment(newest_ms, 0, 0, LATENESS))
        expected = {about: ms for about, ms in model_crossings(decay, so_far).items() if about not in known}
        assert {each.about: each.since_ms for each in told} == expected
        now_ms = newest_ms + seconds * SECOND
        assert score.value(spec, state, now_ms) == pytest.approx(model_score(decay, so_far, now_ms))
        seen = [each for each in so_far if each[:2] <= event[:2]]
        assert score.value_at(spec, state, *event[:2]) == pytest.approx(model_score(decay, seen, event[0]))


# bounds, bytes, and edits of the definition


@EACH_DECAY
def test_more_contributions_than_can_be_put_in_order_are_counted_all_the_same(decay: dict[str, str]) -> None:
    rules = [{**rule, "group": None} for rule in RULES]
    spec = spec_of(rules, thresholds=[{"id": "low", "at": 6.3}], **({"decay": decay} if decay else {}))
    events = [(n * 10, 0, kind) for n, kind in enumerate("aabbcad" * 50)]
    state, _ = fed(spec, [*events[40:], *events[:40]], 100 * SECOND)
    assert len(state.recent) == score.MAX_RECENT
    expected = sum(points * weight(decay, at_ms, 3500) for at_ms, _, kind in events for points in TYPES[kind].values())
    assert score.value(spec, state, 3500) == pytest.approx(expected)


@EACH_DECAY
def test_old_contributions_take_no_room_and_the_state_survives_its_bytes(decay: dict[str, str]) -> None:
    spec = all_spec(decay)
    events = [(n * SECOND, 0, "abcd"[n % 4]) for n in range(3000)]
    state, _ = fed(spec, events, 5 * SECOND)
    assert len(state.recent) <= 10
    assert len(state.now.buckets) <= 36 * 4
    data = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(data, type=ScoreState) == state
    assert len(data) < 1200


def test_a_lateness_far_beyond_the_period_keeps_no_more_than_the_bound() -> None:
    spec = spec_of([VIEW], decay={"window": "1s"})
    events = [(n * 100, 0, "view") for n in range(score.MAX_BUCKETS + 50)]
    state, _ = fed(spec, events, 3_600 * SECOND)
    assert len(state.now.buckets) == score.MAX_BUCKETS
    assert score.value(spec, state, events[-1][0]) == 100


def test_a_threshold_that_takes_the_place_of_another_is_told() -> None:
    before = spec_of([VIEW], thresholds=[{"id": "hot", "at": 10}])
    after = spec_of([VIEW], thresholds=[{"id": "vip", "at": 30}])
    state, _ = fed(before, days(0, 1))
    assert crossings(fed(after, days(2, 3), state=state)[1]) == [("vip", 1, START + 2 * DAY)]


def test_the_business_counts_too_and_does_not_make_the_customers_touchpoints_final() -> None:
    spec = spec_of([VIEW, {"id": "call", "on": "call", "points": 1}], thresholds=[{"id": "hot", "at": 20}])
    events: list[Event] = [(5, 0, "view"), (90, 0, "call"), (6, 0, "view")]
    state, told = ScoreState(), list[Finding]()
    for event in events:
        is_hers = event[2] == "view"
        state, found = score.advance(spec, state, touchpoint(event, by_customer=is_hers), Moment(6, 0, 0, 10))
        told += found
    assert crossings(told) == [("hot", 1, 6)]
    assert state.newest_ms == 6


def test_points_are_those_of_the_definition_in_force() -> None:
    state, _ = fed(spec_of([VIEW]), days(0, 1))
    assert score.value(spec_of([{**VIEW, "points": 3}]), state, START + DAY) == 6


@pytest.mark.parametrize("decay", [{}, {"decay": {"half_life": "9000d"}}, {"decay": {"window": "9000d"}}])
def test_rules_and_thresholds_that_are_gone_vanish_and_come_back_as_new(decay: Any) -> None:
    other = {"id": "a", "on": "other", "points": 1}
    old = spec_of([VIEW, other], thresholds=[{"id": "hot", "at": 20}, {"id": "warm", "at": 10}], **decay)
    state, _ = fed(old, [*days(0), *days(0.5, kind="other"), *days(1)], 10 * DAY)
    assert [mark.threshold for mark in state.marks] == ["hot", "warm"]
    new = spec_of([other, {"id": "b", "on": "b", "points": 2}], thresholds=[{"id": "hot", "at": 20}], **decay)
    assert score.value(new, state, START + DAY) == 1
    assert score.contributions(new, state, START + DAY) == [Contribution("a", 1, 1)]
    state, _ = fed(new, days(0.7, kind="b"), 10 * DAY, state)
    assert state.rules == ("a", "b")
    assert [mark.threshold for mark in state.marks] == ["hot"]
    assert score.value_at(new, state, START + round(0.6 * DAY), 0) == 1
    assert score.value(old, state, START + DAY) == 1


@pytest.mark.parametrize(
    ("old", "new", "at_2", "at_64"),
    [
        ({"window": "64d"}, {"to_zero_in": "64d"}, 63 / 64 * 10 + 10, 10 / 32),
        ({"to_zero_in": "64d"}, {"window": "64d"}, 20, 10),
        ({"window": "64d"}, {"half_life": "32d"}, 10 + 10 * 2 ** (-1 / 16), 2.5 + 2.5 * 2 ** (1 / 16)),
        ({"half_life": "32d"}, {"window": "64d"}, 20, 20),
        ({}, {"to_zero_in": "64d"}, 20, 20 / 32),
        ({"half_life": "32d"}, {}, 20, 20),
    ],
)
def test_another_decay_takes_over_what_the_old_one_still_knows(
    old: dict[str, str], new: dict[str, str], at_2: float, at_64: float
) -> None:
    begin = START // (64 * DAY) * 64 * DAY  # a tick begins here, of 2 days
    views = [(begin, 0, "view"), (begin + 2 * DAY, 0, "view")]
    old_spec = spec_of([VIEW], thresholds=[{"id": "hot", "at": 15}], **({"decay": old} if old else {}))
    new_spec = spec_of([VIEW], thresholds=[{"id": "hot", "at": 15}], **({"decay": new} if new else {}))
    state, told = fed(old_spec, views, 10 * DAY)
    assert len(told) == 1
    assert score.value(new_spec, state, begin + 64 * DAY) == pytest.approx(at_64)
    state, told = fed(new_spec, [(begin + 2 * DAY, 1, "view")], 10 * DAY, state)
    assert not told
    assert [(mark.code, mark.base) for mark in state.marks] == [(3, 3)]
    assert score.contributions(new_spec, state, begin + 2 * DAY)[0].times == 3


def test_customers_may_know_more_sets_of_rules_than_are_kept_at_hand() -> None:
    spec = spec_of([VIEW])
    assert spec.layout(("gone", "view")).points == (0, 10)
    for n in range(MAX_LAYOUTS + 5):
        assert spec.layout((str(n),)).points == (0,)
    assert len(spec.layouts) <= MAX_LAYOUTS
    assert spec.layout(("gone", "view")).points == (0, 10)


@EACH_DECAY
def test_without_contributions_the_score_is_nothing(decay: dict[str, str]) -> None:
    assert score.value(all_spec(decay), ScoreState(), START) == 0
    assert score.contributions(all_spec(decay), ScoreState(), START) == []


# the language


def test_the_least_score_has_ids_and_no_caps() -> None:
    spec = spec_of([{"on": ["a", "b"], "points": -1}, {"on": "b", "points": 2}], thresholds=[{"at": 3}])
    assert [*spec.rules] == ["score-1", "score-2"]
    assert spec.types == {"a", "b"}
    assert spec.cap is None
    (threshold,) = spec.thresholds
    assert (threshold.id, threshold.at, threshold.below, threshold.to) == ("threshold-1", 3, 3, None)


def test_a_threshold_may_lead_to_a_stage() -> None:
    spec = spec_of([VIEW], thresholds=[{"id": "hot", "at": 3, "below": 1, "to": "consideration"}])
    assert spec.thresholds[0].to == "consideration"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"caps": 1}, ".caps"),
        ({"cap": 0}, ".cap"),
        ({"cap": "100"}, ".cap"),
        ({"cap": True}, ".cap"),
        ({"cap": float("nan")}, ".cap"),
        ({"cap": 1_000_001}, ".cap"),
        ({"decay": "30d"}, ".decay"),
        ({"decay": {}}, ".decay"),
        ({"decay": {"half_life": "30d", "window": "30d"}}, ".decay"),
        ({"decay": {"half_life": "0d"}}, ".decay.half_life"),
        ({"decay": {"window": "a month"}}, ".decay.window"),
        ({"groups": {}}, ".groups"),
        ({"groups": ["browsing"]}, ".groups"),
        ({"groups": {"browsing": 20}}, ".groups.browsing"),
        ({"groups": {"browsing": {"cap": -1}}}, ".groups.browsing.cap"),
        ({"groups": {"a b": {"cap": 1}}}, ".groups.a b"),
        ({"rules": None}, ".rules"),
        ({"rules": [VIEW] * 2}, ".rules[1].id"),
        ({"rules": [{**VIEW, "points": 0}]}, ".rules[0].points"),
        ({"rules": [{**VIEW, "points": "10"}]}, ".rules[0].points"),
        ({"rules": [{**VIEW, "group": "unknown"}]}, ".rules[0].group"),
        ({"rules": [{**VIEW, "group": ["unknown"]}]}, ".rules[0].group"),
        ({"rules": [{**VIEW, "on": []}]}, ".rules[0].on"),
        ({"rules": [{**VIEW, "when": []}]}, ".rules[0].when"),
        ({"rules": [{**VIEW, "when": {"seen": "purchase"}}]}, ".rules[0].when.seen"),
        ({"rules": [{**VIEW, "when": {"nonsense": 1}}]}, ".rules[0].when.nonsense"),
        ({"rules": [{**VIEW, "to": "purchase"}]}, ".rules[0].to"),
        ({"thresholds": []}, ".thresholds"),
        ({"thresholds": [{"at": 0}]}, ".thresholds[0].at"),
        ({"thresholds": [{"below": 3}]}, ".thresholds[0].at"),
        ({"thresholds": [{"at": 3, "below": 4}]}, ".thresholds[0].below"),
        ({"thresholds": [{"at": 3, "below": None}]}, ".thresholds[0].below"),
        ({"thresholds": [{"at": 3, "to": "nowhere"}]}, ".thresholds[0].to"),
        ({"thresholds": [{"id": "x", "at": 3}, {"id": "x", "at": 4}]}, ".thresholds[1].id"),
    ],
)
def test_what_is_wrong_is_told_once_with_its_path(more: dict[str, Any], path: str) -> None:
    assert [*faults({"rules": [VIEW], **more})] == [path]


def test_what_is_no_mapping_is_told() -> None:
    assert "" in faults([VIEW])
