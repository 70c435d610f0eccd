"""The whole corpus through a real worker: each record between two good ones of a customer, who notices nothing."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream import kafka
from cjstream.errors import StateMismatch
from cjstream.settings import Settings
from tests.corpus.cases import START_MS, Case, Sent, cases
from tests.corpus.producing import produce, produce_with_header_name
from tests.faults.harness import Record, Worker, new_app, read_all, run, wait_done, wait_until

HASHED = {
    "header_2_mib_of_bad_json",
    "header_name_300000_emoji_of_bad_json",
    "headers_400000_empty_of_bad_json",
    "key_2_mib",
    "value_10_mib",
}  # what no dead letter can hold
OURS = ("__streams.errors.topic", "__streams.errors.partition", "__streams.errors.offset", "__streams.errors.message")

pytestmark = pytest.mark.timeout(120)


def test_each_record_becomes_what_its_name_says_and_its_neighbours_are_applied(
    servers: str, tmp_path: Path, note: Callable[[str], None]
) -> None:
    settings = new_app(servers, "corpus", tmp_path, 1)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        rows = [sent for case in cases() for sent in (case.before(), *case.first, case.record, case.after())]
        run(produce(settings, settings.touchpoints, rows))
        wait_done(settings, worker)
        samples = worker.metrics()
        worker.end()
    outcomes = Counter(case.outcome for case in cases())
    _check_counts(outcomes, samples)
    _check_transitions(settings)
    _check_letters(settings)
    with pytest.raises(StateMismatch):
        run(kafka.partition_count(settings, "corpus-reply"))
    note(f"{len(cases())} records with {len(outcomes)} outcomes")


def _check_counts(outcomes: Counter[str], samples: object) -> None:
    assert isinstance(samples, dict)
    rejected = {case.outcome for case in cases() if case.is_rejected}
    letters = {name: samples["cjstream_dead_letters_total", f'reason="{name}"'] for name in rejected}
    assert letters == {name: outcomes[name] for name in rejected}
    found = {
        labels.split('"')[1]: count for (name, labels), count in samples.items() if name == "cjstream_touchpoints_total"
    }
    wanted = Counter({name: count for name, count in outcomes.items() if name not in rejected})
    wanted["duplicate"] += wanted.pop("conflict")
    wanted["rejected"] = sum(outcomes[name] for name in rejected)
    wanted["applied"] += 2 * len(cases())
    wanted["erased"] += sum(len(case.first) for case in cases())
    assert {name: count for name, count in found.items() if count} == wanted
    assert samples["cjstream_duplicate_conflicts_total", ""] == outcomes["conflict"]


def _check_transitions(settings: Settings) -> None:
    told: dict[str, list[tuple[int, str]]] = {}
    for record in read_all(settings, settings.transitions):
        value = json.loads(record.value or b"")
        told.setdefault(value["customer_id"], []).append((value["sequence"], value["to_stage"]))
    for case in cases():
        assert told[case.name] == [(1, "awareness"), (2, "purchase")], case.name


def _check_letters(settings: Settings) -> None:
    inputs = read_all(settings, settings.touchpoints)
    rejected, at = list[tuple[Case, Record]](), 0
    for case in cases():
        at += 1 + len(case.first)
        if case.is_rejected:
            rejected.append((case, inputs[at]))
        at += 2
    letters = read_all(settings, settings.dead_letter)
    assert len(letters) == len(rejected)
    for (case, record), letter in zip(rejected, letters, strict=True):
        _check_letter(case, record, letter)


def _check_letter(case: Case, record: Record, letter: Record) -> None:
    assert letter.timestamp == record.timestamp, case.name
    if case.name in HASHED:
        size = len(record.value or b"")
        digest = sha256(record.value or b"").hexdigest()
        assert json.loads(letter.value or b"") == {"sha256": digest, "size_bytes": size}, case.name
        ours = letter.headers
    else:
        assert (letter.key, letter.value) == (record.key, record.value), case.name
        assert letter.headers[: len(record.headers)] == record.headers, case.name
        ours = letter.headers[len(record.headers) :]
    texts = {name: text.decode() for name, text in ours}
    assert [texts[name] for name in OURS[:3]] == [record.topic, "0", str(record.offset)], case.name
    assert texts[OURS[3]].split(":")[0] == texts["cjstream-reason"] == case.outcome, case.name


def test_what_was_never_committed_is_no_input_and_the_brokers_own_time_counts(servers: str, tmp_path: Path) -> None:
    """Aborted records are passed over, markers of transactions are no records; of LogAppendTime there is no other."""
    settings = new_app(servers, "log-append", tmp_path, 1)
    asyncio.run(_stamp_by_broker(settings))
    good = Case("anna", "applied", cases()[0].record, ())
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        asyncio.run(_send_transactions(settings, good))
        wait_until(lambda: worker.metric("cjstream_touchpoints_total") == 3, 60, "all that was committed is applied")
        wait_until(lambda: lag_of(worker) == 0, 30, "no lag, although a marker is the last in the log")
        worker.end()
    told = [json.loads(each.value or b"") for each in read_all(settings, settings.transitions)]
    assert [(each["sequence"], each["to_stage"]) for each in told] == [(1, "awareness"), (2, "purchase")]
    letters = read_all(settings, settings.dead_letter)
    inputs = read_all(settings, settings.touchpoints)
    assert [letter.value for letter in letters] == [b"committed but bad"]
    assert [letter.timestamp for letter in letters] == [
        record.timestamp for record in inputs if record.value == letters[0].value
    ]
    assert letters[0].timestamp > START_MS


def lag_of(worker: Worker) -> float | None:
    return worker.metrics().get(("cjstream_lag_records", 'partition="0"'))


async def _stamp_by_broker(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.touchpoints, config)])
    finally:
        await admin.close()


async def _send_transactions(settings: Settings, good: Case) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=f"{settings.app_id}-test"
    )
    await producer.start()
    before, after = good.before(), good.after()
    bad = Sent(b"anna", b"committed but bad")
    try:
        for sents, is_kept in (([before], True), ([Sent(b"anna", None), after, bad], False), ([bad, after], True)):
            await producer.begin_transaction()
            for sent in sents:
                await producer.send(settings.touchpoints, sent.value, sent.key, partition=0, timestamp_ms=START_MS)
            await (producer.commit_transaction() if is_kept else producer.abort_transaction())
    finally:
        await producer.stop()


def test_a_header_whose_name_is_no_utf_8_stops_nobody(servers: str, tmp_path: Path) -> None:
    settings = new_app(servers, "header", tmp_path, 1)
    good = Case("anna", "applied", cases()[0].record, ())
    with Worker(settings, tmp_path / "worker.log") as worker:
        run(produce(settings, settings.touchpoints, [good.before()]))
        run(produce_with_header_name(settings, settings.touchpoints, Sent(b"anna", b"bad"), b"\xff\xfename"))
        run(produce(settings, settings.touchpoints, [good.after()]))
        wait_done(settings, worker)
        worker.end()
    told = [json.loads(each.value or b"")["to_stage"] for each in read_all(settings, settings.transitions)]
    assert told == ["awareness", "purchase"]
    [letter] = read_all(settings, settings.dead_letter)
    assert (letter.key, letter.value) == (b"anna", b"bad")
    assert letter.headers[:2] == ((r"\xff\xfename", b"x"), ("plain", None))
