"""An input or a changelog that was made anew, and input that was deleted unread. More of it: tests/faults."""

import json
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.command import run
from tests.faults.anew import CUSTOMERS, NOW_MS, accept, broken, lines, refused, sequences, work
from tests.faults.harness import Worker, new_app, send, wait_done
from tests.faults.tampering import cut_off, make_anew

pytestmark = pytest.mark.timeout(120)


def test_an_input_that_grew_past_the_fence_is_refused_until_it_is_accepted(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "recreated", tmp_path / "data", 2, store="rocksdb")
    send(settings, lines(NOW_MS, times=3), 2)
    work(settings, tmp_path / "before.log")
    make_anew(settings, settings.touchpoints, 2)
    send(settings, lines(NOW_MS + 1_000, "cart_add", 5), 2)
    refused(settings, tmp_path / "refused.log")
    tried = run("topics", "accept", "--dry-run", "--json", settings=settings)
    assert (tried.returncode, json.loads(tried.stdout)["accepted"]) == (0, False)
    assert run("topics", "accept", settings=settings, stdin=b"n\n").returncode == 1
    assert [each["epoch"] for each in accept(settings)] == [1, 1]
    work(settings, tmp_path / "after.log", 5 * len(CUSTOMERS))
    assert broken(settings) == 0
    again = run("topics", "accept", "--yes", settings=settings)
    assert (again.returncode, b"nothing to accept" in again.stderr) == (0, True)


def test_unread_records_that_were_deleted_are_counted_and_told(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "lost", tmp_path / "data", 1)
    send(settings, lines(NOW_MS), 1)
    work(settings, tmp_path / "before.log")
    send(settings, lines(NOW_MS + 1_000), 1)
    cut_off(settings, settings.touchpoints, {0: len(CUSTOMERS) + 15})
    with Worker(settings, tmp_path / "after.log") as worker:
        worker.wait_ready()
        wait_done(settings, worker)
        assert worker.metric("cjstream_lost_records_total") == 15
        assert worker.metric("cjstream_touchpoints_total") == len(CUSTOMERS) - 15
        assert worker.end()[0] == 0
    assert "partition 0: 15 input records up to offset 54 were deleted before they were read" in worker.said()


def test_an_emptied_changelog_is_no_empty_state(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "emptied", tmp_path / "data", 1)
    send(settings, lines(NOW_MS), 1)
    work(settings, tmp_path / "before.log")
    sent = sequences(settings)
    make_anew(settings, settings.state_changelog, 1)
    assert "the state changelog holds nothing" in refused(settings, tmp_path / "refused.log")
    accept(settings)
    work(settings, tmp_path / "after.log", len(CUSTOMERS))
    assert sequences(settings) == {name: found * 2 for name, found in sent.items()}, "all is derived anew, the same"
