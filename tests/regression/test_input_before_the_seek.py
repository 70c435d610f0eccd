"""Input read between Faust's resume and its seek was cleared but counted as read: its effects were lost for ever.

One start in some fifteen lost a chunk, under load. After it came chunks whose fence hid the lost ones from a replay.
"""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.consumer import ThreadDelegateConsumer
from faust.types import TP

from cjstream.stream.transport import BatchConsumer

INPUT, CHANGELOG = TP("touchpoints", 0), TP("cjstream-state-changelog", 0)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> BatchConsumer:
    """A consumer of one partition that was just assigned and paused, not connected to anything."""
    # Without an app: Faust would make event loops of its own for one, which nobody closes.
    monkeypatch.setattr(ThreadDelegateConsumer, "__init__", lambda self, *_, **__: self._reset_state())
    monkeypatch.setattr(BatchConsumer, "_is_changelog_tp", lambda _, tp: tp == CHANGELOG)
    for name in ("can_resume_flow", "suspend_flow", "not_waiting_next_records"):
        monkeypatch.setattr(BatchConsumer, name, asyncio.Event(), raising=False)
    app = SimpleNamespace(batched_topics={INPUT.topic}, settings=SimpleNamespace(facts="facts"))
    monkeypatch.setattr(BatchConsumer, "app", app, raising=False)
    made = BatchConsumer()
    made._committed_offset, made._read_offset = {}, {}
    made._set_active_tps({INPUT, CHANGELOG})
    made.pause_partitions({INPUT, CHANGELOG})
    made.stop_flow()
    return made


def test_input_waits_until_the_flow_resumes(consumer: Any) -> None:
    consumer.resume_partitions({INPUT, CHANGELOG})
    assert consumer._get_active_partitions() == {CHANGELOG}
    consumer.resume_flow()
    assert consumer._get_active_partitions() == {INPUT, CHANGELOG}


def test_a_rebalance_in_between_takes_it_back(consumer: Any) -> None:
    consumer.resume_partitions({INPUT})
    consumer.pause_partitions({INPUT, CHANGELOG})
    consumer.resume_flow()
    assert consumer._get_active_partitions() == set()


def test_room_in_a_paused_partition_does_not_resume_it(consumer: Any) -> None:
    consumer._buffered_partitions.add(INPUT)
    consumer.on_buffer_drop(INPUT)
    assert consumer._get_active_partitions() == set()


def test_the_seek_waits_for_the_fetch_under_way_and_leaves_no_partition_out(consumer: Any) -> None:
    done: list[str] = []

    async def fetch(*_: Any, **__: Any) -> dict[TP, Any]:
        await asyncio.sleep(0.01)
        done.append("fetch")
        return {}

    async def seek() -> dict[TP, int]:
        done.append("seek")
        return {}

    async def seek_to_beginning(*tps: TP) -> None:
        done.append(f"beginning of {[tp.topic for tp in tps]}")

    async def both() -> None:
        fetching = asyncio.create_task(consumer._getmany({INPUT, CHANGELOG}, 1.0))
        await asyncio.sleep(0)
        await consumer.perform_seek()
        await fetching

    consumer._thread = SimpleNamespace(getmany=fetch, seek_to_beginning=seek_to_beginning)
    consumer.seek_to_committed = seek
    consumer.assignment = lambda: {INPUT, CHANGELOG}
    consumer._committed_offset = defaultdict(lambda: None)
    asyncio.run(both())
    assert done == ["fetch", "seek", "beginning of ['touchpoints']"]
