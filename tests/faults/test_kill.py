"""Kill -9 at random moments loses nothing: neither right after the kill, nor in the end."""

import random
from collections.abc import Callable
from pathlib import Path
from secrets import randbelow

import pytest

from tests.faults.harness import new_app, read_all, send
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import kill_and_restart

TOUCHPOINTS, PARTITIONS, KILLS = 200_000, 8, 5
KILLS_AMID_WORK = 3  # a quick machine does in the seconds before a kill what a slow one does in all
RESUME_SECONDS = 9.0  # a killed worker's place is its own when it returns; else it waits for the session, 6 s

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_five_kills_lose_nothing(servers: str, tmp_path: Path, note: Callable[[str], None], store: str) -> None:
    seed = randbelow(10**6)
    dice = random.Random(seed)
    settings = new_app(servers, "kill", tmp_path, PARTITIONS, store=store)
    lines, _ = make_input(TOUCHPOINTS, seed)
    send(settings, lines, PARTITIONS)
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    shares = [int(len(lines) / (3 * KILLS) * (0.5 + dice.random())) for _ in range(KILLS)]

    kills = kill_and_restart(settings, topics, tmp_path / "worker.log", shares, dice)
    differences, report = topics.differences()

    resumed = ", ".join(f"{seconds:.1f}" for seconds in kills.resumed_seconds)
    note(
        f"seed {seed}: {len(lines)} records, killed at {kills.committed} committed, resumed after {resumed} s, "
        f"{report.repeats} repeats, {topics.corrections()} corrections"
    )
    assert [kill[:5] for kill in kills.lost] == [[]] * KILLS, f"seed {seed}: not readable right after a kill"
    assert differences[:5] == [], f"seed {seed}: {len(differences)} differences"
    assert topics.regressed == 0
    amid_work = [offset for offset in kills.committed if offset < len(lines)]
    assert len(amid_work) >= KILLS_AMID_WORK, "most kills came when all was done"
    assert max(kills.resumed_seconds) < RESUME_SECONDS
