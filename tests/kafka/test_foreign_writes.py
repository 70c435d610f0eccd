"""Somebody else writes into the state changelog, as a worker does that was cut off: nothing of it stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.core.state import POSITION_KEY, CustomerState, Marker, Position, encode, marker_key
from tests.broker import Broker
from tests.faults.harness import Line, Worker, new_app, send, wait_done
from tests.faults.stalls import touchpoint
from tests.faults.tampering import Compacted, Row, write

pytestmark = pytest.mark.timeout(120)
AT_MS = 1_760_000_000_000


def test_what_others_write_is_written_over(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "foreign", tmp_path / "data", 1, store="rocksdb")
    compacted = Compacted(settings)

    def act(worker: Worker, *lines: Line) -> None:
        send(settings, lines, 1)
        wait_done(settings, worker)

    with Worker(settings, tmp_path / "first.log") as worker:
        worker.wait_ready()
        act(worker, touchpoint("anna", AT_MS), touchpoint("bert", AT_MS), touchpoint("cora", AT_MS))
        old = compacted.customers()
        act(worker, touchpoint("anna", AT_MS + 1), Line(b"cora", None))
        truth = compacted.customers()
        marker = marker_key("cora", settings.app_id.encode())
        stale: list[Row] = [
            (marker, encode(Marker((0, 0), 1))),
            *old.items(),
            (b"bert", None),
            (b"zoe", old[b"anna"]),
            (marker_key("anna", settings.app_id.encode()), encode(Marker((0, 0), 1))),
            (b"anna", None),
            (POSITION_KEY, encode(Position((0, 0), topic=settings.touchpoints))),
        ]
        write(settings, stale)
        assert compacted.customers() != truth
        act(worker, touchpoint("dora", AT_MS))
        assert worker.metric("cjstream_foreign_records_total") == len(stale)
        dora = compacted.customers()[b"dora"]
        assert compacted.customers() == {**truth, b"dora": dora}
        assert worker.end()[0] == 0
    truth = compacted.customers()
    for is_compacted in (False, True):
        assert compacted.restored(0, settings.app_id, is_compacted=is_compacted) == truth

    write(settings, [(b"anna", old[b"anna"]), (b"cora", old[b"cora"])])  # found by the restore
    with Worker(settings, tmp_path / "second.log") as worker:
        worker.wait_ready()
        assert compacted.customers() == truth, "nobody had to wait for input"
        write(settings, [(b"anna", old[b"anna"])])  # found by the first group
        act(worker, touchpoint("emil", AT_MS))
        truth |= {b"emil": compacted.customers()[b"emil"]}
        assert compacted.customers() == truth
        assert worker.end()[0] == 0
    with Worker(replace(settings, data_dir=tmp_path / "fresh"), tmp_path / "third.log") as worker:
        worker.wait_ready()
        assert worker.metric("cjstream_customers") == len(truth)
        assert worker.end()[0] == 0
    assert compacted.customers() == truth
    assert compacted.restored(0, settings.app_id, is_compacted=True) == truth


def test_a_worker_that_finds_its_place_taken_ends(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "taken", tmp_path / "data", 1)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        send(settings, [touchpoint("anna", AT_MS)], 1)
        wait_done(settings, worker)
        write(settings, [(b"anna", encode(CustomerState((0, 1_000))))])
        send(settings, [touchpoint("bert", AT_MS)], 1)
        assert worker.process.wait(30) == 75, worker.said()
    assert "this one was cut off" in worker.said()
