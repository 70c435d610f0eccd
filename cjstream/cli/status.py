"""`cjstream status`."""

import asyncio
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from cjstream import kafka, settings
from cjstream.ingest.codec import dumps
from cjstream.kafka import Position
from cjstream.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object: group, topic, lag_records, partitions.")
def command(as_json: bool) -> None:
    """Show how far the workers are, per partition: lag, age of the last commit, owner.

    The commit age is the time since the partition's state was last written, right before its commit: it grows
    while there is nothing to do.
    """
    config = settings.load()
    positions = asyncio.run(kafka.group_positions(config))
    if as_json:
        click.echo(dumps(_report(config, positions)))
    else:
        _print(config, positions)


def _report(config: Settings, positions: list[Position]) -> dict[str, Any]:
    return {
        "group": config.app_id,
        "topic": config.touchpoints,
        "lag_records": sum(position.lag_records for position in positions),
        "partitions": [position._asdict() for position in positions],
    }


def _print(config: Settings, positions: list[Position]) -> None:
    lag = sum(position.lag_records for position in positions)
    click.echo(f"{config.app_id} on {config.touchpoints}: {lag} records behind")
    table = Table()
    for name in ("partition", "committed", "end", "lag", "commit age", "owner"):
        table.add_column(name, justify="left" if name == "owner" else "right", overflow="fold")
    for number, committed, end, behind, age, owner in positions:
        shown = ("-" if committed is None else committed, end, behind, "-" if age is None else f"{age:.1f} s")
        table.add_row(str(number), *map(str, shown), owner or "-")
    Console().print(table)
