"""How `cjstream top` shows journeys: a funnel each, or two lines each where there is no room."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cjstream.cli.tables import OUTSIDE, share
from cjstream.cli.top_journeys import Journey, Stage
from cjstream.cli.top_words import BLUE, GREEN, GREY, RED, Block, count, cut, more, packed, rate, rows
from cjstream.core.totals import CONVERTED, DROPPED, NONE

OUTCOMES = (("in_progress", "█", BLUE), (CONVERTED, "▓", GREEN), (DROPPED, "░", RED))
WIDE = 100  # from so many columns on there is room for who came as far, and for who left
BAR_COLUMNS = 12


def journeys(found: Sequence[Journey], width: int, room: int | None = None) -> Block:
    """Return all journeys in `room` lines: whole ones if they fit, else short ones; one alone is cut to fit."""
    blocks = [_funnel(each, width, room if len(found) == 1 else None) for each in found]
    if room is not None and sum(block.lines for block in blocks) > room:
        blocks = [_short(each, width) for each in found] if len(found) > 1 else blocks
        while sum(block.lines for block in blocks) + (len(blocks) < len(found)) > room and blocks:
            blocks.pop()
        if len(blocks) < len(found):
            blocks.append(Block([more(len(found) - len(blocks), "journeys")], 1))
    return Block([part for block in blocks for part in block.shown], sum(block.lines for block in blocks))


def _title(journey: Journey, width: int) -> list[Text]:
    gained = "" if journey.conversions_per_second is None else f" (+{rate(journey.conversions_per_second)}/s)"
    told = [
        f"{count(journey.all_customers)} customers",
        f"{count(journey.customers[CONVERTED])} converted{gained}",
        f"{count(journey.customers[DROPPED])} dropped",
        f"{rate(journey.moves_per_second)} moves/s",
    ]
    if journey.waiting_customers is not None:
        told.append(f"{count(journey.waiting_customers)} wait for an answer")
    if journey.sla_met_share is not None:
        told.append(f"SLA {share(journey.sla_met_share)} met, {count(journey.sla.get('breached', 0))} breached")
    return packed(journey.journey, told, width)


def _funnel(journey: Journey, width: int, room: int | None) -> Block:
    title, most = [Text(), *_title(journey, width)], len(journey.stages)
    if room is not None and len(title) + 1 + most > room:
        most = max(1, room - len(title) - 2)  # the heading, and `and n more`
    largest = max((stage.here for stage in journey.stages), default=0)
    table = _table(width)
    for stage in journey.stages[:most]:
        table.add_row(*_row(stage, largest, width >= WIDE))
    hidden = len(journey.stages) - most
    foot = [more(hidden, "stages")] if hidden else []
    return Block([*title, table, *foot], len(title) + 1 + most + len(foot))


def _table(width: int) -> Table:
    names = [outcome.replace("_", " ") for outcome, _, _ in OUTCOMES]
    table = rows("stage", "here", "", *names, "in/s", *(("came as far", "left/s") if width >= WIDE else ()))
    table.columns[2].justify = "left"
    table.columns[0].max_width = max(16, width - 64)
    for column, (_, mark, colour) in zip(table.columns[3:6], OUTCOMES, strict=True):
        column.header = Text.assemble((mark, colour), f" {column.header}")
    return table


def _row(stage: Stage, largest: int, is_wide: bool) -> list[Text | str]:
    counts = [count(stage.customers[outcome]) for outcome, _, _ in OUTCOMES]
    extra = [count(stage.customers_came), rate(stage.left_per_second)] if is_wide else []
    figures = [*counts, rate(stage.entered_per_second), *extra]
    return [Text(_name(stage)), Text(count(stage.here)), bar(stage, largest), *figures]


def _name(stage: Stage) -> str:
    return OUTSIDE if stage.stage == NONE else stage.stage


def bar(stage: Stage, largest: int) -> Text:
    """Return a bar of who is in a stage, by outcome; whoever is there shows, however few."""
    left = columns = max(round(BAR_COLUMNS * stage.here / largest), 1) if stage.here > 0 else 0
    sizes = {}
    rising = sorted((number, outcome) for outcome, number in stage.customers.items() if number > 0)
    for place, (number, outcome) in enumerate(rising):
        fair = max(1, round(columns * number / stage.here))
        sizes[outcome] = left if place == len(rising) - 1 else min(fair, left - 1)
        left -= sizes[outcome]
    return Text.assemble(*((mark * sizes.get(outcome, 0), colour) for outcome, mark, colour in OUTCOMES))


def _short(journey: Journey, width: int) -> Block:
    stages = Text(" → ".join(f"{_name(stage)} {count(stage.here)}" for stage in journey.stages), GREY)
    lines = [Text(), *_title(journey, width), *cut([stages], width)]
    return Block(list(lines), len(lines))
