"""`cjstream report`."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import rich_click as click
from click.core import ParameterSource

from cjstream import definitions, settings
from cjstream.cli import replay_plan
from cjstream.cli.facts_log import read_facts
from cjstream.cli.replay import replay
from cjstream.cli.report_data import Asked, as_data
from cjstream.cli.report_live import live_data, print_live
from cjstream.cli.report_view import print_report
from cjstream.core.definition import JourneyDefinition
from cjstream.core.gathering import DIMENSIONS, Slicing
from cjstream.core.periods import PERIODS
from cjstream.errors import ConfigError
from cjstream.ingest.codec import dumps


def _journeys(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[JourneyDefinition]:
    names = values or settings.load().journey_files or (definitions.DEFAULT,)
    found = [replay_plan.journey(ctx, param, name) for name in names]
    journeys = [each.journey for each in found]
    for name in journeys:
        if journeys.count(name) > 1:
            raise click.BadParameter(f"two definitions are of the journey {name!r}; compare them by replay-diff.")
    return found


@click.command()
@click.argument("journeys", metavar="[JOURNEY]...", nargs=-1, callback=_journeys)
@click.option(
    "--from",
    "log",
    metavar="FILE|topic",
    default=replay_plan.TOPIC,
    show_default=True,
    callback=replay_plan.log,
    help="JSON lines of touchpoints, also .gz; or the word `topic`: the input topic of the settings.",
)
@click.option("--by", type=click.Choice(DIMENSIONS), help="Also the same apart for each of them; stages by `group`.")
@replay_plan.since
@replay_plan.until
@click.option("--every", type=click.Choice(PERIODS), help="Also how many went on, and what they did, by period (UTC).")
@click.option(
    "--facts",
    metavar="FILE|topic",
    callback=replay_plan.log,
    help="Ad impressions, clicks, spend and search rank: JSON lines, or `topic`: the facts topic.",
)
@click.option(
    "--save-model",
    "model_file",
    type=click.Path(dir_okay=False, writable=True),
    help="Write what the predictions are made from to this JSON file; `inspect` takes it.",
)
@click.option("--live", is_flag=True, help="Instead: where customers are now, from the current stages.")
@replay_plan.processes
@click.option("--json", "as_json", is_flag=True, help="One JSON object: log, as_of, journeys, scores.")
@click.pass_context
def command(
    ctx: click.Context,
    journeys: list[JourneyDefinition],
    log: str,
    by: str | None,
    since_ms: int | None,
    until_ms: int | None,
    every: str | None,
    facts: str | None,
    model_file: str | None,
    live: bool,
    processes: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Report how journeys perform: who converts, where most customers leave, and what they experience.

    JOURNEY is a file or the name of a shipped definition; default: those of the settings. All touchpoints
    are taken as a worker would take them; deadlines pass up to the newest one. Nothing is written.
    How to read it: docs/how-to/read-a-report.md.

    Exit 1: the log has no touchpoint.
    """
    if live:
        _refuse_beside_live(ctx)
        now = asyncio.run(live_data(settings.load(), journeys))
        click.echo(dumps(now)) if as_json else print_live(now)
        return
    began = monotonic()
    known, rejected = read_facts(facts)
    for reason, count in rejected.most_common():
        click.echo(f"{count:,} records are no facts and were left out: {reason}", err=True)
    asked = Asked(log, journeys, Slicing(by, every), known, since_ms, until_ms)
    plan = replay_plan.plan(log, processes, [journeys], since_ms=since_ms, until_ms=until_ms, slicing=asked.slicing)
    with replay_plan.progress(plan.total) as show:
        replayed = replay(plan.jobs, show)
    replay_plan.tell_speed(replayed, monotonic() - began, len(plan.jobs))
    if not replayed.reports[0].touchpoints.total():
        click.echo(f"no touchpoint in {log}", err=True)
        ctx.exit(1)
    data = as_data(asked, replayed)
    if model_file is not None:
        _save(model_file, data)
    if as_json:
        click.echo(dumps(data))
    else:
        print_report(data)


def _refuse_beside_live(ctx: click.Context) -> None:
    for name in ("log", "by", "since_ms", "until_ms", "every", "facts", "model_file", "processes"):
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError("--live goes with JOURNEY and --json alone: it tells of this moment.")


def _save(file: str, data: dict[str, Any]) -> None:
    models = {
        name: {"definition": journey["definition"], "model": journey["prediction"]}
        for name, journey in data["journeys"].items()
    }
    try:
        Path(file).write_bytes(dumps({"as_of": data["as_of"], "journeys": models}))
    except OSError as error:
        raise ConfigError("--save-model", file, f"cannot be written: {error.strerror}") from error
