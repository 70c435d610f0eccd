"""`cjstream inspect`."""

import asyncio
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console

from cjstream import kafka, settings
from cjstream.cli.why import explain, read_kept
from cjstream.ingest.codec import dumps, loads
from cjstream.settings import Settings


@click.command()
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: customer_id, stage_current, state, why.")
@click.pass_context
def command(ctx: click.Context, customer: str, as_json: bool) -> None:
    """Show one customer: the current stages, and the state that the worker keeps. Exit 1 if unknown.

    Reads one partition of two topics from the beginning. With --json also one of the input: `why` says
    what is behind each stage, as `cjstream why` does for people.
    """
    found = asyncio.run(_find(settings.load(), customer, with_why=as_json))
    if found["stage_current"] is None and found["state"] is None:
        click.echo(f"no customer {customer}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(dumps(found))
    else:
        _print(found)


async def _find(config: Settings, customer: str, *, with_why: bool) -> dict[str, Any]:
    current = await _newest(config, config.stage_current, customer.encode())
    kept = await read_kept(config, customer)
    found = {
        "customer_id": customer,
        "stage_current": None if current is None else loads(current),
        "state": None if kept.state is None else _plain(kept.state),
    }
    if with_why:
        found["why"] = await explain(config, customer, kept)
    return found


async def _newest(config: Settings, topic: str, key: bytes) -> bytes | None:
    partition = kafka.partition_of(key, await kafka.partition_count(config, topic))
    newest = None
    async for record in kafka.read_topic(config, topic, partitions=[partition]):
        if record.key == key:
            newest = record.value
    return newest


def _plain(value: Any) -> Any:
    """Return a state as data with field names, which its own array form leaves out; bytes in hex."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(item) for name, item in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _print(found: dict[str, Any]) -> None:
    console = Console()
    for title in ("stage_current", "state"):
        console.print(title, style="bold")
        console.print_json(dumps(found[title]).decode())
