"""The tables of `cjstream stages`, made from what StageCurrent says. Reading it is tested with a broker."""

from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from cjstream.cli.stages import _funnel, _leavers

ORDER = ["awareness", "consideration", "purchase"]


def customer(stage: str | None, furthest: str, outcome: str) -> dict[str, Any]:
    return {"stage": stage, "furthest_stage": furthest, "outcome": outcome}


CUSTOMERS = [
    customer("awareness", "awareness", "in_progress"),
    customer("awareness", "purchase", "converted"),
    customer("consideration", "consideration", "in_progress"),
    customer("consideration", "consideration", "dropped"),
    customer(None, "consideration", "dropped"),
    customer(None, "awareness", "dropped"),
    customer(None, "purchase", "converted"),
    customer("research", "research", "in_progress"),
]
DROPPED = [each for each in CUSTOMERS if each["outcome"] == "dropped"]


def shown(table: Table, width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_funnel_has_all_stages_in_their_order_and_then_what_the_definition_does_not_know() -> None:
    assert shown(_funnel(CUSTOMERS, ORDER)) == [
        "                               in",
        "stage          here now  progress  converted  dropped  furthest  got here",
        "awareness             2         1          1        0         2  7  87.5%",
        "consideration         2         1          0        1         3  5  62.5%",
        "purchase              0         0          0        0         2  2  25.0%",
        "(outside)             3         0          1        2         0",
        "research              1         1          0        0         1",
    ]


def test_the_dropped_are_shown_by_where_they_are_now_and_how_far_they_came() -> None:
    assert shown(_leavers(DROPPED, ORDER)) == [
        "stage          here now  share  furthest  share",
        "awareness             0   0.0%         1  33.3%",
        "consideration         1  33.3%         2  66.7%",
        "(outside)             2  66.7%         0   0.0%",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_million_customers_fit_the_screen(width: int) -> None:
    lines = shown(_funnel(CUSTOMERS[:2] * 600_000, ORDER), width)
    assert len(lines) == 5
    assert lines[2].endswith("1200000 100.0%")


def test_nobody_can_be_shown() -> None:
    assert len(shown(_funnel([], ORDER))) == 5
