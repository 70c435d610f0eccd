"""Workers that stand still on purpose, with a watchdog that waits briefly: `python -m tests.faults.hangs NAME`.

Each hangs in one place, for good. `none` does not: the brief limits alone end nobody.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from faust.types import TP

from cjstream import settings
from cjstream.stream import liveness, partition, partitions, transport, watchdog
from cjstream.stream.watchdog import Wait

FOR_EVER_SECONDS = 10_000.0
PATIENCE_SECONDS = 8.0
START_SECONDS = 16.0  # for steps of the start, and a rebalance: several workers begin at a time, on two cores

_waits, _begin, _publish = liveness.waits, watchdog.Watchdog.begin, partition.Partition.publish


def put(owner: Any, name: str, value: object) -> None:
    """Replace a method, or a function of a module."""
    setattr(owner, name, value)


def none() -> None:
    """Nothing hangs."""


def agent_never_acks() -> None:
    """All is made durable, and no batch is ever acked."""
    put(partition.Partition, "publish", lambda self, records, done: _publish(self, records, lambda: None))


def agent_blocks_the_loop() -> None:
    """An agent works on, and on, without an await."""
    put(partition.Partition, "decode", lambda self, records: time.sleep(FOR_EVER_SECONDS))


def never_commits() -> None:
    """Commits are reported as failed, and none is made."""

    async def commit(*_: Any, **__: Any) -> bool:
        return False

    put(transport.BatchConsumer, "_commit_offsets", commit)


def fetches_nothing() -> None:
    """The fetch of the input brings nothing any more, and fails with nothing."""

    async def getmany(*_: Any, **__: Any) -> dict[TP, Any]:
        await asyncio.sleep(0.1)
        return {}

    put(transport.BatchConsumer, "_getmany", getmany)


def restore_without_records() -> None:
    """Records of the changelog are read, and get lost on their way to the table."""
    messages = transport.BatchConsumer._messages

    def without_changelogs(self: Any, *args: Any) -> Iterator[tuple[TP, Any]]:
        return ((tp, message) for tp, message in messages(self, *args) if not self._is_changelog_tp(tp))

    put(transport.BatchConsumer, "_messages", without_changelogs)


def opening_never_ends() -> None:
    """Restored partitions are never opened, so that the rebalance does not end."""
    put(partitions.Partitions, "open", _wait_for_ever)


def start_never_ends() -> None:
    """Kafka does not tell of its topics, and does not fail to."""
    from cjstream.stream import app  # noqa: PLC0415 - it is made of the environment, which is set by then

    put(app, "require_topics", _wait_for_ever)


def stop_never_ends() -> None:
    """The stores are never let go of."""
    put(partitions.Partitions, "close", _wait_for_ever)


async def _wait_for_ever(*_: Any) -> Any:
    await asyncio.sleep(FOR_EVER_SECONDS)


def shorten() -> None:
    """Let every limit of the watchdog be brief."""

    @wraps(_waits)
    def waits(app: Any) -> Iterator[Wait]:
        seconds = START_SECONDS if app.rebalancing or not app.membership.has_joined else PATIENCE_SECONDS
        return (each._replace(patience_seconds=seconds) for each in _waits(app))

    liveness.waits = waits
    put(watchdog.Watchdog, "begin", lambda self, step, seconds: _begin(self, step, START_SECONDS))
    watchdog.STALL_SECONDS = PATIENCE_SECONDS


HANGS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        none,
        agent_never_acks,
        agent_blocks_the_loop,
        never_commits,
        fetches_nothing,
        restore_without_records,
        opening_never_ends,
        start_never_ends,
        stop_never_ends,
    )
}

if __name__ == "__main__":
    from cjstream.stream import run

    config = settings.load(metrics_port="0")
    settings.export(config)
    shorten()
    HANGS[sys.argv[1]]()
    sys.exit(run.main(config))
