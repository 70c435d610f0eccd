"""`cjstream report --live`: where the customers are at this moment, from the topic of current stages."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console

from cjstream.cli.stages import read_newest, read_stage_order
from cjstream.cli.tables import OUTSIDE, matrix, note, share, title, value
from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import JourneyReport
from cjstream.core.measures.sentiment import SENTIMENTS
from cjstream.core.outputs import OUTCOMES, StageCurrent
from cjstream.settings import Settings

Object = dict[str, Any]


class Live:
    """The customers of one journey: counts by stage (None: outside), and by definition."""

    def __init__(self) -> None:
        self.definitions = Counter[str]()
        self.here = Counter[tuple[str | None, str]]()  # with the outcome
        self.furthest = Counter[str | None]()
        self.judgements = Counter[tuple[str | None, str | None]]()
        self.open_feedback = Counter[str | None]()

    def take(self, name: str, customer: StageCurrent) -> None:
        """Count a customer who entered the journey."""
        current = customer.journeys[name]
        self.definitions[current.definition] += 1
        self.here[current.stage, current.outcome] += 1
        self.furthest[current.furthest_stage] += 1
        if customer.judgement is not None:
            self.judgements[current.stage, customer.judgement] += 1
        if customer.open_feedback:
            self.open_feedback[current.stage] += customer.open_feedback


async def live_data(config: Settings, wanted: Sequence[JourneyDefinition]) -> Object:
    """Return where the customers of these journeys are now, none: of all journeys that there are."""
    newest = await read_newest(config)
    found, customers, partitions = count(newest)
    names = [each.journey for each in wanted] or sorted(found)
    known: dict[str, Sequence[str]] = {each.hash: JourneyReport.of(each).stages for each in wanted}
    journeys = {}
    for name in names:
        live = found.get(name, Live())
        definition = next((each for each, _ in live.definitions.most_common(1)), "")
        order = known.get(definition)
        if order is None and definition:
            order = await read_stage_order(config, definition, partitions[definition])
        journeys[name] = {"definition": definition, **_journey(live, order or [])}
    return {"customers": len(newest), **customers, "journeys": journeys}


def count(newest: Iterable[tuple[bytes, int]]) -> tuple[dict[str, Live], Object, dict[str, int]]:
    """Return the customers by journey, what is known of all of them, and a partition that has each definition."""
    decode = msgspec.json.Decoder(StageCurrent).decode
    found, partitions = defaultdict[str, Live](Live), dict[str, int]()
    judgements, waiting, feedback = Counter[str](dict.fromkeys(SENTIMENTS, 0)), 0, 0
    for text, partition in newest:
        customer = decode(text)
        for name, current in customer.journeys.items():
            found[name].take(name, customer)
            partitions[current.definition] = partition
        if customer.judgement is not None:
            judgements[customer.judgement] += 1
        waiting += bool(customer.open_feedback)
        feedback += customer.open_feedback or 0
    totals = {"judgements": dict(judgements), "open_feedback": {"customers": waiting, "feedback": feedback}}
    return found, totals, partitions


def _journey(live: Live, order: Sequence[str]) -> Object:
    others = {stage for stage, _ in live.here} | live.furthest.keys()
    stages = [*order, *sorted(stage for stage in others - {*order} if stage is not None), None]
    outcomes = {outcome: sum(live.here[stage, outcome] for stage in stages) for outcome in OUTCOMES}
    return {
        "customers": sum(outcomes.values()),
        "outcomes": outcomes,
        "stages": [_stage(live, stage, stages) for stage in stages],
    }


def _stage(live: Live, stage: str | None, stages: Sequence[str | None]) -> Object:
    here = {outcome: live.here[stage, outcome] for outcome in OUTCOMES}
    further = stages[stages.index(stage) : -1]
    return {
        "stage": stage,
        "here": sum(here.values()),
        **here,
        "furthest": live.furthest[stage],
        "came": sum(live.furthest[each] for each in further) if stage is not None else None,
        "judgements": {each: live.judgements[stage, each] for each in SENTIMENTS},
        "open_feedback": live.open_feedback[stage],
    }


def print_live(data: Mapping[str, Any]) -> None:
    """Print it for people."""
    console, outcomes = Console(), [outcome.replace("_", " ") for outcome in OUTCOMES]
    for name, journey in data["journeys"].items():
        title(console, f"{name}, now")
        told = [f"{journey['outcomes'][outcome]:,} {outcome.replace('_', ' ')}" for outcome in OUTCOMES]
        console.print(f"{journey['customers']:,} customers: {', '.join(told)}", highlight=False)
        rows, moods = [], []
        for stage in journey["stages"]:
            came = "" if stage["came"] is None else share(stage["came"] / max(1, journey["customers"]))
            label = stage["stage"] or OUTSIDE
            rows.append((label, [*(value(stage[each]) for each in ("here", *OUTCOMES)), came]))
            moods.append((label, [*map(value, stage["judgements"].values()), value(stage["open_feedback"])]))
        matrix(console, "stage", ("here", *outcomes, "came"), rows)
        note(console, "Came: to the stage or further, of all.")
        if any(stage["open_feedback"] or any(stage["judgements"].values()) for stage in journey["stages"]):
            title(console, "Their last judgement, and feedback that waits for an answer")
            matrix(console, "stage", (*SENTIMENTS, "waiting"), moods)
    waiting = data["open_feedback"]
    if waiting["feedback"]:
        note(console, f"{waiting['feedback']:,} feedback of {waiting['customers']:,} customers waits in all.")
