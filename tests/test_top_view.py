"""How `cjstream top` looks: whole screens, what has no room, and that no colour stands alone."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from cjstream.cli.top_data import Shown
from cjstream.cli.top_journeys import Stage
from cjstream.cli.top_journeys_view import BAR_COLUMNS, bar
from cjstream.cli.top_view import plain, screen
from cjstream.cli.top_words import rate, seconds, size
from cjstream.supervisor.merge import merge
from tests.top_pages import answer, funnel, healthy, look, page, supervised

SCREENS = Path(__file__).parent / "screens"
HOW_TO = Path(__file__).parents[1] / "docs" / "how-to" / "watch-in-a-terminal.md"
SIZES = [(80, 24), (120, 40)]
FOOT = "q leaves"
SHOP = funnel("shop", (5000, 0, 120), (1200, 0, 300), (0, 380, 0), (0, 90, 0), (0, 7, 0))
MANY = funnel("many_stages", *[(9, 1, 0)] * 30, stages=tuple(f"stage-{number}" for number in range(30)))
GROWN = {
    "cjstream_touchpoints_total applied": 2000,
    "cjstream_touchpoints_total duplicate": 30,
    "cjstream_dead_letters_total not_json": 5,
    "cjstream_transitions_total shop,none,awareness,entry": 200,
    "cjstream_transitions_total shop,awareness,consideration,forward": 81,
    "cjstream_signals_total shop,converted": 4,
    "cjstream_waiting_customers shop": 3,
    "cjstream_sla_total shop,first_response,met": 9,
    "cjstream_sla_total shop,first_response,breached": 1,
}


def two_looks(customers: dict[str, float], workers: int, answering: int, ready: str = "") -> Shown:
    """Return what is shown of so many workers, of which only the first ones answer the second time."""
    before = page(healthy(8 // workers) | customers)
    after = page(healthy(8 // workers) | customers | GROWN, cpu_seconds=6.7)
    first = supervised(dict.fromkeys(range(workers), before), workers)
    second = supervised(dict.fromkeys(range(answering), after), workers, {"1": 2})
    return look((0.0, [answer(first, 0.0)]), (2.0, [answer(second, 2.0, ready)]))


ONE_DOWN = two_looks(SHOP, 2, 1, "worker 1: ended with 75, starts again in 2.0 s")


def lines_of(shown: Shown, width: int, height: int | None, color_system: str | None = None) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=color_system)  # type: ignore[arg-type]
    what = plain(shown, width) if height is None else screen(shown, width, height, FOOT)
    with console.capture() as capture:
        console.print(what, crop=False)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screen_is_as_it_was_looked_at(width: int, height: int) -> None:
    expected = (SCREENS / f"top-{width}x{height}.txt").read_text("utf-8").splitlines()
    assert lines_of(ONE_DOWN, width, height) == expected


def test_the_how_to_shows_the_screen_as_it_is() -> None:
    assert (SCREENS / "top-80x24.txt").read_text("utf-8") in HOW_TO.read_text("utf-8")


@pytest.mark.parametrize(("width", "height"), [*SIZES, (60, 18), (200, 60)])
@pytest.mark.parametrize(("workers", "customers"), [(1, SHOP), (8, SHOP | MANY), (4, MANY), (2, {})])
def test_it_fills_the_screen_and_never_more(width: int, height: int, workers: int, customers: dict[str, float]) -> None:
    lines = lines_of(two_looks(customers, workers, workers), width, height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    assert lines[-1] == FOOT


def test_what_has_no_room_is_told_and_who_is_not_ready_comes_first() -> None:
    lines = lines_of(two_looks(MANY, 8, 7), 80, 24)
    assert "✖ down" in next(line for line in lines if line.startswith("worker 7"))
    [workers] = [line for line in lines if line.endswith("more workers")]
    assert int(re.findall(r"\d+", workers)[0]) + sum(line.startswith("worker ") for line in lines) - 1 == 8
    [stages] = [line for line in lines if line.endswith("more stages")]
    assert int(re.findall(r"\d+", stages)[0]) + sum(line.startswith("stage-") for line in lines) == 30


def test_journeys_that_do_not_fit_are_short_and_then_cut() -> None:
    two = two_looks(SHOP | MANY, 2, 2)
    short = "\n".join(lines_of(two, 80, 24))
    assert "awareness 10,240 → consideration 3,000 → purchase 760" in short
    assert "stage-0 20 → stage-1 20" in short
    ten = two_looks(
        {key: value for n in range(10) for key, value in funnel(f"j{n}", (n, 0, 0), stages=("s",)).items()}, 2, 2
    )
    lines = lines_of(ten, 80, 24)
    assert all(len(lines_of(ten, 80, height)) == height for height in range(20, 30))
    [more] = [line for line in lines if line.endswith("more journeys")]
    assert int(re.findall(r"\d+", more)[0]) + sum(bool(re.match(r"j\d ", line)) for line in lines) == 10
    whole = "\n".join(lines_of(dataclasses.replace(two, journeys=two.journeys[1:]), 80, 24))
    assert "in progress" in whole


def test_plain_text_has_everything() -> None:
    lines = lines_of(two_looks(SHOP | MANY, 8, 8), 80, None)
    text = "\n".join(lines)
    assert " more " not in text
    assert all(f"worker {number}" in text for number in range(8))
    assert all(f"stage-{number} " in text for number in range(30))
    wrong = lines_of(ONE_DOWN, 40, None)[2]
    assert wrong.endswith("their customers are not counted here")


def test_the_first_look_says_that_rates_come() -> None:
    lines = lines_of(look((0.0, [answer(page(healthy(8) | SHOP), 0.0)])), 80, 24)
    assert lines[0].endswith("rates come with the next look")
    assert "touchpoints/s   -" in lines
    assert "5,120" in "\n".join(lines)


def test_colours_are_added_to_words_and_signs_and_replace_none() -> None:
    coloured = lines_of(ONE_DOWN, 80, 24, "truecolor")
    assert "38;2;213;94;0" in "\n".join(coloured)  # vermillion, of what is down and who is dropped
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in coloured] == lines_of(ONE_DOWN, 80, 24)


def test_names_are_not_taken_for_markup() -> None:
    shown = two_looks(funnel("[red]x", (1, 0, 0), stages=("[bold]s",)), 1, 1)
    assert "[red]x" in "\n".join(lines_of(shown, 80, 24))
    assert "[bold]s" in "\n".join(lines_of(shown, 80, None))
    strange = look((0.0, [answer(merge([("[red]9", page(healthy()))]), 0.0)]))
    assert "worker [red]9" in "\n".join(lines_of(strange, 80, 24))


@pytest.mark.parametrize(
    ("in_progress", "converted", "dropped", "expected"),
    [
        (100, 0, 0, "█" * BAR_COLUMNS),
        (50, 50, 0, "█" * 6 + "▓" * 6),
        (98, 1, 1, "█" * 10 + "▓░"),
        (1, 0, 0, "█"),
        (0, 0, 0, ""),
        (0, 0, -5, ""),
    ],
)
def test_a_bar_shows_whoever_is_there(in_progress: int, converted: int, dropped: int, expected: str) -> None:
    counts = {"in_progress": in_progress, "converted": converted, "dropped": dropped}
    assert bar(Stage("s", counts, 0, None, None), 100).plain == expected


@pytest.mark.parametrize(
    ("write", "number", "expected"),
    [
        (seconds, None, "-"), (seconds, 0, "0 s"), (seconds, 0.0042, "4.2 ms"), (seconds, 0.25, "250 ms"),
        (seconds, 3.04, "3 s"), (seconds, 59.94, "59.9 s"), (seconds, 246, "4 min 6 s"),
        (rate, None, "-"), (rate, 0, "0"), (rate, 0.034, "0.034"), (rate, 3.14, "3.1"), (rate, 12345.6, "12,346"),
        (size, None, "-"), (size, 512, "512 B"), (size, 88 << 20, "88 MiB"), (size, 3 << 30, "3 GiB"),
    ],
)  # fmt: skip
def test_figures(write: Callable[[float | None], str], number: float | None, expected: str) -> None:
    assert write(number) == expected
