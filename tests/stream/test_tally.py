"""What steps add to counters and histograms."""

import pytest

from cjstream.core.engine import Step
from cjstream.metrics import Metrics, read_samples
from cjstream.stream.tally import Tally, channels_of, count_step, count_verdicts
from tests.core.builders import Customer, journey, touchpoint

DAY = 86_400
DWELL = "cjstream_dwell_seconds"
Observed = list[tuple[str, float, tuple[str, ...]]]


def tally_of(*steps: Step) -> Tally:
    tally = Tally()
    for step in steps:
        count_step(tally, step)
    return tally


def dwells(customer: Customer) -> list[tuple[str, float]]:
    """Return stage and seconds of all that was observed."""
    observed = tally_of(*customer.steps).observed
    assert {name for name, _, _ in observed} <= {DWELL}
    assert {journey for _, _, (journey, _) in observed} <= {"shop"}
    return [(stage, seconds) for _, seconds, (_, stage) in observed]


def fed(customer: Customer, **stays: float) -> Customer:
    for kind, second in stays.items():
        customer.feed(touchpoint(f"t-{kind}", kind, second))
    return customer


def test_time_in_a_stage_is_observed_when_it_is_left() -> None:
    assert dwells(fed(Customer.of(journey()), a=0)) == []
    assert dwells(fed(Customer.of(journey()), a=0, b=60, c=3660)) == [("a", 60), ("b", 3600)]


def test_time_in_a_stage_is_observed_when_the_journey_is_left_or_time_ends_it() -> None:
    assert dwells(fed(Customer.of(journey(exits=[{"on": "bye"}])), a=0, bye=90)) == [("a", 90)]
    stages = [{"id": "a", "weight": 1, "stall": {"since_entered": "1d", "exit": True}}]
    customer = fed(Customer.of(journey(stages=stages)), a=0)
    customer.expire(2 * DAY)
    assert dwells(customer) == [("a", DAY)]


def test_nobody_spends_time_in_a_stage_that_is_jumped_over() -> None:
    customer = fed(Customer.of(journey(entry="infer", stages="abcd")), a=0, d=600)
    assert [each.to_stage for each in customer.transitions] == ["a", "b", "c", "d"]
    assert dwells(customer) == [("a", 600)]


def test_a_correction_of_the_past_is_no_time_in_a_stage() -> None:
    customer = fed(Customer.of(journey()), a=0, c=500)
    customer.feed(touchpoint("late", "b", 200))
    assert customer.transitions[-1].kind == "correction"
    assert dwells(customer) == [("a", 500)]


SCORES = {
    "rules": [{"id": "all", "on": ["a", "b"], "points": 10}],
    "thresholds": [{"id": "warm", "at": 15, "below": 5}],
}
SCORED = journey(measures={"score": SCORES})


def test_a_score_counts_when_it_rises_to_a_threshold() -> None:
    customer = fed(Customer.of(SCORED), a=0)
    assert ("cjstream_score_thresholds_total", ("shop", "warm")) not in tally_of(*customer.steps)
    fed(customer, b=1)
    assert tally_of(*customer.steps)["cjstream_score_thresholds_total", ("shop", "warm")] == 1


def test_who_drops_out_counts_by_the_stage_of_then() -> None:
    customer = fed(Customer.of(journey(goal={"on": "pay"}, window="1d")), a=0, b=60)
    customer.expire(2 * DAY)
    tally = tally_of(*customer.steps)
    assert tally["cjstream_drops_total", ("shop", "b")] == 1
    assert tally["cjstream_signals_total", ("shop", "dropped")] == 1


@pytest.mark.parametrize("known", [set(), {"web"}])
def test_channels_count_for_touchpoints_applied_only_and_strangers_go_together(known: set[str]) -> None:
    tally = Tally()
    seen = [("applied", "web"), ("applied", "web"), ("applied", "stranger"), ("applied", None), ("late", "web")]
    count_verdicts(tally, seen, known)
    of_channels = {labels[0]: count for (name, labels), count in tally.items() if "channel" in name}
    assert of_channels == ({"web": 2, "other": 2} if known else {"other": 4})
    assert tally["cjstream_touchpoints_total", ("applied",)] == 4
    assert tally["cjstream_touchpoints_total", ("late",)] == 1


def test_the_channels_known_are_those_that_some_journey_counts_by() -> None:
    first, second = journey(count_by={"channel": ["web"]}), journey("club", count_by={"channel": ["mail", "web"]})
    assert channels_of([first, second, journey("other", count_by={"device": ["tv"]})]) == {"web", "mail"}


def test_all_of_a_tally_is_added_to_the_metrics() -> None:
    metrics, tally = Metrics(), Tally()
    tally["cjstream_signals_total", ("shop", "stalled")] += 3
    tally.observed += [(DWELL, 30, ("shop", "a")), (DWELL, 7 * DAY, ("shop", "a"))]
    tally.add_to(metrics)
    page = {(each.name, each.labels.get("le")): each.value for each in read_samples(metrics.render()[1].decode())}
    assert page["cjstream_signals_total", None] == 3
    assert page[f"{DWELL}_sum", None] == 7 * DAY + 30
    assert page[f"{DWELL}_bucket", "60.0"] == 1
    assert page[f"{DWELL}_bucket", "604800.0"] == 2
