"""What a worker shows of itself at scrape time.

Read from other threads: each source only looks, and copies first. Faust makes its consumer and recovery when they are
first asked for, and of this thread's loop: so before the worker has them, they are not asked for.
"""

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from cjstream.metrics import Value
from cjstream.ops import NO_PARTITION
from cjstream.stream import customer_gauges
from cjstream.stream.lag import Lag
from cjstream.stream.watchdog import STALL_SECONDS
from cjstream.stream.zeros import series_of

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp


def register(app: "JourneyApp") -> None:
    """Let `app.metrics` ask for these at every scrape, and have what the journeys will count, at 0."""
    for name, labels in series_of(app.partitions.active):
        app.metrics.show(name, labels)

    def customers() -> Iterator[Value]:
        return customer_gauges.samples(app.partitions.opened(), app.partitions.active)

    def partitions() -> Iterator[Value]:
        return _partitions(app)

    def worker() -> Iterator[Value]:
        return _worker(app)

    def lag() -> Iterator[Value]:
        return lags.samples()

    lags = Lag(app)
    for source in (customers, partitions, worker, lag):
        app.metrics.add_source(source)


def _partitions(app: "JourneyApp") -> Iterator[Value]:
    for partition in app.partitions.opened():
        labels = (str(partition.number),)
        yield "cjstream_pending_records", labels, partition.publisher.waiting
        if partition.newest_event_ms is not None:
            yield "cjstream_newest_event_timestamp_seconds", labels, partition.newest_event_ms / 1000
        yield "cjstream_deadlines_waiting", labels, len(partition.deadlines)
        yield "cjstream_store_bytes", labels, partition.rows.store.size_bytes()


def _worker(app: "JourneyApp") -> Iterator[Value]:
    yield "cjstream_ready", (), float(ready(app)[0])
    yield "cjstream_input_partitions", (), app.partition_count
    yield "cjstream_assigned_partitions", (), len(list(app.partitions.opened()))
    yield "cjstream_restoring_partitions", (), app.partitions.restoring()
    yield "cjstream_restore_remaining_records", (), _remaining(app)
    yield "cjstream_stalled_seconds", (), app.watchdog.stalled_seconds
    consumer = app._consumer
    is_behind = consumer is not None and consumer.uncommitted()
    yield "cjstream_commit_age_seconds", (), monotonic() - consumer.last_commit if is_behind else 0.0


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
