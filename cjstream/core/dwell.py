"""Time in stage: when a stage was last entered and left, and how long its visits were. Definitions as HubSpot's."""

from typing import NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import Instance


class StageTime(NamedTuple):
    """One stage of one instance, in milliseconds. Stages jumped over have none.

    `entered_ms`, `exited_ms`: the last entry and the last exit; `latest_ms`: length of the last completed visit;
    `cumulative_ms`: of all completed ones; `open_ms`: of the one going on; each None if there is none. `visits` counts
    all, that one too.
    """

    stage: str
    entered_ms: int
    exited_ms: int | None
    latest_ms: int | None
    cumulative_ms: int
    open_ms: int | None
    visits: int


def times_in_stages(instance: Instance, definition: JourneyDefinition, now_ms: int) -> list[StageTime]:
    """Return the times of all stages visited, as of `now_ms`, in the order of the definition."""
    found: dict[int, StageTime] = {}
    for total in instance.past.totals if instance.past is not None else ():
        found[total.stage] = StageTime(
            definition.stages[total.stage].id, total.entered_ms, total.exited_ms,
            total.exited_ms - total.entered_ms, total.cumulative_ms, None, total.visits,
        )  # fmt: skip
    ends = [visit.at_ms for visit in instance.visits[1:]]
    for i, visit in enumerate(instance.visits):
        if visit.stage == OUTSIDE:
            continue
        old = found.get(visit.stage) or StageTime(definition.stages[visit.stage].id, 0, None, None, 0, None, 0)
        if i < len(ends):
            stay_ms = ends[i] - visit.at_ms
            new = old._replace(exited_ms=ends[i], latest_ms=stay_ms, cumulative_ms=old.cumulative_ms + stay_ms)
        else:
            new = old._replace(open_ms=now_ms - visit.at_ms)
        found[visit.stage] = new._replace(entered_ms=visit.at_ms, visits=old.visits + 1)
    return [found[stage] for stage in sorted(found)]
