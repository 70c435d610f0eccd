"""Totals: after any sequence of steps equal to a recount."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.state import CustomerState, JourneyState
from cjstream.core.totals import Totals
from tests.core.builders import LATENESS_MS, SHOP, START_MS, Customer, journey, objects, parsed, touchpoint

DEFINITIONS = [SHOP, journey("other", "abc", lateness="0s", goal="b")]
BY_HASH = {definition.hash: definition for definition in DEFINITIONS}
KINDS = ["a", "b", "c", "page_view", "purchase", "referral", "error"]


def test_a_customer_counts_once_in_each_journey_entered() -> None:
    ani, totals = Customer.of(*DEFINITIONS), Totals()
    for n, kind in enumerate(["page_view", "a", "purchase", "error"]):
        before = ani.state
        ani.feed(touchpoint(f"t{n}", kind, n))
        totals.change(before, ani.state, BY_HASH)
    assert totals.customers == Counter({("shop", "purchase"): 1, ("other", "a"): 1})


def test_who_is_in_no_stage_counts_nowhere() -> None:
    totals = Totals()
    totals.change(None, CustomerState(journeys={"shop": JourneyState(5)}), BY_HASH)
    totals.change(None, None, BY_HASH)
    assert totals.customers == Counter()


def test_a_journey_whose_definition_is_unknown_counts_nowhere() -> None:
    ani, totals = Customer.of(SHOP), Totals()
    ani.feed(touchpoint("1", "page_view", 0))
    totals.change(None, ani.state, {})
    assert totals.customers == Counter()


def test_a_recount_starts_from_nothing() -> None:
    ani, totals = Customer.of(SHOP), Totals()
    ani.feed(touchpoint("1", "page_view", 0))
    assert ani.state is not None
    for _ in range(2):
        totals.recount([ani.state], BY_HASH)
    assert totals.customers == Counter({("shop", "awareness"): 1})


erasures = st.integers(0, 5 * LATENESS_MS).map(lambda offset_ms: START_MS + offset_ms)


@given(st.lists(st.tuples(st.integers(0, 2), objects(KINDS, 5 * LATENESS_MS, most=4), st.none() | erasures)))
def test_totals_equal_a_recount_after_any_steps_and_erasures(
    drawn: list[tuple[int, list[dict[str, object]], int | None]],
) -> None:
    customers, totals = [Customer.of(*DEFINITIONS) for _ in range(3)], Totals()
    for number, touchpoints, erased_at_ms in drawn:
        customer = customers[number]
        for each in touchpoints:
            before = customer.state
            customer.feed(parsed(each))
            totals.change(before, customer.state, BY_HASH)
        if erased_at_ms is not None:
            before = customer.state
            customer.forget(erased_at_ms)
            totals.change(before, None, BY_HASH)
        recounted = Totals()
        recounted.recount([each.state for each in customers if each.state is not None], BY_HASH)
        assert totals.customers == recounted.customers
        assert min(totals.customers.values(), default=0) >= 0
