"""Bad input goes aside unchanged and holds nobody up; a customer who asks for it is forgotten, also across restarts."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjstream.core.state import decode_marker, is_reserved
from cjstream.settings import Settings
from tests.faults.harness import Line, Record, Worker, new_app, read_all, send, wait_done

BAD = 1_000
EARLIER_MS = (
    int(time.time() * 1000) - 3_600_000
)  # not older than the retention, by which Kafka deletes dead letters too
COST_SECONDS = 10.0  # from the first record to the last commit, which comes within a second; the issue asks for 2

pytestmark = pytest.mark.timeout(90)


def touchpoint(customer: str, number: int, kind: str, at_ms: int) -> Line:
    fields = {"id": f"{customer}-{number}", "customer_id": customer, "type": kind, "occurred_at": at_ms}
    return Line(customer.encode(), json.dumps(fields).encode())


def bad(number: int) -> Line:
    value = b'{"broken": %d' % number if number % 2 else b"\xff\x00%d" % number
    headers = [("source", b"test"), ("number", b"%d" % number)]
    return Line(b"k%d" % number if number % 3 else None, value, 0, headers, EARLIER_MS + number)


def test_a_thousand_bad_records_in_a_row_go_aside_unchanged(
    servers: str, tmp_path: Path, note: Callable[[str], None]
) -> None:
    settings = new_app(servers, "bad", tmp_path, 1)
    before, after = touchpoint("anna", 1, "page_view", 1_000), touchpoint("anna", 2, "purchase", 2_000)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        send(settings, [before, *map(bad, range(BAD)), after], 1)
        seconds = wait_done(settings, worker)
        counted = worker.metric("cjstream_dead_letters_total")
        busy = worker.metric("cjstream_batch_seconds_sum") + worker.metric("cjstream_publish_seconds_sum")
        worker.end()
    note(f"{BAD} bad records: {busy:.2f} s of work, committed after {seconds:.1f} s")
    rejected = read_all(settings, settings.touchpoints)[1:-1]
    letters = read_all(settings, settings.dead_letter)
    assert [_unchanged(letter) for letter in letters] == [_unchanged(record) for record in rejected]
    for letter, record in zip(letters, rejected, strict=True):
        added = dict(letter.headers[len(record.headers) :])
        assert added["__streams.errors.topic"].decode() == settings.touchpoints
        assert (int(added["__streams.errors.partition"]), int(added["__streams.errors.offset"])) == (0, record.offset)
        assert added["cjstream-reason"] == (b"encoding" if (record.offset - 1) % 2 == 0 else b"not_json")
    told = [json.loads(each.value or b"") for each in read_all(settings, settings.transitions)]
    assert [(each["sequence"], each["to_stage"]) for each in told] == [(1, "awareness"), (2, "purchase")]
    assert counted == BAD
    assert busy < COST_SECONDS


def _unchanged(record: Record) -> tuple[Any, ...]:
    own = [header for header in record.headers if header[0] in {"source", "number"}]
    return record.key, record.value, record.timestamp, own


@pytest.mark.parametrize("restarts", [(), (1, 3)], ids=["in one life", "across restarts"])
def test_an_erased_customer_is_forgotten_and_goes_on_counting(
    servers: str, tmp_path: Path, restarts: tuple[int, ...]
) -> None:
    """`restarts`: after which steps, the erasure and the return among them, a new worker goes on."""
    settings = new_app(servers, "erase", tmp_path, 1)
    now_ms = int(time.time() * 1000)
    erasure = Line(b"anna", None, timestamp_ms=now_ms)
    steps = [
        [touchpoint("anna", 1, "page_view", now_ms - 5_000), touchpoint("anna", 2, "purchase", now_ms - 4_000)],
        [erasure],
        [touchpoint("anna", 3, "referral", now_ms - 3_000), touchpoint("anna", 4, "referral", now_ms)],
        [touchpoint("anna", 5, "page_view", now_ms + 1_000)],
        [touchpoint("anna", 6, "referral", now_ms - 1_000), touchpoint("anna", 7, "purchase", now_ms + 2_000)],
    ]
    currents: list[list[Record]] = []
    worker = Worker(settings, tmp_path / "worker.log")
    try:
        for number, step in enumerate(steps):
            send(settings, step, 1)
            wait_done(settings, worker)
            currents.append(read_all(settings, settings.stage_current))
            if number in restarts:
                worker.kill()
                worker = Worker(settings, tmp_path / "worker.log")
    finally:
        worker.kill()
    told = [json.loads(each.value or b"") for each in read_all(settings, settings.transitions)]
    assert [(each["sequence"], each["kind"], each["to_stage"]) for each in told] == [
        (1, "entry", "awareness"),
        (2, "forward", "purchase"),
        (3, "entry", "awareness"),
        (4, "forward", "purchase"),
    ]
    assert (currents[1][-1].key, currents[1][-1].value) == (b"anna", None)
    assert currents[2] == currents[1], "what happened before the erasure is dropped"
    newest = json.loads(currents[4][-1].value or b"")["journeys"]["shop"]
    assert (newest["stage"], newest["sequence"]) == ("purchase", 4)
    _check_changelog(settings, now_ms)


def _check_changelog(settings: Settings, erased_at_ms: int) -> None:
    records = read_all(settings, settings.state_changelog)
    erased = [record for record in records if record.key == b"anna" and record.value is None]
    assert len(erased) == 1
    [marker] = [record for record in records if is_reserved(record.key or b"") and (record.key or b"")[1:2] == b"e"]
    assert b"anna" not in (marker.key or b"") + (marker.value or b"")
    kept = decode_marker(marker.value or b"")
    assert (kept.erased_at_ms, kept.sequences) == (erased_at_ms, {"shop": 2})
