"""Customers are forgotten, by null and by silence, while workers die: the late stay gone, who returns goes on."""

import dataclasses
import json
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream.core.state import MARKER_PREFIX, is_reserved
from cjstream.kafka import topic_spans
from cjstream.kafka.clients import admin_client
from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Line, Worker, new_app, read_all, run, send, wait_done, wait_until
from tests.faults.test_canary import SWEEPER

PARTITIONS, CUSTOMERS, ERASED = 2, 300, 40
SILENCE_SECONDS = 4
JOURNEY = """
journey: quick
lateness: 0s
stages: [{id: look, weight: 1}, {id: buy, weight: 2}]
rules: [{on: page_view, to: look}, {on: purchase, to: buy}]
"""
POINTS = {"changelog_acked": 5, "output_acked": 3, "stored": 5}  # and how often a worker may come there first

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def lines(kind: str, at_ms: int, name: str) -> list[Line]:
    made = []
    for number in range(CUSTOMERS):
        fields: Any = {"id": f"{name}-{number}", "customer_id": f"c-{number}", "type": kind, "occurred_at": at_ms}
        made.append(Line(fields["customer_id"].encode(), json.dumps(fields).encode()))
    return made


def nulls() -> list[Line]:
    return [Line(f"c-{number}".encode(), None) for number in range(ERASED)]


def newest(settings: Settings, topic: str) -> dict[bytes, bytes | None]:
    return {record.key or b"": record.value for record in read_all(settings, topic)}


def sequences(settings: Settings) -> dict[str, list[int]]:
    """Return each customer's sequences, repeats left out, which must be the same bytes."""
    told: dict[tuple[str, int], bytes] = {}
    found: dict[str, list[int]] = defaultdict(list)
    for record in read_all(settings, settings.transitions):
        value = json.loads(record.value or b"")
        at = value["customer_id"], value["sequence"]
        if at in told:
            assert told[at] == record.value, "a repeat has other bytes"
        else:
            told[at] = record.value or b""
            found[at[0]].append(at[1])
    return found


def markers(settings: Settings) -> list[bytes]:
    held = newest(settings, settings.state_changelog)
    return [key for key, value in held.items() if key.startswith(MARKER_PREFIX) and value is not None]


def gone(settings: Settings) -> bool:
    held = newest(settings, settings.state_changelog)
    return len(markers(settings)) == CUSTOMERS and not any(held[key] for key in held if not is_reserved(key))


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
@pytest.mark.parametrize("point", POINTS)
def test_the_forgotten_stay_so_through_kills_and_return_in_sequence(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault, store: str, point: str
) -> None:
    dice, log = random.Random(seed), tmp_path / "worker.log"
    (tmp_path / "quick.yaml").write_text(JOURNEY)
    settings = new_app(
        servers, "forgotten", tmp_path / "data", PARTITIONS, store=store, expire_inactive_seconds=str(SILENCE_SECONDS)
    )
    settings = dataclasses.replace(settings, journeys=str(tmp_path / "quick.yaml"))
    began_ms, kills, resumed = now_ms(), 0, list[float]()
    send(settings, [*lines("page_view", began_ms, "first"), *nulls()], PARTITIONS)
    command = (sys.executable, "-m", "tests.faults.points", point)
    for _ in range(3):
        with Worker(settings, log, (*command, str(dice.randrange(1, POINTS[point])))) as worker:
            wait_until(lambda: worker.process.poll() is not None or gone(settings), 60, "it died, or all are forgotten")
            kills += worker.process.poll() == -9
            worker.kill()
    with Worker(settings, log) as worker:
        resumed.append(worker.wait_ready())
        wait_until(lambda: gone(settings), 60, "all are forgotten")
        send(settings, lines("page_view", began_ms, "late"), PARTITIONS)
        wait_done(settings, worker)
        assert gone(settings), "a late touchpoint brought somebody back"
        assert worker.end()[0] == 0
    with Worker(dataclasses.replace(settings, expire_inactive_seconds=0), log) as worker:  # nobody falls silent again
        resumed.append(worker.wait_ready())
        returned_ms = now_ms()
        send(settings, lines("purchase", returned_ms, "back"), PARTITIONS)
        wait_done(settings, worker)
        assert worker.end()[0] == 0
    found = sequences(settings)
    wrong = [customer for customer, told in found.items() if told != [1, 2]]
    current = read_all(settings, settings.stage_current)
    last_null = {record.key: at for at, record in enumerate(current) if record.value is None}
    fault("kill -9 while customers are forgotten", injected=kills, resumed_seconds=resumed, wrong=len(wrong))
    assert (len(found), wrong[:5]) == (CUSTOMERS, [])
    assert kills > 0
    assert len(last_null) == CUSTOMERS, "each was told by a null"
    for key, at in last_null.items():
        [after] = [record for record in current[at:] if record.key == key and record.value is not None]
        assert json.loads(after.value or b"")["journeys"]["quick"]["stage"] == "buy"


async def keep_for_a_second(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        values = {"retention.ms": "1000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.touchpoints, values)])


async def delete_input(settings: Settings) -> None:
    spans = await topic_spans(settings, settings.touchpoints)
    async with admin_client(settings) as admin:
        ends = {TopicPartition(settings.touchpoints, number): span.end for number, span in spans.items()}
        await admin.delete_records({part: RecordsToDelete(end) for part, end in ends.items()})


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_markers_go_when_the_input_has_let_go_of_their_records(servers: str, tmp_path: Path, store: str) -> None:
    settings = new_app(servers, "markers", tmp_path / "data", PARTITIONS, store=store)
    run(keep_for_a_second(settings))
    send(settings, [*lines("page_view", now_ms(), "first"), *nulls()], PARTITIONS)
    with Worker(settings, tmp_path / "worker.log", SWEEPER) as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        assert len(markers(settings)) == ERASED
        run(delete_input(settings))
        wait_until(lambda: not markers(settings), 60, "no marker is left")
        assert worker.metric("cjstream_markers_expired_total") == ERASED
        assert worker.end()[0] == 0
