"""Workers broken on purpose: `python -m tests.faults.mutants NAME`. The tests must see what each of them does wrong.

Those that lose something widen the window in which a kill does it, so that one kill is enough, wherever it falls.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cjstream import settings
from cjstream.core.state import CustomerState
from cjstream.ingest.codec import WireRecord
from cjstream.stream import partitions
from cjstream.stream.deadlines import Deadlines
from cjstream.stream.publisher import Group, Publisher
from cjstream.stream.transport import BatchConsumer

NEVER_SECONDS = 600.0  # longer than the test: what waits so long is lost with the process
OWN_ACKS = ("_add_gap", "ack", "_filter_tps_with_pending_acks", "_new_offset", "_commit_offsets")

_send_outputs, _send_changes = Publisher._send_outputs, Publisher._send_changes
_later: set[asyncio.Task[Any]] = set()


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

    async def send_changes(self: Publisher, changes: dict[bytes, bytes | None]) -> int:
        self.rows.commit(changes, self.rows.store.changelog_offset)
        _do_later(_send_changes(self, changes))
        return self.rows.store.changelog_offset

    Publisher._send_changes = send_changes  # type: ignore[method-assign]


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


MUTANTS = {
    each.__name__: each
    for each in (
        outputs_not_awaited,
        acked_before_changelog,
        acks_by_faust,
        slow,
        fires_at_once,
        deadlines_not_restored,
    )
}

if __name__ == "__main__":
    from cjstream.stream import run

    MUTANTS[sys.argv[1]]()
    sys.exit(run.main(settings.load(metrics_port="0")))
