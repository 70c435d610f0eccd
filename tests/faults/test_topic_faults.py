"""Topics that change under a running worker, outputs that take no writes: it ends before it commits, and says why."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream.kafka import create_topics
from cjstream.local import LocalBroker
from cjstream.settings import Settings
from tests.faults.brokers import MortalBroker
from tests.faults.frame import NoteFault
from tests.faults.harness import Worker, committed, new_app, read_all, send, wait_done
from tests.faults.oracle import Ledger, Seen, Topics, make_input
from tests.faults.scenario import finish

PARTITIONS, TOUCHPOINTS = 2, 3_000
SEEN_SECONDS = 60.0  # two looks at the topics, each 20 s after the one before, while several workers run
LARGE = str(8 << 20)

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(240)]


class Admin:
    """Changes topics of an app."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers

    def grow(self, topic: str, partitions: int) -> None:
        self._do("create_partitions", {topic: NewPartitions(partitions)})

    def delete(self, topic: str) -> None:
        self._do("delete_topics", [topic])

    def set(self, topic: str, config: Mapping[str, str]) -> None:
        """Give a topic these settings, and no others."""
        self._do("alter_configs", [ConfigResource(ConfigResourceType.TOPIC, topic, dict(config))])

    def _do(self, method: str, argument: object) -> None:
        async def work() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
            await admin.start()
            try:
                await getattr(admin, method)(argument)
            finally:
                await admin.close()

        asyncio.run(work())


def end_of(worker: Worker) -> int:
    """Return the code with which a worker ends by itself."""
    try:
        return worker.process.wait(SEEN_SECONDS)
    except TimeoutExpired:
        raise AssertionError(f"it goes on, {worker.get('readyz')}:\n{worker.said()[-2000:]}") from None


def test_topics_that_change_or_vanish_end_the_worker_with_4(servers: str, tmp_path: Path, fault: NoteFault) -> None:
    apps = {name: new_app(servers, name, tmp_path / name, PARTITIONS) for name in ("input", "all", "output", "gone")}
    said = {
        "input": f"partition counts differ: {apps['input'].touchpoints} 4, ",
        "all": f"topic {apps['all'].touchpoints} had 2 partitions when this worker started and has 4 now",
        "output": f"{apps['output'].transitions} 4, ",
        "gone": f"no topic {apps['gone'].transitions}; run `cjstream topics create` (exit 4)",
    }
    all_topics = read_names(apps["all"])
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(apps[name], tmp_path / f"{name}.log")) for name in apps}
        for worker in workers.values():
            worker.wait_ready()
        admin = Admin(apps["input"])
        admin.grow(apps["input"].touchpoints, 4)
        for topic in all_topics:
            admin.grow(topic, 4)
        admin.grow(apps["output"].transitions, 4)
        admin.delete(apps["gone"].transitions)
        send(apps["gone"], make_input(500, 1)[0], PARTITIONS)
        fault("topic changed or deleted", injected=len(apps))
        codes = {name: end_of(worker) for name, worker in workers.items()}
    assert codes == dict.fromkeys(apps, 4)
    missing = [
        f"{name}: {worker.said()[-1000:]}" for name, worker in workers.items() if said[name] not in worker.faults()[-1]
    ]
    assert missing == []
    assert sum(committed_of(apps["gone"]).values()) == 0, "committed without its outputs"
    finish(apps["gone"], tmp_path / "gone.log")
    topics = Topics(apps["gone"])
    topics.ledger = Ledger(read_all(apps["gone"], apps["gone"].touchpoints))
    topics.verdict().require()


def read_names(settings: Settings) -> list[str]:
    """Return the topics that must have one count."""
    return [
        settings.touchpoints,
        settings.transitions,
        settings.stage_current,
        settings.signals,
        settings.dead_letter,
        settings.state_changelog,
    ]


def committed_of(settings: Settings) -> dict[int, int]:
    """Return what is committed, once all topics are there again."""
    asyncio.run(create_topics(settings, PARTITIONS))
    return committed(settings)


def test_a_record_that_an_output_refuses_ends_the_worker_before_it_commits(
    servers: str, tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    settings = new_app(servers, "large", tmp_path, PARTITIONS)
    admin, topics, log = Admin(settings), Topics(settings), tmp_path / "worker.log"
    admin.set(settings.transitions, {"max.message.bytes": "300"})
    send(settings, make_input(TOUCHPOINTS, seed)[0], PARTITIONS)
    with Worker(settings, log) as worker:
        code, seen = end_of(worker), topics.see(committed(settings))
    admin.set(settings.transitions, {"max.message.bytes": LARGE})
    resumed = finish(settings, log)
    told = f"topic {settings.transitions} refuses a record as too large; set its max.message.bytes to {LARGE} or more"
    assert (code, told in worker.said()) == (4, True), worker.said()[-2000:]
    judge(settings, topics, seen, resumed, fault)


def judge(settings: Settings, topics: Topics, seen: Seen, resumed: float, fault: NoteFault) -> None:
    """Hold against the input what could be read when the worker ended, and what is there in the end."""
    topics.ledger = Ledger(read_all(settings, settings.touchpoints))
    lost, verdict = seen.lost(topics.ledger), topics.verdict()
    counts = verdict.counts()
    counts["lost"] += len(lost)
    fault("output refuses writes", injected=1, resumed_seconds=[resumed], **counts)
    assert lost[:5] == [], "committed and not readable"
    verdict.require()


def second(first: LocalBroker, data_dir: Path) -> MortalBroker:
    """Return a broker more for the cluster of the first."""
    [voters] = re.findall(
        "^controller.quorum.voters=.*", (first.data_dir / "server.properties").read_text(), re.MULTILINE
    )
    meta = (first.data_dir / "logs" / "meta.properties").read_text()
    [cluster] = re.findall("^cluster.id=.*", meta, re.MULTILINE)
    (data_dir / "logs").mkdir(parents=True)
    (data_dir / "logs" / "meta.properties").write_text(f"version=1\n{cluster}\nnode.id=2\n")
    properties = {
        "process.roles": "broker",
        "node.id": "2",
        "controller.quorum.voters": voters.partition("=")[2],
        "listeners": "PLAINTEXT://127.0.0.1:{port}",
    }
    return MortalBroker(data_dir, properties)


def test_too_few_copies_of_the_changelog_end_the_worker_before_it_commits(
    tmp_path: Path, seed: int, fault: NoteFault
) -> None:
    log, half = tmp_path / "worker.log", TOUCHPOINTS // 2
    lines, _ = make_input(TOUCHPOINTS, seed)
    with LocalBroker(data_dir=tmp_path / "one") as one:
        committed(new_app(one.servers, "first", tmp_path, 1))  # so that all groups are with the first broker
        with second(one, tmp_path / "two") as two:
            settings = new_app(
                one.servers, "copies", tmp_path, PARTITIONS, kafka_replication_factor="2", publish_timeout_seconds="5"
            )
            topics = Topics(settings)
            Admin(settings).set(settings.state_changelog, {"cleanup.policy": "compact", "min.insync.replicas": "2"})
            with Worker(settings, log) as worker:
                worker.wait_ready()
                send(settings, lines[:half], PARTITIONS)
                wait_done(settings, worker)
                two.kill()
                send(settings, lines[half:], PARTITIONS)
                code, seen = end_of(worker), topics.see(committed(settings))
            two.start()
            resumed = finish(settings, log)
            told = f"of {settings.state_changelog} takes writes with 2 copies in sync and has 1: start the missing"
            assert (code, told in worker.said()) == (75, True), worker.said()[-2000:]
            judge(settings, topics, seen, resumed, fault)
