"""Three tellings of one customer in one journey, in one form: what the wire told, what the state holds, what is due."""

from collections.abc import Iterable
from typing import NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.dwell import times_in_stages
from cjstream.core.moves import told
from cjstream.core.outcome import converted_at, furthest, is_late, left_stage, outcome
from cjstream.core.state import CustomerState, Instance
from tests.core.builders import START_MS, Object
from tests.model import Run, Times, Visit
from tests.reference import milliseconds

NOW_MS = START_MS + 86_400_000  # when times in stages are read


class Standing(NamedTuple):
    """One instance: its path, the outcome of its newest round, and its times in stages."""

    visits: list[Visit]
    round: int
    outcome: str | None
    converted_ms: int | None
    dropped_ms: int | None
    left: str | None
    is_late: bool
    furthest: str | None
    times: dict[str, Times]


Story = dict[str, Standing]  # by instance key, of those ever entered


def due(runs: dict[str, Run]) -> Story:
    """Return what the model says."""
    return {
        key: Standing(
            run.visits, run.round, run.outcome, run.converted_ms,
            *((run.dropped_ms, run.left) if run.outcome == "dropped" else (None, None)), run.is_late, run.furthest,
            run.times(NOW_MS),
        )
        for key, run in runs.items()
        if run.visits
    }  # fmt: skip


def held(state: CustomerState | None, definition: JourneyDefinition) -> Story:
    """Return what the state holds of a journey."""
    journey = state.journeys.get(definition.journey) if state is not None else None
    instances = journey.instances if journey is not None else ()
    return {instance.key: _standing(instance, definition) for instance in instances if instance.visits}


def _standing(instance: Instance, definition: JourneyDefinition) -> Standing:
    name = definition.stage_name
    return Standing(
        [Visit(name(visit.stage), visit.at_ms, visit.inferred) for visit in told(instance, definition)],
        instance.round, outcome(instance), converted_at(instance), instance.dropped_ms,
        left_stage(instance, definition), is_late(instance), name(furthest(instance)),
        {each.stage: Times(*each[1:]) for each in times_in_stages(instance, definition, NOW_MS)},
    )  # fmt: skip


def paths(story: Story) -> dict[str, list[Visit]]:
    """Return the visits by instance key."""
    return {key: standing.visits for key, standing in story.items()}


def folded(transitions: Iterable[Object]) -> dict[str, list[Visit]]:
    """Return the visits by instance key that StageTransitions of one customer and journey tell, in order of sequence.

    Checks that no sequence is missing and each record leaves the stage that the one before it reached.
    """
    found: dict[str, list[Visit]] = {}
    for expected, record in enumerate(transitions, start=1):
        assert record["sequence"] == expected, f"sequence {record['sequence']} where {expected} is due"
        path = found.setdefault(record["instance"], [])
        before = path[-1].stage if path else None
        assert record["from_stage"] == before, f"{expected} leaves {record['from_stage']}, the customer is in {before}"
        if record["kind"] == "correction":
            assert record["path_from"] <= len(path), f"{expected} corrects visits never told"
            path[record["path_from"] :] = [
                Visit(visit["stage"], milliseconds(visit["entered_at"]), visit["inferred"]) for visit in record["path"]
            ]
        else:
            path.append(Visit(record["to_stage"], milliseconds(record["occurred_at"]), record["inferred"]))
        after = path[-1].stage if path else None
        assert record["to_stage"] == after, f"{expected} says {record['to_stage']}, its path ends in {after}"
    return {key: path for key, path in found.items() if path}
