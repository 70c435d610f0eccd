"""Faust took the changelog, which nobody reads after the restore, for a stream that stands.

From its fifth minute on each healthy worker logged an error a partition every few seconds, with advice on settings of
Faust. Our watchdog looks at what stands.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from cjstream.stream.transport import BatchConsumer


async def _no_time(*_: Any) -> None:
    return None


def test_faust_does_not_judge_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[TP] = []
    monkeypatch.setattr(BatchConsumer, "assignment", lambda _: {TP("state-changelog", 0)})
    monkeypatch.setattr(BatchConsumer, "should_stop", False)
    monkeypatch.setattr(BatchConsumer, "sleep", _no_time)
    consumer: Any = object.__new__(BatchConsumer)
    consumer._thread = SimpleNamespace(verify_event_path=lambda _, tp: judged.append(tp))
    asyncio.run(consumer.verify_all_partitions_active())
    assert judged == []
