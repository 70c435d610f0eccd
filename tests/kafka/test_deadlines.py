"""Deadlines that no touchpoint comes to fire: the clock fires them, when all input before is applied."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from threading import Event

import pytest
from aiokafka import AIOKafkaProducer

from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Line, Sample, Worker, new_app, read_all, send, wait_until
from tests.faults.stalls import Signals, noise, now_ms, stall_app, touchpoint

LATE_SECONDS = 3.5  # from a deadline until its signal: the clock's second, a group, and a busy machine

CLOCKS = """
journey: clocks
lateness: 0s
window: 2s
stages:
  - {id: look, weight: 1, stall: {since_entered: 1s}}
  - {id: think, weight: 2, stall: {since_last_touch: 1s, to: lost}}
  - {id: lost, weight: 3}
  - {id: buy, weight: 4}
rules:
  - {on: page_view, to: look}
  - {on: question, to: think}
  - {on: purchase, to: buy}
goal: {on: purchase}
"""

pytestmark = pytest.mark.timeout(60)


async def send_in_transactions(settings: Settings, committed: Line, aborted: Line) -> None:
    """Send one record that counts and one that does not, to partition 1: the log then ends with markers."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=settings.app_id)
    await producer.start()
    for line, is_good in ((committed, True), (aborted, False)):
        await producer.begin_transaction()
        await producer.send_and_wait(settings.touchpoints, line.value, line.key, partition=1)
        await (producer.commit_transaction() if is_good else producer.abort_transaction())
    await producer.stop()


def test_stall_timeout_and_window_are_told_at_the_limit_without_any_further_event(
    broker: Broker, tmp_path: Path
) -> None:
    definition = tmp_path / "clocks.yaml"
    definition.write_text(CLOCKS)
    settings = new_app(broker.servers, "clocks", tmp_path / "data", 2, journeys=str(definition))
    signals = Signals(settings)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        at_ms = now_ms()
        asyncio.run(
            send_in_transactions(settings, touchpoint("bert", at_ms), touchpoint("bert", at_ms + 900, "purchase"))
        )
        looks = [Line(each.key, each.value, 0) for each in (touchpoint("anna", at_ms), touchpoint("cora", at_ms))]
        send(settings, [*looks, Line(b"cora", touchpoint("cora", at_ms + 100, "question").value, 0)], 2)
        waited = wait_until(lambda: len(signals.records()) >= 6, 10, "all signals")
        time.sleep(1.2)  # one more tick
        metrics = worker.metrics()
        assert worker.end()[0] == 0
    told = {(each["kind"], each["customer_id"], each["cause"]["deadline"]) for each in signals.told().values()}
    assert told == {
        ("stalled", "anna", "stall.since_entered"), ("dropped", "anna", "window"),
        ("stalled", "bert", "stall.since_entered"), ("dropped", "bert", "window"),
        ("stalled", "cora", "stall.since_last_touch"), ("dropped", "cora", "window"),
    }  # fmt: skip
    assert signals.repeats() == 0
    for record in signals.records():
        limit_ms = {"stalled": 1_000, "dropped": 2_000}[json.loads(record.value or b"")["kind"]]
        assert at_ms + limit_ms < record.timestamp < at_ms + limit_ms + LATE_SECONDS * 1000, waited
    moves = [json.loads(each.value or b"") for each in read_all(settings, settings.transitions) if each.key == b"cora"]
    assert [(move["kind"], move["to_stage"]) for move in moves][:3] == [
        ("entry", "look"), ("forward", "think"), ("timeout", "lost"),
    ]  # fmt: skip
    assert moves[2]["cause"] == {"deadline": "stall.since_last_touch"}
    current = {each.key: json.loads(each.value or b"") for each in read_all(settings, settings.stage_current)}
    assert {each["journeys"]["clocks"]["outcome"] for each in current.values()} == {"dropped"}
    assert metrics["cjstream_signals_total", 'journey="clocks",kind="stalled"'] == 3
    assert waiting(metrics) == 0


def waiting(metrics: Sample) -> float:
    return sum(value for (name, _), value in metrics.items() if name == "cjstream_deadlines_waiting")


def test_it_fires_under_steady_load_on_the_same_partition(broker: Broker, tmp_path: Path) -> None:
    settings = stall_app(broker.servers, "steady", tmp_path, 1, seconds=1)
    signals = Signals(settings)
    with ThreadPoolExecutor() as pool, Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        done = Event()
        load = pool.submit(send, settings, takewhile(lambda _: not done.is_set(), noise()), 1, 2_000)
        wait_until(lambda: worker.metric("cjstream_touchpoints_total") > 0, 10, "the load is there")
        due_ms = now_ms() + 1_000
        send(settings, [touchpoint("anna", due_ms - 1_000)], 1)
        try:
            wait_until(lambda: signals.customers() == ["anna"], 10, "the signal")
        finally:
            done.set()
        [signal] = signals.records()
        assert due_ms < signal.timestamp < due_ms + LATE_SECONDS * 1000
        load.result()
        assert worker.end()[0] == 0
