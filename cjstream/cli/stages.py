"""`cjstream stages`."""

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from cjstream import kafka, settings
from cjstream.core.definition import compile_definition
from cjstream.core.outputs import OUTCOMES
from cjstream.core.state import definition_key
from cjstream.ingest.codec import loads
from cjstream.settings import Settings

DROPPED = "dropped"
Customers = list[dict[str, Any]]  # what StageCurrent says of one journey, one per customer


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One StageCurrent a line, the newest of each customer.")
def command(as_json: bool) -> None:
    """Show where the customers are: a funnel per journey. Erased customers are left out.

    `here now`: in this stage, and what became of them; `furthest`: never were further; `got here`: came to this stage
    or further. Who left the journey is `(outside)`. Below, the same of those who were dropped.
    """
    asyncio.run(_show(settings.load(), as_json))


async def _show(config: Settings, as_json: bool) -> None:
    newest = await read_newest(config)
    if as_json:
        sys.stdout.buffer.writelines(value + b"\n" for value, _ in newest)
    else:
        await _print_funnels(config, newest)


async def read_newest(config: Settings) -> list[tuple[bytes, int]]:
    """Return the newest value of each customer on the topic of current stages, and its partition."""
    newest: dict[bytes | None, tuple[bytes | None, int]] = {}
    async with aclosing(kafka.read_batches(config, config.stage_current)) as batches:
        async for records in batches:
            for record in records:
                newest[record.key] = record.value, record.partition
    return [(value, partition) for value, partition in newest.values() if value is not None]


async def _print_funnels(config: Settings, newest: Iterable[tuple[bytes, int]]) -> None:
    journeys: dict[str, Customers] = defaultdict(list)
    partitions: dict[str, int] = {}  # of a customer under each definition
    for value, partition in newest:
        for journey, current in loads(value)["journeys"].items():
            journeys[journey].append(current)
            partitions[current["definition"]] = partition
    for journey, customers in journeys.items():
        [(definition, _)] = Counter(one["definition"] for one in customers).most_common(1)
        order = await read_stage_order(config, definition, partitions[definition])
        count = Counter(one["outcome"] for one in customers)
        outcomes = f"{count['converted']} converted, {count[DROPPED]} dropped, {count['in_progress']} in progress"
        click.echo(f"{journey}: {len(customers)} customers, {outcomes}")
        console = Console()
        console.print(_funnel(customers, order))
        dropped = [one for one in customers if one["outcome"] == DROPPED]
        if dropped:
            click.echo("\nthe dropped ones, by the stage they are in now and the furthest they came to")
            console.print(_leavers(dropped, order))


async def read_stage_order(config: Settings, definition: str, partition: int) -> list[str]:
    """Return all stages of a definition, the first ones first; none if the changelog does not hold it.

    Who reads stages may not have the file; the changelog keeps a definition from its first use on, so near its start.
    """
    key, topic = definition_key(definition), config.state_changelog
    async with aclosing(kafka.read_topic(config, topic, partitions=[partition])) as records:
        async for record in records:
            if record.key == key and record.value:
                stages = compile_definition(loads(record.value), topic).stages
                return [stage.id for stage in sorted(stages, key=lambda stage: stage.weight)]
    return []


def _funnel(customers: Customers, order: list[str]) -> Table:
    here = Counter((_stage(current), current["outcome"]) for current in customers)
    furthest = Counter(current["furthest_stage"] for current in customers)
    table = _table("stage", "here now", *OUTCOMES, "furthest", "got here")
    for stage in _rows(order, {stage for stage, _ in here} | furthest.keys()):
        counts = [here[stage, outcome] for outcome in OUTCOMES]
        table.add_row(stage, *map(str, (sum(counts), *counts, furthest[stage])), _got_here(stage, order, furthest))
    return table


def _leavers(dropped: Customers, order: list[str]) -> Table:
    here = Counter(map(_stage, dropped))
    furthest = Counter(current["furthest_stage"] for current in dropped)
    table = _table("stage", "here now", "share", "furthest", "share")
    for stage in _rows(order, here.keys() | furthest.keys()):
        if here[stage] or furthest[stage]:
            table.add_row(stage, *_share(here, stage), *_share(furthest, stage))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))  # lean: millions of customers fit 80 columns
    table.add_column(first, overflow="fold", vertical="bottom")
    for name in others:
        table.add_column(name.replace("_", "\n"), justify="right", vertical="bottom")
    return table


def _stage(current: dict[str, Any]) -> str:
    return current["stage"] or "(outside)"


def _rows(order: list[str], found: Iterable[str | None]) -> list[str]:
    """Return the stages in their order, then those found that it does not know."""
    return [*order, *sorted({stage for stage in found if stage} - set(order))]


def _share(counts: Counter[str], stage: str) -> tuple[str, str]:
    return str(counts[stage]), f"{counts[stage] / max(1, counts.total()):.1%}"


def _got_here(stage: str, order: list[str], furthest: Counter[str]) -> str:
    """Return how many came to a stage or further, and the share of all; nothing if the order is not known."""
    if stage not in order:
        return ""
    count = sum(furthest[later] for later in order[order.index(stage) :])
    return f"{count} {count / max(1, furthest.total()):6.1%}"
