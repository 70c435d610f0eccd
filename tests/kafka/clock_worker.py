"""A worker with a step fired by the clock, once `anna` is known: `python -m tests.kafka.clock_worker`.

It kills itself between the changelog record, with the outputs in `pending`, and the outputs.
"""

import asyncio
import os
import signal
import sys
from functools import partial
from typing import NoReturn

from cjstream import settings as configuration
from cjstream.core.outputs import Output, Signal
from cjstream.core.state import CustomerState
from cjstream.stream import run

CUSTOMER = b"anna"
STALLED = Signal(
    signal_id="0" * 32, kind="stalled", severity="warning", journey="shop", instance="", stage="awareness",
    customer_id="anna", since="2026-01-01T00:00:00.000Z", due=None, cause=None, owner=None, detail=None,
)  # fmt: skip


def stall(state: CustomerState) -> dict[bytes, tuple[CustomerState, list[Output]]]:
    """Return what the clock does: nothing to the state, one signal out."""
    return {CUSTOMER: (state, [STALLED])}


def main() -> NoReturn:
    """Run it."""
    settings = configuration.load()
    configuration.export(settings)
    from cjstream.stream.app import app  # noqa: PLC0415 - made of the environment just written
    from cjstream.stream.publisher import Group, Publisher  # noqa: PLC0415

    async def state_only(self: Publisher, group: Group) -> None:
        if not group.by_clock:
            await publish(self, group)
            return
        await self._send_changes(group.changes)
        os.kill(os.getpid(), signal.SIGKILL)

    publish, Publisher._publish = Publisher._publish, state_only  # type: ignore[method-assign]

    @app.task  # type: ignore[untyped-decorator]
    async def fire() -> None:
        while True:
            await asyncio.sleep(0.1)
            for partition in app.partitions.opened():
                state = partition.rows.state(CUSTOMER)
                if state is not None:
                    await partition.fire(partial(stall, state))

    sys.exit(run.main(settings, (), 0))


if __name__ == "__main__":
    main()
