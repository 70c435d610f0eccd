"""A store that lasts, with a broker: a warm start, a damaged store, and somebody erased while the store was away."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Line, Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import make_input
from tests.faults.stalls import touchpoint

PARTITIONS = 4
WARM_SECONDS = 3.0  # from a clean stop's end until ready, beside what Python, broker and group take by themselves
LEFT_ALONE = 0.0


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    return new_app(broker.servers, "store", tmp_path, PARTITIONS, store="rocksdb")


def fill(settings: Settings, tmp_path: Path, touchpoints: int) -> dict[str, float]:
    """Let a worker process some touchpoints and stop; return what it counted of customers."""
    lines, _ = make_input(touchpoints, 5)
    send(settings, lines, PARTITIONS)
    with Worker(settings, tmp_path / "fill.log") as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        found = customers(worker)
        assert worker.end()[0] == 0
    return found


def customers(worker: Worker) -> dict[str, float]:
    return {labels: value for (name, labels), value in worker.metrics().items() if name == "cjstream_customers"}


def restored(worker: Worker) -> float:
    return worker.metric("cjstream_restored_records_total")


def test_after_a_clean_stop_no_changelog_record_is_read_and_the_totals_are_there(
    settings: Settings, tmp_path: Path
) -> None:
    found = fill(settings, tmp_path, 20_000)
    with Worker(settings, tmp_path / "again.log") as worker:
        seconds = worker.wait_ready()
        assert (restored(worker), customers(worker)) == (0, found)
        assert worker.metric("cjstream_store_bytes") > 0
        assert worker.metric("cjstream_stores_discarded_total") == 0
        send(settings, [touchpoint("anna", int(time.time() * 1000))], PARTITIONS)
        wait_done(settings, worker)
        assert worker.end()[0] == 0
    assert "made anew" not in (tmp_path / "again.log").read_text()
    assert seconds < 2 * WARM_SECONDS


def test_a_damaged_store_is_made_anew_of_the_changelog(settings: Settings, tmp_path: Path) -> None:
    found = fill(settings, tmp_path, 10_000)
    root = settings.data_dir / settings.app_id / "0" / "rocksdb"
    for number in range(PARTITIONS):
        file = max((root / str(number)).glob("*.sst"), key=lambda file: file.stat().st_size)
        if number == 0:  # seen when it is opened
            os.truncate(file, file.stat().st_size // 2)
        elif number == 1:  # seen when it is read
            file.write_bytes(bytes(byte ^ 0xFF for byte in file.read_bytes()[:4096]) + file.read_bytes()[4096:])
    lines, _ = make_input(10_000, 5)
    with Worker(settings, tmp_path / "again.log") as worker:
        wait_until(lambda: worker.process.poll() is not None or bool(customers(worker)), 30, "it is ready or ends")
        send(settings, [Line(each.key, each.value) for each in lines], PARTITIONS)
        wait_until(lambda: worker.process.poll() is not None, 30, "the damage is found")
        assert worker.process.wait() == 75, worker.said()
    with Worker(settings, tmp_path / "third.log") as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        assert worker.metric("cjstream_stores_discarded_total") >= 1
        assert customers(worker) == found, "all were duplicates"
        assert worker.end()[0] == 0


def test_who_was_erased_while_a_store_was_away_stays_erased(settings: Settings, tmp_path: Path) -> None:
    at_ms = int(time.time() * 1000)
    elsewhere = replace(settings, data_dir=tmp_path / "elsewhere")
    send(settings, [touchpoint("anna", at_ms), touchpoint("bert", at_ms)], PARTITIONS)
    for data, lines in ((settings, []), (elsewhere, [Line(b"anna", None)])):
        send(settings, lines, PARTITIONS)
        with Worker(data, tmp_path / "worker.log") as worker:
            worker.wait_ready()
            wait_done(settings, worker)
            assert worker.end()[0] == 0
    with Worker(settings, tmp_path / "back.log") as worker:
        worker.wait_ready()
        assert sum(customers(worker).values()) == 1
        assert 0 < restored(worker) < 10, "the store was taken up"
        send(settings, [touchpoint("anna", at_ms - 1)], PARTITIONS)
        wait_done(settings, worker)
        assert worker.metrics()["cjstream_touchpoints_total", 'outcome="erased"'] == 1
        assert sum(customers(worker).values()) == 1
        assert worker.end()[0] == 0
    assert [each.value for each in read_all(settings, settings.stage_current) if each.key == b"anna"][-1] is None
