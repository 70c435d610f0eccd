"""`cjstream replay-diff`."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from cjstream import definitions, settings
from cjstream.cli.replay import Job, Replayed, replay
from cjstream.cli.replay_diff_view import as_data, print_report
from cjstream.core.definition import JourneyDefinition
from cjstream.core.times import parse_duration, parse_time
from cjstream.ingest.codec import dumps
from cjstream.kafka import topic_spans

TOPIC = "topic"
DAY_MS = 86_400_000
BYTES_PER_PROCESS = 4 << 20  # a process takes half a second to start: shorter files are read by one
GZIP_RATIO = 10  # JSON lines of touchpoints


class Plan(NamedTuple):
    """Who reads what, and how much there is to read in all: bytes of a file, each process all of it, or records."""

    jobs: list[Job]
    total: int


def _journey(ctx: click.Context, param: click.Parameter, value: str) -> JourneyDefinition:
    if value not in definitions.names() and not Path(value).is_file():
        shipped = ", ".join(definitions.names())
        raise click.BadParameter(f"{value!r} is neither a file nor one of {shipped}.", ctx, param)
    return definitions.find(value)


def _log(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value != TOPIC and not Path(value).is_file():
        raise click.BadParameter(f"{value!r} is no file. Give a file of touchpoints, or the word `topic`.", ctx, param)
    return value


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    ms = parse_time(f"{value}T00:00:00Z" if len(value) == len("2026-01-31") else value)
    if ms is None:
        raise click.BadParameter(f"{value!r} is no day or time such as 2026-01-31 or 2026-01-31T08:00:00Z.", ctx, param)
    return ms


def _interval(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    ms = None if value is None else parse_duration(value)
    if value is not None and (ms is None or ms < DAY_MS):
        raise click.BadParameter(f"{value!r} is no duration of a day or more, such as 7d or 30d.", ctx, param)
    return ms


@click.command()
@click.option(
    "--from",
    "log",
    metavar="FILE|topic",
    required=True,
    callback=_log,
    help="JSON lines of touchpoints, also .gz; or the word `topic`: the input topic of the settings.",
)
@click.option(
    "--journey",
    "a",
    metavar="JOURNEY",
    required=True,
    callback=_journey,
    help="Definition A, such as the one in use: a file, or the name of a shipped one.",
)
@click.option(
    "--against",
    "b",
    metavar="JOURNEY",
    required=True,
    callback=_journey,
    help="Definition B, such as the one you plan.",
)
@click.option(
    "--since",
    "since_ms",
    metavar="TIME",
    callback=_time,
    help="Take touchpoints of this event time and later: 2026-01-31, or a time with zone.",
)
@click.option("--until", "until_ms", metavar="TIME", callback=_time, help="Take touchpoints before this event time.")
@click.option(
    "--interval",
    "interval_ms",
    metavar="DURATION",
    callback=_interval,
    help="Also tell new, returning, resurrecting and dormant customers per interval, such as 7d or 30d.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=None,
    help="Default: one per core, at most one per partition; one for a short file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: log, a, b, comparison.")
@click.pass_context
def command(
    ctx: click.Context,
    log: str,
    a: JourneyDefinition,
    b: JourneyDefinition,
    since_ms: int | None,
    until_ms: int | None,
    interval_ms: int | None,
    processes: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Run the same touchpoints through two definitions, and show what becomes of the customers.

    Nothing is written. Every customer goes through both journeys as a worker would take them, late and
    repeated touchpoints included; deadlines pass up to the newest touchpoint. With --since a customer
    begins with the first touchpoint taken. Columns: A is --journey, B is --against. Stages are matched
    by id. How to read it: docs/how-to/compare-journeys.md.

    Exit 1: the log has no touchpoint.
    """
    began = monotonic()
    plan = _plan(log, processes, {"since_ms": since_ms, "until_ms": until_ms, "interval_ms": interval_ms}, a, b)
    with _progress(plan.total) as show:
        replayed = replay(plan.jobs, show)
    _tell_speed(replayed, monotonic() - began, len(plan.jobs))
    if not sum(replayed.reports[0].touchpoints.values()):
        click.echo(f"no touchpoint in {log}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(dumps(as_data(log, replayed, (a, b))))
    else:
        print_report(log, replayed, (a, b))


def _plan(log: str, processes: int | None, options: dict[str, Any], *journeys: JourneyDefinition) -> Plan:
    options["definitions"] = [journey.data for journey in journeys]
    cores = os.cpu_count() or 1
    if log == TOPIC:
        config = settings.load()
        spans = asyncio.run(topic_spans(config, config.touchpoints))
        count = min(processes or cores, len(spans))
        shares = [[number for number in sorted(spans) if number % count == share] for share in range(count)]
        jobs = [Job(settings=config, partitions=share, **options) for share in shares]
        return Plan(jobs, sum(span.end - span.start for span in spans.values()))
    size = Path(log).stat().st_size
    count = processes or min(cores, 1 + size * (GZIP_RATIO if log.endswith(".gz") else 1) // BYTES_PER_PROCESS)
    return Plan([Job(file=log, share=share, shares=count, **options) for share in range(count)], size * count)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Yield what takes how much was read: a bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = ("replaying", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _tell_speed(replayed: Replayed, seconds: float, processes: int) -> None:
    rate = replayed.touchpoints / max(seconds, 0.001)
    by = f"{processes} processes" if processes > 1 else "1 process"
    click.echo(f"{replayed.touchpoints:,} touchpoints in {seconds:.1f} s, {rate:,.0f} a second by {by}", err=True)
    for reason, count in replayed.rejected.most_common():
        click.echo(f"{count:,} records are no touchpoint and were left out: {reason}", err=True)
    outside = replayed.reports[0].outside
    if outside:
        click.echo(f"{outside:,} touchpoints are not of the time asked for", err=True)
