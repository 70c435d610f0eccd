"""A touchpoint that there was no memory for was taken for one that the engine cannot do, and became a dead letter.

It is sound: the worker ends, and the next one does it.
"""

from typing import Any

import pytest

from cjstream.core import engine
from tests.stream.test_clock import SETTINGS, world


def fail(*_: Any) -> Any:
    raise MemoryError


@pytest.mark.asyncio
async def test_want_of_memory_is_no_fault_of_a_touchpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as w:
        monkeypatch.setattr(engine, "advance", fail)
        with pytest.raises(MemoryError):
            w.look("anna")
        assert w.outbox.keys(SETTINGS.dead_letter) == []
