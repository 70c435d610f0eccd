"""Whole definitions with measures, and touchpoints with feedback and replies: what must hold of all of them."""

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition
from tests.core.builders import START_MS, Customer, Object, parsed
from tests.core.drawn_measures import measured, spoken
from tests.core.journeys import MINUTE_MS, SPAN_MINUTES, Language, arrivals

HOUR = 3_600.0
LAST_MS = START_MS + SPAN_MINUTES * MINUTE_MS - 1_000
MEASURED = {"sla_due_soon", "sla_breached", "sla_met", "deviation", "score_threshold"}


@st.composite
def spread(draw: st.DrawFn) -> list[Object]:
    """Return touchpoints no two of which are of one moment: of those that are, any may be told first."""
    return [{**each, "occurred_at": min(each["occurred_at"], LAST_MS) + n * 7} for n, each in enumerate(draw(spoken()))]


def lived(data: Object, touchpoints: list[Object]) -> Customer:
    """Return a customer after these touchpoints, when all deadlines of the measures have passed."""
    customer = Customer.of(compile_definition(data))
    customer.feed(*map(parsed, touchpoints))
    if customer.state is not None:
        customer.expire(HOUR)
    return customer


def told(customer: Customer) -> set[str]:
    return {each.signal_id for each in customer.signals if each.kind in MEASURED}


@given(measured(Language(early=False)), spread(), st.data())
def test_in_any_order_each_twice_the_state_is_that_of_order_and_nothing_is_left_untold(
    data: Object, touchpoints: list[Object], draw: st.DataObject
) -> None:
    in_order = sorted(touchpoints, key=lambda each: each["occurred_at"])
    arrived = draw.draw(arrivals(touchpoints, SPAN_MINUTES * MINUTE_MS))
    one, other = lived(data, in_order), lived(data, arrived)
    assert one.essence() == other.essence()
    assert one.state is not None
    assert other.state is not None
    assert one.state.measured == other.state.measured
    assert told(one) <= told(other)


@given(measured(Language(early=False)), spread(), st.integers(0, 20))
def test_the_clock_may_come_in_between_and_tells_nothing_twice(
    data: Object, touchpoints: list[Object], minute: int
) -> None:
    # no personas: another one has another path to stray from, and may stray from it anew
    one_persona = [{key: value for key, value in each.items() if key != "persona"} for each in touchpoints]
    in_order = sorted(one_persona, key=lambda each: each["occurred_at"])
    customer = Customer.of(compile_definition(data))
    for each in in_order:
        customer.feed(parsed(each))
        customer.expire(min(60 * minute, (each["occurred_at"] - START_MS) / 1000 + SPAN_MINUTES * 60))
    customer.expire(HOUR)
    ids = [each.signal_id for each in customer.signals if each.kind in MEASURED]
    assert len(ids) == len(set(ids))
    assert told(customer) == told(lived(data, in_order))
