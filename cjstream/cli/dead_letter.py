"""`cjstream dead-letter ls`, `show` and `replay`."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich_click as click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cjstream import kafka, settings
from cjstream.cli.dead_letter_read import Choice, Show
from cjstream.cli.dead_letter_replay import BEFORE, FAILED, SENDER, SENT, replay
from cjstream.cli.dead_letter_view import as_object, as_text, print_overview, summary
from cjstream.core.times import parse_day, parse_duration
from cjstream.core.touchpoint import REASONS
from cjstream.errors import ConfigError
from cjstream.ingest.codec import dumps
from cjstream.ingest.letters import read_letter
from cjstream.settings import Settings

Command = Callable[..., None]


@click.group()
def command() -> None:
    """Look at the records that were rejected, and send them to the input again.

    A letter is named PARTITION:OFFSET, its place on the dead-letter topic.
    """


def _filters(function: Command) -> Command:
    """Add the options that choose letters."""
    for add in (
        click.option("--offset", type=click.IntRange(0), help="Only the letter at this offset; needs --partition."),
        click.option("--partition", type=click.IntRange(0), help="Only letters of this partition."),
        click.option("--since", metavar="TIME", help="Only records sent since then: 30m, 4h, 14d, a day, or RFC 3339."),
        click.option("--key", "keys", multiple=True, help="Only records with this key; may be repeated."),
        click.option("--reason", "reasons", multiple=True, type=click.Choice(REASONS), metavar="REASON",
                     help="Only letters with this reason; may be repeated."),
    ):  # fmt: skip
        function = add(function)
    return function


def _choice(
    reasons: tuple[str, ...], keys: tuple[str, ...], since: str | None, partition: int | None, offset: int | None
) -> Choice:
    if offset is not None and partition is None:
        raise ConfigError("--offset", offset, "needs --partition: every partition has such an offset")
    return Choice(reasons, keys, None if since is None else _since_ms(since), partition, offset)


def _since_ms(text: str) -> int:
    ago_ms, at_ms = parse_duration(text), parse_day(text)
    if ago_ms is not None:
        return int(time.time() * 1000) - ago_ms
    if at_ms is None:
        raise ConfigError(
            "--since", text, "use a duration such as 30m, 4h or 14d, a day such as 2026-01-31, or a time with zone"
        )
    return at_ms


@command.command()
@_filters
@click.option("--limit", type=click.IntRange(0), default=10, show_default=True, help="How many of the latest to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: letters, replayed, reasons, latest.")
def ls(limit: int, as_json: bool, **chosen: Any) -> None:
    """Count the dead letters by reason, and list the latest. Neither keys nor payloads are shown."""
    config, choice = settings.load(), _choice(**chosen)
    with _progress() as show:
        found = asyncio.run(summary(config, choice, limit, show))
    if as_json:
        click.echo(dumps(found))
    else:
        print_overview(Console(), found, is_all=choice == Choice())


@command.command()
@click.argument("place", metavar="PARTITION:OFFSET")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the whole value.")
@click.option(
    "--value", "only_value", is_flag=True, help="The bytes of the value alone, as they are: for a file or a pipe."
)
@click.pass_context
def show(ctx: click.Context, place: str, as_json: bool, only_value: bool) -> None:
    r"""Show one dead letter with its key, headers and value. This is what the customer sent: mind who sees it.

    What is not visible text is shown escaped, as \x1b or \u202e. Exit code 1: there is no letter at this place.
    """
    if only_value and as_json:
        raise click.UsageError("--json has the value too: leave out --value")
    config, (partition, offset) = settings.load(), _place(place)
    if only_value and sys.stdout.isatty():
        raise ConfigError("--value", place, "a value may hold control characters: send it to a file or a pipe")
    record = asyncio.run(_record_at(config, partition, offset))
    letter = None if record is None else read_letter(record.headers)
    if record is None or letter is None:
        click.echo(f"no dead letter at {place}; `cjstream dead-letter ls` lists them", err=True)
        ctx.exit(1)
    elif only_value:
        sys.stdout.buffer.write(record.value or b"")
    elif as_json:
        click.echo(dumps(as_object(record, letter)))
    else:
        click.echo(as_text(record, letter))


def _place(text: str) -> tuple[int, int]:
    partition, _, offset = text.partition(":")
    if not (partition.isdecimal() and offset.isdecimal() and len(text) < 40):
        raise ConfigError("PARTITION:OFFSET", text, "use two whole numbers, such as 0:17")
    return int(partition), int(offset)


async def _record_at(config: Settings, partition: int, offset: int) -> Any:
    if partition >= await kafka.partition_count(config, config.dead_letter):
        return None
    found = (await kafka.records_at(config, config.dead_letter, {partition: offset}))[partition].record
    return found if found is not None and found.offset == offset else None


@command.command(name="replay")
@_filters
@click.option("--all", "everything", is_flag=True, help="All letters; needed if no other option chooses.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Send at most so many.")
@click.option("--dry-run", is_flag=True, help="Say how many would be sent; send nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the counts.")
@click.pass_context
def replay_command(
    ctx: click.Context, /, everything: bool, limit: int | None, dry_run: bool, as_json: bool, **chosen: Any
) -> None:
    """Send rejected records to the input again: same key, value, headers and partition, with the time of now.

    Mend first what had them rejected. Each letter is sent once, however often this is run, also if it was cut
    short. What is rejected again is a new letter, which can be replayed again. Exit code 1: some of those
    chosen cannot be sent.
    """
    choice = _choice(**chosen)
    if choice == Choice() and not everything:
        raise click.UsageError("choose letters with --reason, --key, --since or --partition, or say --all")
    config = settings.load()
    with _progress() as show_count:
        counts = asyncio.run(_replay(config, choice, limit, dry_run, show_count))
    if as_json:
        names = (SENT, BEFORE, *FAILED)
        click.echo(dumps({"dry_run": dry_run, **{name: counts[name] for name in names}}))
    else:
        _print_counts(counts, "would be sent" if dry_run else "sent")
    ctx.exit(1 if any(counts[name] for name in FAILED) else 0)


async def _replay(config: Settings, choice: Choice, limit: int | None, dry_run: bool, show: Show) -> Any:
    if dry_run:
        return await replay(config, choice, limit, show, None)
    async with kafka.AtomicSender(config, SENDER) as sender:
        return await replay(config, choice, limit, show, sender)


def _print_counts(counts: Any, sent: str) -> None:
    click.echo(f"{counts[SENT]} {sent}")
    if counts[BEFORE]:
        click.echo(f"{counts[BEFORE]} had been sent before", err=True)
    for name, why in FAILED.items():
        if counts[name]:
            click.echo(f"{counts[name]} {why}", err=True)


@contextmanager
def _progress() -> Iterator[Show]:
    """Yield what takes the count of records read: shown on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("records read, in two passes", total=None)
        yield lambda count: bar.advance(task, count)
