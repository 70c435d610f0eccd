"""What `cjstream demo` shows: the numbers it gathers, and how they look on a terminal and as plain lines."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.bar import Bar
from rich.console import RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cjstream.metrics import read_samples

LATEST_KEPT = 100  # more than any screen shows
RATE_SECONDS = 3.0  # rates are means over so long: steady enough to read, quick enough to follow
WIDE = 100  # from so many columns on there is room for channel and persona
COLOURS = ("bright_blue", "cyan", "green", "yellow", "magenta")
TOUCHPOINTS, LAG, SIGNALS = "cjstream_touchpoints_total", "cjstream_lag_records", "cjstream_signals_total"
OUTSIDE = "(outside)"
NEVER = (0, None)
Transition = Mapping[str, Any]


class Rate:
    """How fast a count grows, as the mean over the last RATE_SECONDS."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def note(self, now_seconds: float, count: float) -> None:
        """Remember the count at a monotonic time."""
        self._samples.append((now_seconds, count))
        while now_seconds - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()

    @property
    def per_second(self) -> float:
        """Zero until there are two samples."""
        if len(self._samples) < 2:
            return 0.0
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - start)


class Tally:
    """All numbers shown: written by the demo's tasks, read by the view. Grows by one number per customer."""

    def __init__(self, journey: str, stages: Sequence[str], days: int) -> None:
        self.journey, self.stages, self.days = journey, tuple(stages), days
        self.customers: Counter[str | None] = Counter()
        self.latest: deque[Transition] = deque(maxlen=LATEST_KEPT)
        self.touchpoints = self.transitions = self.converted = self.lag = 0
        self.touchpoint_rate, self.transition_rate = Rate(), Rate()
        self.sent = 0
        self.share_sent = 0.0  # of the period, 0 to 1
        self._seen: dict[str, tuple[int, str | None]] = {}  # sequence and stage of a customer's newest transition

    def saw(self, transition: Transition) -> None:
        """Count a customer where its newest transition led; repeats, known by their sequence, change nothing."""
        customer, sequence, stage = transition["customer_id"], transition["sequence"], transition["to_stage"]
        if transition["journey"] != self.journey or sequence <= self._seen.get(customer, NEVER)[0]:
            return
        if customer in self._seen:  # and what it left need not be `from_stage`: it may have several instances
            self.customers[self._seen[customer][1]] -= 1
        self._seen[customer] = sequence, stage
        self.transitions += 1
        self.latest.appendleft(transition)
        self.customers[stage] += 1

    @property
    def places(self) -> list[tuple[str, int]]:
        """The customers by stage, and those outside if there are any."""
        outside = [(OUTSIDE, self.customers[None])] if self.customers[None] else []
        return [(stage, self.customers[stage]) for stage in self.stages] + outside

    def measured(self, now_seconds: float, metrics_text: str) -> None:
        """Take what the worker's /metrics said at a monotonic time."""
        sums: Counter[str] = Counter()
        conversions = {"journey": self.journey, "kind": "converted"}
        for name, labels, value in read_samples(metrics_text):
            if name in {TOUCHPOINTS, LAG} or (name == SIGNALS and labels == conversions):
                sums[name] += int(value)
        self.touchpoints, self.lag, self.converted = sums[TOUCHPOINTS], sums[LAG], sums[SIGNALS]
        self.touchpoint_rate.note(now_seconds, self.touchpoints)
        self.transition_rate.note(now_seconds, self.transitions)

    @property
    def done(self) -> bool:
        """Whether all is sent and the worker has it behind it."""
        return self.share_sent == 1 and self.touchpoints >= self.sent

    @property
    def day(self) -> int:
        """The day of the generated period that is being sent, from 1."""
        return min(self.days, int(self.share_sent * self.days) + 1)


def line(tally: Tally) -> str:
    """Return everything as one plain line."""
    stages = "  ".join(f"{stage} {count:,}" for stage, count in tally.places)
    touchpoints = f"touchpoints {tally.touchpoints:,} ({tally.touchpoint_rate.per_second:,.0f}/s)"
    transitions = f"transitions {tally.transitions:,} ({tally.transition_rate.per_second:,.0f}/s)"
    return f"day {tally.day}/{tally.days}  {touchpoints}  {transitions}  lag {tally.lag:,}  {stages}"


def screen(tally: Tally, metrics_url: str, width: int) -> RenderableType:
    """Return everything as a full screen of `width` columns; made for 80 x 24 and more."""
    layout = Layout()
    layout.split_column(
        Layout(_progress(tally), size=3),
        Layout(_numbers(tally), size=3),
        Layout(stages_panel(tally), size=len(tally.places) + 2),
        Layout(_latest(tally, wide=width >= WIDE), minimum_size=4),
        Layout(_foot(metrics_url), size=1),
    )
    return layout


def stages_panel(tally: Tally) -> RenderableType:
    """Return the customers by stage as bars."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column()
    table.add_column(justify="right", min_width=7)
    table.add_column(justify="right", min_width=4)
    table.add_column(ratio=1)
    total, largest = (max(1, pick(count for _, count in tally.places)) for pick in (sum, max))
    for number, (stage, count) in enumerate(tally.places):
        colour = "bright_black" if stage == OUTSIDE else COLOURS[number % len(COLOURS)]
        share = Text(f"{count / total:.0%}", "bright_black")
        table.add_row(Text(stage, colour), f"{count:,}", share, Bar(largest, 0, count, color=colour))
    return _panel(table, f"customers by stage · journey {tally.journey}")


def _progress(tally: Tally) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column()
    table.add_column(ratio=1)
    table.add_column(justify="right", min_width=4)
    text = "all done" if tally.done else f"day {tally.day:>2} of {tally.days}"
    bar = ProgressBar(1.0, tally.share_sent, complete_style="green", finished_style="green")
    table.add_row(text, bar, f"{tally.share_sent:.0%}")
    return _panel(table, "[bold]cjstream demo[/] · a shop's month, from a generated population")


def _numbers(tally: Tally) -> RenderableType:
    table = Table.grid(expand=True)
    numbers = (
        (f"{tally.touchpoint_rate.per_second:,.0f}", "touchpoints/s"),
        (f"{tally.transition_rate.per_second:,.0f}", "transitions/s"),
        (f"{tally.lag:,}", "lag"),
        (f"{tally.converted:,}", "converted"),
    )
    for _, unit in numbers:
        table.add_column(ratio=len(unit) + 8, justify="center")
    table.add_row(*(Text.assemble((number, "bold"), " ", (unit, "bright_black")) for number, unit in numbers))
    return _panel(table, f"{tally.touchpoints:,} touchpoints · {tally.transitions:,} transitions")


def _latest(tally: Tally, wide: bool) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="bright_black")
    for header in ("event time", "customer", "from", "to", "because of"):
        table.add_column(header, no_wrap=True)
    if wide:
        table.add_column("channel", no_wrap=True)
        table.add_column("persona", no_wrap=True)
    colours = dict(zip(tally.stages, COLOURS * len(tally.stages), strict=False))
    for transition in tally.latest:
        before, after = transition["from_stage"], transition["to_stage"]
        cells = [
            Text(transition["occurred_at"][5:16].replace("T", " "), "bright_black"),
            transition["customer_id"],
            Text(before or "(new)", colours.get(before, "bright_black")),
            Text(after or "(left)", colours.get(after, "bright_black")),
            transition["cause"].get("type", "deadline"),
        ]
        if wide:
            cells += [transition["channel"] or "", transition["persona"] or ""]
        table.add_row(*cells)
    return _panel(table, "latest transitions")


def _foot(metrics_url: str) -> RenderableType:
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(Text.assemble(" metrics ", (metrics_url, "underline")), "[bold]Ctrl-C[/] stops everything ")
    return table


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="bright_black")
