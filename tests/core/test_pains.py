"""What users of other tools suffer from, as their issues tell it: here it must be otherwise."""

from itertools import permutations

from cjstream.core.engine import APPLIED, DUPLICATE, Journeys
from cjstream.core.outcome import left_stage
from cjstream.core.totals import Totals
from tests.core.builders import START_MS, Customer, journey, touchpoint
from tests.core.test_features import DAY, fed, feed, kinds, outcome, refused, signals, stages


def test_one_knows_who_left_a_stage_and_for_where() -> None:
    """mautic/mautic#5127, PostHog/posthog#4806."""
    definition = journey(moves="any", exits=[{"on": "x"}])
    customer = fed(definition, "a@0 b@10 a@15 x@20")
    assert [(each.from_stage, each.to_stage, each.seconds_in_previous) for each in customer.transitions] == [
        (None, "a", None), ("a", "b", 10.0), ("b", "a", 5.0), ("a", None, 5.0),
    ]  # fmt: skip
    assert left_stage(customer.instance(), definition) == "a"


def test_several_products_are_several_journeys_of_one_customer() -> None:
    """mautic/mautic#2531: only one stage per person."""
    customer = Customer.of(journey("phone", "ab"), journey("laptop", "xy"))
    feed(customer, "a@0 x@1 y@2")
    assert (customer.path("phone"), customer.path("laptop")) == ([("a", 0)], [("x", 1), ("y", 2)])


def test_a_customer_can_go_from_hot_to_cold_and_be_hot_again() -> None:
    """mautic/mautic#4575."""
    definition = journey(stages="ch", moves={"listed": [["h", "c"]]})
    assert stages(fed(definition, "h@0 c@1 h@2 c@3 h@4")) == list("hchch")


def test_no_path_goes_round_the_policy() -> None:
    """mautic/mautic#7472: the API ignored the weight that automatic moves must keep to."""
    customer = fed(journey(), "c@0")
    for n, initiator in enumerate(["customer", "business"]):
        assert customer.feed(touchpoint(f"x{n}", "a", n + 1, initiator=initiator)).refused == (("shop", "backward"),)


def test_what_was_done_before_joining_counts() -> None:
    """mautic/mautic#2234: the page visited before the job ran that joined the contact was lost."""
    customer = fed(journey(goal={"on": "page"}), "page@0 a@300")
    assert (outcome(customer), signals(customer)) == ("converted", ["converted"])
    counted = journey(rules=[{"on": "a", "when": {"seen": ["page"]}, "to": "b"}, {"on": "a", "to": "a"}])
    assert stages(fed(counted, "page@0 a@300")) == ["b"]


def test_whoever_left_can_enter_again_and_convert_again() -> None:
    """mautic/mautic#1606 and the cluster around it; dittofeed/dittofeed#958."""
    customer = fed(journey(goal="b", exits=[{"on": "x"}]), "a@0 b@1 x@2 a@3 x@4 a@5 b@6")
    assert kinds(customer) == ["entry", "forward", "exit", "reentry", "exit", "reentry", "forward"]
    assert signals(customer) == ["converted", "dropped", "converted"]
    assert len({signal.signal_id for signal in customer.signals}) == 3
    assert (customer.instance().round, outcome(customer)) == (2, "converted")


def test_an_abandoned_cart_stalls_while_another_is_bought() -> None:
    """dittofeed/dittofeed#1463: entering by an event per cart and waiting for another could not be combined."""
    cart = {"id": "a", "weight": 1, "stall": {"since_entered": "1h", "exit": True}}
    customer = Customer.of(
        journey(stages=[cart], instance="properties.cart", exits=[{"on": "order"}], goal={"on": "order"})
    )
    for n, (kind, key) in enumerate([("a", "1"), ("a", "2"), ("order", "2")]):
        customer.feed(touchpoint(f"{n}", kind, 60 * n, properties={"cart": key}))
    customer.expire(DAY)
    assert [(each.kind, each.instance) for each in customer.signals] == [
        ("converted", "2"), ("stalled", "1"), ("dropped", "1"),
    ]  # fmt: skip


def test_an_edited_journey_leaves_those_inside_where_they_are() -> None:
    """mautic/mautic#6323, basiltt/xstate-statemachine#45."""
    old, new = journey(stages="ab"), journey(stages="axb")
    customer = fed(old, "a@0")
    customer.journeys = Journeys.of([new], [old])
    feed(customer, "x@1 b@2")
    assert stages(customer) == ["a", "b"]
    assert {each.definition for each in customer.transitions} == {old.hash}


def test_who_may_still_convert_is_not_shown_as_dropped() -> None:
    """PostHog/posthog#33605."""
    customer = fed(journey(goal="b", window="14d"), "a@0")
    for day in (1, 13, 14):
        customer.expire(day * DAY)
        assert outcome(customer) == "in_progress"
    customer.expire(14 * DAY + 600.001)
    assert outcome(customer) == "dropped"


def test_each_step_may_have_a_window_and_none_is_set_unasked() -> None:
    """PostHog/posthog#37418 and #17068, whose default window was fixed."""
    customer = fed(journey(goal="c"), f"a@0 b@{300 * DAY} c@{900 * DAY}")
    assert outcome(customer) == "converted"
    steps = [
        {"id": "a", "weight": 1, "window": "1d"},
        {"id": "b", "weight": 2, "window": "300d"},
        {"id": "c", "weight": 3},
    ]
    assert outcome(fed(journey(stages=steps, goal="c"), f"a@0 b@{DAY} c@{301 * DAY}")) == "converted"
    assert outcome(fed(journey(stages=steps, goal="c"), f"a@0 b@{DAY + 1} c@{300 * DAY}")) == "dropped"


def test_who_completed_is_never_shown_as_dropped() -> None:
    """PostHog/posthog#39127."""
    definition = journey(goal="b", window="10s", exits=[{"on": "x"}])
    for story in ("a@0 b@10 z@11", "a@0 b@5 a@20 x@30", "b@5 a@0 x@6 z@50"):
        customer = fed(definition, story)
        customer.expire(DAY)
        assert outcome(customer) == "converted"


def test_a_funnel_may_be_entered_at_any_step() -> None:
    """PostHog/posthog#9446."""
    assert outcome(fed(journey(goal="c"), "b@0 c@1")) == "converted"


def test_a_step_may_be_left_out() -> None:
    """PostHog/posthog#17313 and the cluster around it."""
    assert outcome(fed(journey(goal="c"), "a@0 c@1")) == outcome(fed(journey(goal="c"), "a@0 b@1 c@2")) == "converted"


def test_the_order_of_arrival_breaks_no_funnel() -> None:
    """PostHog/posthog#1836."""
    for moves in ("forward_only", "any"):
        ends = set()
        for story in permutations(["a@0", "b@1", "c@2"]):
            customer = fed(journey(goal="c", moves=moves), " ".join(story))
            ends.add((outcome(customer), tuple(customer.path())))
        assert ends == {("converted", (("a", 0), ("b", 1), ("c", 2)))}


def test_steps_of_the_same_second_convert() -> None:
    """rybbit-io/rybbit#1133."""
    for moves in ("forward_only", "any"):
        for story in ("a@1 b@1", "b@1 a@1"):
            customer = fed(journey(goal="b", moves=moves), story)
            assert (stages(customer), outcome(customer)) == (["a", "b"], "converted")


def test_a_touchpoint_delivered_late_keeps_the_time_at_which_it_happened() -> None:
    """PostHog/posthog#98250: a fix of clock skew shifted events by the delay of their delivery."""
    customer = fed(journey(goal={"on": "g"}, window="10s", lateness="1d"), "a@0 z@3600 g@9")
    assert customer.current.journeys["shop"].converted_at == "2026-01-01T00:00:09.000Z"


def test_another_payload_under_a_known_id_changes_nothing_and_is_noticed() -> None:
    for moves in ("forward_only", "any"):
        customer = fed(journey(moves=moves), "a@0")
        before = customer.essence()
        step = customer.feed(touchpoint("0", "c", 500))
        assert (step.verdict, step.conflict, step.outputs) == (DUPLICATE, True, ())
        assert customer.essence() == before


def test_a_stall_is_not_put_off_by_just_any_activity() -> None:
    """OCA/crm#764: any activity reset the escalation; here only the customer is a sign of life, and of one clock."""
    stall = {"since_entered": "10s", "since_last_touch": "10s"}
    customer = fed(journey(stages=[{"id": "a", "weight": 1, "stall": stall}]), "a@0")
    feed(customer, "note@9", initiator="business")
    customer.expire(DAY)
    assert signals(customer) == ["stalled", "stalled"]


def test_who_is_stalled_for_a_known_reason_can_be_snoozed() -> None:
    """margince/margince#4510."""
    stages_ = [{"id": "a", "weight": 1, "stall": {"since_entered": "10s"}}]
    customer = fed(journey(stages=stages_, snooze=[{"on": "waiting", "for": "1d"}]), "a@0 waiting@5")
    customer.expire(3600 + 600)
    assert signals(customer) == []
    customer.expire(DAY + 5 + 600.001)
    assert signals(customer) == ["stalled"]


def test_one_bad_event_of_the_past_or_the_business_moves_no_clock() -> None:
    customer = fed(journey(moves="any"), "a@1000")
    feed(customer, "b@1")
    assert customer.state is not None
    assert customer.state.newest_ms == START_MS + 1_000_000
    feed(customer, "mail@900000", initiator="business")
    assert feed(customer, "b@1001").steps[-1].verdict == APPLIED


def test_a_customer_is_counted_once_however_often_it_enters() -> None:
    definition = journey(exits=[{"on": "x"}], goal="b")
    customer, totals = Customer.of(definition), Totals()
    for story in ("a@0", "x@1", "a@2", "b@3", "x@4", "a@5"):
        before = customer.state
        feed(customer, story)
        totals.change(before, customer.state, {definition.hash: definition})
        assert sum(n for (kind, *_), n in totals.counts.items() if kind == "customers") == 1
    assert refused(customer) == []
