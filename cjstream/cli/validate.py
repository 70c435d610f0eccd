"""`cjstream validate`."""

import rich_click as click

from cjstream import definitions
from cjstream.errors import DefinitionError, Problem
from cjstream.ingest.codec import dumps


@click.command()
@click.argument("file", metavar="JOURNEY.yaml", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object: file, valid, problems.")
@click.pass_context
def command(ctx: click.Context, file: str, as_json: bool) -> None:
    """Check a journey definition. Exit 0: it is valid; 1: every problem is printed, one a line."""
    problems = _problems(file)
    if as_json:
        found = [problem._asdict() for problem in problems]
        click.echo(dumps({"file": file, "valid": not problems, "problems": found}))
    else:
        for line in map(str, problems) if problems else [f"{file} is valid"]:
            click.echo(line)
    ctx.exit(1 if problems else 0)


def _problems(file: str) -> tuple[Problem, ...]:
    try:
        definitions.load(file)
    except DefinitionError as error:
        return error.problems
    return ()
