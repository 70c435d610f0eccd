"""A heartbeat that nobody answers makes the clients connect anew, while enough of the session is left."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cjstream.stream.membership import Membership

SESSION_SECONDS = 0.4

pytestmark = pytest.mark.asyncio


class Coordinator:
    """A coordinator whose heartbeat takes `seconds`, or ends with False when its connection is closed."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.closed = seconds, asyncio.Event()
        connection = SimpleNamespace(close=lambda reason: self.closed.set())
        self._client = SimpleNamespace(_conns={(1, "coordination"): connection})
        self.member_id, self.generation = "me", 1

    async def _do_heartbeat(self) -> bool:
        waiting = asyncio.create_task(self.closed.wait())
        done, _ = await asyncio.wait({waiting}, timeout=self.seconds)
        waiting.cancel()
        return not done


async def beat(seconds: float) -> tuple[bool, Coordinator, list[str]]:
    coordinator: Any = Coordinator(seconds)
    membership, told = Membership(SESSION_SECONDS, patience_seconds=1), []
    membership.on_silence = lambda: told.append("silence")
    membership.watch(coordinator)
    return await coordinator._do_heartbeat(), coordinator, told


async def test_an_answer_in_time_leaves_the_connections_alone() -> None:
    succeeded, coordinator, told = await beat(SESSION_SECONDS / 10)
    await asyncio.sleep(SESSION_SECONDS)
    assert (succeeded, coordinator.closed.is_set(), told) == (True, False, [])


async def test_silence_for_half_a_session_closes_them_and_is_told_to_others() -> None:
    succeeded, coordinator, told = await beat(60)
    assert (succeeded, coordinator.closed.is_set(), told) == (False, True, ["silence"])
