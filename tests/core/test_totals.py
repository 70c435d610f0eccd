"""Totals: after any sequence of steps equal to a recount."""

import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.outputs import OUTCOMES
from cjstream.core.state import CustomerState, Instance, JourneyState, Past, Reached, Visit, decode_state, encode
from cjstream.core.totals import Booking, Totals
from tests.core.builders import SHOP, START_MS, Customer, Object, journey, parsed, touchpoint
from tests.core.journeys import MINUTE_MS, SPAN_MINUTES, definitions, touchpoints

CHANNELS = {"channel": ["web", "mail"]}
LABELS = {**CHANNELS, "device": ["mobile", "desktop"], "persona": ["hunter"]}
DAY_SECONDS = 86_400


@dataclass
class Table:
    """Customers of the same journeys, and their totals, changed step by step and held against a recount."""

    journeys: Journeys
    totals: Totals = field(default_factory=Totals)
    customers: dict[int, Customer] = field(default_factory=dict)

    @classmethod
    def of(cls, *definitions: JourneyDefinition) -> "Table":
        """Return a table of nobody."""
        return cls(Journeys.of(definitions))

    def feed(self, kind: str, second: float, customer: int = 0, **more: Any) -> None:
        """Let a touchpoint happen."""
        number = len(self._customer(customer).steps)
        self.take(touchpoint(f"t{number}", kind, second, **more), customer)

    def take(self, each: Any, customer: int = 0) -> None:
        """Take a touchpoint as it is."""
        self._step(customer, lambda one: one.feed(each))

    def expire(self, second: float, customer: int = 0) -> None:
        """Let the clock say that it is `second`."""
        if self._customer(customer).state is not None:
            self._step(customer, lambda one: one.expire(second))

    def forget(self, at_ms: int, customer: int = 0) -> None:
        """Erase a customer."""
        self._step(customer, lambda one: one.forget(at_ms))

    def restore(self, customer: int = 0) -> None:
        """Read a customer from its bytes: equal, but no object is the same."""
        one = self._customer(customer)
        one.state = one.state and decode_state(encode(one.state))

    def _customer(self, number: int) -> Customer:
        return self.customers.setdefault(number, Customer(self.journeys))

    def _step(self, number: int, do: Any) -> None:
        customer = self._customer(number)
        before = customer.state
        do(customer)
        self.totals.change(before, customer.state, self.journeys.by_hash)
        self.check()

    def check(self) -> None:
        """Assert that the totals are those of a recount: plainly equal, as no booking stands with 0."""
        recounted = Totals()
        recounted.recount(self.states, self.journeys.by_hash)
        assert dict(self.totals.counts) == dict(recounted.counts)
        assert min(self.totals.counts.values(), default=1) > 0

    @property
    def states(self) -> list[CustomerState]:
        """The states of all who are not erased."""
        return [each.state for each in self.customers.values() if each.state is not None]

    def count(self, *first: str) -> dict[Booking, int]:
        """Return the bookings that begin with these words, without them."""
        return {booking[len(first) :]: n for booking, n in self.totals.counts.items() if booking[: len(first)] == first}


def test_a_customer_counts_once_in_each_journey_entered() -> None:
    table = Table.of(SHOP, journey("other", "abc", lateness="0s", goal="b"), journey("third", "xyz"))
    for second, kind in enumerate(["page_view", "a", "purchase", "error"]):
        table.feed(kind, second)
    assert table.totals.counts == Counter({
        ("customers", "shop", "purchase", "converted"): 1,
        ("furthest", "shop", "purchase", "converted"): 1,
        ("entered", "shop", "day", "2026-01-01", "converted"): 1,
        ("customers", "other", "a", "in_progress"): 1,
        ("furthest", "other", "a", "in_progress"): 1,
        ("entered", "other", "day", "2026-01-01", "in_progress"): 1,
    })  # fmt: skip


def test_who_was_never_in_a_stage_counts_nowhere() -> None:
    table = Table.of(journey(goal={"on": "pay"}))
    table.feed("pay", 0)
    table.totals.change(None, CustomerState(journeys={"shop": JourneyState(5)}), table.journeys.by_hash)
    table.totals.change(None, None, table.journeys.by_hash)
    assert table.totals.counts == Counter()


def test_a_journey_whose_definition_is_unknown_counts_nowhere() -> None:
    ani, totals = Customer.of(SHOP), Totals()
    ani.feed(touchpoint("1", "page_view", 0))
    totals.change(None, ani.state, {})
    assert totals.counts == Counter()


def test_a_recount_starts_from_nothing() -> None:
    table = Table.of(SHOP)
    table.feed("page_view", 0)
    before = table.totals.copy()
    for _ in range(2):
        table.totals.recount(table.states, table.journeys.by_hash)
    assert table.totals.copy() == before


def test_what_nobody_is_in_any_more_is_gone_and_not_zero() -> None:
    table = Table.of(SHOP)
    table.feed("page_view", 0)
    table.feed("purchase", 1)
    assert table.count("customers", "shop") == {("purchase", "converted"): 1}
    table.forget(START_MS + 2_000)
    assert table.totals.counts == Counter()


def test_the_day_is_that_of_the_entry_in_utc() -> None:
    table = Table.of(journey(lateness="1d"))
    for customer, second in enumerate([DAY_SECONDS - 0.001, DAY_SECONDS, 59 * DAY_SECONDS - 1]):
        table.feed("a", second, customer)
        table.feed("b", second + DAY_SECONDS, customer)
    days = ["2026-01-01", "2026-01-02", "2026-02-28"]
    assert table.count("entered", "shop", "day") == {(day, "in_progress"): 1 for day in days}


def test_an_earlier_touchpoint_within_the_bound_moves_day_and_channel_of_the_entry() -> None:
    table = Table.of(journey(lateness="2d", count_by=CHANNELS))
    table.feed("b", DAY_SECONDS, channel="mail")
    table.feed("a", DAY_SECONDS - 1, channel="web")
    assert table.count("entered", "shop") == {
        ("day", "2026-01-01", "in_progress"): 1,
        ("channel", "web", "in_progress"): 1,
    }


def test_a_conversion_is_booked_on_channel_device_and_persona_of_the_first_and_of_the_last_touchpoint() -> None:
    table = Table.of(journey(goal={"on": "pay"}, count_by=LABELS))
    table.feed("a", 0, channel="mail", device="mobile", persona="hunter")
    assert table.count("conversions", "shop") == {}
    table.feed("b", 1, channel="web", device="mobile", persona="hunter")
    table.feed("pay", 2, channel="web", device="desktop", persona="hunter")
    table.feed("pay", 3, channel="mail", device="mobile")
    assert table.count("entered", "shop") == {
        ("day", "2026-01-01", "converted"): 1, ("channel", "mail", "converted"): 1,
        ("device", "mobile", "converted"): 1, ("persona", "hunter", "converted"): 1,
    }  # fmt: skip
    assert table.count("conversions", "shop", "first") == {
        ("channel", "mail"): 1, ("device", "mobile"): 1, ("persona", "hunter"): 1,
    }  # fmt: skip
    assert table.count("conversions", "shop", "last") == {
        ("channel", "web"): 1, ("device", "desktop"): 1, ("persona", "hunter"): 1,
    }  # fmt: skip


def test_what_is_not_configured_is_other_and_a_dimension_without_values_is_not_counted() -> None:
    table = Table.of(journey(goal="b", count_by=CHANNELS))
    table.feed("a", 0, channel="a stranger's", device="mobile", persona="hunter")
    table.feed("b", 1)
    assert table.count("entered", "shop") == {
        ("day", "2026-01-01", "converted"): 1,
        ("channel", "other", "converted"): 1,
    }
    assert table.count("conversions", "shop") == {("first", "channel", "other"): 1, ("last", "channel", "other"): 1}


def test_a_stage_as_goal_converts_by_the_touchpoint_that_entered_it() -> None:
    table = Table.of(journey(goal="c", count_by=CHANNELS))
    table.feed("a", 0, channel="mail")
    table.feed("c", 1, channel="web")
    assert table.count("conversions", "shop") == {("first", "channel", "mail"): 1, ("last", "channel", "web"): 1}


def test_a_conversion_withdrawn_is_booked_no_longer() -> None:
    table = Table.of(journey(goal="b", count_by=CHANNELS))
    table.feed("a", 0, channel="mail")
    table.feed("b", 2, channel="web")
    table.feed("c", 1, channel="web")
    assert table.count("customers", "shop") == {("c", "in_progress"): 1}
    assert table.count("conversions") == {}


def test_who_is_dropped_is_booked_by_the_stage_then_and_a_goal_met_later_apart() -> None:
    table = Table.of(journey(goal="c", window="10s", lateness="0s", count_by=CHANNELS))
    table.feed("a", 0)
    table.feed("b", 1)
    table.expire(12)
    assert table.count("left", "shop") == {("b",): 1}
    assert table.count("late_conversions") == {}
    table.feed("c", 20)
    assert table.count("customers", "shop") == {("c", "dropped"): 1}
    assert table.count("furthest", "shop") == {("c", "dropped"): 1}
    assert table.count("left", "shop") == {("b",): 1}
    assert table.count("late_conversions") == {("shop",): 1}
    assert table.count("conversions") == {}


def test_who_left_the_journey_is_in_stage_none() -> None:
    table = Table.of(journey(goal="c", exits=[{"on": "bye"}]))
    for customer, kinds in enumerate([("a", "b", "bye"), ("a", "c", "bye")]):
        for second, kind in enumerate(kinds):
            table.feed(kind, second, customer)
    assert table.count("customers", "shop") == {("none", "dropped"): 1, ("none", "converted"): 1}
    assert table.count("furthest", "shop") == {("b", "dropped"): 1, ("c", "converted"): 1}
    assert table.count("left", "shop") == {("b",): 1}


def test_a_customer_back_in_the_journey_counts_by_the_new_run_only() -> None:
    table = Table.of(journey(exits=[{"on": "bye"}], count_by=CHANNELS))
    table.feed("b", 0, channel="web")
    table.feed("bye", 1)
    table.feed("a", DAY_SECONDS, channel="mail")
    assert table.totals.counts == Counter({
        ("customers", "shop", "a", "in_progress"): 1,
        ("furthest", "shop", "a", "in_progress"): 1,
        ("entered", "shop", "day", "2026-01-02", "in_progress"): 1,
        ("entered", "shop", "channel", "mail", "in_progress"): 1,
    })  # fmt: skip


def test_of_several_instances_the_one_entered_last_counts() -> None:
    table = Table.of(journey(instance="properties.cart"))
    table.feed("a", 0, properties={"cart": "one"})
    table.feed("a", 1, properties={"cart": "two"})
    table.feed("c", 2, properties={"cart": "one"})
    assert table.count("customers", "shop") == {("a", "in_progress"): 1}


def test_who_is_moved_to_a_new_definition_counts_under_its_stages() -> None:
    old = journey(stages="abc", count_by=CHANNELS)
    new = journey(stages="xbc", count_by=LABELS, replaces=[{"definition": old.hash, "stages": {"a": "x"}}])
    table = Table.of(old)
    table.feed("a", 0, channel="web")
    table.journeys = Journeys.of([new], [old])
    table.customers[0].journeys = table.journeys
    table.feed("error", 1)
    assert table.count("customers", "shop") == {("x", "in_progress"): 1}
    assert len(table.count("entered", "shop")) == 4


LABELLED = journey(count_by=CHANNELS)
RUN = Instance(LABELLED.hash, visits=(Visit(0, START_MS, 0, "t"),), past=Past(entered_ms=START_MS, furthest=0))


@pytest.mark.parametrize(
    "change",
    [
        {"visits": (*RUN.visits, Visit(1, START_MS, 0, "u"))},
        {"goal": Reached(START_MS, 0, "t")},
        {"dropped_ms": START_MS},
        {"definition": SHOP.hash},
        {"origin": 1},
        {"past": Past(entered_ms=START_MS + DAY_SECONDS * 1000, furthest=0)},
        {"past": Past(entered_ms=START_MS, furthest=1)},
    ],
    ids=["visits", "goal", "dropped", "definition", "origin", "entry", "furthest stage"],
)
def test_whatever_of_a_run_changes_is_booked(change: dict[str, Any]) -> None:
    old, new = (CustomerState(journeys={"shop": JourneyState(1, (each,))}) for each in (RUN, replace(RUN, **change)))
    by_hash, totals, recounted = {SHOP.hash: SHOP, LABELLED.hash: LABELLED}, Totals(), Totals()
    totals.change(None, old, by_hash)
    before = totals.copy()
    totals.change(old, new, by_hash)
    recounted.recount([new], by_hash)
    assert totals.counts == recounted.counts != before


class Watched(Counter[Booking]):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[Booking] = set()

    def __setitem__(self, booking: Booking, count: int) -> None:
        self.touched.add(booking)
        super().__setitem__(booking, count)

    def __delitem__(self, booking: Any) -> None:
        self.touched.add(booking)
        super().__delitem__(booking)


def test_a_step_touches_only_the_bookings_that_differ() -> None:
    table = Table.of(journey(moves="any", count_by=LABELS))
    table.totals.counts = watched = Watched()
    table.feed("a", 0, channel="web")
    watched.touched.clear()
    table.feed("error", 1)
    table.feed("a", 2)
    assert watched.touched == set()
    table.feed("b", 3)
    assert watched.touched == {
        (kind, "shop", stage, "in_progress") for kind in ("customers", "furthest") for stage in "ab"
    }
    watched.touched.clear()
    table.feed("a", 4)
    assert watched.touched == {("customers", "shop", stage, "in_progress") for stage in "ab"}


def test_any_thread_may_copy_while_another_one_changes() -> None:
    totals, done, failed = Totals(), threading.Event(), list[BaseException]()
    definition = journey(lateness="1000d")
    states = []
    for day in range(300):
        ani = Customer.of(definition)
        ani.feed(touchpoint("1", "a", day * DAY_SECONDS))
        states.append(ani.state)

    def scrape() -> None:
        while not done.is_set():
            try:
                assert sum(totals.copy().values()) <= 3 * len(states)
            except BaseException as error:
                failed.append(error)
                return

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=scrape)
    try:
        thread.start()
        for _ in range(20):
            for old, new in ((None, state) for state in states):
                totals.change(old, new, {definition.hash: definition})
            for state in states:
                totals.change(state, None, {definition.hash: definition})
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert failed == []
    assert totals.counts == Counter()


@st.composite
def counted_definitions(draw: st.DrawFn, name: str) -> JourneyDefinition:
    """Return a journey that counts by some channels, devices and personas, fewer than there are."""
    labels = {"channel": ["web"], "device": ["mobile"], "persona": ["hunter", "gatherer"]}
    count_by = {name: values for name, values in labels.items() if draw(st.booleans())}
    data: Object = draw(definitions(name=name))
    return compile_definition({**data, **({"count_by": count_by} if count_by else {})})


SECONDS = SPAN_MINUTES * 60
CLOCK = st.integers(0, 3 * SPAN_MINUTES).map(lambda minute: ("expire", minute * 60 + 1))
ERASURE = st.integers(0, SPAN_MINUTES).map(lambda minute: ("forget", START_MS + minute * MINUTE_MS))
OTHER_STEPS = st.lists(st.tuples(st.integers(0, 7), st.one_of(CLOCK, ERASURE, st.just(("restore", 0)))), max_size=4)


@given(st.data())
def test_totals_equal_a_recount_after_any_steps(data: st.DataObject) -> None:
    names = data.draw(st.sampled_from([["shop"], ["shop", "club"]]))
    table = Table.of(*(data.draw(counted_definitions(name)) for name in names))
    now = 0
    for round_ in range(data.draw(st.integers(1, 3))):
        customer = data.draw(st.integers(0, 1))
        others = data.draw(OTHER_STEPS)
        for n, each in enumerate(data.draw(touchpoints())):
            device = data.draw(st.sampled_from([{}, {"device": "mobile"}, {"device": "desktop"}]))
            table.take(parsed({**each, **device, "id": f"{round_}-{each['id']}"}), customer)
            for what, value in [step for at, step in others if at == n]:
                if what == "expire":
                    now = max(now, value)
                    table.expire(now, customer)
                elif what == "forget":
                    table.forget(value, customer)
                else:
                    table.restore(customer)
        check_sums(table)


def check_sums(table: Table) -> None:
    """Assert that the bookings agree with one another and with what StageCurrent says of each customer."""
    here, top, converted = Counter[Booking](), Counter[Booking](), Counter[str]()
    for customer in table.customers.values():
        for name, told in customer.current.journeys.items():
            here[name, told.stage or "none", told.outcome] += 1
            top[name, told.furthest_stage or "none", told.outcome] += 1
            converted[name] += told.outcome == "converted"
    assert table.count("customers") == here
    assert table.count("furthest") == top
    for name, definition in table.journeys.active.items():
        outcomes = Counter(
            {
                outcome: sum(n for (*_, each), n in table.count("customers", name).items() if each == outcome)
                for outcome in OUTCOMES
            }
        )
        dimensions = [dimension for dimension, values in definition.count_by.items() if values]
        for dimension in ["day", *dimensions]:
            entered = Counter[str]()
            for (_, outcome), n in table.count("entered", name, dimension).items():
                entered[outcome] += n
            assert entered == outcomes
        for touch in ("first", "last"):
            for dimension in dimensions:
                assert sum(table.count("conversions", name, touch, dimension).values()) == converted[name]
        assert sum(table.count("left", name).values()) == outcomes["dropped"]
        assert table.totals.counts["late_conversions", name] <= outcomes["dropped"]


def test_judgements_and_waiting_customers_are_booked_and_unbooked() -> None:
    measures = {"sentiment": {}, "feedback": {"targets": [{"first_response": "1h"}]}}
    table = Table.of(journey(measures=measures))
    table.feed("question", 0)
    assert table.totals.counts["open_feedback", "shop"] == 1  # before any stage
    table.feed("a", 1)
    table.feed("review", 2, sentiment="negative")
    assert table.totals.counts["judged", "shop", "a", "negative"] == 1
    table.feed("b", 3, sentiment="positive")
    assert table.totals.counts["judged", "shop", "b", "positive"] == 1
    assert table.totals.counts["judged", "shop", "a", "negative"] == 0
    table.feed("answer", 4, reply_to="t0", initiator="business")
    table.feed("answer", 5, reply_to="t2", initiator="business")
    assert table.totals.counts["open_feedback", "shop"] == 0
    table.feed("question", 6)
    table.forget(START_MS + 7_000)
    assert not table.totals.counts
