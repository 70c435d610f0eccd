"""The figures of one journey as plain data, as reports give them."""

from typing import Any

from cjstream.core.figures import JourneyReport
from cjstream.core.outputs import OUTCOMES

Object = dict[str, Any]


def figures_data(journey: JourneyReport) -> Object:
    """Return the runs: what became of them, how far they came and for how long they stayed."""
    return {
        "customers": {outcome: journey.customers[outcome] for outcome in OUTCOMES},
        "runs": {"entered": journey.entered, **{outcome: journey.outcomes[outcome] for outcome in OUTCOMES}},
        "late_conversions": journey.late_conversions,
        "conversion_rate": journey.conversion_rate,
        "mature_conversion_rate": journey.mature_conversion_rate,
        "time_to_convert": journey.time_to_convert()._asdict(),
        "most_leave_at": journey.most_leave_at,
        "population": _population(journey),
        "funnel": [{**step._asdict(), "dwell": journey.time_in(step.stage)._asdict()} for step in journey.funnel()],
        "moves": [
            {"from": start, "to": end, "kind": kind, "count": count}
            for (start, end, kind), count in sorted(journey.moves.items(), key=lambda item: (-item[1], str(item[0])))
        ],
    }


def _population(journey: JourneyReport) -> list[Object]:
    found = []
    for stage in (*journey.stages, None):
        for name, counts in (("here", journey.here), ("furthest", journey.furthest)):
            found += [
                {"customers": name, "stage": stage, "outcome": outcome, "count": count}
                for (where, outcome), count in sorted(counts.items(), key=str)
                if where == stage
            ]
    return found
