"""`cjstream topics`, and the topics it makes."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream import kafka
from cjstream.errors import BrokerUnreachable, ConfigError, StateMismatch
from cjstream.settings import Settings, load
from tests.broker import Cli


async def configs_of(settings: Settings, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


async def create_plain_topic(settings: Settings, name: str, partitions: int, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        while name not in await admin.list_topics():
            pass
    finally:
        await admin.close()


def test_create_makes_all_seven_and_may_be_repeated(cli: Cli, settings: Settings) -> None:
    first, second = cli("topics", "create", "--partitions", "3"), cli("topics", "create", "--partitions", "3")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.decode().split("\n") == [
        f"created {name}" for name in (
            settings.touchpoints, settings.transitions, settings.stage_current, settings.signals,
            settings.dead_letter, settings.state_changelog, settings.facts,
        )
    ] + [""]  # fmt: skip
    assert second.stdout == b""
    assert asyncio.run(kafka.require_topics(settings)) == 3


def test_create_refuses_another_partition_count(cli: Cli, topics: int) -> None:
    done = cli("topics", "create", "--partitions", str(topics + 1))
    assert done.returncode == 4
    assert f"--partitions {topics}" in done.stderr.decode()


def test_check_says_no_until_all_topics_are_there(cli: Cli, settings: Settings) -> None:
    missing = cli("topics", "check")
    assert (missing.returncode, missing.stdout.count(b"missing")) == (1, 7)
    asyncio.run(kafka.create_topics(settings, 2))
    assert cli("topics", "check").returncode == 0
    assert cli("topics", "check", "--partitions", "2").returncode == 0
    assert cli("topics", "check", "--partitions", "8").returncode == 1


async def state_topics_are_compacted(settings: Settings) -> None:
    for topic in (settings.stage_current, settings.state_changelog):
        found = await configs_of(settings, topic)
        assert found["cleanup.policy"] == "compact"
        assert int(found["min.compaction.lag.ms"]) == 10 * settings.kafka_session_timeout_seconds * 1000


def test_state_topics_are_compacted_after_ten_sessions(settings: Settings, topics: int) -> None:
    asyncio.run(state_topics_are_compacted(settings))


def test_dead_letters_may_be_64_kib_larger_than_the_input(settings: Settings) -> None:
    asyncio.run(create_plain_topic(settings, settings.touchpoints, 2, {"max.message.bytes": "200000"}))
    asyncio.run(kafka.create_topics(settings, 2))
    assert asyncio.run(configs_of(settings, settings.dead_letter))["max.message.bytes"] == str(200_000 + 65_536)
    assert asyncio.run(configs_of(settings, settings.touchpoints))["max.message.bytes"] == "200000"


def test_what_the_state_makes_large_may_have_8_mib(settings: Settings, topics: int) -> None:
    for topic in (settings.state_changelog, settings.transitions, settings.signals):
        assert asyncio.run(configs_of(settings, topic))["max.message.bytes"] == str(8 << 20)
    assert asyncio.run(kafka.small_topics(settings)) == {}


def test_a_topic_with_a_smaller_limit_is_accepted_and_named(cli: Cli, settings: Settings) -> None:
    asyncio.run(create_plain_topic(settings, settings.signals, 2, {"max.message.bytes": "1048588"}))
    asyncio.run(kafka.create_topics(settings, 2))
    assert asyncio.run(kafka.require_topics(settings)) == 2
    done = cli("topics", "check")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 7)
    [note] = done.stderr.decode().splitlines()
    assert f"{settings.signals} takes records of up to 1048588 bytes" in note


def test_topics_of_an_earlier_version_are_accepted_and_named(cli: Cli, settings: Settings) -> None:
    asyncio.run(create_plain_topic(settings, settings.touchpoints, 2, {"max.message.bytes": "1048588"}))
    asyncio.run(create_plain_topic(settings, settings.dead_letter, 2, {"max.message.bytes": "1048588"}))
    asyncio.run(create_plain_topic(settings, settings.stage_current, 2, {"cleanup.policy": "compact"}))
    asyncio.run(kafka.create_topics(settings, 2))
    done = cli("topics", "check")
    assert done.returncode == 0
    small, unbounded = done.stderr.decode().splitlines()
    assert f"{settings.dead_letter} takes records of up to 1048588 bytes; max.message.bytes=1114124 is better" in small
    assert f"{settings.stage_current} may keep for ever" in unbounded
    assert "max.compaction.lag.ms=86400000 is better" in unbounded


def test_facts_are_compacted(settings: Settings, topics: int) -> None:
    assert asyncio.run(configs_of(settings, settings.facts))["cleanup.policy"] == "compact"


def test_facts_that_expire_and_have_another_count_are_accepted_and_named(cli: Cli, settings: Settings) -> None:
    asyncio.run(create_plain_topic(settings, settings.facts, 3, {"cleanup.policy": "compact,delete"}))
    asyncio.run(kafka.create_topics(settings, 2))
    assert asyncio.run(kafka.require_topics(settings)) == 2
    done = cli("topics", "check", "--partitions", "2")
    assert (done.returncode, f"{settings.facts}  3\n" in done.stdout.decode()) == (0, True)
    [note] = done.stderr.decode().splitlines()
    assert f"{settings.facts} deletes old facts" in note


def test_missing_topics_name_the_command(settings: Settings) -> None:
    with pytest.raises(StateMismatch, match="run `cjstream topics create`"):
        asyncio.run(kafka.require_topics(settings))


def test_different_partition_counts_do_not_fit(settings: Settings, topics: int) -> None:
    other = replace(settings, topics_signals=f"{settings.app_id}.other")
    asyncio.run(create_plain_topic(other, other.signals, topics + 1, {}))
    with pytest.raises(StateMismatch, match="partition counts differ"):
        asyncio.run(kafka.require_topics(other))


def test_more_copies_than_brokers_is_a_bad_setting(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"[Rr]eplication factor"):
        asyncio.run(kafka.create_topics(replace(settings, kafka_replication_factor=9), 1))


def test_a_broker_that_does_not_answer_is_unreachable() -> None:
    with pytest.raises(BrokerUnreachable):
        asyncio.run(kafka.wait_for_broker(load({}, kafka_bootstrap_servers="127.0.0.1:1"), 0.5))


@pytest.mark.parametrize(("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)])
def test_keys_go_where_java_puts_them(key: bytes, hashed: int) -> None:
    """The hashes are those of the tests of Apache Kafka's own client."""
    assert kafka.partition_of(key, 1 << 31) == hashed & 0x7FFFFFFF
    assert kafka.partition_of(key, 8) == (hashed & 0x7FFFFFFF) % 8
