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
from cjstream.core.state import definition_key
from cjstream.ingest.codec import loads
from cjstream.settings import Settings

Customers = list[dict[str, Any]]  # what StageCurrent says of one journey, one per customer


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One StageCurrent a line, the newest of each customer.")
def command(as_json: bool) -> None:
    """Show where the customers are: a funnel per journey. Erased customers are left out.

    `here now`: in this stage; `furthest`: never were further; `got here`: came to this stage or further.
    """
    asyncio.run(_show(settings.load(), as_json))


async def _show(config: Settings, as_json: bool) -> None:
    newest = await _newest(config)
    if as_json:
        sys.stdout.buffer.writelines(value + b"\n" for value, _ in newest)
    else:
        await _print_funnels(config, newest)


async def _newest(config: Settings) -> list[tuple[bytes, int]]:
    """Return the newest value of each customer, and its partition."""
    newest: dict[bytes | None, tuple[bytes, int]] = {}
    async for record in kafka.read_topic(config, config.stage_current):
        if record.value is None:
            newest.pop(record.key, None)
        else:
            newest[record.key] = record.value, record.partition
    return list(newest.values())


async def _print_funnels(config: Settings, newest: Iterable[tuple[bytes, int]]) -> None:
    journeys: dict[str, Customers] = defaultdict(list)
    partitions: dict[str, int] = {}  # of a customer under each definition
    for value, partition in newest:
        for journey, current in loads(value)["journeys"].items():
            journeys[journey].append(current)
            partitions[current["definition"]] = partition
    for journey, customers in journeys.items():
        [(definition, _)] = Counter(one["definition"] for one in customers).most_common(1)
        order = await _stage_order(config, definition, partitions[definition])
        outcomes = Counter(one["outcome"] for one in customers)
        counts = f"{outcomes['converted']} converted, {outcomes['dropped']} dropped"
        click.echo(f"{journey}: {len(customers)} customers, {counts}")
        Console().print(_funnel(customers, order))


async def _stage_order(config: Settings, definition: str, partition: int) -> list[str]:
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
    here = Counter(current["stage"] or "(outside)" for current in customers)
    furthest = Counter(current["furthest_stage"] for current in customers)
    table = Table()
    for name in ("stage", "here now", "furthest", "got here"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    stages = [*order, *sorted((here.keys() | furthest.keys()) - set(order) - {None})]
    for stage in stages:
        table.add_row(stage, str(here[stage]), str(furthest[stage]), _got_here(stage, order, furthest))
    return table


def _got_here(stage: str, order: list[str], furthest: Counter[str]) -> str:
    """Return how many came to a stage or further, and the share of all; nothing if the order is not known."""
    if stage not in order:
        return ""
    count = sum(furthest[later] for later in order[order.index(stage) :])
    return f"{count} ({count / max(1, furthest.total()):.1%})"
