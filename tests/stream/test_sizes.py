"""A state that no changelog record could hold is refused, and an ordinary one is not even measured."""

from typing import Any

import pytest
from hypothesis import given

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys, advance
from cjstream.core.state import CustomerState, PendingRecord, encode
from cjstream.core.touchpoint import Touchpoint
from cjstream.stream import sizes
from cjstream.stream.sizes import MAX_STATE_BYTES, Sizes, TooLarge
from tests.core.builders import Object, journey, parsed, touchpoint
from tests.core.journeys import definitions, touchpoints
from tests.stream.test_clock import SETTINGS, world

WIDE = "\U0001f600" * 128  # the largest id
CARTS = journey(instance={"key": "properties.cart", "limit": 100}, moves="any", exits=[{"on": "x"}])
MANY_RULES = [{"on": "a", "to": stage} for stage in "ab" * 100]


def fed(definition: JourneyDefinition, *events: Touchpoint) -> CustomerState:
    state, journeys = CustomerState(), Journeys.of([definition])
    for position, event in enumerate(events):
        state = advance(state, event, (0, position), journeys).state or state
    return state


def test_the_bound_holds_for_the_largest_ids_and_many_rules() -> None:
    definition = journey(instance="properties.cart", moves="any", exits=[{"on": "x"}], rules=MANY_RULES)
    for count in (1, 5, 300):
        events = [
            touchpoint(f"{n:03d}{WIDE[3:]}", "ax"[n % 2], n, properties={"cart": f"{n % 7}{WIDE[1:]}"})
            for n in range(count)
        ]
        state = fed(definition, *events)
        assert len(encode(state)) <= Sizes(Journeys.of([definition])).bound(state) < MAX_STATE_BYTES


@given(definitions(), touchpoints())
def test_the_bound_holds_for_any_journey(data: Object, events: list[Object]) -> None:
    definition = compile_definition(data)
    state = fed(definition, *(parsed(event) for event in events))
    assert len(encode(state)) <= Sizes(Journeys.of([definition])).bound(state)


def fail(_: Any) -> Any:
    raise AssertionError("measured")


def test_an_ordinary_state_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    state = fed(CARTS, *(touchpoint(f"{n}", "a", n, properties={"cart": n}) for n in range(300)))
    assert len(state.journeys["shop"].instances) == 100
    monkeypatch.setattr(sizes, "encode", fail)
    Sizes(Journeys.of([CARTS])).require(state)


def test_states_of_order_free_journeys_are_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sizes, "bound", fail)
    definition = journey()
    assert definition.order_free
    Sizes(Journeys.of([definition])).require(fed(definition, touchpoint("1", "a", 1)))


def test_a_state_is_refused_by_its_true_size_only() -> None:
    guard = Sizes(Journeys.of([CARTS]))
    fits = CustomerState(pending=(PendingRecord("signals", b"x" * (MAX_STATE_BYTES - 1000)),))
    assert guard.bound(fits) > MAX_STATE_BYTES
    guard.require(fits)
    with pytest.raises(TooLarge):
        guard.require(CustomerState(pending=(PendingRecord("signals", b"x" * MAX_STATE_BYTES),)))


@pytest.mark.asyncio
async def test_a_touchpoint_whose_state_would_be_too_large_is_a_dead_letter_and_the_state_as_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world() as w:
        partition = await w.looked("anna")
        before, due = w.stored("anna"), len(partition.deadlines)
        monkeypatch.setattr(sizes, "MAX_STATE_BYTES", 50)
        await w.looked("anna", "bert")
        assert (w.stored("anna"), partition.rows.state(b"bert")) == (before, None)
        assert w.outbox.keys(SETTINGS.dead_letter) == ["anna", "bert"]
        assert len(partition.deadlines) == due
        text = w.partitions.metrics.render()[1].decode()
        assert 'cjstream_dead_letters_total{reason="internal_error"} 2.0' in text
        assert 'cjstream_touchpoints_total{outcome="applied"} 1.0' in text
    assert "TooLarge" in caplog.text
    assert "anna" not in caplog.text
