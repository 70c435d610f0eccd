"""A worker stopped while it opened its partitions ended with 70: its consumer was gone amid the look at the input."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.tables.table import Table

from cjstream.stream import table
from cjstream.stream.table import StageTable


class Ended(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A table whose partitions cannot be opened."""

    async def no_more(*_: Any) -> None:
        raise RuntimeError("the consumer is gone")

    async def nothing(*_: Any) -> None:
        """Faust's own part."""

    def give_up(*_: Any) -> None:
        raise Ended

    monkeypatch.setattr(Table, "on_recovery_completed", nothing)
    monkeypatch.setattr(table, "give_up", give_up)
    made: Any = object.__new__(StageTable)
    made.app = SimpleNamespace(should_stop=True, require_same_counts=lambda: None)
    made.partitions_held = SimpleNamespace(open=no_more)
    return made


@pytest.mark.asyncio
async def test_it_is_no_fault_while_the_worker_stops(stages: Any) -> None:
    await stages.on_recovery_completed(set(), set())


@pytest.mark.asyncio
async def test_it_is_one_at_any_other_time(stages: Any) -> None:
    stages.app.should_stop = False
    with pytest.raises(Ended):
        await stages.on_recovery_completed(set(), set())
