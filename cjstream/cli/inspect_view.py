"""What `cjstream inspect` shows of the measures of one customer."""

from typing import Any

from rich.console import Console

from cjstream.cli.tables import duration, note, number, share, table, title


def print_measured(console: Console, found: dict[str, Any]) -> None:
    """Print judgement, open feedback, scores and predictions; nothing where there are none."""
    judgement = found["judgement"]
    if judgement is not None:
        console.print(f"judgement: {judgement['sentiment']}, {judgement['at']}", highlight=False)
    for name, journey in found["journeys"].items():
        if any(journey.values()):
            title(console, name)
            _print_feedback(console, journey["open_feedback"])
            _print_score(console, journey["score"])
            for forecast in journey["predictions"]:
                _print_prediction(console, forecast)


def _print_feedback(console: Console, waiting: list[dict[str, Any]]) -> None:
    for each in waiting:
        topic = f" about {each['topic']}" if each["topic"] else ""
        waits = duration(max(each["waiting_seconds"], 0))
        text = f"waits for an answer: {each['type']} {each['id']}{topic}, since {each['since']} ({waits})"
        console.print(text, highlight=False, soft_wrap=True)


def _print_score(console: Console, score: dict[str, Any] | None) -> None:
    if score is None:
        return
    console.print(f"score: {number(score['value'])} at {score['at']}", highlight=False)
    if score["contributions"]:
        shown = table("rule", "touchpoints", "points")
        for each in score["contributions"]:
            shown.add_row(each["rule"], f"{each['count']:,}", number(each["points"]))
        console.print(shown)


def _print_prediction(console: Console, one: dict[str, Any]) -> None:
    of_whom = f", persona {one['persona']}" if one["persona"] else ""
    instance = f" of {one['instance']}" if one["instance"] else ""
    console.print(f"ahead{instance}, from entering {one['stage']}{of_whom}", highlight=False)
    ways = [*one["next"].items(), ("(converted)", one["converts_next"]), ("(dropped)", one["drops_next"])]
    shown = table("next", "probability")
    for went, probability in sorted(ways, key=lambda way: -way[1]):
        shown.add_row(went, share(probability))
    console.print(shown)
    console.print(f"in the end: converts {share(one['conversion'])}, drops {share(one['drop_off'])}", highlight=False)
    console.print(f"if it converts: after {duration(one['seconds_to_conversion'])} on average", highlight=False)
    note(console, f"learnt from {one['visits']:,} visits")
