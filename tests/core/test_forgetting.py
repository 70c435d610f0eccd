"""Customers who are forgotten: when asked to, or after a silence. What a marker keeps, and for how long."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from msgspec.structs import asdict

from cjstream.core.definition import compile_definition
from cjstream.core.dues import next_due, silent_ms
from cjstream.core.engine import DUPLICATE, ERASED, IGNORED, Journeys
from cjstream.core.forgetting import is_over, lay_down
from cjstream.core.outputs import Forgotten
from cjstream.core.state import CustomerState, Marker, decode_marker, encode
from cjstream.core.totals import Totals
from tests.core.builders import LATENESS_MS, SHOP, START_MS, Customer, Object, journey, parsed, touchpoint
from tests.core.journeys import ALL, MINUTE_MS, SPAN_MINUTES, arrivals, definitions, touchpoints

HOUR_MS = 3_600_000
HOUR, LATENESS = 3600, LATENESS_MS // 1000


def expiring(*active: Any, after_ms: int = HOUR_MS) -> Customer:
    return Customer(Journeys.of(active).expiring(after_ms))


class TestTheTwoTurns:
    def test_who_is_silent_for_longer_is_blank_first_and_then_a_marker(self) -> None:
        ani = expiring(SHOP)
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "cart_add", 5))
        assert ani.expire(5 + HOUR + LATENESS).state is None, "not yet: equal is not longer"
        told = ani.expire(5.001 + HOUR + LATENESS)
        assert told.outputs == (Forgotten("ani"),)
        assert told.state is not None
        assert asdict(told.state) == asdict(
            CustomerState((0, 1), journeys=told.state.journeys, erased_at_ms=START_MS + 5000)
        )
        assert [(each.sequence, each.instances) for each in told.state.journeys.values()] == [(2, ())]
        again = ani.expire(5.001 + HOUR + LATENESS)
        assert (again.state, again.outputs) == (None, ())
        assert ani.state is None
        assert ani.marker == Marker((0, 1), START_MS + 5000, {"shop": 2}, START_MS + 5001 + HOUR_MS + LATENESS_MS)
        assert decode_marker(encode(ani.marker)) == ani.marker

    def test_nobody_is_with_the_setting_off(self) -> None:
        ani = Customer.of(SHOP)
        ani.feed(touchpoint("1", "page_view", 0))
        assert next_due(ani.state or CustomerState(), ani.journeys) is None
        assert ani.expire(10**9).state is None
        assert not ani.journeys.expiring(None).has_deadlines

    def test_a_touchpoint_of_the_business_breaks_the_silence_and_is_forgotten_with_the_others(self) -> None:
        ani = expiring(SHOP)
        ani.feed(touchpoint("1", "page_view", 0), touchpoint("2", "mail", HOUR, initiator="business"))
        assert ani.expire(1 + HOUR + LATENESS).state is None
        ani.expire(1 + 2 * HOUR + LATENESS)
        assert ani.feed(touchpoint("2", "mail", HOUR, initiator="business")).verdict == ERASED

    def test_who_entered_no_journey_leaves_nobody_to_tell(self) -> None:
        ani = expiring(SHOP)
        ani.feed(touchpoint("1", "error", 0))
        assert ani.expire(1 + HOUR + LATENESS).outputs == ()
        assert (ani.state, ani.outputs) == (None, [])
        assert ani.marker is not None

    def test_who_only_did_what_is_ignored_gave_no_sign_of_life(self) -> None:
        ani = expiring(journey(ignore=[{"on": "bot"}]))
        ani.feed(touchpoint("1", "bot", 0))
        ani.expire(1)
        assert ani.state is None
        ani.feed(touchpoint("2", "a", 2))
        assert [each.sequence for each in ani.transitions] == [1]

    def test_a_touchpoint_between_the_two_turns_goes_on_in_sequence(self) -> None:
        ani = expiring(SHOP)
        ani.feed(touchpoint("1", "page_view", 0))
        ani.expire(1 + HOUR + LATENESS)
        ani.feed(touchpoint("2", "page_view", 2 * HOUR))
        assert ani.expire(2 * HOUR + 1).state is None, "it is not blank any more"
        assert [each.sequence for each in ani.transitions] == [1, 2]
        assert [type(each).__name__ for each in ani.outputs][2:] == ["Forgotten", "StageTransition", "StageCurrent"]

    def test_a_deadline_before_the_end_of_the_silence_passes_and_a_later_one_is_nobodys(self) -> None:
        stages = [{"id": "a", "weight": 1, "stall": {"since_entered": "30m"}}, {"id": "b", "weight": 2}]
        early = expiring(journey(stages=stages, lateness="0s"))
        late = expiring(journey(stages=stages, lateness="0s"), after_ms=HOUR_MS // 4)
        for ani in (early, late):
            ani.feed(touchpoint("1", "a", 0))
            for _ in range(3):
                if ani.state is not None:
                    ani.expire(10 * HOUR)  # the worker was away: the clock comes late to both
            assert ani.state is None
        assert [each.kind for each in early.signals] == ["stalled"]
        assert late.signals == []


class TestErasure:
    def test_an_erasure_of_who_has_fallen_silent_is_told_again_and_keeps_the_sequence(self) -> None:
        ani = expiring(SHOP)
        ani.feed(touchpoint("1", "page_view", 0))
        for _ in range(2):
            ani.expire(1 + HOUR + LATENESS)
        ani.forget(START_MS + 3 * HOUR_MS)
        assert ani.marker == Marker((0, 1), START_MS + 3 * HOUR_MS, {"shop": 1}, START_MS + 3 * HOUR_MS)
        assert ani.feed(touchpoint("2", "page_view", 3 * HOUR)).verdict == ERASED

    def test_an_older_marker_says_less(self) -> None:
        old = b"\x03\x00\x93\x92\x00\x07\x05\x81\xa4shop\x02"
        assert decode_marker(old) == Marker((0, 7), 5, {"shop": 2}, -1)


@pytest.mark.parametrize(
    ("marker", "is_done"),
    [
        (Marker((0, 6), 99, {}, 99), True),
        (Marker((0, 7), 99, {}, 99), False),  # its record is still in the log
        (Marker((0, 6), 100, {}, 99), False),  # touchpoints of that time may still come
        (Marker((0, 6), 5, {}, 100), False),  # made by the clock, long after the last touchpoint
        (Marker((0, 6), 99), True),
        (Marker((1, 0), 99, {}, 99), False),  # of a newer input
    ],
)
def test_a_marker_is_over_when_the_retention_has_passed_and_its_record_has_gone(marker: Marker, is_done: bool) -> None:
    assert is_over(marker, (0, 7), 100) == is_done


SPAN_MS = SPAN_MINUTES * MINUTE_MS


@st.composite
def arrived(draw: st.DrawFn) -> tuple[Object, list[Object]]:
    """Return a journey, and touchpoints as they arrive, each twice, none of them late."""
    data = draw(definitions(ALL))
    lateness_ms = min(compile_definition(data).lateness_ms, SPAN_MS)
    return data, draw(arrivals(draw(touchpoints()), lateness_ms))


def later(drawn: list[Object], by_ms: int) -> list[Object]:
    return [{**each, "id": f"later-{each['id']}", "occurred_at": each["occurred_at"] + by_ms} for each in drawn]


@given(arrived(), st.lists(st.tuples(st.integers(0, 40), st.integers(0, SPAN_MS)), max_size=4))
def test_who_is_not_silent_for_too_long_ends_as_with_the_setting_off(
    scene: tuple[Object, list[Object]], ticks: list[tuple[int, int]]
) -> None:
    data, drawn = scene
    definition = compile_definition(data)
    plain, kept = Customer.of(definition), expiring(definition, after_ms=SPAN_MS)
    for number, each in enumerate(drawn):
        for customer in (plain, kept):
            customer.feed(parsed(each))
            for at, after_ms in ticks:
                assert customer.state is not None
                heard_ms = max(customer.state.newest_ms, customer.state.heard_ms)
                if at == number and heard_ms >= 0:
                    customer.expire((heard_ms + after_ms - START_MS) / 1000)
    assert kept.state == plain.state
    assert kept.outputs == plain.outputs


def silenced(customer: Customer, end_ms: int) -> Customer:
    """Let the clock stand right after the end of the silence, for as many turns as it takes."""
    for _ in range(64):
        if customer.state is None or (next_due(customer.state, customer.journeys) or end_ms + 1) > end_ms:
            break
        customer.expire((end_ms + 1 - START_MS) / 1000)
    return customer


@given(arrived(), touchpoints(), st.integers(1, 10**9))
def test_who_was_silent_for_too_long_is_as_one_who_was_erased_then(
    scene: tuple[Object, list[Object]], once: list[Object], beyond_ms: int
) -> None:
    data, drawn = scene
    definition = compile_definition(data)
    silent, erased = expiring(definition, after_ms=SPAN_MS), Customer.of(definition)
    for customer in (silent, erased):
        customer.feed(*map(parsed, drawn))
    state = silent.state or CustomerState()
    heard_ms, end_ms = max(state.newest_ms, state.heard_ms), silent_ms(state, silent.journeys)
    assert end_ms is not None
    silenced(silent, end_ms)
    silenced(erased, end_ms)
    was_told = any(isinstance(each, Forgotten) for each in silent.outputs)
    told = len(erased.outputs)
    erased.forget(heard_ms)
    if not was_told:  # nothing was ever said of this customer, so nobody is told of the end either
        assert not erased.outputs[:told]
        erased.outputs.clear()
    assert silent.state is None
    for each in drawn:  # who only did what is ignored after the last sign of life did it after the end
        is_late = each["occurred_at"] <= heard_ms
        assert silent.feed(parsed(each)).verdict in ({ERASED} if is_late else {IGNORED, DUPLICATE})
    silent.feed(*map(parsed, later(once, end_ms + beyond_ms - START_MS)))
    erased.feed(*map(parsed, later(once, end_ms + beyond_ms - START_MS)))
    assert silent.outputs == erased.outputs
    for name in {each.journey for each in silent.transitions}:
        sequences = [each.sequence for each in silent.transitions if each.journey == name]
        assert sequences == list(range(1, len(sequences) + 1))
    event(f"was told: {was_told}")


@given(st.lists(arrived(), min_size=1, max_size=3), st.lists(st.integers(0, 3 * SPAN_MS), max_size=6))
def test_totals_are_a_recount_whoever_falls_silent_and_returns(
    scenes: list[tuple[Object, list[Object]]], ticks: list[int]
) -> None:
    definition, totals = compile_definition(scenes[0][0]), Totals()
    customer = expiring(definition, after_ms=SPAN_MS)
    by_hash = customer.journeys.by_hash
    for number, (_, drawn) in enumerate(scenes):
        for each in later(drawn, 4 * SPAN_MS * number):
            before = customer.state
            step = customer.feed(parsed(each))
            assert step.verdict != DUPLICATE or step.state is not None
            totals.change(before, customer.state, by_hash)
        for after_ms in ticks:
            before = customer.state
            if before is not None:
                customer.expire((max(before.newest_ms, 0) + after_ms) / 1000 - START_MS / 1000)
                totals.change(before, customer.state, by_hash)
        expected = Totals()
        expected.recount([] if customer.state is None else [customer.state], by_hash)
        assert totals.counts == expected.counts


def test_a_state_is_laid_down_only_when_the_silence_is_over() -> None:
    journeys = Journeys.of([SHOP]).expiring(HOUR_MS)
    state = CustomerState((0, 1), newest_ms=START_MS)
    due_ms = silent_ms(state, journeys)
    assert due_ms is not None
    assert lay_down(state, due_ms, journeys) is None
    assert lay_down(state, due_ms + 1, journeys) is not None
