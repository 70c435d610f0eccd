"""What a worker shows of itself at scrape time.

Read from other threads: each source only looks, and copies first. Faust makes its consumer and recovery when they are
first asked for, and of this thread's loop: so before the worker has them, they are not asked for.
"""

from collections import Counter
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.stream.watchdog import STALL_SECONDS

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

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
    """Records between the last one durably applied and the end of the log, as the last fetch saw it."""
    tp = TP(app.settings.touchpoints, number)
    end = app.consumer.highwater(tp)
    done = app.consumer.next_offset(tp)
    return max(0, end - (done or 0)) if end is not None else 0


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


def progress(app: "JourneyApp") -> tuple[bool, int]:
    """Return whether input is waiting, and the sum of offsets applied, which moves while the worker works.

    While the broker does not answer nothing can move; the publisher's and the group's own deadlines rule then.
    """
    numbers = [partition.number for partition in app.partitions.opened()]
    if app.rebalancing or not numbers or not app.membership.is_fresh():
        return False, 0
    offsets = [app.consumer.next_offset(TP(app.settings.touchpoints, number)) or 0 for number in numbers]
    return any(_lag(app, number) for number in numbers), sum(offsets)
