"""The one run of a customer in an order-free journey, counted from the state alone: its visits are all there.

What `runs` finds out from every step is here read off in the end, at a tenth of the cost.
"""

from cjstream.core import moves, outcome
from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import CONVERTED, JourneyReport
from cjstream.core.measures.run import Run
from cjstream.core.outcome import converted_at, left_stage
from cjstream.core.runs import Whose
from cjstream.core.state import Instance


def count(instance: Instance, definition: JourneyDefinition, report: JourneyReport) -> None:
    """Count the run of an instance of an order-free definition, if there is one."""
    path = moves.told(instance, definition)
    if not path:
        return
    stages, before, came_ms, is_stay = definition.stages, None, 0, False
    for visit in path:
        stage = stages[visit.stage].id
        report.moves[before, stage, "forward" if before else "entry"] += 1
        if before is not None and is_stay:
            report.stayed(before, visit.at_ms - came_ms)
        before, came_ms, is_stay = stage, visit.at_ms, not visit.inferred
    became = outcome.outcome(instance)
    to_convert_ms = (converted_at(instance) or 0) - path[0].at_ms
    left, is_late = left_stage(instance, definition) or "", outcome.is_late(instance)
    report.ended(before or "", became, left, to_convert_ms, is_late=is_late)
    report.customers[became] += 1


def run_of(instance: Instance, definition: JourneyDefinition, whose: Whose) -> Run:
    """Return the run of an instance that has visits, as of the moment that `whose` tells."""
    customer_id, persona, as_of_ms = whose
    became = outcome.outcome(instance)
    return Run(
        tuple([definition.stages[visit.stage].id for visit in instance.visits]),
        tuple([visit.at_ms for visit in instance.visits]),
        as_of_ms,
        True,
        became,
        converted_at(instance) if became == CONVERTED else None,
        instance.dropped_ms,
        left_stage(instance, definition),
        persona,
        customer_id,
        1,
        instance.key,
    )
