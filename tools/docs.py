"""Write the reference pages that are made from code: settings, metrics, commands, limits. `--check` only compares.

Not part of the package: it is of use in a checkout only.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path

import click

from cjstream.cli import main as cjstream
from cjstream.core.limits import LIMITS
from cjstream.logs import EVENTS, Event
from cjstream.metrics import GROUPS, Metric
from cjstream.settings import SETTINGS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
LIMITS_BEGIN = "<!-- Made by `make docs` from cjstream/core/limits.py. Change it there. -->\n"
EVENTS_BEGIN = "<!-- Made by `make docs` from cjstream/logs/events.py. Change it there. -->\n"
TABLE_END = "<!-- Up to here. -->\n"
MADE_FROM = "<!-- Made by `make docs` from {}. Change it there. -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells may hold any text without line breaks."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (head, ["---"] * len(head), *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(text: str) -> str:
    """Return inline code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def settings() -> str:
    """Return the page of settings."""
    rows = [(code(row.env), code(row.default), row.help) for row in SETTINGS]
    return f"""# Settings

{MADE_FROM.format("cjstream/settings/")}
Settings are environment variables, read once at start. An empty one counts as not set. A bad value ends the
command with exit code 2 and names the variable, the value and what is allowed.

{table(("variable", "default", "meaning"), rows)}"""


def metrics() -> str:
    """Return the page of metrics."""
    sections = "\n".join(f"## {title}\n\n{_metrics_of(group)}" for title, group in GROUPS.items())
    return f"""# Metrics

{MADE_FROM.format("cjstream/metric_table.py")}
A worker serves these at `/metrics`, port 9464 unless set otherwise, as Prometheus or OpenMetrics text. No
label ever holds a customer id. A null stage is written `none`. Under `cjstream worker --processes N` every metric
has one label more, `worker`: the number of the process, or `supervisor` for what the supervisor says of itself.

A worker counts the customers of the partitions that are open in it, and no other worker has these: a sum over
workers counts each customer once. Of a partition in restore it shows nothing: while `cjstream_restoring_partitions`
is not 0, or a partition has no worker, such sums are short. Counters begin at 0 with each process.

{sections}
Beside these there are `process_*`, `python_info` and `python_gc_*` of the Prometheus library: memory, CPU time, open
files and garbage collections of the process.
"""


def _metrics_of(group: Mapping[str, Metric]) -> str:
    rows = [(code(name), row.kind, row.unit, _labels_of(row), row.help) for name, row in group.items()]
    return table(("metric", "kind", "unit", "labels", "meaning"), rows)


def _labels_of(row: Metric) -> str:
    labels = ", ".join(map(code, row.labels))
    return f"{labels}: {', '.join(row.known)}" if row.known else labels


def logs() -> str:
    """Return the page of logs, which is written by hand, with its table of events made anew."""
    page = (REFERENCE / "logs.md").read_text("utf-8")
    rows = [
        (code(name), row.level, row.text, ", ".join(map(code, row.more)), how_often(row), row.help)
        for name, row in EVENTS.items()
    ]
    head = ("name", "level", "event", "more fields", "written", "what it means, what to do")
    before, rest = page.split(EVENTS_BEGIN)
    return f"{before}{EVENTS_BEGIN}{table(head, rows)}{TABLE_END}{rest.split(TABLE_END)[1]}"


def how_often(row: Event) -> str:
    """Return when a line of an event is written."""
    if row.kind is None:
        return "each time"
    return "once a minute" + (f" per {', '.join(map(code, row.kind))}" if row.kind else "")


def commands() -> str:
    """Return the page of commands."""
    sections = "\n".join(sections_of(cjstream, click.Context(cjstream, info_name="cjstream")))
    return f"""# Command line

{MADE_FROM.format("cjstream/cli/")}
Every command has `--help`.

{sections}
How commands end: [exit codes](exit-codes.md).
"""


def sections_of(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the section of a command, then those of the commands below it."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = cleandoc(command.help or "").replace("\b\n", "")  # \b: click's mark of a paragraph not to be rewrapped
    yield f"## {context.command_path}\n\n```\n{usage}\n```\n\n{text}\n\n{options_of(command, context)}"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"{name} is listed but missing"
            yield from sections_of(child, click.Context(child, info_name=name, parent=context))


def options_of(command: click.Command, context: click.Context) -> str:
    """Return the table of a command's own options, or nothing."""
    records = [record for param in command.params if (record := param.get_help_record(context))]
    rows = [(code(names), " ".join(text.split())) for names, text in records]
    return table(("option", "meaning"), rows) if rows else ""


def topics_and_records() -> str:
    """Return the page of topics and records, which is written by hand, with its table of limits made anew."""
    page = (REFERENCE / "topics-and-records.md").read_text("utf-8")
    rows = [(each.of, f"{each.most:,.16g} {each.unit}".strip(), code(each.reason)) for each in LIMITS]
    before, rest = page.split(LIMITS_BEGIN)
    made = table(("of", "at most", "beyond it"), rows)
    return f"{before}{LIMITS_BEGIN}{made}{TABLE_END}{rest.split(TABLE_END)[1]}"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "metrics.md": metrics,
    "cli.md": commands,
    "topics-and-records.md": topics_and_records,
    "logs.md": logs,
}


def stale() -> list[str]:
    """Return the names of pages that differ from what the code says."""
    return [name for name, page in PAGES.items() if not is_fresh(REFERENCE / name, page())]


def is_fresh(file: Path, text: str) -> bool:
    """Return whether a file holds exactly this text."""
    return file.exists() and file.read_text("utf-8") == text


def main(arguments: list[str]) -> int:
    """Write the stale pages, or with `--check` name them and return 1."""
    names = stale()
    if arguments == ["--check"]:
        print("\n".join(f"stale: docs/reference/{name}; run make docs" for name in names) or "all fresh")
        return 1 if names else 0
    for name in names:
        (REFERENCE / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
