"""After `cjstream forget` and a compaction no byte of the customer is left, but where the documentation says so."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cjstream.kafka.clients import admin_client
from cjstream.local import LocalBroker
from cjstream.settings import Settings
from tests.command import run as command
from tests.faults.harness import Line, Worker, new_app, run, send, wait_done, wait_until

CANARY = b"canary-5e1f"
ID = "canary-5e1f-id"
PARTITIONS = 1
EAGER = {
    "cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000", "delete.retention.ms": "200", "file.delete.delay.ms": "100",
}  # fmt: skip
SWEEPER = (sys.executable, "-m", "tests.faults.sweepers")
GONE_SECONDS = 90.0

pytestmark = pytest.mark.timeout(240)


def touchpoint(customer: str, number: int, kind: str, **more: Any) -> Line:
    fields = {"customer_id": customer, "type": kind, "occurred_at": time.time_ns() // 1_000_000, **more}
    return Line(customer.encode(), json.dumps({"id": f"{customer}-{number}", **fields}).encode())


def planted() -> list[Line]:
    """A customer whose every field is a canary, one of whose records is refused, and the crowd."""
    text = CANARY.decode()
    more = {
        "text": f"lovely, {text}", "channel": text, "persona": text, "session_id": text, "account_id": text,
        "topic": text, "properties": {text: text}, "campaign": text,
    }  # fmt: skip
    own = [touchpoint(ID, n, kind, **more) for n, kind in enumerate(("page_view", "cart_add", "purchase", "review"))]
    refused = [touchpoint(ID, 9, "page_view", rating=text), Line(ID.encode(), CANARY)]
    return [*crowd("some", 2_000), *own, *refused, *crowd("more", 2_000)]


def crowd(name: str, count: int) -> list[Line]:
    return [touchpoint(f"{name}-{number}", 0, "page_view") for number in range(count)]


async def make_eager(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        for topic in (settings.state_changelog, settings.stage_current):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, EAGER)])


def found_in(root: Path) -> set[str]:
    """Return the folders below `root`, and files in itself, with a file that holds the canary."""
    found = set[str]()
    for each in root.rglob("*"):
        try:
            if each.is_file() and CANARY in each.read_bytes():
                found.add(each.relative_to(root).parts[0])
        except FileNotFoundError:  # deleted meanwhile
            continue
    return found


def test_no_byte_of_a_forgotten_customer_is_left_but_where_it_is_documented(tmp_path: Path) -> None:
    logs, data, text = tmp_path / "kafka" / "logs", tmp_path / "data", list[str]()
    properties = {"log.cleaner.backoff.ms": "200", "log.cleaner.delete.retention.ms": "200"}
    with LocalBroker(data_dir=tmp_path / "kafka", properties=properties) as broker:
        settings = new_app(broker.servers, "privacy", data, PARTITIONS, store="rocksdb", topics_prefix="p.")
        run(make_eager(settings))
        kept = {f"p.{name}-0" for name in ("touchpoints", "transitions", "signals", "dead-letter")}
        gone = {f"{settings.state_changelog}-0", f"{settings.stage_current}-0"}
        send(settings, planted(), PARTITIONS)
        with Worker(settings, tmp_path / "worker.log", SWEEPER) as worker:
            worker.wait_ready()
            wait_done(settings, worker)
            assert found_in(logs) == kept | gone, "it is not hidden by compression, say"
            assert found_in(data) != set()
            forgotten = command("forget", ID, "--json", settings=settings)
            assert forgotten.returncode == 0, forgotten.stderr
            text += [forgotten.stdout.decode(), forgotten.stderr.decode()]

            def is_gone() -> bool:
                send(
                    settings, crowd(f"later-{time.monotonic_ns()}", 50), PARTITIONS
                )  # files are closed as others are begun
                return not found_in(logs) & gone and not found_in(data)

            wait_until(is_gone, GONE_SECONDS, "the canary is gone from compacted topics and the local store")
            text += [worker.get(page)[1] for page in ("metrics", "livez", "readyz")]
            text.append(command("status", settings=settings).stdout.decode())
            assert worker.end()[0] == 0
            text.append(worker.said())
    assert found_in(logs) == kept
    assert found_in(tmp_path / "kafka") == {"logs"}, "nor in the broker's own log"
    assert found_in(data) == set()
    assert not [line for each in text for line in each.splitlines() if CANARY.decode() in line]
