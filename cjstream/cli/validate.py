"""`cjstream validate`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import rich_click as click

from cjstream import definitions
from cjstream.core.definition import JourneyDefinition, title_of
from cjstream.errors import DefinitionError, Problem
from cjstream.ingest.codec import dumps


class Checked(NamedTuple):
    """A file or shipped name and what it holds: a definition, with warnings, or the problems for which it is none."""

    source: str
    definition: JourneyDefinition | None
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()


def _exists(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in definitions.names() and (not Path(value).exists() or Path(value).is_dir()):
            shipped = ", ".join(definitions.names())
            raise click.BadParameter(f"{value!r} is neither a file nor one of {shipped}.", ctx, param)
    return values


@click.command()
@click.argument("journeys", metavar="JOURNEY...", nargs=-1, callback=_exists)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object: file, valid, definition (the hash), problems, warnings; or a list.",
)
@click.option("--list", "as_list", is_flag=True, help="Show the journeys that come with cjstream, and their stages.")
@click.pass_context
def command(ctx: click.Context, journeys: tuple[str, ...], as_json: bool, as_list: bool) -> None:
    """Check journey definitions: files, or names of shipped ones.

    Exit 0: all are valid; 1: every problem is printed, one a line. What is legal and yet hardly
    meant is printed as a warning, such as a rule that is never asked. A definition whose
    `review_by` is past is valid; a note on stderr tells it.
    """
    if bool(journeys) == as_list:
        raise click.UsageError("Give one or more journeys, or --list.", ctx)
    if as_list:
        _show_shipped(as_json)
        return
    checked = [_check(source) for source in journeys]
    if as_json:
        found = [_as_json(each) for each in checked]
        click.echo(dumps(found if len(found) > 1 else found[0]))
    else:
        _show(checked)
    today = datetime.now(UTC).date().isoformat()
    for each in checked:
        if each.definition is not None and (day := each.definition.data.get("review_by")) and day < today:
            click.echo(f"note: {each.source}: was to be reviewed by {day}; do so and set the next date", err=True)
    ctx.exit(1 if any(each.problems for each in checked) else 0)


def _check(source: str) -> Checked:
    try:
        text = definitions.text_of(source)
        found = definitions.parse(text, source)
        return Checked(source, found, warnings=definitions.advice(found, text))
    except DefinitionError as error:
        return Checked(source, None, error.problems)


def _as_json(each: Checked) -> dict[str, Any]:
    problems, warnings = ([found._asdict() for found in part] for part in (each.problems, each.warnings))
    hashed = each.definition and each.definition.hash
    return {
        "file": each.source, "valid": not problems, "definition": hashed, "problems": problems, "warnings": warnings,
    }  # fmt: skip


def _show(checked: Sequence[Checked]) -> None:
    for each in checked:
        source = f"{each.source}: " if len(checked) > 1 else ""
        for line in [f"{source}{problem}" for problem in each.problems] or [f"{each.source} is valid"]:
            click.echo(line)
        for warning in each.warnings:
            click.echo(f"{source}warning: {warning}")


def _show_shipped(as_json: bool) -> None:
    listed = [_about(definitions.shipped(name).data) for name in definitions.names()]
    if as_json:
        click.echo(dumps(listed))
        return
    for each in listed:
        click.echo(f"{each['journey']}: {each['title']}\n  {', '.join(each['stages'])}")


def _about(data: Mapping[str, Any]) -> dict[str, Any]:
    stages = [stage["id"] for stage in data["stages"]]
    return {"journey": data["journey"], "title": title_of(data, "en"), "stages": stages}
