"""A worker whose clock dies in its work: `python -m tests.kafka.clock_worker`.

It kills itself between the changelog record, with the outputs in `pending`, and the outputs.
"""

import os
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from cjstream import settings as configuration
from cjstream.ingest.codec import WireRecord
from cjstream.stream import run
from cjstream.stream.publisher import Group, Publisher


def main() -> NoReturn:
    """Run it."""
    publish = Publisher._publish

    async def outputs_never(self: Publisher, outputs: Iterable[WireRecord]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def state_only(self: Publisher, group: Group) -> None:
        if group.by_clock:
            Publisher._send_outputs = outputs_never  # type: ignore[method-assign]
        await publish(self, group)

    Publisher._publish = state_only  # type: ignore[method-assign]
    sys.exit(run.main(configuration.load(metrics_port="0")))


if __name__ == "__main__":
    main()
