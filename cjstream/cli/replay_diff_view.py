"""What `cjstream replay-diff` shows: tables that need no manual, and the same as data."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from cjstream.cli.figures_data import figures_data
from cjstream.cli.replay import Replayed
from cjstream.cli.tables import table, value
from cjstream.core.analysis import Report
from cjstream.core.comparison import SHARE, Row, Section, compare
from cjstream.core.definition import EXIT, JourneyDefinition, title_of
from cjstream.core.figures import JourneyReport
from cjstream.core.lifecycle import Interval
from cjstream.core.times import format_time

Definitions = Sequence[JourneyDefinition]  # A and B


class Heading(NamedTuple):
    """How a section is introduced: its title, the word over the labels, and what has to be known to read it."""

    title: str
    labels: str
    note: str = ""


HEADINGS = {
    "outcomes": Heading(
        "What became of the customers", "", "A run is one way through the journey; who enters again begins another one."
    ),
    "population": Heading("Where customers are now", "stage"),
    "furthest": Heading("How far customers came", "stage"),
    "reached": Heading("Runs that came to a stage or further", "stage"),
    "drop_off": Heading(
        "Lost on the way to a stage",
        "stage",
        "Of the runs that came to the stage before. Who is in progress may still come.",
    ),
    "mature_rate": Heading(
        "Came to a stage, of those for whom it is decided",
        "stage",
        "Of the runs that came to the stage before, without those in progress there.",
    ),
    "left": Heading("Where dropped runs were", "stage"),
    "dwell_median": Heading("Time in a stage, median", "stage", "Half of the visits that ended were shorter."),
    "dwell_p90": Heading("Time in a stage, nine of ten", "stage", "Nine of ten visits that ended were no longer."),
    "moves": Heading("Moves", "from, to, kind"),
    "refused": Heading("Moves refused", "reason"),
}
LANGUAGE = "en"  # of what is printed


def print_report(log: str, replayed: Replayed, definitions: Definitions) -> None:
    """Print everything that was counted on one side at least."""
    console, reports = Console(), replayed.reports
    as_of_ms = reports[0].as_of_ms or 0
    console.print(f"{log}, as of {format_time(as_of_ms)}", style="bold")
    for name, definition, report in zip("AB", definitions, reports, strict=True):
        console.print(f"{name}  {_name(definition)}", highlight=False)
        console.print(f"   {_verdicts(report)}", highlight=False, style="bright_black")
    for section in compare(*(_journey(report) for report in reports)):
        if any(row.a or row.b for row in section.rows):
            _print_section(console, section)
    console.print()
    for name, definition, report in zip("AB", definitions, reports, strict=True):
        console.print(f"{name}: {_leavers(definition, _journey(report))}", highlight=False)
    rows = [report.intervals() for report in reports]
    for names, intervals in zip(("A and B",) if rows[0] == rows[1] else "AB", rows, strict=False):
        _print_lifecycle(console, names, intervals)


def _journey(report: Report) -> JourneyReport:
    [journey] = report.journeys.values()
    return journey


def _name(definition: JourneyDefinition) -> str:
    title = title_of(definition.data, LANGUAGE)
    told = f" · {title}" if title else ""
    return f"{definition.journey}{told} · {len(definition.stages)} stages · definition {definition.hash}"


def _verdicts(report: Report) -> str:
    told = [f"{count:,} {verdict}" for verdict, count in report.touchpoints.most_common()]
    if report.erased:
        told.append(f"{report.erased:,} customers erased since and left out")
    return "touchpoints: " + ", ".join(told)


def _print_section(console: Console, section: Section) -> None:
    heading = HEADINGS[section.name]
    console.print(f"\n{heading.title}", style="bold")
    shown = table(heading.labels, "A", "B", "difference")
    for row in section.rows:
        if section.name != "moves" or row.a or row.b:
            shown.add_row(row.label, value(row.a, row.unit), value(row.b, row.unit), _difference(row))
    console.print(shown)
    if heading.note:
        console.print(heading.note, style="bright_black", highlight=False)


def _leavers(definition: JourneyDefinition, journey: JourneyReport) -> str:
    """Return at which stage most customers leave, in a sentence."""
    stage = journey.most_leave_at
    if stage is not None:
        return f"most customers leave at {stage}, {journey.left[stage] / journey.left.total():.1%} of the dropped runs."
    if any(rule.kind == EXIT for rule in definition.table) or definition.has_windows:
        return "nobody was dropped."
    return "nobody was dropped: the definition has no window and no exits, so who does not convert stays in progress."


def _print_lifecycle(console: Console, names: str, rows: Sequence[Interval]) -> None:
    if not rows:
        return
    console.print(f"\nCustomers by interval, {names}", style="bold")
    shown = table("from", "new", "returning", "resurrecting", "dormant")
    for row in rows:
        start = format_time(row.start_ms)[:10] + ("" if row.is_over else " (not over)")
        shown.add_row(start, *(f"{count:,}" for count in row[3:]))
    console.print(shown)
    console.print(
        "New: for the first time in this log; returning: active in the interval before too; resurrecting: back after "
        "a pause; dormant: active in the interval before, not in this one.",
        style="bright_black",
        highlight=False,
    )


def _difference(row: Row) -> str:
    change = row.difference
    if change is None:
        return ""
    sign = "+" if change > 0 else "-"
    if row.unit == SHARE:
        return f"{sign}{abs(change) * 100:.1f} points" if round(abs(change), 3) else "="
    return f"{sign}{value(abs(change), row.unit)}" if change else "="


def as_data(log: str, replayed: Replayed, definitions: Definitions) -> dict[str, Any]:
    """Return everything as plain data."""
    sides = [_side(*each) for each in zip(replayed.reports, definitions, strict=True)]
    return {
        "log": log,
        "touchpoints": replayed.touchpoints,
        "rejected": dict(sorted(replayed.rejected.items())),
        "outside_of_the_time_asked_for": replayed.reports[0].outside,
        "as_of": format_time(replayed.reports[0].as_of_ms or 0),
        "a": sides[0],
        "b": sides[1],
        "comparison": compare(*(_journey(report) for report in replayed.reports)),
    }


def _side(report: Report, definition: JourneyDefinition) -> dict[str, Any]:
    journey = _journey(report)
    return {
        "journey": journey.journey,
        "definition": journey.definition,
        "title": definition.data.get("title"),
        "touchpoints": dict(sorted(report.touchpoints.items())),
        "refused": dict(sorted(journey.refused.items())),
        "erased": report.erased,
        **figures_data(journey),
        "lifecycle": [_interval(row) for row in report.intervals()],
    }


def _interval(row: Interval) -> dict[str, Any]:
    times = {"start": format_time(row.start_ms), "end": format_time(row.end_ms)}
    return times | {name: value for name, value in row._asdict().items() if not name.endswith("_ms")}
