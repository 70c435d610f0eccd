"""The fault tests can fail: workers that break a rule of the protocol are found out, one that is only slow is not."""

import sys
from pathlib import Path

import pytest

from tests.faults.copies import disagreements, on_disk, replay
from tests.faults.harness import Acked, Worker, new_app, read_all, send, wait_done, wait_until
from tests.faults.inputs import planted
from tests.faults.leaks import Usage, beyond, slope, told, usage
from tests.faults.oracle import Ledger, Topics, Verdict, make_input
from tests.faults.scenario import finish, kill_mutant

SEED, TOUCHPOINTS, PARTITIONS = 5, 9_000, 2
COMMIT_SECONDS = 4  # commits come once a second
CANARY = "zq7canary"


def command(mutant: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.faults.mutants", mutant)


def kill(servers: str, tmp_path: Path, mutant: str) -> tuple[list[str], Verdict]:
    """Kill a mutant once, let a sound worker finish; return what was lost at the kill and what is wrong at the end."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS)
    lines, _ = make_input(TOUCHPOINTS, SEED)
    send(settings, lines, PARTITIONS)
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    kills = kill_mutant(settings, topics, tmp_path / "mutant.log", command(mutant))
    finish(settings, tmp_path / "worker.log")
    return kills.lost(topics.ledger), topics.verdict()


@pytest.mark.parametrize(
    ("mutant", "missing"),
    [
        ("outputs_not_awaited", "transition of"),
        pytest.param("acked_before_changelog", "state of", marks=pytest.mark.thorough),
    ],
)
def test_a_broken_rule_is_seen_at_the_kill_and_in_the_end(
    servers: str, tmp_path: Path, mutant: str, missing: str
) -> None:
    lost, verdict = kill(servers, tmp_path, mutant)
    assert [sentence for sentence in lost if sentence.startswith(missing)]
    assert verdict.lost
    with pytest.raises(AssertionError, match="lost"):
        verdict.require()


@pytest.mark.thorough
def test_delay_alone_is_no_fault(servers: str, tmp_path: Path) -> None:
    lost, verdict = kill(servers, tmp_path, "slow")
    assert (lost, verdict.counts()) == ([], {"lost": 0, "wrong": 0, "unexpected": 0, "repeats": verdict.repeats})


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("mutant", "kind", "sentence"),
    [
        ("some_forgotten", "wrong", "state of"),
        ("bad_records_dropped", "lost", "dead letter of"),
        ("repeats_changed", "unexpected", "with other bytes"),
        ("outputs_reversed", "unexpected", "where 1 is due"),
    ],
)
def test_what_is_wrong_in_the_end_is_seen(servers: str, tmp_path: Path, mutant: str, kind: str, sentence: str) -> None:
    """O2, O3, O4."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS)
    lines, _ = make_input(TOUCHPOINTS // 3, SEED)
    send(settings, lines, PARTITIONS)
    topics = Topics(settings, Ledger(read_all(settings, settings.touchpoints)))
    with Worker(settings, tmp_path / "mutant.log", command(mutant)) as worker:
        wait_done(settings, worker)
        counts = worker.outcomes()
    found = getattr(topics.verdict(), kind)
    assert [each for each in found if sentence in each], found[:5]
    if mutant.startswith(("some", "bad")):
        assert topics.ledger.uncounted(counts)


def test_what_kafka_acknowledged_and_lost_is_seen(servers: str, tmp_path: Path) -> None:
    """O1."""
    settings = new_app(servers, "ledger", tmp_path, PARTITIONS)
    lines, _ = make_input(100, SEED)
    acked: Acked = {}
    assert send(settings, lines, PARTITIONS, acked=acked) == len(lines) == len(acked)
    records = read_all(settings, settings.touchpoints)
    assert Ledger(records, acked).unread == []
    assert len(Ledger(records[1:], acked).unread) == 1
    acked[records[0].partition, records[0].offset] = records[0].key, b"other"
    assert len(Ledger(records, acked).unread) == 1


@pytest.mark.thorough
def test_copies_that_differ_are_seen(servers: str, tmp_path: Path) -> None:
    """O6."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS, store="rocksdb")
    lines, _ = make_input(TOUCHPOINTS // 3, SEED)
    send(settings, lines, PARTITIONS)
    with Worker(settings, tmp_path / "mutant.log", command("store_short")) as worker:
        wait_done(settings, worker)
        worker.end()
    copies, offsets = on_disk(settings)
    assert list(disagreements(copies, replay(settings, offsets)))


@pytest.mark.thorough
def test_a_customers_data_in_log_or_metrics_is_seen(servers: str, tmp_path: Path) -> None:
    """O8."""
    settings = new_app(servers, "mutant", tmp_path, 1)
    send(settings, planted(CANARY), 1)
    with Worker(settings, tmp_path / "mutant.log", command("tells_customers")) as worker:
        wait_done(settings, worker)
        found = list(told(CANARY, worker))
    assert {sentence.partition(":")[0] for sentence in found} == {"log", "page /metrics"}


@pytest.mark.thorough
def test_what_grows_without_end_is_seen(servers: str, tmp_path: Path) -> None:
    """O9."""
    settings = new_app(servers, "mutant", tmp_path, 1)
    lines, _ = make_input(20_000, SEED)
    with Worker(settings, tmp_path / "mutant.log", command("hoards")) as worker:
        worker.wait_ready()
        before = usage(worker)
        send(settings, lines, 1)
        wait_done(settings, worker)
        after = usage(worker)
    assert list(beyond([before])) == []
    wrong = " ".join(beyond([after], Usage(before.rss_bytes + (512 << 20), before.files + 9, before.threads + 9, 9)))
    assert [name in wrong for name in ("rss_bytes", "files", "threads", "series")] == [True] * 4, wrong


def test_a_slope_is_what_grows_in_a_unit_of_time() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == 2.0
    assert slope([(0.0, 5.0)]) == 0.0


@pytest.mark.thorough
def test_with_fausts_acks_what_is_done_is_not_committed(servers: str, tmp_path: Path) -> None:
    """O7: chunks look like gaps to Faust: it commits one of them each time, so no test comes to its end."""
    settings = new_app(servers, "mutant", tmp_path, PARTITIONS)
    lines, _ = make_input(2 * TOUCHPOINTS, SEED)
    send(settings, lines, PARTITIONS)
    with Worker(settings, tmp_path / "mutant.log", command("acks_by_faust")) as worker:
        wait_until(lambda: worker.metric("cjstream_touchpoints_total") == len(lines), 30, "all is durable")
        with pytest.raises(AssertionError, match="lag is 0"):
            wait_done(settings, worker, seconds=COMMIT_SECONDS)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        assert wait_done(settings, worker) < COMMIT_SECONDS
