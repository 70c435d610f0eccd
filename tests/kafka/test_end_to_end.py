"""Touchpoints in, stages and transitions out: a worker process between two commands, on a real broker."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cjstream.population import population
from cjstream.settings import Settings
from tests.broker import PARTITIONS, Cli, StartWorker
from tests.contract.test_schemas import VALIDATORS
from tests.faults.harness import Line, Record, Worker, read_all, send, wait_done
from tests.reference import check

DATA = Path(__file__).parents[3] / "shared" / "data"
RETE = DATA / "rete_ecom.touchpoints.jsonl.gz"
ID_WINDOW = 16  # touchpoints of a customer whose ids are known, as README promises
START_MS = 1_767_225_600_000  # 2026-01-01

Object = dict[str, Any]

needs_data = pytest.mark.skipif(not RETE.exists(), reason=f"shared/data is absent: no {RETE.name}")


@pytest.fixture
def rete() -> Object:
    """What expected.json says of the data set, computed by others."""
    expected: Object = json.loads((DATA / "expected.json").read_bytes())["rete_ecom"]
    return expected


@pytest.fixture
def rete_journey(rete: Object, tmp_path: Path) -> str:
    """A definition file with the stage map of expected.json; JSON is YAML."""
    stages = rete["stages_by_type"]
    definition = {
        "journey": "rete",
        "goal": {"on": "purchase"},
        "stages": [{"id": stage, "weight": 10 * number} for number, stage in enumerate(stages, 1)],
        "rules": [{"on": types, "to": stage} for stage, types in stages.items() if types],
    }
    file = tmp_path / "rete.yaml"
    file.write_text(json.dumps(definition))
    return str(file)


def lines(output: bytes) -> list[Object]:
    return [json.loads(line) for line in output.splitlines()]


def jsonl(touchpoints: Iterable[Object]) -> bytes:
    return b"".join(json.dumps(touchpoint).encode() + b"\n" for touchpoint in touchpoints)


def touchpoints_counted(worker: Worker) -> Counter[str]:
    """Return what the worker counted, by outcome."""
    samples = worker.metrics().items()
    return Counter({labels: int(n) for (name, labels), n in samples if name == "cjstream_touchpoints_total"})


@needs_data
def test_rete_ecom_gives_exactly_the_stages_transitions_and_conversions_that_others_computed(
    cli: Cli, settings: Settings, start_worker: StartWorker, rete: Object, rete_journey: str
) -> None:
    worker = start_worker("--journey", rete_journey)
    assert cli("send", str(RETE)).stdout == f"sent {rete['touchpoints']}\n".encode()
    wait_done(settings, worker)
    moves = lines(cli("transitions", "--json").stdout)
    assert Counter(f"{move['from_stage'] or '(new)'}->{move['to_stage']}" for move in moves) == rete["transitions"]
    customers = [current["journeys"]["rete"] for current in lines(cli("stages", "--json").stdout)]
    assert len(customers) == rete["customers"]
    furthest = Counter(customer["furthest_stage"] for customer in customers)
    assert furthest == Counter(rete["customers_by_furthest_stage"])
    assert Counter(customer["outcome"] for customer in customers) == {"converted": 328, "in_progress": 272}
    signals = [json.loads(record.value or b"") for record in read_all(settings, settings.signals)]
    assert {signal["kind"] for signal in signals} == {"converted"}
    assert len({signal["customer_id"] for signal in signals}) == len(signals) == 328


@needs_data
def test_rete_ecom_sent_again_moves_nobody_and_is_counted_as_duplicate_or_late(
    cli: Cli, settings: Settings, start_worker: StartWorker, rete_journey: str
) -> None:
    """A touchpoint within the id window is a duplicate; beyond it, one that changes nothing: it is in the path already.

    With lateness 0 one older than the customer's newest is late besides.
    """
    worker = start_worker("--journey", rete_journey)
    cli("send", str(RETE))
    wait_done(settings, worker)
    outputs = (settings.transitions, settings.signals, settings.stage_current)
    before = [len(read_all(settings, topic)) for topic in outputs]
    first = touchpoints_counted(worker)
    cli("send", str(RETE))
    wait_done(settings, worker)
    assert [len(read_all(settings, topic)) for topic in outputs] == before
    second = touchpoints_counted(worker) - first
    with gzip.open(RETE) as file:
        per_customer = Counter(json.loads(line)["customer_id"] for line in file)
    assert second.total() == first.total() == per_customer.total()
    assert second['outcome="duplicate"'] >= sum(count for count in per_customer.values() if count <= ID_WINDOW) > 0
    assert second['outcome="duplicate"'] + second['outcome="late"'] > 0.95 * second.total()


@pytest.mark.parametrize("seed", [3, 20_260_101])
def test_a_generated_population_ends_as_the_reference_says(
    cli: Cli, settings: Settings, start_worker: StartWorker, seed: int
) -> None:
    worker = start_worker()
    touchpoints = list(population(400, seed, START_MS, 30))
    assert cli("send", "-", stdin=jsonl(touchpoints)).stdout == f"sent {len(touchpoints)}\n".encode()
    wait_done(settings, worker)
    report = check(touchpoints, by_customer(cli("transitions", "--json")), by_customer(cli("stages", "--json")))
    assert report.differences == []
    assert report.repeats == 0


def by_customer(done: Any) -> list[tuple[bytes, bytes]]:
    """Return the printed records with the keys that they must have had."""
    return [(json.loads(line)["customer_id"].encode(), line) for line in done.stdout.splitlines()]


def test_touchpoints_within_the_id_window_sent_again_are_all_duplicates(
    cli: Cli, settings: Settings, start_worker: StartWorker
) -> None:
    worker = start_worker()
    known: Counter[str] = Counter()
    some = []
    for touchpoint in population(200, 5, START_MS, 30):
        known[touchpoint["customer_id"]] += 1
        if known[touchpoint["customer_id"]] <= ID_WINDOW:
            some.append(touchpoint)
    for _ in range(2):
        cli("send", "-", stdin=jsonl(some))
    wait_done(settings, worker)
    assert touchpoints_counted(worker)['outcome="duplicate"'] == len(some)
    assert (
        check(some, by_customer(cli("transitions", "--json")), by_customer(cli("stages", "--json"))).differences == []
    )


BAD = [
    Line(b"c-1", b"no json"),
    Line(b"c-1", b'{"id": "t", "customer_id": "c-1", "type": "page_view"}', headers=[("trace", b"\x00\xff")]),
    Line(None, b'{"id": "t", "customer_id": "c-1", "type": "page_view", "occurred_at": 0}', partition=0),
    Line(b"other", b'{"id": "t", "customer_id": "c-1", "type": "page_view", "occurred_at": 0}'),
    Line(b"c-1", b"\xff\xfe"),
    Line(b"c-1", b"[" * 2000),
]


def test_all_that_leaves_keeps_the_contract_and_every_record_is_counted_once(
    cli: Cli, settings: Settings, start_worker: StartWorker
) -> None:
    worker = start_worker()
    touchpoints = list(population(200, 11, START_MS, 30))
    cli("send", "-", stdin=jsonl(touchpoints))
    erased = touchpoints[0]["customer_id"].encode()
    send(settings, [*BAD, Line(erased, None)], PARTITIONS)
    wait_done(settings, worker)
    for topic, schema, check_headers in (
        (settings.transitions, "stage-transition.v1", transition_headers),
        (settings.signals, "signal.v1", signal_headers),
        (settings.stage_current, "stage-current.v1", lambda *_: {}),
    ):
        records = read_all(settings, topic)
        assert records
        for record in records:
            if record.value is None:  # erased
                assert (record.topic, record.key) == (settings.stage_current, erased)
                continue
            value = json.loads(record.value)
            assert [error.message for error in VALIDATORS[schema].iter_errors(value)] == []
            assert record.key == value["customer_id"].encode()
            assert dict(record.headers) == check_headers(value, settings.app_id)
    letters = read_all(settings, settings.dead_letter)
    assert sorted((letter.key or b"", letter.value) for letter in letters) == sorted(
        (line.key or b"", line.value) for line in BAD
    )
    assert all(dead_letter_is_valid(letter) for letter in letters)
    counted = touchpoints_counted(worker)
    assert counted.total() == len(touchpoints) + len(BAD) + 1
    assert (counted['outcome="rejected"'], counted['outcome="erased"']) == (len(BAD), 1)


def transition_headers(value: Object, app_id: str) -> dict[str, bytes]:
    event = cloud_event("cjstream.transition.v1", value["transition_id"], value["customer_id"], value["occurred_at"])
    return event | {"ce_source": app_id.encode(), "ce_sequence": str(value["sequence"]).encode()}


def signal_headers(value: Object, app_id: str) -> dict[str, bytes]:
    event = cloud_event("cjstream.signal.v1", value["signal_id"], value["customer_id"], value["since"])
    return event | {"ce_source": app_id.encode()}


def cloud_event(kind: str, event_id: str, customer: str, time: str) -> dict[str, bytes]:
    texts = {"ce_specversion": "1.0", "ce_type": kind, "ce_id": event_id, "ce_subject": customer, "ce_time": time}
    texts |= {"ce_partitionkey": customer, "content-type": "application/json"}
    return {name: text.encode() for name, text in texts.items()}


def dead_letter_is_valid(letter: Record) -> bool:
    ours = {name: value.decode() for name, value in letter.headers if name != "trace"}
    return VALIDATORS["dead-letter-headers.v1"].is_valid(ours)
