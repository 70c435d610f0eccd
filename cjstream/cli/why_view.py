"""What `cjstream why` shows: a table per journey, and the log as a timeline."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cjstream.cli.tables import duration
from cjstream.core.explain import Standing, Stay
from cjstream.core.retrace import Line

SHOWN = 200  # lines of the log; all are in --json


def print_story(found: dict[str, Any]) -> None:
    """Print all of it for a person."""
    console = Console()
    standings: list[Standing] = found["standings"]
    console.print(f"customer {found['customer_id']}, {_time(found['as_of'])} UTC", style="bold", highlight=False)
    if not standings:
        console.print("is in no journey", highlight=False)
    for content_hash in found["unknown_definitions"]:
        console.print(f"definition {content_hash} is not in the changelog: what it decided cannot be told")
    types = {line.touchpoint_id: line.type for line in found["log"]["lines"]}
    for standing in standings:
        _print_standing(console, standing, types)
    _print_log(console, found["log"])


def _print_standing(console: Console, one: Standing, types: Mapping[str | None, str | None]) -> None:
    instance = f" · {one.instance}" if one.instance else ""
    round_ = f" · round {one.round + 1}" if one.round else ""
    console.print(f"\n{one.journey}{instance}{round_}: {one.stage or '(outside)'}", style="bold", highlight=False)
    console.print(f"{one.outcome.replace('_', ' ')}: {one.why}", highlight=False, soft_wrap=True)
    for ahead in one.ahead:
        console.print(f"due {_time(ahead.due)}: {ahead.deadline}", highlight=False)
    if one.earlier:
        console.print(f"{one.earlier} earlier visits are no longer kept one by one", highlight=False)
    table = _table("stage", "entered", "left", "stayed", "because of", "by rule")
    for visit in one.visits:
        table.add_row(*_visit(visit, types))
    console.print(table)
    several = [time for time in one.times if time.visits > 1]
    for time in several:
        spent = duration(time.cumulative_seconds)
        console.print(f"{time.stage}: {time.visits} visits, {spent} in those that ended", highlight=False)


def _visit(visit: Stay, types: Mapping[str | None, str | None]) -> tuple[str, ...]:
    deadline, touchpoint_id = visit.cause.get("deadline"), visit.cause.get("touchpoint_id")
    because = f"deadline {deadline}" if deadline else f"{touchpoint_id} {types.get(touchpoint_id) or ''}".strip()
    if visit.inferred:
        because = f"jumped over by {because}"
    stayed = "" if visit.seconds is None or visit.stage is None else duration(visit.seconds)
    left = "" if visit.left_at is None else _time(visit.left_at)
    return visit.stage or "(outside)", _time(visit.entered_at), left, stayed, because, visit.cause.get("rule") or ""


def _print_log(console: Console, log: dict[str, Any]) -> None:
    lines: list[Line] = log["lines"]
    console.print(f"\nwhat each touchpoint did ({log['topic']}, partition {log['partition']})", style="bold")
    if not log["is_complete"]:
        console.print(_incomplete(log), highlight=False, soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"the newest {SHOWN} of {len(lines)}; all of them: --json", highlight=False)
    table = _table("time", "touchpoint", "type", "channel", "what it did")
    for line in lines[-SHOWN:]:
        at = "" if line.at is None else _time(line.at)
        what = "\n".join(line.says)
        table.add_row(at, line.touchpoint_id or f"({line.verdict})", line.type or "", line.channel or "", what)
    console.print(table)


def _incomplete(log: dict[str, Any]) -> str:
    since = f" It starts at {_time(log['starts_at'])}, by the records' own time." if log["starts_at"] else ""
    if not log["missing"]:
        return (
            f"The log no longer reaches back to the beginning of the topic.{since} Touchpoints before that, if the "
            "customer had any, are missing here."
        )
    return (
        f"The log no longer reaches back to this customer's beginning.{since} What came before is missing here, so "
        "this part is incomplete, and what it says of moves may differ from what happened. The stages above are right."
    )


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _time(text: str) -> str:
    """Return an RFC 3339 time as `2026-01-31 08:00:00`, with milliseconds only where they are not 0."""
    return text.replace("T", " ").removesuffix("Z").removesuffix(".000")
