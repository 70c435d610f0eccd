"""A journey told apart: by channel, device, persona or group of stages, and by period."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from cjstream.cli.tables import MISSING, duration, matrix, money, note, share, title, value

Object = dict[str, Any]
Row = tuple[str, list[str]]
MOST = 12  # values shown, those with most runs
OF_EACH = 4  # values of which the periods are shown
METRICS = 8  # columns of what they did, those that come first
NOT_TOLD = "(not told)"


def print_by(console: Console, by: Object) -> None:
    """Print the values beside each other."""
    shown, dimension = by["values"][:MOST], by["dimension"]
    if "groups" in by:
        _print_groups(console, by["groups"])
    else:
        title(console, f"By {dimension}")
        matrix(
            console, dimension, ("runs", "converted", "dropped", "to convert", "CSAT"), [_value(each) for each in shown]
        )
        stages = [f"to {step['stage']}" for step in shown[0]["funnel"][1:]] if shown else []
        note(console, "Went on to each stage, of those who came to the one before:")
        rates = [(_name(each), [share(step["step_rate"]) for step in each["funnel"][1:]]) for each in shown]
        matrix(console, dimension, stages, rates)
    names = _counted(shown)[:METRICS]
    counts = [(_name(each), [value(each["metrics"]["all"]["counts"][name]) for name in names]) for each in shown]
    title(console, f"What they did, by {dimension}")
    matrix(console, dimension, [name.replace("_", " ") for name in names], counts)
    if len(by["values"]) > MOST:
        note(console, f"The {MOST} with most runs, of {len(by['values']):,}; --json gives all.")


def _counted(values: Sequence[Object]) -> list[str]:
    counts = [each["metrics"]["all"]["counts"] for each in values]
    return [name for name in (counts[0] if counts else ()) if any(each[name] for each in counts)]


def _value(each: Object) -> Row:
    runs, took = each["runs"], each["time_to_convert"]["median_seconds"]
    rates = [
        share(runs[outcome] / runs["entered"] if runs["entered"] else None) for outcome in ("converted", "dropped")
    ]
    time = MISSING if took is None else duration(took)
    return _name(each), [value(runs["entered"]), *rates, time, share(each["metrics"]["all"]["csat"])]


def _name(each: Object) -> str:
    return str(each["value"] or NOT_TOLD)


def _print_groups(console: Console, groups: Object) -> None:
    title(console, "By group of stages")
    print_funnel(console, "group", groups["funnel"])


def print_funnel(console: Console, what: str, funnel: Sequence[Object]) -> None:
    """Print the steps of a funnel, of stages or `what` they are, with the time in each."""
    rows = []
    for step in funnel:
        stays = [step["dwell"][name] for name in ("median_seconds", "p90_seconds")]
        times = [MISSING if each is None else duration(each) for each in stays]
        rates = [share(step[name]) for name in ("share", "step_rate", "drop_off")]
        rows.append((step["stage"], [value(step["reached"]), *rates, value(step["left_here"]), *times]))
    headings = ("came", "of all", "went on", "lost", "dropped here", "stay, median", "stay, 9 of 10")
    matrix(console, what, headings, rows)


def print_every(console: Console, journey: Object) -> None:
    """Print the periods of the whole, and those of each value if there are any."""
    _print_periods(console, f"By {journey['every']['period']}", journey["every"])
    note(
        console,
        "Entered: runs, and which share of them converted. To a stage: how many went on to it, of those who came to "
        "the stage before in this period; in brackets how many came. A period with * is not over.",
    )
    _print_counts(console, journey["every"])
    by = journey.get("by")
    if by is not None and "groups" in by:
        _print_periods(console, f"By {journey['every']['period']}, groups", by["groups"]["every"])
    elif by is not None:
        for each in by["values"][:OF_EACH]:
            _print_periods(console, f"By {journey['every']['period']}, {by['dimension']} {_name(each)}", each["every"])


def _print_periods(console: Console, text: str, every: Object) -> None:
    periods = every["periods"]
    if not periods:
        return
    title(console, text)
    headings = ["entered", "converted", *(f"to {step['to']}" for step in periods[0]["steps"])]
    matrix(console, every["period"], headings, [_period(each) for each in periods])


def _print_counts(console: Console, every: Object) -> None:
    told = [(each["label"], each["metrics"]) for each in every["periods"] if each["metrics"] is not None]
    names = [name for name in (told[0][1]["counts"] if told else ()) if any(found["counts"][name] for _, found in told)]
    currencies = sorted({currency for _, found in told for currency in found["revenue"]})
    rows = [
        (label, [
            value(found["touchpoints"]), *(value(found["counts"][name]) for name in names[:METRICS]),
            *(money(found["revenue"].get(currency)) for currency in currencies),
        ])
        for label, found in told
    ]  # fmt: skip
    headings = [*(name.replace("_", " ") for name in names[:METRICS]), *(f"revenue {each}" for each in currencies)]
    title(console, f"What they did, by {every['period']}")
    matrix(console, every["period"], ["touchpoints", *headings], rows)


def _period(period: Object) -> Row:
    runs = period["runs"]
    converted = share(runs["converted"] / runs["entered"] if runs["entered"] else None)
    steps = [f"{step['rate']:.0%} ({step['came']:,})" if step["came"] else MISSING for step in period["steps"]]
    return period["label"] + ("" if period["is_over"] else "*"), [value(runs["entered"]), converted, *steps]
