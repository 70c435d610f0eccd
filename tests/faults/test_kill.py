"""Kill -9 at random moments loses nothing: neither right after the kill, nor in the end."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, new_app, read_all, send
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import finish, kill_and_restart

TOUCHPOINTS, BACKLOG, PER_SECOND, PARTITIONS, KILLS = 200_000, 40_000, 1_200, 8, 5
RESUME_SECONDS = 25.0  # some 2 s on a quiet machine, as a killed worker's place is its own when it returns

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_five_kills_lose_nothing(
    servers: str, tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault, store: str
) -> None:
    dice = random.Random(seed)
    settings = new_app(servers, "kill", tmp_path, PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    send(settings, lines[:BACKLOG], PARTITIONS)
    topics = Topics(settings)
    shares = [dice.randrange(1, BACKLOG // (2 * KILLS)) for _ in range(KILLS)]
    with Feed(settings, lines[BACKLOG:], PARTITIONS, PER_SECOND) as feed:
        kills = kill_and_restart(settings, topics, tmp_path / "worker.log", shares, dice)
        assert not feed.is_over(), "the input ended before the kills"
        sent = BACKLOG + feed.stop()
    kills.resumed_seconds.append(finish(settings, tmp_path / "worker.log"))
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)

    lost, verdict = kills.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault("kill -9 at random", injected=KILLS, resumed_seconds=kills.resumed_seconds, **counts)
    note(f"{sent} records, killed at {kills.committed()} committed, {topics.corrections()} corrections")
    assert lost[:5] == [], "not readable right after a kill"
    verdict.require()
    assert topics.regressed == 0
    assert max(kills.resumed_seconds) < RESUME_SECONDS
