"""What `cjstream report` shows people: tables that need no manual, made of the same data as `--json`."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from cjstream.cli.measures_view import print_measures
from cjstream.cli.slices_view import print_by, print_every, print_funnel
from cjstream.cli.tables import duration, matrix, note, number, share, table, title, value

Object = dict[str, Any]
LANGUAGE = "en"  # of what is printed


def print_report(data: Object) -> None:
    """Print everything; sections in which nothing was counted are left out."""
    console = Console()
    console.print(f"{data['log']}, as of {data['as_of']}", style="bold", highlight=False)
    told = [f"{count:,} {verdict}" for verdict, count in data["left_out"].items() if count]
    if data["erased"]:
        told.append(f"{data['erased']:,} customers erased since and left out")
    note(console, ", ".join([f"{data['touchpoints']:,} touchpoints", *told]))
    if len(data["journeys"]) > 1:
        _print_side_by_side(console, list(data["journeys"].values()))
    if data["scores"]:
        _print_scores(console, data["scores"])
    for journey in data["journeys"].values():
        _print_journey(console, journey)


def _print_journey(console: Console, journey: Object) -> None:
    console.print()
    console.rule(_name(journey), align="left", style="bright_black")
    _print_outcomes(console, journey)
    _print_funnel(console, journey)
    print_measures(console, journey)
    if "by" in journey:
        print_by(console, journey["by"])
    if "every" in journey:
        print_every(console, journey)


def _name(journey: Object) -> str:
    found = journey["title"]
    text = found.get(LANGUAGE) if isinstance(found, dict) else found
    return " · ".join(filter(None, (journey["journey"], text, f"definition {journey['definition']}")))


def _print_outcomes(console: Console, journey: Object) -> None:
    runs, customers = journey["runs"], sum(journey["customers"].values())
    title(console, "What became of the customers")
    shown = table("", "runs", "of all")
    for outcome in ("converted", "in_progress", "dropped"):
        shown.add_row(outcome.replace("_", " "), value(runs[outcome]), _of(runs[outcome], runs["entered"]))
    console.print(shown)
    told = f"{runs['entered']:,} runs of {customers:,} customers. A run is one way through the journey."
    if journey["mature_conversion_rate"] is not None and runs["in_progress"]:
        told += f" Of those not in progress {share(journey['mature_conversion_rate'])} converted."
    note(console, told)
    took = journey["time_to_convert"]
    if took["number"]:
        median, most = duration(took["median_seconds"]), duration(took["p90_seconds"])
        note(console, f"From the entry to the conversion: {median} in the median, nine of ten within {most}.")
    if journey["late_conversions"]:
        note(console, f"{journey['late_conversions']:,} met the goal after they had been dropped.")


def _of(part: int, whole: int) -> str:
    return share(part / whole if whole else None)


def _print_funnel(console: Console, journey: Object) -> None:
    title(console, "Funnel, and time in each stage")
    print_funnel(console, "stage", journey["funnel"])
    note(console, "Came: to the stage or further. Went on, lost: of those who came to the stage before.")
    console.print(_where_most_leave(journey), highlight=False)


def _where_most_leave(journey: Object) -> str:
    runs, told = journey["runs"], "Nobody stopped on the way."
    if journey["most_stop_at"] is not None:
        [stage] = [each for each in journey["runs_by_furthest"] if each["stage"] == journey["most_stop_at"]]
        here, left = stage["in_progress"] + stage["dropped"], runs["entered"] - runs["converted"]
        told = f"Of the {left:,} that did not convert, most came no further than {stage['stage']}: {_of(here, left)}."
    if journey["most_leave_at"] is not None:
        [here] = [step["left_here"] for step in journey["funnel"] if step["stage"] == journey["most_leave_at"]]
        told += f" Most were dropped at {journey['most_leave_at']}: {_of(here, runs['dropped'])} of the dropped."
    return told


def _print_side_by_side(console: Console, journeys: Sequence[Object]) -> None:
    title(console, "Journeys side by side")
    rows = []
    for journey in journeys:
        runs, took = journey["runs"], journey["time_to_convert"]["median_seconds"]
        rates = [_of(runs[outcome], runs["entered"]) for outcome in ("converted", "in_progress", "dropped")]
        time = "-" if took is None else duration(took)
        rows.append((journey["journey"], [value(runs["entered"]), *rates, time, journey["most_stop_at"] or "-"]))
    headings = ("runs", "converted", "in progress", "dropped", "to convert", "most stop at")
    matrix(console, "journey", headings, rows)


def _print_scores(console: Console, scores: Sequence[Object]) -> None:
    title(console, "Journey scores, 0 to 100")
    for score in scores:
        total = "no score" if score["total"] is None else f"{score['total']:.1f}"
        pulled = f", pulled down most by {_words(score['worst'])}" if score["worst"] else ""
        console.print(f"{score['journey']}: {total}{pulled}", highlight=False)
        rows = [(_part_name(part), _part(part)) for part in score["parts"] if part["missing"] is None]
        matrix(console, "part", ("value", "target", "weight", "score", "costs"), rows)
        for part in score["parts"]:
            if part["missing"] is not None:
                note(console, f"{_part_name(part)} is left out: {part['missing']}.")


def _part_name(part: Object) -> str:
    return _words(part["name"]) + ("" if part["figure"] == part["name"] else f" by {part['figure']}")


def _part(part: Object) -> list[str]:
    told = {"time_to_convert": duration, "nps": number, "sentiment": number}.get(part["figure"], share)
    figures = [f"{number(part['weight'])}", f"{part['score']:.0f}", f"{part['loss']:.1f}"]
    return [told(part["value"]), told(part["target"]), *figures]


def _words(name: str) -> str:
    return name.replace("_", " ")
