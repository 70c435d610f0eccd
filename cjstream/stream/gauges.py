"""What a worker shows of itself at scrape time.

Read from other threads: each source only looks, and copies first. Faust makes its consumer and recovery when they are
first asked for, and of this thread's loop: so before the worker has them, they are not asked for.
"""

from collections import Counter
from collections.abc import Iterator
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.stream.watchdog import STALL_SECONDS

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

# Joining takes up to the group's rebalance timeout of 60 s, and each of Faust's calls before a restore up to 90 s.
REBALANCE_SECONDS = 240.0

Sample = tuple[str, tuple[str, ...], float]


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
    count: Counter[tuple[str, str]] = Counter(
        {(each.journey, stage.id): 0 for each in app.partitions.active for stage in each.stages}
    )
    for partition in app.partitions.opened():
        count.update(dict(partition.rows.totals.customers))
    for labels, customers in count.items():
        yield "cjstream_customers", labels, customers


def _partitions(app: "JourneyApp") -> Iterator[Sample]:
    for partition in app.partitions.opened():
        labels = (str(partition.number),)
        yield "cjstream_pending_records", labels, partition.publisher.waiting
        yield "cjstream_lag_records", labels, _lag(app, partition.number)


def _worker(app: "JourneyApp") -> Iterator[Sample]:
    yield "cjstream_ready", (), float(ready(app)[0])
    yield "cjstream_assigned_partitions", (), len(list(app.partitions.opened()))
    yield "cjstream_restore_remaining_records", (), _remaining(app)
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
        return False, "no partition assigned"
    if not app.membership.is_fresh():
        return False, "no recent heartbeat from the broker"
    return True, "ok"


def alive(app: "JourneyApp") -> tuple[bool, str]:
    """Return whether the event loop still turns. Says nothing of the broker: a restart would not bring it back."""
    age = app.watchdog.tick_age_seconds
    return age < STALL_SECONDS, f"the event loop last ran {age:.0f} s ago"


def progress(app: "JourneyApp") -> tuple[float, int]:
    """Return how many seconds may pass without a move, and a number that moves while the worker works.

    While the broker does not answer nothing can move; the publisher's and the group's own deadlines rule then.
    """
    partitions = list(app.partitions.opened())
    if not app.membership.is_fresh():
        return inf, 0
    if app.rebalancing:
        return REBALANCE_SECONDS, app.partitions.restored_records
    is_waiting = any(each.publisher.waiting or _lag(app, each.number) for each in partitions)
    return STALL_SECONDS if is_waiting else inf, sum(each.rows.position().fence[1] for each in partitions)
