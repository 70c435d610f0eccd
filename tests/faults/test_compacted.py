"""The changelog is compacted under the worker, heads and tails; what is restored of it is equal."""

import random
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream.kafka.clients import admin_client
from cjstream.local import LocalBroker
from cjstream.settings import Settings
from tests.faults.copies import disagreements, replay
from tests.faults.frame import NoteFault
from tests.faults.harness import Feed, committed, new_app, read_all, run, wait_until
from tests.faults.oracle import Ledger, Topics, make_input
from tests.faults.scenario import finish
from tests.faults.window import Window

TOUCHPOINTS, PER_SECOND, PARTITIONS, SECONDS = 60_000, 1_000, 2, 12
EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
}

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(200)]


def test_a_changelog_compacted_under_the_worker_restores_the_same(tmp_path: Path, seed: int, fault: NoteFault) -> None:
    dice = random.Random(seed)
    store = dice.choice(("memory", "rocksdb"))
    with LocalBroker(data_dir=tmp_path / "kafka", properties={"log.cleaner.backoff.ms": "200"}) as broker:
        settings = new_app(broker.servers, "compact", tmp_path / "data", PARTITIONS, store=store)
        run(_alter(settings, EAGER))
        lines, _ = make_input(TOUCHPOINTS, seed)
        topics, resumed = Topics(settings), []
        with Feed(settings, lines, PARTITIONS, PER_SECOND) as feed:
            for _ in range(2):
                with Window(settings, tmp_path / "worker.log") as worker:
                    resumed.append(worker.wait_ready())
                    least = worker.metric("cjstream_touchpoints_total") + PER_SECOND * (SECONDS / 2 + dice.random())
                    wait_until(lambda: worker.metric("cjstream_touchpoints_total") > least, 60, "it is at work")  # noqa: B023
                    worker.kill()
                seen = topics.see(committed(settings))
            feed.stop()
        held: list[Any] = []
        with Window(settings, tmp_path / "worker.log") as worker:
            resumed.append(worker.wait_ready())
            wait_until(lambda: sum(committed(settings).values()) == len(feed.acked), 60, "all is done")
            held.append(worker.look().rows)
            assert worker.end()[0] == 0
        records = read_all(settings, settings.state_changelog)
        gone = sum(record.offset for record in _last(records)) + PARTITIONS - len(records)
        topics.ledger = Ledger(read_all(settings, settings.touchpoints), feed.acked)
        verdict = topics.verdict()
        fault("changelog compacted", injected=gone > 0, resumed_seconds=resumed, **verdict.counts())
        assert gone > 0, "nothing was compacted"
        assert seen.lost(topics.ledger)[:5] == []
        assert list(disagreements(held[0], replay(settings)))[:5] == []
        finish(settings, tmp_path / "again.log")
        verdict.require()


def _last(records: list[Any]) -> list[Any]:
    return list({record.partition: record for record in records}.values())


async def _alter(settings: Settings, values: dict[str, str]) -> None:
    async with admin_client(settings) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.state_changelog, values)])
