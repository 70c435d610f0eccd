"""Several runs of one customer through one journey, told apart by a key: each as if it were alone, and all bounded."""

from random import Random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cjstream.core import logged
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.dues import next_due
from cjstream.core.engine import APPLIED, IGNORED, LATE, Journeys, advance
from cjstream.core.logged import MAX_LOG
from cjstream.core.outputs import StageTransition
from cjstream.core.policies import INSTANCE_LIMIT
from cjstream.core.state import CustomerState, Instance, encode
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS, Customer, Object, journey, parsed, plain, touchpoint, wire
from tests.core.journeys import MINUTE_MS, SPAN_MINUTES, Language, definitions, touchpoints
from tests.core.test_features import feed, kinds, refused, stages
from tests.core.test_versions import Consumer, carts, consumed
from tests.model import in_order

EXAMPLES = settings().max_examples
CARTS = journey(instance="properties.cart", moves="any", exits=[{"on": "x"}])
STALL: Object = {"id": "a", "weight": 10, "stall": {"since_entered": "10s"}}


def instances(customer: Customer) -> tuple[Instance, ...]:
    assert customer.state is not None
    return customer.state.journeys["shop"].instances


def keys(customer: Customer) -> list[str]:
    return [each.key for each in instances(customer)]


def logs(state: CustomerState) -> int:
    """Return how many touchpoints all logs hold."""
    runs = [instance for each in state.journeys.values() for instance in each.instances]
    return sum(len(run.past.log) for run in runs if run.past is not None)


def limited(limit: int, **more: Any) -> JourneyDefinition:
    instance = {"key": "properties.cart", "limit": limit}
    return journey(instance=instance, **{"moves": "any", "exits": [{"on": "x"}], **more})


# Keys


def test_a_key_is_a_text_or_a_whole_number_which_are_the_same_if_they_read_the_same() -> None:
    customer = Customer.of(CARTS)
    for n, cart in enumerate([7, "7", -1, 10**15, "A-b/c", "é" * 40]):
        customer.feed(touchpoint(f"{n}", "a" if n != 1 else "b", n, properties={"cart": cart}))
    assert keys(customer) == ["7", "-1", f"{10**15}", "A-b/c", "é" * 40]
    assert stages(consumed(customer), "7") == ["a", "b"]


NO_KEYS: list[Any] = [None, True, 7.0, "", "x" * 129, "a\x00b", ["7"], {"id": "7"}]


@pytest.mark.parametrize("value", NO_KEYS, ids=repr)
def test_anything_else_is_no_key_and_is_counted_once(value: Any) -> None:
    customer = carts(Customer.of(CARTS), "1:a@0")
    before = customer.essence()[2:]
    for kind, reasons in (("b", [("shop", "no_instance_key")]), ("x", [("shop", "no_instance_key")]), ("q", [])):
        step = customer.feed(touchpoint(f"{kind}?", kind, 5, properties={"cart": value}))
        assert (list(step.refused), step.outputs) == (reasons, ())
        assert step.verdict == (APPLIED if reasons else IGNORED)
    assert customer.essence()[2:] == before


def test_no_properties_at_all_are_no_key_and_each_journey_that_misses_it_says_so() -> None:
    contracts = journey("contracts", instance="properties.contract.id", moves="any")
    customer = Customer.of(CARTS, contracts, journey("plain"))
    step = feed(customer, "a@0").steps[-1]
    assert step.refused == (("shop", "no_instance_key"), ("contracts", "no_instance_key"))
    step = feed(customer, "b@1", properties={"contract": {"id": "c1"}}).steps[-1]
    assert step.refused == (("shop", "no_instance_key"),)
    assert {name: each.instance for name, each in customer.current.journeys.items()} == {"contracts": "c1", "plain": ""}


def test_a_field_of_the_touchpoint_can_be_the_key() -> None:
    customer = Customer.of(journey(instance="channel"))
    feed(customer, "a@0", channel="website")
    feed(customer, "b@1", channel="email")
    feed(customer, "c@2")
    assert (keys(customer), refused(customer)) == (["website", "email"], ["no_instance_key"])


# One order is not another


def test_an_order_for_one_cart_exits_that_cart_only_and_ends_its_clocks_only() -> None:
    shop = journey(stages=[STALL, {"id": "b", "weight": 20}], instance="properties.cart", exits=[{"on": "order"}])
    customer = carts(Customer.of(shop), "1:a@0 2:a@1 1:order@2")
    assert (stages(customer, "1"), stages(customer, "2")) == (["a", None], ["a"])
    assert next_due(customer.state, customer.journeys) == START_MS + 11_000 + 600_000  # type: ignore[arg-type]
    customer.expire(5000)
    assert [(each.kind, each.instance) for each in customer.signals] == [("dropped", "1"), ("stalled", "2")]
    carts(consumed(customer), "2:order@5001")
    assert next_due(customer.state, customer.journeys) is None  # type: ignore[arg-type]


def test_an_order_that_came_before_its_cart_exits_it_when_the_cart_comes() -> None:
    customer = carts(Customer.of(CARTS), "2:a@0 1:x@5 1:a@3")
    assert (stages(customer, "1"), stages(customer, "2")) == (["a", None], ["a"])
    assert kinds(consumed(customer)) == ["entry", "correction"]


def test_conversions_rounds_and_cooldowns_are_of_each_key() -> None:
    policy = {"policy": "after_exit", "cooldown": "10s"}
    shop = limited(5, goal={"on": "g", "when": {"count": {"p": {"gte": 2}}}}, reentry=policy)
    customer = carts(Customer.of(shop), "1:a@0 2:a@1 1:p@2 2:p@3 1:g@4 1:p@5 1:g@6 1:x@7 1:a@8 2:a@9 1:a@17")
    assert [(each.kind, each.instance) for each in customer.signals] == [("converted", "1")]
    assert refused(customer) == ["cooldown"]
    assert {each.key: each.round for each in instances(consumed(customer))} == {"1": 1, "2": 0}


def test_one_sequence_counts_the_transitions_of_all_keys() -> None:
    customer = carts(Customer.of(CARTS), "1:a@0 2:a@1 1:b@2 2:c@3 1:a@1.5")
    assert [(each.sequence, each.instance, each.kind) for each in customer.transitions] == [
        (1, "1", "entry"), (2, "2", "entry"), (3, "1", "forward"), (4, "2", "forward"),
    ]  # fmt: skip
    carts(customer, "1:c@1")
    assert (customer.transitions[-1].sequence, customer.transitions[-1].instance) == (5, "1")
    consumed(customer)


# Which one is told


def test_the_run_told_is_the_one_entered_last_whatever_moved_last() -> None:
    customer = carts(Customer.of(CARTS), "1:a@0 2:a@10 1:b@20")
    assert (customer.current.journeys["shop"].instance, customer.current.journeys["shop"].stage) == ("2", "a")
    carts(customer, "1:x@30 1:c@40")
    assert (customer.current.journeys["shop"].instance, customer.current.journeys["shop"].round) == ("1", 1)
    carts(customer, "3:q@50 3:x@51")
    assert customer.current.journeys["shop"].instance == "1"  # 3 was never entered


def test_of_two_entered_at_once_the_last_by_key_is_told_in_whatever_order_they_came() -> None:
    for story in ("1:a@0 2:b@0", "2:b@0 1:a@0"):
        assert carts(Customer.of(CARTS), story).current.journeys["shop"].instance == "2"


def test_an_earlier_entry_that_comes_late_can_change_which_one_is_told() -> None:
    customer = carts(Customer.of(CARTS), "1:a@10 2:a@20")
    assert customer.current.journeys["shop"].instance == "2"
    carts(customer, "2:b@5")
    assert customer.current.journeys["shop"].instance == "1"
    consumed(customer)


# The limit


def test_the_limit_is_25_unless_set() -> None:
    customer = carts(Customer.of(CARTS), " ".join(f"{n}:a@{n}" for n in range(INSTANCE_LIMIT + 2)))
    assert (INSTANCE_LIMIT, len(instances(customer)), refused(customer)) == (25, 25, ["instance_limit"] * 2)
    assert feed(customer, "q@99", properties={"cart": "99"}).steps[-1].refused == ()  # nothing was asked
    assert feed(customer, "b@99", properties={"cart": "3"}).steps[-1].refused == ()  # 3 is one of them


def test_at_the_limit_the_one_that_ended_and_was_entered_first_gives_way() -> None:
    customer = carts(Customer.of(limited(3)), "1:a@0 2:a@1 3:a@2 3:x@3 2:x@4 4:a@5")
    assert keys(consumed(customer)) == ["1", "3", "4"]
    carts(customer, "5:a@6 6:a@7")
    assert (keys(consumed(customer)), refused(customer)) == (["1", "4", "5"], ["instance_limit"])


def test_one_that_was_never_entered_gives_way_first() -> None:
    customer = carts(Customer.of(limited(3)), "1:a@0 1:x@1 2:x@2 3:a@3 4:a@4")
    assert keys(consumed(customer)) == ["1", "3", "4"]


def test_a_key_that_gave_way_and_comes_back_begins_anew() -> None:
    customer = carts(Customer.of(limited(1)), "1:a@0 1:x@1 2:a@2 2:x@3 1:b@4 1:c@5")
    assert [(each.instance, each.kind, each.round) for each in customer.transitions][-2:] == [
        ("1", "entry", 0), ("1", "forward", 0),
    ]  # fmt: skip
    assert [each.sequence for each in customer.transitions] == [1, 2, 3, 4, 5, 6]
    consumed(customer)


def test_one_that_ends_by_a_deadline_before_the_touchpoint_gives_way_to_it() -> None:
    ending = {**STALL, "stall": {"since_entered": "10s", "exit": True}}
    customer = carts(Customer.of(limited(1, stages=[ending])), "1:a@0 2:a@10 3:a@10.001")
    assert (keys(consumed(customer)), refused(customer)) == (["3"], ["instance_limit"])


@settings(max_examples=2 * EXAMPLES)
@given(st.integers(1, 3), st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abxxq")), max_size=40))
def test_in_order_the_limit_holds_and_only_what_ended_gives_way(limit: int, drawn: list[tuple[int, str]]) -> None:
    customer, turned_away = Customer.of(limited(limit)), 0
    runs = dict[int, tuple[int, str | None]]()  # when entered, -1 for never, and the stage
    for n, (cart, kind) in enumerate(drawn):
        carts(customer, f"{cart}:{kind}@{n}")
        over = [each for each, (_, stage) in runs.items() if stage is None]
        if kind == "q" or (cart not in runs and len(runs) == limit and not over):
            turned_away += kind not in ("q", "x")
            continue
        if cart not in runs and len(runs) == limit and kind == "x":
            continue  # it would not enter, so nobody gives way
        if cart not in runs and len(runs) == limit:
            del runs[min(over, key=lambda each: (runs[each][0], each))]
        entered, stage = runs.get(cart, (-1, None))
        runs[cart] = (entered, None) if kind == "x" else (n if stage is None else entered, kind)
        standing = {each.key: (stages(customer, each.key) or [None])[-1] for each in instances(customer)}
        assert standing == {str(each): stage for each, (_, stage) in runs.items()}
    assert refused(customer) == ["instance_limit"] * turned_away
    if customer.state is not None:
        Consumer().check(customer)


# Bounds


def crowd(many: int, cart_count: int, seed: int, gap_ms: int, types: str) -> list[Touchpoint]:
    """Return touchpoints of ids of 36 characters, each of a cart drawn anew."""
    draw = Random(seed)
    return [
        plain(
            f"{n:036}", "c" * 36, draw.choice(types), START_MS + n * gap_ms, fingerprint=n, sequence=n,
            properties={"cart": f"{draw.randrange(cart_count):036}"},
        )
        for n in range(many)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "cart_count", "gap_ms", "types"),
    [(25, 1000, 10, "abcx"), (25, 1000, 700_000, "abcx"), (25, 25, 1000, "abc"), (100, 100, 10_000, "abc")],
    ids=["many at once", "many, far apart", "full and all alive", "the highest limit"],
)
def test_a_customer_who_sends_100000_touchpoints_over_1000_keys_stays_small(
    limit: int, cart_count: int, gap_ms: int, types: str
) -> None:
    many = 100_000 * EXAMPLES // 300 // (1 if limit == 25 and cart_count == 1000 else 4)
    shop, state, stalled = limited(limit, goal={"on": "c"}), CustomerState(), 0
    journeys = Journeys.of([shop])
    for n, each in enumerate(crowd(many, cart_count, 4, gap_ms, types)):
        step = advance(state, each, (0, n), journeys)
        state = step.state or state
        stalled += step.verdict == LATE
        if n % 97 == 0 or n == many - 1:
            assert logs(state) <= 2 * MAX_LOG  # each has its fair share, however much the others sent before
            assert len(state.journeys["shop"].instances) <= limit
            assert len(encode(state)) < 200_000
    assert stalled == 0  # in order nothing is late, however full the log


def test_the_log_is_bounded_over_all_runs_together_and_a_full_one_makes_nothing_late_that_is_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logged, "MAX_LOG", 4)
    customer = carts(Customer.of(CARTS), "1:a@0 1:b@1 1:a@2 1:b@3 2:a@4 2:b@5 1:a@6 1:b@7")
    assert customer.state is not None
    assert logs(customer.state) == 4
    assert [step.verdict for step in customer.steps] == [APPLIED] * 8
    assert (stages(customer, "1"), stages(customer, "2")) == (["a", "b", "a", "b", "a", "b"], ["a", "b"])
    carts(customer, "2:x@4 1:x@0.5")  # both logs begin later by now
    assert [step.verdict for step in customer.steps[-2:]] == [LATE, LATE]
    consumed(customer)


def test_with_a_full_log_what_is_no_older_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "MAX_LOG", 2)
    customer = carts(Customer.of(CARTS), "1:a@0 1:b@0 2:a@0 2:b@0")
    assert stages(customer, "2") == ["a", "b"]


# Forgotten, and back


def test_who_is_erased_and_comes_back_has_no_runs_and_no_deadlines_and_the_sequence_goes_on() -> None:
    shop = limited(2, stages=[STALL, {"id": "b", "weight": 20}])
    customer = carts(Customer.of(shop), "1:a@0 1:x@1 1:a@2 2:a@3 3:a@4")
    assert (customer.instance(key="1").round, refused(customer)) == (1, ["instance_limit"])
    customer.forget(START_MS + 5_000)
    carts(customer, "2:a@5")  # from before it was forgotten
    assert customer.steps[-1].outputs == ()
    carts(customer, "2:b@6")
    assert next_due(customer.state, customer.journeys) is None  # type: ignore[arg-type]
    customer.expire(9000)
    assert [each.kind for each in customer.signals] == ["dropped"]
    carts(customer, "1:b@9001")
    assert [(each.sequence, each.instance, each.kind, each.round) for each in customer.transitions[4:]] == [
        (5, "2", "entry", 0), (6, "1", "entry", 0),
    ]  # fmt: skip
    assert keys(customer) == ["2", "1"]


def test_a_signal_of_a_later_life_is_not_taken_for_one_of_the_first() -> None:
    customer = Customer.of(limited(2, stages=[STALL]))
    for begin in (0, 1000):
        carts(customer, f"1:a@{begin} 1:q@{begin + 11}")
        customer.forget(START_MS + 1000 * (begin + 12))
    ids = [each.signal_id for each in customer.signals if each.kind == "stalled"]
    assert len(set(ids)) == len(ids) == 2


# Each as if alone

UNKEYED = Language(instances=False)


def in_cart(number: int, plain: Object) -> Object:
    return {**plain, "id": f"{number}-{plain['id']}", "properties": {**plain.get("properties", {}), "cart": number}}


@settings(max_examples=3 * EXAMPLES)
@given(definitions(UNKEYED), touchpoints(), touchpoints(), st.data())
def test_in_any_order_what_one_key_goes_through_never_depends_on_another(
    plain: Object, first: list[Object], second: list[Object], data: st.DataObject
) -> None:
    definition = compile_definition({**plain, "instance": "properties.cart"})
    mine = {cart: [in_cart(cart, each) for each in drawn] for cart, drawn in ((1, first), (2, second))}
    both = ended(definition, data.draw(st.permutations(mine[1] + mine[2])))
    alone = [ended(definition, mine[cart]) for cart in mine]
    assert by_key(both) == by_key(alone[0]) | by_key(alone[1])
    Consumer().check(both)
    event(f"entered: {len({each.instance for each in both.transitions})}")


@settings(max_examples=EXAMPLES)
@given(definitions(UNKEYED), touchpoints(), touchpoints())
def test_in_order_what_is_told_of_one_key_never_depends_on_another(
    plain: Object, first: list[Object], second: list[Object]
) -> None:
    data = {**plain, "instance": "properties.cart"}
    mine = {cart: [in_cart(cart, each) for each in drawn] for cart, drawn in ((1, first), (2, second))}
    come = [[*mine[1], *mine[2]], mine[1], mine[2]]
    both, one, other = (ended(compile_definition(data), in_order(data, each)) for each in come)
    assert sorted(map(essence, both.transitions)) == sorted(map(essence, [*one.transitions, *other.transitions]))
    ids = [{signal.signal_id for signal in customer.signals} for customer in (both, one, other)]
    assert ids[0] == ids[1] | ids[2]


def ended(definition: JourneyDefinition, come: list[Object]) -> Customer:
    """Return a customer after touchpoints, with all deadlines passed."""
    customer = Customer.of(definition)
    last = {"id": "last", "customer_id": "ani", "type": "last", "occurred_at": START_MS + SPAN_MINUTES * MINUTE_MS}
    customer.feed(*map(parsed, [*come, last]))
    customer.expire(60 * 6 * SPAN_MINUTES)
    return customer


def by_key(customer: Customer) -> dict[str, Instance]:
    assert customer.state is not None
    return {each.key: each for kept in customer.state.journeys.values() for each in kept.instances}


def essence(record: StageTransition) -> tuple[str, ...]:
    """Return what is told of one key, whatever was sent of others."""
    return tuple(str(value) for name, value in wire(record).items() if name not in {"sequence", "transition_id"})
