"""Steps fired by the clock: the state goes first and carries its outputs, so that a restart sends what is missing."""

import sys
from pathlib import Path

import pytest

from cjstream.core.state import CustomerState, decode_state
from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Worker, read_all, send
from tests.faults.stalls import Signals, now_ms, stall_app, touchpoint

pytestmark = pytest.mark.timeout(90)


def state(settings: Settings) -> CustomerState:
    newest = [record for record in read_all(settings, settings.state_changelog) if record.key == b"anna"][-1]
    return decode_state(newest.value or b"")


def test_outputs_of_the_clock_are_sent_after_a_kill_and_not_again(broker: Broker, tmp_path: Path) -> None:
    settings = stall_app(broker.servers, "pending", tmp_path, 1, seconds=1)
    send(settings, [touchpoint("anna", now_ms())], 1)
    with Worker(settings, tmp_path / "clock.log", (sys.executable, "-m", "tests.kafka.clock_worker")) as killed:
        assert killed.process.wait(40) == -9, killed.said()
    [due] = state(settings).pending
    assert due.topic == "signals"
    signals = Signals(settings)
    assert signals.records() == []

    for log in ("worker.log", "again.log"):
        with Worker(settings, tmp_path / log) as worker:
            worker.wait_ready()
            [sent] = signals.records()
            assert (sent.key, sent.value, sent.headers) == (b"anna", due.value, due.headers)
            assert worker.end()[0] == 0
    assert state(settings).pending, "nothing of the customer was written since"
