"""Steps fired by the clock: the state goes first and carries its outputs, so that a restart sends what is missing."""

import json
import sys
from pathlib import Path

import pytest

from cjstream.core.state import CustomerState, decode_state
from cjstream.ingest.codec import encode
from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Line, Record, Worker, new_app, read_all, send, wait_done
from tests.kafka.clock_worker import CUSTOMER, STALLED

pytestmark = pytest.mark.timeout(90)


def touchpoint(customer: str) -> Line:
    fields = {"id": f"{customer}-1", "customer_id": customer, "type": "page_view", "occurred_at": 1_000}
    return Line(customer.encode(), json.dumps(fields).encode())


def state(settings: Settings) -> CustomerState:
    newest = [record for record in read_all(settings, settings.state_changelog) if record.key == CUSTOMER][-1]
    return decode_state(newest.value or b"")


def signals(settings: Settings) -> list[Record]:
    return read_all(settings, settings.signals)


def test_outputs_of_the_clock_are_sent_after_a_kill_and_not_again(broker: Broker, tmp_path: Path) -> None:
    settings = new_app(broker.servers, "pending", tmp_path, 1)
    due = encode(STALLED, settings.app_id)
    send(settings, [touchpoint("anna")], 1)
    with Worker(settings, tmp_path / "clock.log", (sys.executable, "-m", "tests.kafka.clock_worker")) as killed:
        assert killed.process.wait(40) == -9, killed.said()
    [pending] = state(settings).pending
    assert (pending.topic, pending.value, list(pending.headers)) == ("signals", due.value, list(due.headers))
    assert signals(settings) == []

    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        [sent] = signals(settings)
        assert (sent.key, sent.value, list(sent.headers)) == (CUSTOMER, due.value, list(due.headers))
        send(settings, [touchpoint("bert")], 1)  # its group notes what is acked
        wait_done(settings, worker)
        worker.end()
    with Worker(settings, tmp_path / "again.log") as worker:
        worker.wait_ready()
        worker.end()
    assert len(signals(settings)) == 1
    assert state(settings).pending, "nothing of the customer was written since"
