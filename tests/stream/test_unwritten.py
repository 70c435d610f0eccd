"""A write that failed: one sentence with the topic and what to do, and the exit code that fits."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)

from cjstream.errors import BrokerUnreachable, CjstreamError, StateMismatch
from cjstream.ingest.codec import WireRecord
from cjstream.settings import load
from cjstream.stream import unwritten
from cjstream.stream.outbox import Outbox, _Producer

SETTINGS = load({}, publish_timeout_seconds="1")
NOT_ACKED = "a write to topic signals was not acked in 1 s; "


def said(monkeypatch: pytest.MonkeyPatch, error: Any, answer: str | Exception | None = None) -> tuple[int, str]:
    """Return exit code and text for a write to partition 3 of `signals`; `answer` is what Kafka tells of it."""

    async def why(*_: Any) -> str | None:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(unwritten, "why_not_written", why)
    with pytest.raises(CjstreamError) as raised:
        asyncio.run(unwritten.fail(SETTINGS, "signals", 3, error))
    assert raised.value.__cause__ is error or isinstance(answer, StateMismatch)
    return raised.value.exit_code, str(raised.value)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            MessageSizeTooLargeError(),
            4,
            "topic signals refuses a record as too large; set its max.message.bytes to 8388608 or more",
        ),
        (PolicyViolationError(), 4, "a policy of the brokers refuses records of topic signals; change it there"),
        (TopicAuthorizationFailedError("signals"), 4, "Kafka does not let "),
    ],
)
def test_what_no_restart_mends(monkeypatch: pytest.MonkeyPatch, error: KafkaError, code: int, text: str) -> None:
    found = said(monkeypatch, error)
    assert (found[0], found[1].startswith(text)) == (code, True), found


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("partition 3 of signals has no leader: start the brokers that hold it", None),
        (None, "Kafka tells of no fault of it; check the broker's log"),
        (BrokerUnreachable("kafka:9092", 5), "no Kafka broker answers at kafka:9092 within 5 s; "),
        (OSError(), "and Kafka does not tell why; check the broker"),
    ],
)
def test_a_late_ack_is_told_with_what_kafka_knows_of_the_topic(
    monkeypatch: pytest.MonkeyPatch, answer: str | Exception | None, text: str | None
) -> None:
    code, sentence = said(monkeypatch, TimeoutError(), answer)
    assert code == 75
    assert sentence.startswith(NOT_ACKED + (text or str(answer)))


def test_a_failed_write_names_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code, sentence = said(monkeypatch, NotLeaderForPartitionError(), "why")
    assert (code, "a write to topic signals failed: NotLeaderForPartition" in sentence) == (75, True)
    assert sentence.endswith("; why")


def test_a_topic_that_is_gone_is_no_matter_of_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = StateMismatch("no topic signals", "run `cjstream topics create`")
    assert said(monkeypatch, TimeoutError(), gone) == (4, "no topic signals; run `cjstream topics create`")


@pytest.mark.parametrize("is_stuck", [True, False])
def test_the_outbox_tells_of_a_write_that_is_late_or_refused(monkeypatch: pytest.MonkeyPatch, is_stuck: bool) -> None:
    async def why(*_: Any) -> str:
        return "why"

    async def confirm() -> None:
        """Writing is safe."""

    async def send_batch(*_: Any, **__: Any) -> Any:
        if not is_stuck:
            raise MessageSizeTooLargeError
        await asyncio.sleep(60)

    async def scenario() -> None:
        outbox = Outbox(load({}, publish_timeout_seconds="1"), confirm)
        batch = SimpleNamespace(append=lambda **_: True, close=lambda: None, record_count=lambda: 1)
        producer: Any = object.__new__(_Producer)
        producer.users = producer.sent = 0
        producer.kafka = SimpleNamespace(create_batch=lambda: batch, send_batch=send_batch)
        outbox._current = producer
        try:
            await outbox.send("signals", 3, [WireRecord("signals", b"k", b"v")])
        finally:
            assert producer.users == 0

    monkeypatch.setattr(unwritten, "why_not_written", why)
    with pytest.raises(CjstreamError) as raised:
        asyncio.run(scenario())
    assert (raised.value.exit_code, str(raised.value).startswith("a write" if is_stuck else "topic")) == (
        75 if is_stuck else 4,
        True,
    )
