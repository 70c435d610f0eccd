"""A broker that is stopped or killed and comes back: the worker waits for it, goes on by itself, and loses nothing."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.brokers import MortalBroker
from tests.faults.frame import NoteFault
from tests.faults.harness import WORKER, Feed, Worker, committed, new_app, read_all, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

PARTITIONS, PER_SECOND = 4, 400
END_SECONDS = 20.0  # all is committed: some 6
RESUME_SECONDS = 20.0  # from the broker's return until input moves; on an idle machine it takes about 1

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MortalBroker]:
    with MortalBroker(tmp_path / "kafka") as broker:
        yield broker


def bounce(broker: MortalBroker, worker: Worker, kill: bool, dice: random.Random) -> float:
    """Take the broker away for some seconds; return those from its return until the worker goes on."""
    time.sleep(dice.random())
    if kill:
        broker.kill()
    else:
        broker.stop()
    time.sleep(dice.random() * 3)
    assert worker.process.poll() is None, worker.said()[-3000:]
    assert worker.get("livez")[0] == 200, "a restart would not bring the broker back"
    before = worker.metric("cjstream_touchpoints_total")
    broker.start()

    def goes_on() -> bool:
        return worker.is_ready() and worker.metric("cjstream_touchpoints_total") > before

    return wait_until(goes_on, RESUME_SECONDS, "it goes on after the broker's return")


def run_bounces(
    broker: MortalBroker, path: Path, touchpoints: int, kills: Sequence[bool], seed: int, fault: NoteFault
) -> None:
    """Bounce the broker under load, once for each of `kills`; nothing may be lost at any moment, nor in the end."""
    dice = random.Random(seed)
    settings = new_app(broker.servers, "bounce", path / "data", PARTITIONS)
    lines, _ = make_input(touchpoints, seed)
    topics, seen = Topics(settings), []
    resumed: dict[bool, list[float]] = {True: [], False: []}
    with Worker(settings, path / "worker.log") as worker:
        worker.wait_ready()
        with Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > 0, 30, "it is at work")
            for kill in kills:
                assert not feed.is_over(), "the input ended before the last bounce"
                resumed[kill].append(bounce(broker, worker, kill, dice))
                seen.append(topics.see(committed(settings)))
            feed.stop()
        wait_done(settings, worker)
        assert worker.end()[0] == 0
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    verdict, lost = topics.verdict(), [sentence for each in seen for sentence in each.lost(topics.ledger)]
    verdict.lost += lost
    for kill, seconds in resumed.items():
        counts = verdict.counts() if kill == kills[0] else {}  # one verdict for all: in one row only
        if seconds:
            name = "broker kill -9" if kill else "broker restart"
            fault(name, injected=len(seconds), resumed_seconds=seconds, **counts)
    verdict.require()
    assert verdict.repeats == 0, "the worker was not started again, and Kafka knows what it has of a producer"
    assert topics.regressed == 0


def test_a_broker_killed_under_load_is_found_again(
    mortal: MortalBroker, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    run_bounces(mortal, tmp_path, 10_000, [True], seed, fault)


@pytest.mark.thorough
def test_broker_restarts_and_kills_in_turn(mortal: MortalBroker, tmp_path: Path, seed: int, fault: NoteFault) -> None:
    kills = [True, True, False]
    random.Random(seed).shuffle(kills)
    run_bounces(mortal, tmp_path, 25_000, kills, seed, fault)


@pytest.mark.thorough
@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_whose_broker_is_away_ends_when_it_is_asked_to(
    mortal: MortalBroker, tmp_path: Path, fault: NoteFault, processes: int
) -> None:
    settings = new_app(mortal.servers, "away", tmp_path / "data", PARTITIONS)
    with Worker(settings, tmp_path / "worker.log", (*WORKER, "--processes", str(processes))) as worker:
        worker.wait_ready()
        mortal.kill()
        time.sleep(1)  # so that the worker has seen it
        code, seconds = worker.end()
    fault("SIGTERM while the broker is away")
    assert (code, seconds < END_SECONDS) == (0, True), worker.said()[-3000:]
    assert "Traceback" not in worker.said()
