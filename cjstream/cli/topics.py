"""`cjstream topics create` and `cjstream topics check`."""

import asyncio

import rich_click as click

from cjstream import kafka, settings

BROKER_SECONDS = 60  # so that a script may start broker and topics at the same time
DEFAULT_PARTITIONS = 8


@click.group()
def command() -> None:
    """Make or check the app's topics: the inputs, the outputs and the state's changelog."""


@command.command()
@click.option("--partitions", type=click.IntRange(1, 10_000), default=DEFAULT_PARTITIONS, show_default=True,
              help="Partitions of every topic; at least as many as worker processes, and hard to change.")  # fmt: skip
def create(partitions: int) -> None:
    """Create the topics that are missing. May be repeated; waits up to 60 s for the broker.

    A topic of facts that exists may have another partition count.
    """

    async def run() -> list[str]:
        await kafka.wait_for_broker(config.kafka_bootstrap_servers, BROKER_SECONDS)
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

    A topic with a smaller record limit than `create` gives is named, and is no reason for 1; nor is a topic of facts
    that is not compacted. Waits up to 60 s for the broker.
    """

    async def run() -> tuple[dict[str, int | None], dict[str, int], bool]:
        await kafka.wait_for_broker(config.kafka_bootstrap_servers, BROKER_SECONDS)
        return await kafka.check_topics(config), await kafka.small_topics(config), await kafka.is_losing_facts(config)

    config = settings.load()
    found, small, is_losing_facts = asyncio.run(run())
    for name, count in found.items():
        click.echo(f"{name}  {'missing' if count is None else count}")
    for name, limit in small.items():
        todo = f"{kafka.RECORD_LIMIT_BYTES} is better: a worker stops at a larger record"
        click.echo(f"note: {name} takes records of up to {limit} bytes; {todo}", err=True)
    if is_losing_facts:
        todo = "cleanup.policy=compact is better: a worker that starts knows only the facts still in it"
        click.echo(f"note: {config.facts} deletes old facts; {todo}", err=True)
    counts = set(kafka.alike(found, config).values())
    if None in found.values():
        click.echo("topics are missing; run `cjstream topics create`", err=True)
    elif len(counts) > 1 or partitions not in {None, *counts}:
        click.echo(f"all topics but facts need the same count{f', {partitions}' if partitions else ''}", err=True)
    else:
        return
    ctx.exit(1)
