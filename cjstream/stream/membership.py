"""Are we still the owner? The self-fence against writing as a zombie, fed by the group's heartbeats."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from cjstream.stream.fatal import RESTART, give_up
from cjstream.stream.outbox import drop_connections

FRESH_SHARE = 0.8  # of the session timeout: the group may give our partitions away only after all of it
POLL_SECONDS = 0.1
SILENT_SHARE = 0.5  # of it, too: a heartbeat goes out every fifth of it, so enough is left to connect anew and be heard


class Membership:
    """Our place in the consumer group. Heartbeats arrive from the consumer's thread; the rest belongs to the loop."""

    def __init__(self, session_timeout_seconds: float, patience_seconds: float) -> None:
        self.fresh_seconds = session_timeout_seconds * FRESH_SHARE
        self.silent_seconds = session_timeout_seconds * SILENT_SHARE
        self.patience_seconds = patience_seconds
        self.on_silence: Callable[[], object] = lambda: None  # called from the consumer's thread
        self._coordinator: Any = None
        self._identity: tuple[str, int] | None = None
        self.last_beat = monotonic()  # when the last heartbeat was sent that succeeded

    def watch(self, coordinator: Any) -> None:
        """Listen to the heartbeats of an aiokafka GroupCoordinator."""
        beat = coordinator._do_heartbeat

        async def listen() -> bool:
            sent = monotonic()  # the broker's clock for us starts no earlier than this
            unheard = asyncio.get_running_loop().call_later(self.silent_seconds, self._reconnect)
            try:
                succeeded = bool(await beat())
            finally:
                unheard.cancel()
            if succeeded:
                self.last_beat = sent
            return succeeded

        coordinator._do_heartbeat = listen
        self._coordinator = coordinator

    def _reconnect(self) -> None:
        """Connect anew: a connection that is dead without a word keeps requests waiting far longer than a session."""
        drop_connections(self._coordinator._client)
        self.on_silence()

    def joined(self) -> None:
        """Remember who we are in the generation just assigned."""
        self._identity = self._seen()
        self.last_beat = monotonic()

    @property
    def has_joined(self) -> bool:
        """Whether the group has given this worker an assignment, perhaps an empty one."""
        return self._identity is not None

    def _seen(self) -> tuple[str, int]:
        return self._coordinator.member_id, self._coordinator.generation

    def is_fresh(self) -> bool:
        """Return whether the last successful heartbeat is young enough to write on."""
        return monotonic() - self.last_beat < self.fresh_seconds

    def require(self) -> None:
        """End the process (75) if the group has given this worker's membership away, so perhaps its partitions."""
        if self._identity is not None and self._seen() != self._identity:
            give_up(RESTART, "the group gave this worker's membership away; nothing more was written")

    async def confirm(self) -> None:
        """Return once writing is safe. Ends the process (75) if the membership is lost, or is not confirmed in time."""
        started = monotonic()
        while True:
            self.require()
            if self.is_fresh():
                return
            if monotonic() - started > self.patience_seconds:
                give_up(RESTART, f"no heartbeat succeeded for {self.patience_seconds:g} s; check the broker")
            await asyncio.sleep(POLL_SECONDS)
