"""Workers join and leave every 10 s for a minute, by SIGTERM or kill -9: nothing is lost, and work goes on."""

import random
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, new_app, read_all, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input

TOUCHPOINTS, PER_SECOND, PARTITIONS = 80_000, 800, 8
EVERY_SECONDS, ROUNDS = 10.0, 6
PAUSE_SECONDS = 30.0  # longest time without progress: two rebalances and the session of who was killed

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(200)]


def test_a_coming_and_going_every_ten_seconds_loses_nothing(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    dice = random.Random(seed)
    settings = new_app(servers, "storm", tmp_path / "data", PARTITIONS, store=dice.choice(("memory", "rocksdb")))
    lines, _ = make_input(TOUCHPOINTS, seed)
    topics, seen, paused = Topics(settings), [], []
    with ExitStack() as stack, Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
        stays = stack.enter_context(Worker(settings, tmp_path / "stays.log"))
        stays.wait_ready()
        others: list[Worker] = []
        for number in range(ROUNDS):
            begun = time.monotonic()
            if others and (len(others) == 2 or dice.random() < 0.5):
                leaves = others.pop(dice.randrange(len(others)))
                if dice.random() < 0.5:
                    leaves.kill()
                    seen.append(topics.see(committed(settings)))
                else:
                    assert leaves.end()[0] == 0
            else:
                place = replace(settings, data_dir=tmp_path / f"other-{number % 2}")
                others.append(stack.enter_context(Worker(place, tmp_path / f"other-{number}.log")))
            paused.append(_goes_on(settings))
            time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begun)))
        feed.stop()
        wait_done(settings, stays, *others)
        assert [worker.end()[0] for worker in (*others, stays)] == [0] * (len(others) + 1)
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    lost, verdict = [each for one in seen for each in one.lost(topics.ledger)], topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault("workers join and leave", injected=ROUNDS, resumed_seconds=paused, **counts)
    assert lost[:5] == []
    verdict.require()


def _goes_on(settings: Settings) -> float:
    """Return the seconds until something more is committed."""
    before = sum(committed(settings).values())
    return wait_until(lambda: sum(committed(settings).values()) > before, PAUSE_SECONDS, "it goes on")
