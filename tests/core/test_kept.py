"""Totals that are kept: what is taken of them adds up to a recount, and what is set aside goes later."""

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.kept import DEFINITION, DUE, KeptTotals, decode_booking, encode_booking
from cjstream.core.totals import Booking
from tests.core.builders import SHOP, Customer, parsed
from tests.core.journeys import definitions, touchpoints
from tests.core.test_totals import ERASURE


@given(st.data())
def test_what_is_taken_after_any_steps_is_a_recount(data: st.DataObject) -> None:
    journeys = Journeys.of([compile_definition(data.draw(definitions(name=name))) for name in ("shop", "club")])
    totals, kept, customers = KeptTotals(), dict[Booking, int](), [Customer(journeys), Customer(journeys)]
    for number, each in enumerate(data.draw(touchpoints())):
        customer = customers[number % 2]
        before = customer.state
        if data.draw(st.integers(0, 9)):
            customer.feed(parsed({**each, "id": f"{number}-{each['id']}"}))
        else:
            customer.forget(data.draw(ERASURE)[1])
        totals.change(before, customer.state, journeys.by_hash)
        if data.draw(st.booleans()):
            kept |= totals.take()
    kept |= totals.take()
    recounted, read = KeptTotals(), KeptTotals()
    recounted.recount([each.state for each in customers if each.state is not None], journeys.by_hash)
    assert {booking: count for booking, count in kept.items() if count} == recounted.take()
    read.load({booking: count for booking, count in kept.items() if count})
    assert (read.copy(), read.definitions(), read.take()) == (recounted.copy(), recounted.definitions(), {})


def test_a_journey_that_is_gone_is_counted_under_no_definition() -> None:
    journeys, totals = Journeys.of([SHOP]), KeptTotals()
    customer = Customer(journeys)
    customer.feed(parsed({"id": "t1", "customer_id": "ani", "type": "page_view", "occurred_at": 1_000}))
    totals.change(None, customer.state, journeys.by_hash)
    assert totals.definitions() == {SHOP.hash}
    totals.change(customer.state, customer.state, journeys.by_hash)
    totals.change(customer.state, None, journeys.by_hash)
    assert totals.definitions() == set()


def test_counts_of_a_turn_of_the_clock_are_taken_without_what_gathers() -> None:
    totals = KeptTotals()
    totals.count((DUE,), 3)
    with totals.aside():
        totals.count((DUE,), 1)
        totals.count((DEFINITION, "x"), 2)
        assert totals.take() == {(DUE,): 1, (DEFINITION, "x"): 2}
        totals.count((DUE,), 1)
    assert totals.take() == {(DUE,): 5}
    assert totals.take() == {}


def test_a_turn_may_bring_along_what_was_set_aside() -> None:
    totals = KeptTotals()
    totals.count((DUE,), 1)
    with totals.aside():
        totals.bring((DUE,), 1)
        totals.count((DUE,), -1)
        assert totals.take() == {(DUE,): 0}


@given(st.lists(st.text(max_size=5)).map(tuple))
def test_a_booking_is_read_back(booking: tuple[str, ...]) -> None:
    assert decode_booking(encode_booking(booking)) == booking
