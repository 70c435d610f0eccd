"""Facts through a real broker: the last one per key, whatever happens to the worker; touchpoints do not notice."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cjstream import kafka
from cjstream.core.facts import Fact, key_of
from cjstream.ingest.facts import decode_fact
from cjstream.settings import Settings
from tests.broker import Broker, Cli
from tests.faults.harness import Sample, Worker, new_app, read_all, wait_until

PARTITIONS, SECONDS = 4, 40

pytestmark = pytest.mark.timeout(120)


def tell(settings: Settings, *facts: Fact | tuple[bytes, bytes | None]) -> None:
    """Send facts, or keys and values as they are, to the topic of facts."""

    async def run() -> None:
        count = await kafka.partition_count(settings, settings.facts)
        async with kafka.BulkSender(settings, settings.facts, count) as sender:
            for each in facts:
                key, value = record(each) if isinstance(each, Fact) else each
                await sender.add(key, value)

    asyncio.run(run())


def record(fact: Fact) -> tuple[bytes, bytes]:
    return key_of(fact).encode(), json.dumps(fact._asdict()).encode()


def clicks(day: int, value: float, campaign: str = "") -> Fact:
    return Fact("clicks", "email", campaign, f"2026-11-{day:02}", value, "")


def known(*workers: Worker) -> tuple[float, float, float]:
    """Return how many facts the workers know, the sum of the clicks, and how many records are not read yet."""
    samples = [worker.metrics() for worker in workers]
    return tuple(sum(_sum(each, name) for each in samples) for name in (
        "cjstream_facts", "cjstream_fact_value", "cjstream_facts_lag_records"
    ))  # type: ignore[return-value]  # fmt: skip


def _sum(samples: Sample, name: str) -> float:
    return sum(value for (metric, _), value in samples.items() if metric == name)


def wait_known(facts: int, amount: float, *workers: Worker) -> None:
    def holds() -> bool:
        return known(*workers) == (facts, amount, 0)

    wait_until(holds, SECONDS, f"{facts} facts, {amount} clicks")


def letters(settings: Settings) -> list[tuple[bytes | None, dict[str, str]]]:
    """Return value and headers of each dead letter."""
    found = read_all(settings, settings.dead_letter)
    return [(each.value, {name: value.decode() for name, value in each.headers}) for each in found]


def test_the_last_fact_of_a_key_holds_also_after_a_kill(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "facts", tmp_path / "data", PARTITIONS)
    withdrawn = clicks(3, 1000)
    bad = b'{"name": "clicks", "day": "yesterday", "value": 1}'
    tell(settings, clicks(1, 7), clicks(1, 5), clicks(2, 10), withdrawn, (b"any", bad))
    tell(settings, (record(withdrawn)[0], None))
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        wait_known(2, 15, worker)
        wait_until(lambda: len(letters(settings)) == 1, SECONDS, "the bad one is a dead letter")
        outcomes = {labels: n for (name, labels), n in worker.metrics().items() if name == "cjstream_facts_read_total"}
        # The offsets are committed, so the dead letter is not to be sent again.
        wait_until(lambda: worker.metric("cjstream_commit_age_seconds") == 0, SECONDS, "all is committed")
        worker.kill()
    assert outcomes == {'outcome="taken"': 4, 'outcome="withdrawn"': 1, 'outcome="rejected"': 1}
    tell(settings, clicks(2, 20))
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        wait_known(2, 25, worker)
        code, _ = worker.end()
    [(value, headers)] = letters(settings)
    assert (code, value, headers["cjstream-reason"]) == (0, bad, "bad_timestamp")
    assert headers["__streams.errors.topic"] == settings.facts


def test_each_fact_is_with_one_worker_also_when_one_joins_and_one_is_killed(broker: Broker, tmp_path: Path) -> None:
    name = f"facts-{uuid4().hex}"
    asyncio.run(create(broker.servers, name, 3))  # another count than the other topics
    settings = new_app(broker.servers, "facts", tmp_path / "data", PARTITIONS, topics_facts=name)
    tell(settings, *(clicks(day, day) for day in range(1, 31)))
    with Worker(settings, tmp_path / "a.log") as stays, Worker(settings, tmp_path / "b.log") as goes:
        stays.wait_ready()
        goes.wait_ready()
        wait_known(30, 465, stays, goes)
        assert 0 < known(stays)[0] < 30
        goes.kill()
        tell(settings, clicks(1, 101))
        wait_known(30, 565, stays)
        with Worker(settings, tmp_path / "b.log") as joins:
            joins.wait_ready()
            wait_known(30, 565, stays, joins)
            assert 0 < known(joins)[0] < 30


async def create(servers: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        await admin.close()


def test_the_ways_of_the_how_to_page_lead_to_facts(cli: Cli, settings: Settings, topics: int, tmp_path: Path) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text(block("json"))
    done = cli("send", "--facts", str(file))
    assert (done.returncode, done.stdout) == (0, b"sent 4\n")
    program = block("python").replace("127.0.0.1:9092", settings.kafka_bootstrap_servers)
    program = program.replace('topic="facts"', f"topic={settings.facts!r}")
    subprocess.run([sys.executable, "-c", program], check=True)
    sent = read_all(settings, settings.facts)
    found = [decode_fact(each.key, each.value) for each in sent]
    assert [type(each) for each in found] == [Fact] * 5
    assert {each.key for each in sent if b"clicks" in (each.value or b"")} == {
        b'["clicks","search","autumn","2026-11-21"]', b'["clicks","search","","2026-11-21"]',
    }  # fmt: skip


def block(language: str) -> str:
    """Return the only block of a language on the how-to page."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "send-facts.md"
    [found] = re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_a_line_that_is_no_fact_ends_the_command_and_others_stay_as_they_are(
    cli: Cli, settings: Settings, topics: int, tmp_path: Path
) -> None:
    file = tmp_path / "facts.jsonl"
    good = b'{"name": "clicks",  "channel": "search", "day": "2026-11-22", "value": 31}'
    file.write_bytes(good + b"\n\n")
    assert cli("send", "--facts", str(file)).stdout == b"sent 1\n"
    [sent] = read_all(settings, settings.facts)
    assert (sent.key, sent.value) == (b'["clicks","search","","2026-11-22"]', good)
    file.write_bytes(good + b'\n{"name": "clicks", "day": "today", "value": 31}\n')
    done = cli("send", "--facts", str(file))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is no fact: bad_timestamp: day" in done.stderr
