"""Figures, colours and lines as `cjstream top` writes them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cjstream.cli.tables import MISSING, duration

# Okabe and Ito's colours, which people with any colour vision tell apart; a sign or a word always says the same.
BLUE, GREEN, AMBER, RED = "#56b4e9", "#009e73", "#e69f00", "#d55e00"
GREY = "bright_black"
UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


class Block(NamedTuple):
    """Something to show, and how many lines it takes."""

    shown: list[RenderableType]
    lines: int


def count(number: float | None) -> str:
    """Return a whole number; `-` if there is none."""
    return MISSING if number is None else f"{number:,.0f}"


def rate(number: float | None) -> str:
    """Return a number per second, with a decimal if it is small; `-` if there is none."""
    if number is None:
        return MISSING
    if abs(number) >= 100 or number == 0:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 0.1 else f"{number:.2g}"


def seconds(number: float | None) -> str:
    """Return a duration, in milliseconds if it is short; `-` if there is none."""
    if number is None:
        return MISSING
    if 0 < number < 1:
        return f"{number * 1000:.0f} ms" if number >= 0.01 else f"{number * 1000:.1f} ms"
    return f"{number:.1f}".removesuffix(".0") + " s" if number < 60 else duration(number)


def size(number_bytes: float | None) -> str:
    """Return a number of bytes; `-` if there is none."""
    if number_bytes is None:
        return MISSING
    unit, name = next(((unit, name) for unit, name in UNITS if number_bytes >= unit), (1, "B"))
    return f"{number_bytes / unit:.0f} {name}"


def parts(rates: Mapping[str, float] | None) -> str:
    """Return the sum of rates and what it is made of, the largest first; what is 0 is left out."""
    if rates is None:
        return MISSING
    told = [f"{name} {rate(number)}" for name, number in sorted(rates.items(), key=lambda item: -item[1]) if number]
    return " · ".join([rate(sum(rates.values())), *told])


def line(name: str, text: str) -> Text:
    """Return one line: a name in grey, and what follows."""
    return Text.assemble((f"{name:<16}", GREY), text)


def packed(name: str, told: Iterable[str], width: int) -> list[Text]:
    """Return a name in bold and what is told of it, in as many lines as it takes."""
    lines, is_begun = [Text.assemble((name, "bold"), "  ")], False
    for each in told:
        if is_begun and lines[-1].cell_len + len(each) + 3 > width:
            lines, is_begun = [*lines, Text("  ")], False
        lines[-1].append(f" · {each}" if is_begun else each)
        is_begun = True
    return cut(lines, width)


def cut(lines: list[Text], width: int) -> list[Text]:
    """Return the lines, each no longer than that."""
    for each in lines:
        each.truncate(width, overflow="ellipsis")
    return lines


def rows(first: str, *others: str) -> Table:
    """Return a table whose rows take one line each: what has no room is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=GREY)
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True, overflow="ellipsis")
    return table


def more(number: int, what: str) -> Text:
    """Return the line that stands for what has no room."""
    return Text(f"and {number} more {what if number > 1 else what.removesuffix('s')}", GREY)
