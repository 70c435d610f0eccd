"""`cjstream topics create` and `cjstream topics check`; `accept` is in a file of its own."""

import asyncio

import rich_click as click

from cjstream import kafka, settings
from cjstream.cli.accept import command as accept
from cjstream.settings import Settings

BROKER_SECONDS = 60  # so that a script may start broker and topics at the same time
DEFAULT_PARTITIONS = 8


@click.group()
def command() -> None:
    """Make or check the app's topics: the inputs, the outputs and the state's changelog."""


command.add_command(accept, "accept")


@command.command()
@click.option("--partitions", type=click.IntRange(1, 10_000), default=DEFAULT_PARTITIONS, show_default=True,
              help="Partitions of every topic; at least as many as worker processes, and hard to change.")  # fmt: skip
def create(partitions: int) -> None:
    """Create the topics that are missing. May be repeated; waits up to 60 s for the broker.

    A topic of facts that exists may have another partition count.
    """

    async def run() -> list[str]:
        await kafka.wait_for_broker(config, BROKER_SECONDS)
        return await kafka.create_topics(config, partitions)

    config = settings.load()
    created = asyncio.run(run())
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("all topics exist", err=True)


@command.command()
@click.option("--partitions", type=click.IntRange(1, 10_000), default=None,
              help="The count that every topic but facts should have; default: any, the same for all.")  # fmt: skip
@click.pass_context
def check(ctx: click.Context, partitions: int | None) -> None:
    """Print each topic's partition count; exit 1 if one is missing or the counts are not right.

    A topic with a smaller record limit than `create` gives is named, and is no reason for 1; nor is a compacted one
    that may keep longer what was replaced, or a topic of facts that is not compacted. Waits up to 60 s for the broker.
    """

    async def run() -> tuple[dict[str, int | None], list[str]]:
        await kafka.wait_for_broker(config, BROKER_SECONDS)
        return await kafka.check_topics(config), await _notes(config)

    config = settings.load()
    found, notes = asyncio.run(run())
    for name, count in found.items():
        click.echo(f"{name}  {'missing' if count is None else count}")
    for note in notes:
        click.echo(f"note: {note}", err=True)
    counts = set(kafka.alike(found, config).values())
    if None in found.values():
        click.echo("topics are missing; run `cjstream topics create`", err=True)
    elif len(counts) > 1 or partitions not in {None, *counts}:
        click.echo(f"all topics but facts need the same count{f', {partitions}' if partitions else ''}", err=True)
    else:
        return
    ctx.exit(1)


async def _notes(config: Settings) -> list[str]:
    """Return what could be better about the topics that there are, one sentence each."""
    notes = [
        f"{name} takes records of up to {limit} bytes; max.message.bytes={better} is better: "
        "a worker stops at a larger record"
        for name, (limit, better) in (await kafka.small_topics(config)).items()
    ]
    notes += [
        f"{name} may keep for ever what a forgotten customer had; "
        f"max.compaction.lag.ms={kafka.MAX_COMPACTION_LAG_MS} is better"
        for name in await kafka.unbounded_topics(config)
    ]
    if await kafka.is_losing_facts(config):
        todo = "cleanup.policy=compact is better: a worker that starts knows only the facts still in it"
        notes.append(f"{config.facts} deletes old facts; {todo}")
    return notes
