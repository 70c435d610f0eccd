"""`cjstream inspect`."""

import asyncio
from time import time_ns
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console

from cjstream import kafka, settings
from cjstream.cli.inspect_measures import Models, measured, read_models
from cjstream.cli.inspect_view import print_measured
from cjstream.cli.why import explain, read_kept
from cjstream.ingest.codec import dumps, loads
from cjstream.settings import Settings


@click.command()
@click.argument("customer")
@click.option(
    "--model",
    "model_file",
    metavar="FILE",
    help="Also what is ahead: predict by the models that `cjstream report --save-model` wrote.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: customer_id, stage_current, state, measures, why."
)
@click.pass_context
def command(ctx: click.Context, customer: str, model_file: str | None, as_json: bool) -> None:
    """Show one customer: judgement, open feedback, score, stages, and the state that the worker keeps.

    Reads one partition of two topics from the beginning. With --json also one of the input: `why` says
    what is behind each stage, as `cjstream why` does for people. Scores are those of this moment.
    Exit 1 if unknown.
    """
    models = {} if model_file is None else read_models(model_file)
    found = asyncio.run(_find(settings.load(), customer, models, with_why=as_json))
    if found["stage_current"] is None and found["state"] is None:
        click.echo(f"no customer {customer}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(dumps(found))
    else:
        _print(found)


async def _find(config: Settings, customer: str, models: Models, *, with_why: bool) -> dict[str, Any]:
    current = await _newest(config, config.stage_current, customer.encode())
    kept = await read_kept(config, customer)
    now_ms = time_ns() // 1_000_000
    found = {
        "customer_id": customer,
        "stage_current": None if current is None else loads(current),
        "state": None if kept.state is None else _plain(kept.state),
        "measures": None if kept.state is None else measured(kept.state, kept.definitions, now_ms, models),
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
    if found["measures"] is not None:
        print_measured(console, found["measures"])
    for title in ("stage_current", "state"):
        console.print(title, style="bold")
        console.print_json(dumps(found[title]).decode())
