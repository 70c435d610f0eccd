"""Measures through a real broker: signals by touchpoint and by clock, current stages and metrics, across a restart."""

import json
from pathlib import Path
from typing import Any

import pytest

from cjstream.settings import Settings
from tests.broker import Broker
from tests.faults.harness import Line, Worker, new_app, read_all, send, wait_until
from tests.faults.stalls import Signals, now_ms

MEASURED = """
journey: cared
lateness: 0s
goal: {on: purchase}
stages:
  - {id: look, weight: 1}
  - {id: compare, weight: 2}
  - {id: buy, weight: 3}
rules:
  - {on: page_view, to: look}
  - {on: comparison, to: compare}
  - {on: purchase, to: buy}
measures:
  sentiment: {at_risk: goal}
  feedback: {targets: [{first_response: 3s}]}
  score: {rules: [{on: page_view, points: 5}], thresholds: [{id: hot, at: 10, to: compare}]}
  expected: {path: [look, compare, buy], rules: [{id: sent, response: [purchase, delivered], within: 3s}]}
  leaving: {}
  metrics: {}
"""
AFTER_RESTART = {("sla_breached", "sla.first_response"), ("deviation", "expected.sent")}

pytestmark = pytest.mark.timeout(90)


def line(customer: str, number: int, kind: str, at_ms: int, **more: Any) -> Line:
    fields = {"id": f"{customer}-{number}", "customer_id": customer, "type": kind, "occurred_at": at_ms, **more}
    return Line(customer.encode(), json.dumps(fields).encode(), 0)


def told(signals: Signals) -> set[tuple[str, str | None]]:
    return {(each["kind"], (each["cause"] or {}).get("deadline")) for each in signals.told().values()}


def test_measures_signal_by_touchpoint_and_by_clock_once_across_a_kill(broker: Broker, tmp_path: Path) -> None:
    definition = tmp_path / "cared.yaml"
    definition.write_text(MEASURED)
    settings = new_app(broker.servers, "measured", tmp_path / "data", 2, journeys=str(definition))
    signals = Signals(settings)
    with Worker(settings, tmp_path / "first.log") as worker:
        worker.wait_ready()
        at_ms = now_ms()
        story = [
            line("ani", 1, "page_view", at_ms),
            line("ani", 2, "page_view", at_ms + 1),  # hot: the score leads to `compare`
            line("ani", 3, "purchase", at_ms + 2),
            line("ani", 4, "review", at_ms + 3, text="Barangnya rusak, sangat mengecewakan!", language="id"),
            line("ani", 5, "visit", at_ms + 4),
            line("budi", 1, "purchase", at_ms, value=12.5, currency="IDR"),  # looked and compared elsewhere
        ]
        send(settings, story, 2)
        wait_until(lambda: ("at_risk", None) in told(signals), 10, "what touchpoints tell")
        worker.kill()
    assert ("score_threshold", None) in told(signals)
    with Worker(settings, tmp_path / "second.log") as worker:
        worker.wait_ready()
        wait_until(lambda: told(signals) >= AFTER_RESTART, 15, "what the clock tells")
        send(settings, [line("ani", 6, "answer", now_ms(), initiator="business", reply_to="ani-4")], 2)
        wait_until(lambda: current(settings, b"ani")["open_feedback"] == 0, 10, "the answer")
        metrics = worker.metrics()
        assert worker.end()[0] == 0
    assert current(settings, b"ani")["judgement"] == "negative"
    assert current(settings, b"ani")["score"] == 10
    kinds = [(each["kind"], each["customer_id"]) for each in signals.told().values()]
    assert sorted(kinds) == [
        ("at_risk", "ani"), ("converted", "ani"), ("converted", "budi"),
        *[("deviation", "ani")], *[("deviation", "budi")] * 3,
        ("score_threshold", "ani"), ("sla_breached", "ani"), ("sla_due_soon", "ani"),
    ]  # fmt: skip
    moves = [json.loads(each.value or b"") for each in read_all(settings, settings.transitions) if each.key == b"ani"]
    assert [(move["to_stage"], move["cause"]["rule"]) for move in moves] == [
        ("look", "rule-1"), ("compare", "hot"), ("buy", "rule-3"),
    ]  # fmt: skip
    assert metrics["cjstream_sla_total", 'clock="first_response",journey="cared",result="breached"'] == 1
    assert metrics["cjstream_customers_by_judgement", 'journey="cared",judgement="negative",stage="buy"'] == 1
    assert metrics["cjstream_waiting_customers", 'journey="cared"'] == 0


def current(settings: Settings, customer: bytes) -> dict[str, Any]:
    records = [each for each in read_all(settings, settings.stage_current) if each.key == customer]
    found: dict[str, Any] = json.loads(records[-1].value or b"{}")
    return found
