"""What `cjstream report` found, as plain data: what `--json` gives, and what the tables are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cjstream.cli.figures_data import figures_data
from cjstream.cli.measures_data import measures_data, metrics_data
from cjstream.cli.replay import Replayed
from cjstream.core import periods
from cjstream.core.analysis import Report
from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import DUPLICATE, ERASED, LATE
from cjstream.core.facts import Facts
from cjstream.core.gathered import Gathered
from cjstream.core.gathering import CHANNEL, Sliced, Slicing
from cjstream.core.measures import journey_score
from cjstream.core.measures.metric_figures import advertising
from cjstream.core.measures.score_inputs import inputs_of
from cjstream.core.outputs import OUTCOMES
from cjstream.core.times import format_time

Object = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a report is of: where the touchpoints came from, and how they are told apart."""

    log: str
    journeys: Sequence[JourneyDefinition]
    slicing: Slicing
    facts: Facts = field(default_factory=Facts)
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def days(self) -> tuple[str | None, str | None]:
        """The first day of the facts to take, and the day after the last one; None: all."""
        until_ms = self.until_ms
        return _day(self.since_ms), _day(None if until_ms is None else until_ms + periods.DAY_MS - 1)


def _day(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_time(at_ms)[:10]


def as_data(asked: Asked, replayed: Replayed) -> Object:
    """Return everything as plain data."""
    [report] = replayed.reports
    journeys = {each.journey: _journey(asked, report, each) for each in asked.journeys}
    return {
        "log": asked.log,
        "touchpoints": replayed.touchpoints,
        "left_out": {verdict: report.touchpoints[verdict] for verdict in (DUPLICATE, LATE, ERASED)},
        "rejected": dict(sorted(replayed.rejected.items())),
        "outside_of_the_time_asked_for": report.outside,
        "erased": report.erased,
        "as_of": format_time(report.as_of_ms or 0),
        "journeys": journeys,
        "scores": _scores(asked, report),
    }


def _journey(asked: Asked, report: Report, definition: JourneyDefinition) -> Object:
    sliced = report.gathered[definition.journey]
    found = {
        "journey": definition.journey,
        "definition": definition.hash,
        "title": definition.data.get("title"),
        "most_stop_at": sliced.whole.figures.most_stop_at,
        "refused": dict(sorted(sliced.whole.figures.refused.items())),
        **_part(asked, report, sliced.whole),
    }
    found["metrics"]["advertising"] = _advertising(asked, sliced.whole, None)
    if asked.slicing.by is not None:
        found["by"] = _by(asked, report, sliced)
    return found


def _part(asked: Asked, report: Report, part: Gathered) -> Object:
    figures = part.figures
    found = figures_data(figures) | measures_data(part)
    found["runs_by_furthest"] = [
        {"stage": stage, **{outcome: figures.runs[stage, outcome] for outcome in OUTCOMES}} for stage in figures.stages
    ]
    if asked.slicing.every is not None:
        found["every"] = _every(asked.slicing.every, report.as_of_ms or 0, part)
    return found


def _by(asked: Asked, report: Report, sliced: Sliced) -> Object:
    slices = sorted(sliced.slices.items(), key=lambda item: (-item[1].figures.entered, -_size(item[1]), str(item[0])))
    values = [{"value": value, **_part(asked, report, part)} for value, part in slices]
    if asked.slicing.by == CHANNEL:
        for found, (channel, part) in zip(values, slices, strict=True):
            found["metrics"]["advertising"] = _advertising(asked, part, channel or "")
    by: Object = {"dimension": asked.slicing.by, "values": values}
    if sliced.groups is not None:
        by["groups"] = _part(asked, report, sliced.groups)
    return by


def _advertising(asked: Asked, part: Gathered, channel: str | None) -> Object:
    return advertising(part.measures.metrics, asked.facts, channel, *asked.days)._asdict()


def _size(part: Gathered) -> int:
    return part.measures.metrics.touchpoints()


def _every(every: str, as_of_ms: int, part: Gathered) -> Object:
    assert part.steps is not None
    starts = sorted({*part.steps.periods(), *part.periods})
    return {"period": every, "periods": [_period(every, start_ms, as_of_ms, part) for start_ms in starts]}


def _period(every: str, start_ms: int, as_of_ms: int, part: Gathered) -> Object:
    """Return one period; `is_over`: nobody can enter in it any more."""
    steps, end_ms = part.steps, periods.next_start(start_ms, every)
    assert steps is not None
    outcomes = {outcome: steps.outcomes[start_ms, outcome] for outcome in OUTCOMES}
    metrics = part.periods.get(start_ms)
    return {
        "label": periods.label(start_ms, every),
        "from": format_time(start_ms),
        "until": format_time(end_ms),
        "is_over": end_ms <= as_of_ms,
        "runs": {"entered": sum(outcomes.values()), **outcomes},
        "steps": [_step(steps.stages, place, start_ms, part) for place in range(1, len(steps.stages))],
        "metrics": None if metrics is None else metrics_data(metrics),
    }


def _step(stages: Sequence[str], place: int, start_ms: int, part: Gathered) -> Object:
    assert part.steps is not None
    came, went_on = part.steps.came[start_ms, place], part.steps.went_on[start_ms, place]
    rate = went_on / came if came else None
    return {"from": stages[place - 1], "to": stages[place], "came": came, "went_on": went_on, "rate": rate}


def _scores(asked: Asked, report: Report) -> list[Object]:
    found = {}
    for each in asked.journeys:
        measures = each.measures
        if measures is not None and measures.journey_score is not None:
            part = report.gathered[each.journey].whole
            found[each.journey] = journey_score.score(measures.journey_score, _inputs(part))
    return [
        {"journey": name, "total": score.total, "worst": score.worst, "parts": [each._asdict() for each in score.parts]}
        for name, score in journey_score.ranking(found)
    ]


def _inputs(part: Gathered) -> journey_score.Inputs:
    measures = part.measures
    net = None if measures.sentiment is None else measures.sentiment.total.net
    sla = None if measures.feedback is None else measures.feedback.overall.share
    return inputs_of(part.figures, measures.metrics, sentiment=net, sla=sla)
