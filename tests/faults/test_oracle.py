"""The kill test can fail: workers that break a rule of the protocol are found out, and one that is only slow is not."""

import random
import sys
from pathlib import Path

import pytest

from tests.faults.harness import Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import kill_and_restart, kill_mutant

SEED, TOUCHPOINTS, PARTITIONS = 5, 9_000, 2
COMMIT_SECONDS = 4  # commits come once a second


def kill(servers: str, tmp_path: Path, mutant: str) -> tuple[list[str], list[str]]:
    """Kill a mutant once, let a sound worker finish; return what was lost at the kill and what differs at the end."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS)
    lines, _ = make_input(TOUCHPOINTS, SEED)
    send(settings, lines, PARTITIONS)
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    command = (sys.executable, "-m", "tests.faults.mutants", mutant)
    [lost] = kill_mutant(settings, topics, tmp_path / "mutant.log", command).lost
    kill_and_restart(settings, topics, tmp_path / "worker.log", (), random.Random(SEED))
    return lost, topics.differences()[0]


@pytest.mark.parametrize(
    ("mutant", "missing"),
    [("outputs_not_awaited", "transition of"), ("acked_before_changelog", "state of")],
)
def test_a_broken_rule_is_seen_at_the_kill_and_in_the_end(
    servers: str, tmp_path: Path, mutant: str, missing: str
) -> None:
    lost, differences = kill(servers, tmp_path, mutant)
    assert [sentence for sentence in lost if sentence.startswith(missing)]
    assert differences


def test_delay_alone_is_no_fault(servers: str, tmp_path: Path) -> None:
    assert kill(servers, tmp_path, "slow") == ([], [])


def test_with_fausts_acks_what_is_done_is_not_committed(servers: str, tmp_path: Path) -> None:
    """Chunks look like gaps to Faust: it commits one of them each time, so the kill test does not come to its end."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS)
    lines, _ = make_input(2 * TOUCHPOINTS, SEED)
    send(settings, lines, PARTITIONS)
    command = (sys.executable, "-m", "tests.faults.mutants", "acks_by_faust")
    with Worker(settings, tmp_path / "mutant.log", command) as worker:
        wait_until(lambda: worker.metric("cjstream_touchpoints_total") == len(lines), 30, "all is durable")
        with pytest.raises(AssertionError, match="lag is 0"):
            wait_done(settings, worker, seconds=COMMIT_SECONDS)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        assert wait_done(settings, worker) < COMMIT_SECONDS
