"""What the commands that fold a log share: which log, which time, who reads what, and how far they are."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from cjstream import definitions, settings
from cjstream.cli.replay import Job, Replayed
from cjstream.core.definition import JourneyDefinition
from cjstream.core.times import parse_day
from cjstream.kafka import topic_spans

TOPIC = "topic"
BYTES_PER_PROCESS = 4 << 20  # a process takes half a second to start: shorter files are read by one
GZIP_RATIO = 10  # JSON lines of touchpoints


class Plan(NamedTuple):
    """Who reads what, and how much there is to read in all: bytes of a file, each process all of it, or records."""

    jobs: list[Job]
    total: int


def journey(ctx: click.Context, param: click.Parameter, value: str) -> JourneyDefinition:
    """Return the definition that a parameter names: a file, or a shipped one."""
    if value not in definitions.names() and not Path(value).is_file():
        shipped = ", ".join(definitions.names())
        raise click.BadParameter(f"{value!r} is neither a file nor one of {shipped}.", ctx, param)
    return definitions.find(value)


def log(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return a parameter that is a file, or TOPIC."""
    if value is not None and value != TOPIC and not Path(value).is_file():
        raise click.BadParameter(f"{value!r} is no file. Give a file, or the word `topic`.", ctx, param)
    return value


def time(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return a parameter that is a day or a time, in milliseconds."""
    if value is None:
        return None
    ms = parse_day(value)
    if ms is None:
        raise click.BadParameter(f"{value!r} is no day or time such as 2026-01-31 or 2026-01-31T08:00:00Z.", ctx, param)
    return ms


since = click.option(
    "--since",
    "since_ms",
    metavar="TIME",
    callback=time,
    help="Take touchpoints of this event time and later: 2026-01-31, or a time with zone.",
)
until = click.option(
    "--until", "until_ms", metavar="TIME", callback=time, help="Take touchpoints before this event time."
)
processes = click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=None,
    help="Default: one per core, at most one per partition; one for a short file.",
)


def plan(log: str, processes: int | None, worlds: Sequence[Sequence[JourneyDefinition]], **options: Any) -> Plan:
    """Return who reads what of a log. `worlds`: the journeys that run together, in each of them."""
    config = settings.load()
    options["scorer"] = config.sentiment_scorer
    options["worlds"] = [[journey.data for journey in journeys] for journeys in worlds]
    cores = os.cpu_count() or 1
    if log == TOPIC:
        spans = asyncio.run(topic_spans(config, config.touchpoints))
        count = min(processes or cores, len(spans))
        shares = [[number for number in sorted(spans) if number % count == share] for share in range(count)]
        jobs = [Job(settings=config, partitions=share, **options) for share in shares]
        return Plan(jobs, sum(span.end - span.start for span in spans.values()))
    size = Path(log).stat().st_size
    count = processes or min(cores, 1 + size * (GZIP_RATIO if log.endswith(".gz") else 1) // BYTES_PER_PROCESS)
    return Plan([Job(file=log, share=share, shares=count, **options) for share in range(count)], size * count)


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Yield what takes how much was read: a bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = ("replaying", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def tell_speed(replayed: Replayed, seconds: float, processes: int) -> None:
    """Say on stderr how fast it was, and what was left out."""
    rate = replayed.touchpoints / max(seconds, 0.001)
    by = f"{processes} processes" if processes > 1 else "1 process"
    click.echo(f"{replayed.touchpoints:,} touchpoints in {seconds:.1f} s, {rate:,.0f} a second by {by}", err=True)
    for reason, count in replayed.rejected.most_common():
        click.echo(f"{count:,} records are no touchpoint and were left out: {reason}", err=True)
    outside = replayed.reports[0].outside
    if outside:
        click.echo(f"{outside:,} touchpoints are not of the time asked for", err=True)
