"""`cjstream replay-diff`."""

from time import monotonic

import rich_click as click

from cjstream.cli import replay_plan
from cjstream.cli.replay import replay
from cjstream.cli.replay_diff_view import as_data, print_report
from cjstream.core.definition import JourneyDefinition
from cjstream.core.times import parse_duration
from cjstream.ingest.codec import dumps

DAY_MS = 86_400_000


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
    callback=replay_plan.log,
    help="JSON lines of touchpoints, also .gz; or the word `topic`: the input topic of the settings.",
)
@click.option(
    "--journey",
    "a",
    metavar="JOURNEY",
    required=True,
    callback=replay_plan.journey,
    help="Definition A, such as the one in use: a file, or the name of a shipped one.",
)
@click.option(
    "--against",
    "b",
    metavar="JOURNEY",
    required=True,
    callback=replay_plan.journey,
    help="Definition B, such as the one you plan.",
)
@replay_plan.since
@replay_plan.until
@click.option(
    "--interval",
    "interval_ms",
    metavar="DURATION",
    callback=_interval,
    help="Also tell new, returning, resurrecting and dormant customers per interval, such as 7d or 30d.",
)
@replay_plan.processes
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
    span = {"since_ms": since_ms, "until_ms": until_ms, "interval_ms": interval_ms}
    plan = replay_plan.plan(log, processes, [[a], [b]], **span)
    with replay_plan.progress(plan.total) as show:
        replayed = replay(plan.jobs, show)
    replay_plan.tell_speed(replayed, monotonic() - began, len(plan.jobs))
    if not sum(replayed.reports[0].touchpoints.values()):
        click.echo(f"no touchpoint in {log}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(dumps(as_data(log, replayed, (a, b))))
    else:
        print_report(log, replayed, (a, b))
