"""What the demo shows: it counts like a careful consumer and fits the screen."""

import re
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from cjstream.cli.demo_view import Rate, Tally, line, screen, stages_panel

STAGES = ("awareness", "consideration", "purchase", "retention", "advocacy")
METRICS = """\
# HELP cjstream_touchpoints_total Touchpoints by outcome
# TYPE cjstream_touchpoints_total counter
cjstream_touchpoints_total{outcome="applied"} 1200.0
cjstream_touchpoints_total{outcome="ignored"} 34.0
cjstream_lag_records{partition="0"} 5.0
cjstream_lag_records{partition="1"} 7.0
cjstream_signals_total{journey="shop",kind="converted"} 42.0
cjstream_signals_total{journey="shop",kind="stalled"} 1.0
cjstream_signals_total{journey="b2b",kind="converted"} 3.0
cjstream_customers{journey="shop",outcome="converted",stage="purchase"} 42.0
cjstream_customers{journey="shop",outcome="in_progress",stage="awareness"} 900.0
process_open_fds 9.0
"""


def transition(customer: str, sequence: int, before: str | None, after: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "customer_id": customer, "journey": "shop", "sequence": sequence, "from_stage": before, "to_stage": after,
        "occurred_at": "2026-01-02T03:04:05.000Z", "cause": {"touchpoint_id": "t", "type": "search", "rule": 0},
        "channel": "website", "persona": "researcher", **fields,
    }  # fmt: skip


@pytest.fixture
def tally() -> Tally:
    tally = Tally("shop", STAGES, days=30)
    tally.saw(transition("ani", 1, None, "awareness"))
    tally.saw(transition("budi", 1, None, "awareness"))
    tally.saw(transition("ani", 2, "awareness", "purchase"))
    return tally


def shown(tally: Tally, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen(tally, "http://127.0.0.1:9464/metrics", width), end="")
    return capture.get().splitlines()


def test_each_customer_is_counted_where_it_is(tally: Tally) -> None:
    assert {stage: count for stage, count in tally.customers.items() if count} == {"awareness": 1, "purchase": 1}
    assert tally.transitions == 3


def test_repeats_and_other_journeys_change_nothing(tally: Tally) -> None:
    before = dict(tally.customers)
    tally.saw(transition("ani", 1, None, "awareness"))
    tally.saw(transition("ani", 9, None, "lead", journey="b2b"))
    assert (dict(tally.customers), tally.transitions) == (before, 3)


def test_who_was_in_the_journey_before_the_demo_is_counted_from_its_first_transition_on(tally: Tally) -> None:
    before = Counter(tally.customers)
    tally.saw(transition("citra", 7, "awareness", "consideration"))
    assert tally.customers - before == {"consideration": 1}
    assert min(tally.customers.values()) >= 0


def test_a_customer_with_several_instances_is_counted_where_the_newest_transition_led(tally: Tally) -> None:
    tally.saw(transition("ani", 3, None, "awareness", instance="another"))
    tally.saw(transition("ani", 4, "purchase", "retention"))
    assert dict(tally.places) == {"awareness": 1, "consideration": 0, "purchase": 0, "retention": 1, "advocacy": 0}


def test_the_newest_transition_comes_first(tally: Tally) -> None:
    assert [latest["to_stage"] for latest in tally.latest] == ["purchase", "awareness", "awareness"]


def test_metrics_are_summed_over_their_labels_and_conversions_are_those_of_the_journey(tally: Tally) -> None:
    tally.measured(1.0, METRICS)
    assert (tally.touchpoints, tally.lag, tally.converted) == (1234, 12, 42)


def test_it_is_done_when_all_that_was_sent_is_behind_the_worker(tally: Tally) -> None:
    tally.measured(1.0, METRICS)
    tally.sent, tally.share_sent = 1234, 0.99
    assert not tally.done
    tally.share_sent = 1.0
    assert tally.done


def test_a_rate_is_the_mean_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.per_second == 0
    for second in range(10):
        rate.note(second, 100 if second < 7 else 100 + 30 * (second - 6))
    assert rate.per_second == 30


def test_the_plain_line_has_all_numbers(tally: Tally) -> None:
    tally.measured(1.0, METRICS)
    assert line(tally) == (
        "day 1/30  touchpoints 1,234 (0/s)  transitions 3 (0/s)  lag 12  "
        "awareness 1  consideration 0  purchase 1  retention 0  advocacy 0"
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_screen_is_filled_and_nothing_is_cut(tally: Tally, width: int, height: int) -> None:
    for number in range(200):
        tally.saw(transition(f"c1-{number:07d}", 1, None, "consideration"))
    lines = shown(tally, width, height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert "http://127.0.0.1:9464/metrics" in text
    assert "Ctrl-C stops everything" in text
    assert all(stage in text for stage in STAGES)
    assert text.count("c1-0000") > (5 if height == 24 else 20)
    assert "…" not in text
    assert ("researcher" in text) == (width >= 100)


def test_nobody_yet_can_be_shown() -> None:
    empty = Tally("shop", STAGES, days=30)
    assert len(shown(empty, 80, 24)) == 24
    Console(quiet=True).print(stages_panel(empty))


def test_who_left_the_journey_is_outside(tally: Tally) -> None:
    assert "(outside)" not in "\n".join(shown(tally, 80, 24)) + line(tally)
    tally.saw(transition("budi", 2, "awareness", None, cause={"deadline": "stall.since_entered"}))
    lines = shown(tally, 80, 24)
    text = "\n".join(lines)
    assert len(lines) == 24
    assert "(left)" in text
    assert "deadline" in text
    assert re.search(r"\(outside\) +1 +50%", text)
    assert line(tally).endswith("advocacy 0  (outside) 1")
    tally.saw(transition("budi", 3, None, "awareness"))
    assert dict(tally.places) == {"awareness": 1, "consideration": 0, "purchase": 1, "retention": 0, "advocacy": 0}
