"""Workers that kill themselves at a named point: `python -m tests.faults.points NAME COUNT`, the COUNT-th time there.

They wrap methods from outside, so that no hook is in the code that ships. The worker is sound up to its death.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

import faust

from cjstream import settings
from cjstream.stream.outbox import Outbox
from cjstream.stream.partitions import Partitions
from cjstream.stream.publisher import Publisher
from cjstream.stream.rows import Rows
from cjstream.stream.transport import BatchConsumer


class Point(NamedTuple):
    """Right after a method has returned, where `holds` of its arguments."""

    owner: Any
    method: str
    holds: Callable[..., bool] = lambda *_: True


def _is_changelog(outbox: Outbox, topic: str, *_: Any) -> bool:
    return topic == outbox._config.state_changelog


POINTS = {
    "output_acked": Point(Publisher, "_send_outputs"),  # a group's changelog records are not sent
    "changelog_acked": Point(Outbox, "send", _is_changelog),  # the local store is not written
    "stored": Point(Rows, "commit"),  # the group's input is not acked
    "offsets_committed": Point(BatchConsumer, "_commit_offsets"),  # other groups are on their way
    "restoring": Point(Partitions, "restore"),  # a chunk of the changelog is restored, others are to come
    "rebalancing": Point(Partitions, "keep"),  # partitions are kept or dropped, none of the new ones is open
    "leaving": Point(Partitions, "drain"),  # what is drained for a rebalance is not committed
    "rebalance_begun": Point(faust.App, "on_rebalance_start"),  # nothing is revoked yet
}


def die_at(point: Point, count: int) -> None:
    """Let this process kill itself at the count-th time at the point."""
    method: Callable[..., Any] = getattr(point.owner, point.method)
    left = count

    def reached(*args: Any) -> None:
        nonlocal left
        left -= point.holds(*args)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @wraps(method)
    async def awaited(*args: Any, **options: Any) -> Any:
        found = await method(*args, **options)
        reached(*args)
        return found

    @wraps(method)
    def called(*args: Any, **options: Any) -> Any:
        found = method(*args, **options)
        reached(*args)
        return found

    setattr(point.owner, point.method, awaited if iscoroutinefunction(method) else called)


if __name__ == "__main__":
    from cjstream.stream import run

    die_at(POINTS[sys.argv[1]], int(sys.argv[2]))
    sys.exit(run.main(settings.load(metrics_port="0")))
