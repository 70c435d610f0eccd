"""`cjstream topics accept`."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import rich_click as click

from cjstream import kafka, settings
from cjstream.core.state import POSITION_KEY, Position, encode, newer_position
from cjstream.errors import StateMismatch
from cjstream.ingest.codec import dumps
from cjstream.settings import Settings
from cjstream.stream.intake import Look, look, require_topic

BROKER_SECONDS = 60
LEAVE_SECONDS = 5.0  # beyond the session, for the broker to give up members that were killed
LOOK_SECONDS = 0.5


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: partitions, accepted. Needs --yes or --dry-run."
)
@click.pass_context
def command(ctx: click.Context, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Let workers go on with an input topic, or a state changelog, that was made anew: after exit code 4.

    In each partition whose state was not made of the input as it is now, all records of the input count
    as new, from the first one on. The state, where there is any, stays: a customer goes on in the stage
    and sequence held. Where the changelog is empty the state is built anew from the input.

    All workers of the app must be stopped; waits for those that were killed, and up to 60 s for the
    broker. Partitions that fit are left alone; with nothing to do it ends with 0. Exit 1 if the answer
    is no.
    """
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json needs --yes or --dry-run")
    config = settings.load()
    looks = asyncio.run(_look(config))
    others = {number: each for number, each in looks.items() if each.why_other() is not None}
    if not as_json:
        _print(config, others)
    go = bool(others) and not dry_run and (yes or click.confirm("Go on?", err=True))
    if go:
        asyncio.run(_accept(config, others))
    if as_json:
        click.echo(dumps({"partitions": [_told(number, each) for number, each in others.items()], "accepted": go}))
    elif go:
        click.echo(f"accepted: {len(others)} partitions begin anew; start the workers")
    ctx.exit(1 if others and not go and not dry_run else 0)


async def _look(config: Settings) -> dict[int, Look]:
    """Look at all partitions."""
    await kafka.wait_for_broker(config, BROKER_SECONDS)
    count = await kafka.require_topics(config)
    positions = await _positions(config, count)
    require_topic(config, positions, count)
    return await look(config, positions, lambda numbers: kafka.committed_offsets(config, numbers))


async def _positions(config: Settings, count: int) -> dict[int, Position]:
    """Return how far the state of each partition is, as a restore would find it; reads the whole changelog."""
    found = dict.fromkeys(range(count), Position())
    async with aclosing(kafka.read_topic(config, config.state_changelog)) as records:
        async for record in records:
            if record.key == POSITION_KEY:
                found[record.partition] = newer_position(found[record.partition], record.value)
    return found


def _print(config: Settings, others: Mapping[int, Look]) -> None:
    for number, each in others.items():
        click.echo(f"{config.touchpoints} partition {number}: {each.why_other()}; {_start(each)} and later will count")
    if not others:
        click.echo("nothing to accept: the state was made of the input as it is", err=True)


def _start(each: Look) -> str:
    return f"offset {each.found.span.start}"


def _told(number: int, each: Look) -> dict[str, Any]:
    start = each.found.span.start
    return {"partition": number, "why": each.why_other(), "epoch": each.position.fence[0] + 1, "reads_from": start}


async def _accept(config: Settings, others: Mapping[int, Look]) -> None:
    """Put the group to the start first: cut short after that, the workers still refuse, and all can be done again."""
    await _wait_until_alone(config)
    await kafka.commit_offsets(config, {number: each.found.span.start for number, each in others.items()})
    anew = {number: _anew(each.position, config.touchpoints) for number, each in others.items()}
    await kafka.send_to(
        config, config.state_changelog, {number: (POSITION_KEY, encode(each)) for number, each in anew.items()}
    )


def _anew(position: Position, topic: str) -> Position:
    """Return the position before the first record of another log; what the clock has sent stays sent."""
    fence = (position.fence[0] + 1, -1)
    return msgspec.structs.replace(position, fence=fence, timestamp_ms=-1, value_hash=b"", topic=topic)


async def _wait_until_alone(config: Settings) -> None:
    """Return when the group has no members; those that were killed leave when their session ends."""
    seconds = config.kafka_session_timeout_seconds + LEAVE_SECONDS
    deadline = time.monotonic() + seconds
    is_told = False
    while members := await kafka.group_members(config):
        if time.monotonic() > deadline:
            raise StateMismatch(f"workers of app {config.app_id} run: {', '.join(members)}", kafka.STOP_WORKERS)
        if not is_told:
            click.echo(f"waiting up to {seconds:g} s for {', '.join(members)} to leave the group", err=True)
            is_told = True
        await asyncio.sleep(LOOK_SECONDS)
