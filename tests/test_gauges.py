"""What a worker shows of its customers: sums over its own partitions, in labels that definitions name."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.outputs import OUTCOMES
from cjstream.core.totals import Totals
from cjstream.metrics import METRICS, Metrics
from cjstream.stream import customer_gauges, gauges
from tests.core.builders import Customer, journey, touchpoint

CLUB = compile_definition({  # with a stage that is called as a dimension is
    "journey": "club",
    "stages": [{"id": "day", "weight": 1}, {"id": "y", "weight": 2}],
    "rules": [{"on": "x", "to": "day"}],
})  # fmt: skip
SHOP = journey(goal={"on": "pay"}, exits=[{"on": "bye"}], count_by={"channel": ["web", "mail"], "persona": ["hunter"]})
DIMENSIONS = {"channel": ["web", "mail", "other"], "persona": ["hunter", "other"]}

Customers = list[list[dict[str, str]]]


class Worker:
    """As much of an app as a scrape looks at; `customers` gives each partition's, by the touchpoints they made."""

    def __init__(self, *customers: Customers, active: tuple[JourneyDefinition, ...] = (SHOP, CLUB)) -> None:
        self.metrics = Metrics()
        self.open = [partition(number, each) for number, each in enumerate(customers)]
        self.partitions = SimpleNamespace(opened=lambda: iter(self.open), restoring=lambda: 3, active=active)
        self.partition_count = 9
        self.settings = SimpleNamespace(touchpoints="touchpoints")
        self.tables = SimpleNamespace(_recovery=None)
        self.membership = SimpleNamespace(is_fresh=lambda: True)
        self.watchdog = SimpleNamespace(stalled_seconds=3.5)
        self.consumer, self._consumer, self.rebalancing = SimpleNamespace(lag=lambda partition: 7), None, False
        gauges.register(self)  # type: ignore[arg-type]

    def samples(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of a gauge by the values of its labels."""
        return {
            tuple(sample.labels[label] for label in METRICS[name].labels): sample.value
            for family in parse_text(self.metrics.render()[1].decode())
            for sample in family.samples
            if sample.name == name
        }

    def shown(self, name: str) -> dict[tuple[str, ...], float]:
        """Return what is not 0."""
        return {labels: value for labels, value in self.samples(name).items() if value}


def partition(number: int, customers: Customers) -> Any:
    totals, journeys = Totals(), Journeys.of([SHOP, CLUB])
    for each in customers:
        one = Customer(journeys)
        one.feed(*(touchpoint(f"t{second}", second=second, **fields) for second, fields in enumerate(each)))
        totals.change(None, one.state, journeys.by_hash)
    return SimpleNamespace(
        number=number,
        rows=SimpleNamespace(totals=totals, store=SimpleNamespace(size_bytes=lambda: 1 << 20)),
        publisher=SimpleNamespace(waiting=3, oldest_ms=None, reached_ms=-1),
        newest_event_ms=None,
        deadlines=customers,
    )


def web(kind: str) -> dict[str, str]:
    return {"kind": kind, "channel": "web"}


@pytest.fixture
def worker() -> Worker:
    looks = [web("a")]
    buys = [web("a"), {"kind": "b"}, {"kind": "pay", "channel": "a stranger's", "persona": "hunter"}]
    leaves = [{"kind": "b", "persona": "Ani"}, web("bye")]
    comes_back_too_late = [*leaves, web("pay")]
    return Worker([looks, buys], [looks, leaves, comes_back_too_late, [web("x")]])


def test_customers_of_all_own_partitions_are_summed(worker: Worker) -> None:
    assert worker.shown("cjstream_customers") == {
        ("shop", "a", "in_progress"): 2, ("shop", "b", "converted"): 1, ("shop", "none", "dropped"): 2,
        ("club", "day", "in_progress"): 1,
    }  # fmt: skip
    assert worker.shown("cjstream_furthest_customers") == {
        ("shop", "a", "in_progress"): 2, ("shop", "b", "converted"): 1, ("shop", "b", "dropped"): 2,
        ("club", "day", "in_progress"): 1,
    }  # fmt: skip
    assert worker.shown("cjstream_dropped_customers") == {("shop", "b"): 2}
    assert worker.shown("cjstream_late_converted_customers") == {("shop",): 1}


def test_who_came_to_a_stage_or_further_is_told_by_stage_with_the_order_of_stages(worker: Worker) -> None:
    assert worker.shown("cjstream_reached_customers") == {
        ("shop", "a", "in_progress"): 2, ("shop", "a", "converted"): 1, ("shop", "a", "dropped"): 2,
        ("shop", "b", "converted"): 1, ("shop", "b", "dropped"): 2, ("club", "day", "in_progress"): 1,
    }  # fmt: skip
    assert worker.samples("cjstream_stage_weight") == {
        ("shop", "a"): 10, ("shop", "b"): 20, ("shop", "c"): 30, ("club", "day"): 1, ("club", "y"): 2,
    }  # fmt: skip


def test_the_newest_event_time_is_told_of_partitions_that_have_one(worker: Worker) -> None:
    assert worker.samples("cjstream_newest_event_timestamp_seconds") == {}
    worker.open[1].newest_event_ms = 1_800_000_000_500
    assert worker.samples("cjstream_newest_event_timestamp_seconds") == {("1",): 1_800_000_000.5}


def test_customers_by_entry_and_conversions_by_touch_have_configured_values_only(worker: Worker) -> None:
    assert worker.shown("cjstream_customers_by_entry") == {
        ("shop", "channel", "web", "in_progress"): 2, ("shop", "channel", "web", "converted"): 1,
        ("shop", "channel", "other", "dropped"): 2, ("shop", "persona", "other", "in_progress"): 2,
        ("shop", "persona", "other", "converted"): 1, ("shop", "persona", "other", "dropped"): 2,
    }  # fmt: skip
    assert worker.shown("cjstream_conversions_by_touch") == {
        ("shop", "first", "channel", "web"): 1, ("shop", "last", "channel", "other"): 1,
        ("shop", "first", "persona", "other"): 1, ("shop", "last", "persona", "hunter"): 1,
    }  # fmt: skip


def test_days_of_entry_are_no_label(worker: Worker) -> None:
    assert "2026-01-01" not in worker.metrics.render()[1].decode()


def test_every_series_of_the_active_definitions_is_there_from_the_start_and_no_other(worker: Worker) -> None:
    empty = Worker()
    for name in customer_gauges.GAUGES.values():
        assert set(empty.samples(name)) == set(worker.samples(name))
        assert empty.shown(name) == {}
    stages = [("shop", stage) for stage in ("a", "b", "c")] + [("club", stage) for stage in ("day", "y")]
    outside = [("shop", "none"), ("club", "none")]
    values = [("shop", dimension, value) for dimension, values in DIMENSIONS.items() for value in values]
    assert set(empty.samples("cjstream_customers")) == {(*each, o) for each in stages + outside for o in OUTCOMES}
    assert set(empty.samples("cjstream_furthest_customers")) == {(*each, o) for each in stages for o in OUTCOMES}
    assert set(empty.samples("cjstream_dropped_customers")) == set(stages)
    assert set(empty.samples("cjstream_late_converted_customers")) == {("shop",), ("club",)}
    assert set(empty.samples("cjstream_customers_by_entry")) == {(*each, o) for each in values for o in OUTCOMES}
    assert len(empty.samples("cjstream_conversions_by_touch")) == 2 * len(values)


def test_customers_under_a_definition_that_is_no_longer_active_are_still_counted() -> None:
    worker = Worker([[web("x")]], active=(SHOP,))
    assert worker.shown("cjstream_customers") == {("club", "day", "in_progress"): 1}


def test_partitions_tell_what_waits(worker: Worker) -> None:
    assert worker.samples("cjstream_deadlines_waiting") == {("0",): 2, ("1",): 4}
    assert worker.samples("cjstream_pending_records") == {("0",): 3, ("1",): 3}
    assert worker.samples("cjstream_lag_records") == {("0",): 7, ("1",): 7}
    assert worker.samples("cjstream_assigned_partitions") == {(): 2}
    assert worker.samples("cjstream_restoring_partitions") == {(): 3}
    assert worker.samples("cjstream_input_partitions") == {(): 9}
