"""Faults of workers and input: each makes its alert fire, and no wrong page; the runbook's first command shows it."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.faults.brokers import free_port
from tests.faults.harness import Feed, Line, Worker, new_app
from tests.monitoring.scene import address
from tests.monitoring.watch import COMMAND, PARTITIONS, PER_SECOND, QUICK, owners, watched

QUICKER = 30.0  # as QUICK: a minute in two seconds
WELL_SECONDS = 10.0

pytestmark = pytest.mark.timeout(180)


def test_sound_workers_fire_nothing_and_one_of_two_that_is_killed_is_no_page(
    broker: Broker, prometheus: Path, tmp_path: Path
) -> None:
    settings = new_app(broker.servers, "well", tmp_path, PARTITIONS, metrics_port=str(free_port()))
    other = replace(settings, metrics_port=free_port(), data_dir=tmp_path / "other")
    with watched(settings, settings, tmp_path, prometheus, QUICK) as watch:

        def is_quiet() -> None:
            assert watch.firing() == set()

        watch.stays(is_quiet, WELL_SECONDS)
        with Worker(other, tmp_path / "other.log", COMMAND) as joins:
            joins.wait_ready()
            watch.prometheus.watch([address(watch.worker), address(joins)])
            watch.stays(is_quiet, WELL_SECONDS)
            joins.kill()
            watch.fires("CjstreamDown")
            watch.first_look("CjstreamDown", lambda said: len(set(owners(said))) == 1 and "-" not in owners(said))
        assert watch.pages() == set()


def test_a_killed_worker(broker: Broker, prometheus: Path, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "killed", tmp_path, PARTITIONS, metrics_port=str(free_port()))
    with watched(settings, settings, tmp_path, prometheus, QUICK) as watch:
        watch.worker.kill()
        watch.fires("CjstreamNoWorker")
        watch.first_look("CjstreamNoWorker", lambda said: owners(said) == ["-"] * PARTITIONS)


def test_a_flood_of_bad_input(broker: Broker, prometheus: Path, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "flood", tmp_path, PARTITIONS, metrics_port=str(free_port()))
    with watched(settings, settings, tmp_path, prometheus, QUICKER) as watch:
        bad = (Line(b"k%d" % number, b'{"broken": %d' % number) for number in count())
        with Feed(settings, bad, PARTITIONS, PER_SECOND / 10):
            watch.fires("CjstreamDeadLetters")
        assert watch.pages() == set()
        watch.first_look("CjstreamDeadLetters", lambda said: "not_json" in said)
