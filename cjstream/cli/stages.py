"""`cjstream stages`."""

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from cjstream import definitions, kafka, settings
from cjstream.ingest.codec import loads
from cjstream.settings import Settings

Funnel = dict[str, list[dict[str, Any]]]  # journey -> what StageCurrent says of it, one per customer


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One StageCurrent a line, the newest of each customer.")
def command(as_json: bool) -> None:
    """Show where the customers are: a funnel per journey. Erased customers are left out."""
    config = settings.load()
    newest = asyncio.run(_newest(config))
    if as_json:
        sys.stdout.buffer.writelines(value + b"\n" for value in newest)
    else:
        _print_funnels(config, map(loads, newest))


async def _newest(config: Settings) -> list[bytes]:
    newest: dict[bytes | None, bytes] = {}
    async for record in kafka.read_topic(config, config.stage_current):
        if record.value is None:
            newest.pop(record.key, None)
        else:
            newest[record.key] = record.value
    return list(newest.values())


def _print_funnels(config: Settings, customers: Iterable[dict[str, Any]]) -> None:
    found: Funnel = defaultdict(list)
    for customer in customers:
        for journey, current in customer["journeys"].items():
            found[journey].append(current)
    orders = _stage_orders(config) if found else {}
    for journey, current in found.items():
        outcomes = Counter(one["outcome"] for one in current)
        counts = f"{outcomes['converted']} converted, {outcomes['dropped']} dropped"
        click.echo(f"{journey}: {len(current)} customers, {counts}")
        Console().print(_funnel(current, orders.get(journey, [])))


def _stage_orders(config: Settings) -> dict[str, list[str]]:
    """Return the stages of the journeys in the settings, the first ones first: records do not tell their order."""
    loaded = [definitions.load(path) for path in config.journey_files] or [definitions.shipped()]
    return {
        found.journey: [stage.id for stage in sorted(found.stages, key=lambda stage: stage.weight)] for found in loaded
    }


def _funnel(customers: list[dict[str, Any]], order: list[str]) -> Table:
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
