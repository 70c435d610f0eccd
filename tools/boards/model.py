"""What a board is made of. The boards are tables of these; `draw` and `assemble` turn them into Grafana's JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

# Okabe and Ito's colours, which people with any colour vision tell apart.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, RED, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#999999"
GOOD, WARNING, BAD, NEUTRAL = GREEN, ORANGE, RED, SKY

SELECTORS: Mapping[str, str] = {  # what expressions are written with: `cjstream_ready{<job>}`
    "<job>": 'job=~"$job"',
    "<journey>": 'job=~"$job", journey=~"$journey"',
    "<worker>": 'job=~"$job", instance=~"$instance"',
}

Kind = Literal["stat", "graph", "columns", "bars", "meters", "table", "heatmap", "text"]
Limits = Sequence[tuple[float, str]]  # (from this value on, this colour), rising; GOOD or what `base` says below them
Words = Mapping[float, tuple[str, str]]  # what a value is called, and its colour


@dataclass(frozen=True, slots=True)
class Query:
    """One expression. `name` is the legend; of bars and tables the column's head, so it has no braces there.

    A table hides a value without a name.
    """

    expr: str
    name: str = ""

    @property
    def promql(self) -> str:
        """The expression with Grafana's variables in it."""
        text = self.expr
        for short, long in SELECTORS.items():
            text = text.replace(short, long)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `means`, `normal` and `do` become its description, `empty` is shown where there is no data.

    Kinds: `stat` one number now; `graph` lines over time; `columns` stacked amounts per step of time; `bars` one bar
    per value of the label `by`, a part per query; `meters` one bar per series; `table` one row per label set.
    """

    title: str
    kind: Kind
    width: int
    height: int = 8
    unit: str = "short"
    queries: Sequence[Query] = ()
    means: str
    normal: str = ""
    do: str = ""
    empty: str = "No data in this time range"
    limits: Limits = ()
    base: str = GOOD
    words: Words = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)  # by name of the series; dashed if not the first
    columns: Sequence[str] = ()  # of a table: their order, the value's last
    by: str = ""  # bars: the label of their names
    stacked: bool = False
    top: float | None = None  # of the axis
    decimals: int | None = None
    runbooks: Sequence[str] = ()  # alerts
    links: Mapping[str, str] = field(default_factory=dict)  # paths by title
    text: str = ""  # Markdown, of the kind `text`

    @property
    def description(self) -> str:
        """What an operator reads behind the panel's sign of information."""
        parts = [self.means]
        parts += [f"**Normal:** {self.normal}"] if self.normal else []
        parts += [f"**What to do:** {self.do}"] if self.do else []
        return "\n\n".join(parts)


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, from left to right, 24 units wide; those of one line have one height."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. `variables` are names in `tools.boards.variables`; `since` is Grafana's `now-1h` and the like."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[str] = ("datasource", "job", "interval")
    steps: Sequence[str] = ("15s", "1m", "5m", "15m", "1h")  # of `interval`; the second is where it starts
    since: str = "now-1h"
    refresh: str = "30s"

    @property
    def panels(self) -> Sequence[Panel]:
        """All panels, from top to bottom."""
        return [panel for row in self.rows for panel in row.panels]
