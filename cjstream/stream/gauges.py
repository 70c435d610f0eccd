"""What a worker shows of itself at scrape time.

Read from other threads: each source only looks, and copies first. Faust makes its consumer and recovery when they are
first asked for, and of this thread's loop: so before the worker has them, they are not asked for.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from time import monotonic
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.sentiment import SENTIMENTS
from cjstream.core.outputs import OUTCOMES
from cjstream.core.policies import OTHER
from cjstream.core.totals import DAY, NONE, TOUCHES
from cjstream.metrics import Labels
from cjstream.ops import NO_PARTITION
from cjstream.stream.watchdog import STALL_SECONDS

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

GAUGES: Mapping[str, str] = {  # of bookings, by their first word; the other words are the labels
    "customers": "cjstream_customers",
    "entered": "cjstream_customers_by_entry",
    "furthest": "cjstream_furthest_customers",
    "left": "cjstream_dropped_customers",
    "conversions": "cjstream_conversions_by_touch",
    "late_conversions": "cjstream_late_converted_customers",
    "judged": "cjstream_customers_by_judgement",
    "open_feedback": "cjstream_waiting_customers",
}

Sample = tuple[str, Labels, float]


def register(app: "JourneyApp") -> None:
    """Let `app.metrics` ask for these at every scrape."""

    def customers() -> Iterator[Sample]:
        return _customers(app)

    def partitions() -> Iterator[Sample]:
        return _partitions(app)

    def worker() -> Iterator[Sample]:
        return _worker(app)

    for source in (customers, partitions, worker):
        app.metrics.add_source(source)


def _customers(app: "JourneyApp") -> Iterator[Sample]:
    """Yield what the totals of the owned partitions add up to; what nobody is in is there with 0."""
    sums: Counter[tuple[str, Labels]] = Counter()
    for partition in app.partitions.opened():
        for (kind, *labels), customers in partition.rows.totals.copy().items():
            if kind != "entered" or labels[1] != DAY:  # days never end: no label
                sums[GAUGES[kind], tuple(labels)] += customers
    for definition in app.partitions.active:
        for series in _empty(definition):
            sums.setdefault(series, 0)
    for (name, values), customers in sums.items():
        yield name, values, customers


def _empty(definition: JourneyDefinition) -> Iterator[tuple[str, Labels]]:
    journey, stages = definition.journey, [stage.id for stage in definition.stages]
    for stage, outcome in product([*stages, NONE], OUTCOMES):
        yield "cjstream_customers", (journey, stage, outcome)
    for stage, outcome in product(stages, OUTCOMES):
        yield "cjstream_furthest_customers", (journey, stage, outcome)
    for stage in stages:
        yield "cjstream_dropped_customers", (journey, stage)
    yield "cjstream_late_converted_customers", (journey,)
    yield from _empty_measures(definition, stages)
    for dimension, values in definition.count_by.items():
        for value in (*values, OTHER) if values else ():
            for outcome in OUTCOMES:
                yield "cjstream_customers_by_entry", (journey, dimension, value, outcome)
            for touch in TOUCHES:
                yield "cjstream_conversions_by_touch", (journey, touch, dimension, value)


def _empty_measures(definition: JourneyDefinition, stages: Sequence[str]) -> Iterator[tuple[str, Labels]]:
    if definition.measures is not None and definition.measures.feedback is not None:
        yield "cjstream_waiting_customers", (definition.journey,)
    for stage, judgement in product([*stages, NONE], SENTIMENTS) if definition.keeps_mood else ():
        yield "cjstream_customers_by_judgement", (definition.journey, stage, judgement)


def _partitions(app: "JourneyApp") -> Iterator[Sample]:
    for partition in app.partitions.opened():
        labels = (str(partition.number),)
        yield "cjstream_pending_records", labels, partition.publisher.waiting
        yield "cjstream_lag_records", labels, _lag(app, partition.number)
        yield "cjstream_deadlines_waiting", labels, len(partition.deadlines)
        yield "cjstream_store_bytes", labels, partition.rows.store.size_bytes()


def _worker(app: "JourneyApp") -> Iterator[Sample]:
    yield "cjstream_ready", (), float(ready(app)[0])
    yield "cjstream_assigned_partitions", (), len(list(app.partitions.opened()))
    yield "cjstream_restore_remaining_records", (), _remaining(app)
    yield "cjstream_stalled_seconds", (), app.watchdog.stalled_seconds
    consumer = app._consumer
    is_behind = consumer is not None and consumer.uncommitted()
    yield "cjstream_commit_age_seconds", (), monotonic() - consumer.last_commit if is_behind else 0.0


def _lag(app: "JourneyApp", number: int) -> int:
    return int(app.consumer.lag(TP(app.settings.touchpoints, number)))


def _remaining(app: "JourneyApp") -> int:
    recovery = app.tables._recovery
    return max(0, recovery.active_remaining_total()) if recovery is not None and recovery.in_recovery else 0


def ready(app: "JourneyApp") -> tuple[bool, str]:
    """Return whether this worker takes input, and if not, why not."""
    remaining = _remaining(app)
    if remaining:
        return False, f"restoring: {remaining} records to go"
    if app.rebalancing:
        return False, "rebalancing"
    if not any(True for _ in app.partitions.opened()):
        return False, NO_PARTITION
    if not app.membership.is_fresh():
        return False, "no recent heartbeat from the broker"
    return True, "ok"


def alive(app: "JourneyApp") -> tuple[bool, str]:
    """Return whether the event loop still turns. Says nothing of the broker: a restart would not bring it back."""
    age = app.watchdog.tick_age_seconds
    return age < STALL_SECONDS, f"the event loop last ran {age:.0f} s ago"
