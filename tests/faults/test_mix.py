"""A mix of faults, drawn by the seed, under input that never ends: nothing is lost, nothing leaks, nothing grows.

In `make test` it lasts 30 s for each store. `make soak` runs it for an hour, in rounds on new topics; beside them one
worker is left in peace, whose memory must not grow.
"""

import random
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from cjstream.settings import Settings
from tests.faults.copies import disagreements, replay
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, Worker, new_app, read_all, send, wait_done
from tests.faults.inputs import planted
from tests.faults.leaks import beyond, slope, told, usage
from tests.faults.mix import Mix
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.stalls import noise
from tests.faults.window import Window

PER_SECOND, PARTITIONS, ROUND_SECONDS = 500, 4, 150
SPARE_SECONDS = 120  # beyond the faults: what the last of them, the end and the oracles take
GROWTH_BYTES_PER_SECOND = (64 << 20) / 3600
MOST_TASKS = 150  # a worker that has nothing to do has some 50
STEADY_SECONDS = 600  # before a slope says something
CANARY = "zq9canary"


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_mix_of_faults_loses_nothing(
    servers: str,
    tmp_path: Path,
    seed: int,
    note: Callable[[str], None],
    fault: NoteFault,
    pytestconfig: pytest.Config,
    store: str,
) -> None:
    dice, seconds = random.Random(seed), pytestconfig.option.mix_seconds
    calm = new_app(servers, "calm", tmp_path / "calm", 1, store=store)
    samples = list[tuple[float, float]]()
    begun = time.monotonic()
    with Worker(calm, tmp_path / "calm.log") as left, Feed(calm, noise(), 1, 50):
        left.wait_ready()
        for number in count():
            rest = seconds - (time.monotonic() - begun)
            if number and rest < ROUND_SECONDS / 3:
                break
            path = tmp_path / f"round-{number}"
            path.mkdir()
            settings = new_app(servers, "mix", path / "data", PARTITIONS, store=store)
            round_seed = dice.randrange(2**32)
            note(_round(settings, path, round_seed, min(rest, ROUND_SECONDS), fault))
            samples.append((time.monotonic() - begun, float(usage(left).rss_bytes)))
        assert left.end()[0] == 0
    if samples[-1][0] > STEADY_SECONDS:
        grows = slope(samples[1:])  # the first round is its youth
        note(f"a worker in peace grows by {grows * 3600 / (1 << 20):.1f} MiB an hour")
        assert grows < GROWTH_BYTES_PER_SECOND


def _round(settings: Settings, path: Path, seed: int, seconds: float, fault: NoteFault) -> str:
    """Let faults come over workers of a new app, hold all oracles against what is left, and say what it was."""
    lines, _ = make_input(int((seconds + SPARE_SECONDS) * PER_SECOND), seed)
    topics = Topics(settings)
    leaked = list[str]()
    with Mix(settings, topics, path, random.Random(seed)) as mix, Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
        send(settings, planted(CANARY), PARTITIONS)
        mix.run(seconds)
        leaked += told(CANARY, *mix.workers())
        assert not feed.is_over(), "the input ended before the faults"
        feed.stop()
        wait_done(settings, *mix.workers())
        mix.end()
    with Window(settings, path / "last.log") as last:
        last.wait_ready()
        look = last.look()
        assert last.end()[0] == 0
    topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
    lost, verdict = [each for seen in mix.seen for each in seen.lost(topics.ledger)], topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    resumed, own = mix.resumed_seconds, sum(mix.injected.values())
    fault("mix of faults", injected=own, resumed_seconds=resumed, **counts)
    verdict.require()
    assert lost[:5] == []
    assert list(disagreements(look.rows, replay(settings)))[:5] == []
    assert leaked[:5] == []
    assert list(beyond(mix.usages)) == []
    assert look.tasks < MOST_TASKS
    return f"{dict(mix.injected)}, {len(feed.acked)} records, work goes on after {mix.told_seconds()}"
