"""`cjstream transitions`."""

import asyncio
import sys
from contextlib import aclosing

import rich_click as click

from cjstream import kafka, settings
from cjstream.ingest.codec import loads


@click.command()
@click.option("--follow", is_flag=True, help="Show what comes from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="The records' values, one JSON object a line.")
def command(follow: bool, as_json: bool) -> None:
    """Print the stage transitions sent so far, oldest first within a partition.

    After a crash some may be there twice: with the same id, sequence and bytes. Both are shown.
    """
    asyncio.run(_print(follow, as_json))


async def _print(follow: bool, as_json: bool) -> None:
    config, out = settings.load(), sys.stdout.buffer
    topic = config.transitions
    async with aclosing(kafka.read_topic(config, topic, follow=follow, from_end=follow)) as records:
        async for record in records:
            if record.value is not None:
                out.write((record.value if as_json else describe(record.value).encode()) + b"\n")
            if follow:
                out.flush()
    out.flush()


def describe(value: bytes) -> str:
    """Return one line for a person: when, who, in which journey, from where to where, why."""
    found = loads(value)
    cause = found["cause"]
    why = cause.get("type") or f"deadline {cause.get('deadline')}"
    move = f"{found['from_stage'] or '-'} -> {found['to_stage'] or '-'}"
    return "  ".join((found["occurred_at"], found["customer_id"], found["journey"], move, found["kind"], f"({why})"))
