"""Topics made anew, between runs and under a running worker, and other writers: no touchpoint is dropped in silence."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.broker import Broker
from tests.command import run
from tests.faults.anew import CUSTOMERS, NOW_MS, accept, broken, lines, refused, sequences, work
from tests.faults.frame import NoteFault
from tests.faults.harness import Line, Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.tampering import Compacted, Row, make_anew, write

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]
PARTITIONS = 2
GROUPS, FOREIGN_RECORDS = 12, 30


def made(broker: Broker, tmp_path: Path, name: str, store: str) -> Settings:
    """Return an app that has done some work."""
    settings = new_app(broker.servers, name, tmp_path / "data", PARTITIONS, store=store)
    send(settings, lines(NOW_MS, times=3), PARTITIONS)
    work(settings, tmp_path / "before.log")
    return settings


@pytest.mark.parametrize(("times", "store"), [(0, "rocksdb"), (1, "memory"), (5, "memory")])
def test_a_recreated_input_counts_once_it_is_accepted(
    broker: Broker, tmp_path: Path, fault: NoteFault, times: int, store: str
) -> None:
    settings = made(broker, tmp_path, "recreated", store)
    make_anew(settings, settings.touchpoints, PARTITIONS)
    send(settings, lines(NOW_MS + 1_000, "cart_add", times), PARTITIONS)
    refused(settings, tmp_path / "refused.log")
    accept(settings)
    work(settings, tmp_path / "after.log", times * len(CUSTOMERS))
    send(settings, lines(NOW_MS + 2_000), PARTITIONS)
    work(settings, tmp_path / "last.log", len(CUSTOMERS))
    fault("input topic recreated", wrong=broken(settings))
    assert broken(settings) == 0


def test_the_same_touchpoints_sent_again_are_duplicates(broker: Broker, tmp_path: Path, fault: NoteFault) -> None:
    settings = made(broker, tmp_path, "resent", "memory")
    sent = len(read_all(settings, settings.transitions))
    make_anew(settings, settings.touchpoints, PARTITIONS)
    send(settings, lines(NOW_MS, times=3), PARTITIONS)
    refused(settings, tmp_path / "refused.log")
    accept(settings)
    work(settings, tmp_path / "after.log", 3 * len(CUSTOMERS))
    unexpected = len(read_all(settings, settings.transitions)) - sent
    fault("input topic recreated", wrong=broken(settings), unexpected=unexpected)
    assert unexpected == 0


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_recreated_changelog_is_built_anew_of_the_input(
    broker: Broker, tmp_path: Path, fault: NoteFault, store: str
) -> None:
    settings = made(broker, tmp_path, "emptied", store)
    sent = sequences(settings)
    make_anew(settings, settings.state_changelog, PARTITIONS)
    refused(settings, tmp_path / "refused.log")
    accept(settings)
    work(settings, tmp_path / "after.log", 3 * len(CUSTOMERS))
    wrong = sum(again != sent[name] * 2 for name, again in sequences(settings).items())
    fault("state changelog recreated", repeats=sum(map(len, sent.values())), wrong=wrong)
    assert wrong == 0


@pytest.mark.parametrize("which", ["input", "changelog"])
def test_a_topic_made_anew_under_a_worker_ends_it_before_it_commits(
    broker: Broker, tmp_path: Path, fault: NoteFault, which: str
) -> None:
    settings = made(broker, tmp_path, f"under-{which}", "memory")
    topic = settings.touchpoints if which == "input" else settings.state_changelog
    with Worker(settings, tmp_path / "under.log") as worker:
        worker.wait_ready()
        make_anew(settings, topic, PARTITIONS)
        send(settings, lines(NOW_MS + 1_000, "cart_add"), PARTITIONS)
        code = worker.process.wait(90)
    assert code in {4, 75}, worker.said()
    refused(settings, tmp_path / "refused.log")
    accept(settings)
    work(settings, tmp_path / "after.log")
    if which == "input":
        assert broken(settings) == 0
        missing = 0
    else:
        missing = sum(max(found) < 2 for found in sequences(settings).values())
    fault(f"{which} recreated under a worker", lost=missing)
    assert missing == 0


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_nothing_of_another_writer_stays(
    broker: Broker, tmp_path: Path, fault: NoteFault, seed: int, store: str
) -> None:
    """Old values and deletions, at random between groups; the last of them while the worker has nothing to do."""
    dice, settings = random.Random(seed), new_app(broker.servers, "foreign", tmp_path / "data", 1, store=store)
    compacted, old, written = Compacted(settings), dict[bytes, bytes](), 0
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        for group in range(GROUPS):
            send(settings, dice.sample(lines(NOW_MS + group), 20), 1)
            wait_done(settings, worker)
            truth = compacted.customers()
            old = {**truth, **old} if dice.random() < 0.5 else truth
            keys = dice.choices(list(old), k=FOREIGN_RECORDS)
            stale: list[Row] = [(key, dice.choice([old[key], None])) for key in keys]
            write(settings, stale)
            written += len(stale)
        found_by_itself = worker.metric("cjstream_foreign_records_total")
        assert found_by_itself < written
        idle = compacted.customers() != truth
        if idle:
            wait_mended(worker, written)
        wrong = sum(compacted.customers().get(key) != value for key, value in truth.items())
        assert worker.end()[0] == 0
    fresh = compacted.restored(0, settings.app_id, is_compacted=True)
    wrong += sum(fresh.get(key) != value for key, value in truth.items())
    fault("zombie's writes", injected=GROUPS, wrong=wrong, lost=len(truth.keys() - fresh.keys()))
    assert (fresh, compacted.customers()) == (truth, truth)
    with Worker(replace(settings, data_dir=tmp_path / "fresh"), tmp_path / "fresh.log") as worker:
        worker.wait_ready()
        assert worker.metric("cjstream_customers") == len(truth)
        assert worker.end()[0] == 0


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_nothing_of_another_writer_stays_among_the_current_stages(
    broker: Broker, tmp_path: Path, fault: NoteFault, seed: int, store: str
) -> None:
    """Old values and nulls, at random between groups; of erased customers too, at last while the worker is idle."""
    dice, settings = random.Random(seed), new_app(broker.servers, "current", tmp_path / "data", 1, store=store)
    compacted, gone, written = Compacted(settings, settings.stage_current), CUSTOMERS[0].encode(), 0
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        send(settings, lines(NOW_MS), 1)
        wait_done(settings, worker)
        old = compacted.customers()
        send(settings, [Line(gone, None)], 1)
        for group in range(GROUPS):
            kind = dice.choice(["page_view", "cart_add", "purchase"])
            send(settings, dice.sample(lines(NOW_MS + group, kind)[1:], 20), 1)
            wait_done(settings, worker)
            stale: list[Row] = [(key, dice.choice([old[key], None])) for key in dice.choices([*old], k=FOREIGN_RECORDS)]
            write(settings, [*stale, (gone, old[gone])], topic=settings.stage_current)
            written += FOREIGN_RECORDS + 1
        wait_mended(worker, written)
        wait_until(lambda: gone not in compacted.customers(), 60, "the last of them is mended")
        assert worker.end()[0] == 0
    found, truth = compacted.customers(), moved(settings)
    wrong = sum(last_sequence(found.get(key)) != sequence for key, sequence in truth.items())
    fault("zombie's writes", injected=GROUPS, wrong=wrong)
    assert (sorted(found), wrong) == (sorted(old.keys() - {gone}), 0)


def moved(settings: Settings) -> dict[bytes, int]:
    """Return the last sequence of each customer but the first one."""
    return {name.encode(): max(found) for name, found in sequences(settings).items() if name != CUSTOMERS[0]}


def last_sequence(current: bytes | None) -> int:
    """Return the sequence that a current stage tells; -1 if there is none."""
    return -1 if current is None else max(each["sequence"] for each in json.loads(current)["journeys"].values())


def wait_mended(worker: Worker, written: int) -> None:
    """Wait until an idle worker has seen all that was written behind its back."""
    wait_until(lambda: worker.metric("cjstream_foreign_records_total") == written, 60, "it looks at what it wrote")


def test_accept_waits_for_nobody_who_runs(broker: Broker, tmp_path: Path) -> None:
    settings = made(broker, tmp_path, "alone", "memory")
    with Worker(settings, tmp_path / "running.log") as worker:
        worker.wait_ready()
        write(settings, [(b"\x00p", None)], 0)
        done = run("topics", "accept", "--yes", settings=settings)
        assert (done.returncode, b"stop all workers" in done.stderr) == (4, True), done.stderr
        assert worker.end()[0] == 0
