"""Workers broken on purpose: `python -m tests.faults.mutants NAME`. The tests must see what each of them does wrong.

Those that lose something widen the window in which a kill does it, so that one kill is enough, wherever it falls.
"""

import asyncio
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from cjstream import settings
from cjstream.core.state import CustomerState
from cjstream.ingest.codec import WireRecord
from cjstream.stream import partitions
from cjstream.stream.changelog import Changelog, Encoded
from cjstream.stream.deadlines import Deadlines
from cjstream.stream.partition import Partition
from cjstream.stream.publisher import Group, Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.transport import BatchConsumer

NEVER_SECONDS = 600.0  # longer than the test: what waits so long is lost with the process
OWN_ACKS = ("_add_gap", "ack", "_filter_tps_with_pending_acks", "_new_offset", "_commit_offsets")

_send_outputs, _write = Publisher._send_outputs, Changelog.write
_later: set[asyncio.Task[Any]] = set()
_hoard: list[Any] = []


def _do_later(work: Any) -> None:
    async def wait() -> None:
        await asyncio.sleep(NEVER_SECONDS)
        await work

    task = asyncio.create_task(wait())
    _later.add(task)


def outputs_not_awaited() -> None:
    """Step 1 is skipped: outputs are left to a buffer that nobody waits for."""

    async def send_outputs(self: Publisher, outputs: Iterable[WireRecord]) -> None:
        _do_later(_send_outputs(self, list(outputs)))

    Publisher._send_outputs = send_outputs  # type: ignore[method-assign]


def acked_before_changelog() -> None:
    """Step 2 is skipped: a group is acked when its outputs are durable, its changelog records are still to be sent."""

    async def write(self: Changelog, changes: Encoded) -> int:
        offset = self._rows.store.changelog_offset
        if offset < 0:  # without a first group the next start would say that there is no changelog
            return await _write(self, changes)
        self._rows.commit(changes, offset)
        _do_later(_write(self, changes))
        return offset

    Changelog.write = write  # type: ignore[method-assign]


def acks_by_faust() -> None:
    """The bookkeeping of acks is Faust's own."""
    for name in OWN_ACKS:
        delattr(BatchConsumer, name)


def slow() -> None:
    """Nothing is wrong, but the second group of a partition never gets durable: the others are held against it."""
    publish: Callable[[Publisher, Group], Any] = Publisher._publish
    begun: set[Publisher] = set()

    async def publish_once(self: Publisher, group: Group) -> None:
        if self in begun:
            await asyncio.sleep(NEVER_SECONDS)
        begun.add(self)
        await publish(self, group)

    Publisher._publish = publish_once  # type: ignore[method-assign]


def fires_at_once() -> None:
    """The clock does not wait until the input is applied."""
    BatchConsumer.has_applied = lambda *_: True  # type: ignore[method-assign]


def deadlines_not_restored() -> None:
    """An opened partition does not look for the deadlines of its customers."""

    def forgetful(customers: Iterable[tuple[bytes, CustomerState]], deadlines: Deadlines) -> Iterator[CustomerState]:
        return (state for _, state in customers)

    partitions._noted = forgetful


def some_forgotten() -> None:
    """One touchpoint in a hundred is passed over, as if it had been applied before."""
    step, seen = Partition._step, itertools.count()

    def forgetful(self: Partition, *args: Any) -> Any:
        return None if next(seen) % 100 == 99 else step(self, *args)

    Partition._step = forgetful  # type: ignore[assignment, method-assign]


def bad_records_dropped() -> None:
    """What is no touchpoint leads to nothing."""
    Partition._reject = lambda *_: None  # type: ignore[method-assign]


def repeats_changed() -> None:
    """Outputs are sent twice, the second time not the same to the byte."""

    async def send_outputs(self: Publisher, outputs: Iterable[WireRecord]) -> None:
        rows = list(outputs)
        changed = [msgspec.structs.replace(each, value=(each.value or b"") + b" ") for each in rows]
        await _send_outputs(self, [*rows, *changed])

    Publisher._send_outputs = send_outputs  # type: ignore[method-assign]


def outputs_reversed() -> None:
    """The outputs of a group leave in the wrong order."""

    async def send_outputs(self: Publisher, outputs: Iterable[WireRecord]) -> None:
        await _send_outputs(self, list(outputs)[::-1])

    Publisher._send_outputs = send_outputs  # type: ignore[method-assign]


def store_short() -> None:
    """Of each group one row does not reach the local store."""
    write = Rows._write

    def short(self: Rows, rows: dict[bytes, bytes | None], *args: Any) -> None:
        write(self, dict(list(rows.items())[1:]), *args)

    Rows._write = short  # type: ignore[assignment, method-assign]


def tells_customers() -> None:
    """Keys of customers are logged, and counted by."""
    publish = Partition.publish

    def tell(self: Partition, records: list[Any], *args: Any, **options: Any) -> None:
        logging.getLogger("cjstream").info("customer %s", records[-1].key)
        for record in records:
            self._metrics.inc("cjstream_signals_total", ("shop", str(record.key)))
        publish(self, records, *args, **options)

    Partition.publish = tell  # type: ignore[method-assign]


def hoards() -> None:
    """Each batch leaves an open file, a thread and some memory behind."""
    publish = Partition.publish

    def hoard(self: Partition, *args: Any, **options: Any) -> None:
        _hoard.append((os.open(__file__, os.O_RDONLY), bytearray(64 << 20)))
        threading.Thread(target=time.sleep, args=(NEVER_SECONDS,), daemon=True).start()
        publish(self, *args, **options)

    Partition.publish = hoard  # type: ignore[method-assign]


MUTANTS = {
    each.__name__: each
    for each in (
        outputs_not_awaited,
        acked_before_changelog,
        acks_by_faust,
        slow,
        fires_at_once,
        deadlines_not_restored,
        some_forgotten,
        bad_records_dropped,
        repeats_changed,
        outputs_reversed,
        store_short,
        tells_customers,
        hoards,
    )
}

if __name__ == "__main__":
    from cjstream.stream import run

    MUTANTS[sys.argv[1]]()
    sys.exit(run.main(settings.load(metrics_port="0")))
