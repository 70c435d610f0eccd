"""A broker behind a slow, a breaking and a silent network: what is committed is there, and repeats are the same."""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.brokers import Far
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, committed, read_all, send, wait_done, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import kill_and_restart, recovers

PARTITIONS = 4
RTT_SECONDS, LINE_BYTES = 0.15, 20_000_000 / 8
SLOW_KILLS, SLOW_TOUCHPOINTS = 2, 12_000
SESSION_SECONDS, SHORT_SILENCE_SECONDS = 6.0, 2.0
RESUME_SECONDS = 15.0  # a dead connection is given up after half a session; the rest is for a busy machine
ENDS_SECONDS = 70.0  # an attempt to connect that fell into the silence takes 30 s; with the one before it perhaps 60

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]


def test_kills_behind_a_slow_line_lose_nothing(
    far: Far, tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault
) -> None:
    """Fact 1 of Faust: with 150 ms to the broker it commits what was not yet sent."""
    dice = random.Random(seed)
    near, slow = far.app("slow", tmp_path, PARTITIONS)
    lines, _ = make_input(SLOW_TOUCHPOINTS, seed)
    send(near, lines, PARTITIONS)
    topics = Topics(near, Ledger(read_all(near, near.touchpoints)))
    far.proxy.delay_seconds, far.proxy.bytes_per_second = RTT_SECONDS / 2, LINE_BYTES
    shares = [dice.randrange(1, 2_000) for _ in range(SLOW_KILLS)]
    kills = kill_and_restart(slow, topics, tmp_path / "worker.log", shares, dice)
    with Worker(slow, tmp_path / "worker.log") as worker:
        kills.resumed_seconds.append(recovers(slow, worker))
        wait_done(near, worker, seconds=90)
        assert worker.end()[0] == 0
    lost, verdict = kills.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault("kill -9 at 150 ms RTT", injected=SLOW_KILLS, resumed_seconds=kills.resumed_seconds, **counts)
    note(f"killed at {kills.committed()} committed")
    assert lost[:5] == [], "not readable right after a kill"
    assert kills.committed()[0] < len(lines), "the first kill came when all was done"
    verdict.require()


def test_connections_cut_amid_requests_lead_to_the_same_bytes_again_at_most(
    far: Far, tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault
) -> None:
    dice = random.Random(seed)
    near, torn = far.app("torn", tmp_path, PARTITIONS)
    lines, _ = make_input(30_000, seed)
    with Worker(torn, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        with Feed(near, lines, PARTITIONS, 1_500) as feed:
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > 0, 30, "it is at work")
            far.proxy.cut_often(2_000, 300_000)
            far.proxy.cut()
            for _ in range(12):
                time.sleep(dice.random())
                far.proxy.cut()
                assert worker.process.poll() is None, worker.said()[-3000:]
            far.proxy.cut_often(0, 0)
            assert not feed.is_over(), "the input ended before the cuts"
            cuts, began = far.proxy.cuts, time.monotonic()
            before = worker.metric("cjstream_touchpoints_total")
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > before, 30, "it goes on")
            resumed = time.monotonic() - began
            feed.stop()
        wait_done(near, worker)
        assert worker.end()[0] == 0
    topics = Topics(near, Ledger(read_all(near, near.touchpoints), feed.acked))
    verdict = topics.verdict()
    fault("connection cut", injected=cuts, resumed_seconds=[resumed], **verdict.counts())
    note(f"{cuts} cuts")
    assert cuts >= 20
    assert verdict.repeats == 0, "Kafka knows what it has of a producer, also where the ack was cut off"
    verdict.require()
    assert topics.regressed == 0


def test_a_short_silence_costs_no_membership(
    far: Far, tmp_path: Path, seed: int, note: Callable[[str], None], fault: NoteFault
) -> None:
    """The connections there are never answer again: without an end to waiting, requests would hang for minutes."""
    near, mute = far.app("mute", tmp_path, PARTITIONS)
    lines, _ = make_input(30_000, seed)
    resumed = []
    with Worker(mute, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        with Feed(near, lines, PARTITIONS, 800) as feed:
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > 0, 30, "it is at work")
            rebalances = worker.metric("cjstream_rebalances_total")
            for _ in range(2):
                far.proxy.fall_silent()
                time.sleep(SHORT_SILENCE_SECONDS)
                far.proxy.speak()
                before = worker.metric("cjstream_touchpoints_total")
                goes_on = partial(has_processed, worker, before)
                resumed.append(wait_until(goes_on, RESUME_SECONDS, "it goes on by itself"))
                wait_until(worker.is_ready, RESUME_SECONDS, "it is ready")
            assert worker.metric("cjstream_rebalances_total") == rebalances
            feed.stop()
        wait_done(near, worker)
        assert worker.end()[0] == 0
    verdict = Topics(near, Ledger(read_all(near, near.touchpoints), feed.acked)).verdict()
    fault("silent network 2 s", injected=2, resumed_seconds=resumed, **verdict.counts())
    verdict.require()


def has_processed(worker: Worker, before: float) -> bool:
    """Tell whether the worker has made more input durable than `before`."""
    return worker.metric("cjstream_touchpoints_total") > before


def test_a_silence_longer_than_the_session_ends_with_75_and_the_next_start_goes_on(
    far: Far, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    """The group has given the membership away, so what was on its way must not be sent again by this process."""
    near, mute = far.app("mute", tmp_path, PARTITIONS)
    lines, _ = make_input(20_000, seed)
    log = tmp_path / "worker.log"
    with Feed(near, lines, PARTITIONS, 500) as feed:
        with Worker(mute, log) as worker:
            worker.wait_ready()
            wait_until(lambda: worker.metric("cjstream_touchpoints_total") > 0, 30, "it is at work")
            far.proxy.fall_silent()
            wait_until(lambda: worker.get("readyz")[0] == 503, SESSION_SECONDS * 3, "it is not ready")
            time.sleep(SESSION_SECONDS)
            far.proxy.speak()
            began = time.monotonic()
            assert worker.process.wait(ENDS_SECONDS) == 75, worker.said()[-3000:]
            said = worker.said()
        topics = Topics(near)
        seen = topics.see(committed(near))
        feed.stop()
        with Worker(mute, log) as worker:
            recovers(mute, worker)
            resumed = time.monotonic() - began
            wait_done(near, worker)
            assert worker.end()[0] == 0
    topics.ledger = Ledger(read_all(near, near.touchpoints), feed.acked)
    verdict = topics.verdict()
    verdict.lost += seen.lost(topics.ledger)
    fault("silent network beyond the session", injected=1, resumed_seconds=[resumed], **verdict.counts())
    assert "gave this worker's membership away" in said
    verdict.require()
