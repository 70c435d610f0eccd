"""The measures of one journey, or of one slice of it, as plain data: only those that its definition asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from cjstream.core.gathered import Gathered
from cjstream.core.measures.conformance import Conformance
from cjstream.core.measures.feedback_figures import FeedbackFigures, Kept
from cjstream.core.measures.gaps import Gaps
from cjstream.core.measures.leaving import Leaving, Left
from cjstream.core.measures.metric_figures import customer_figures, stage_figures
from cjstream.core.measures.metrics import StageMetrics
from cjstream.core.measures.sentiment import Mood, SentimentCounts

Object = dict[str, Any]
VARIANTS = 10  # told of all
WHO = ("stage", "channel", "persona")


def measures_data(part: Gathered) -> Object:
    """Return a section for each measure."""
    measures, stages = part.measures, part.figures.stages
    found: Object = {
        "metrics": {
            "all": metrics_data(measures.metrics),
            "stages": [
                stage_figures(measures.metrics, stage)._asdict()
                for stage in (*stages, None)
                if stage in measures.metrics.stages
            ],
            "customers": customer_figures(measures.metrics)._asdict(),
        }
    }
    if measures.sentiment is not None:
        found["sentiment"] = _sentiment(measures.sentiment, stages)
    if measures.feedback is not None:
        found["feedback"] = _feedback(measures.feedback, stages)
    if measures.expected is not None:
        found["expected"] = _expected(measures.expected)
    if measures.gaps is not None:
        found["gaps"] = _gaps(measures.gaps, stages)
    if measures.leaving is not None:
        found["leaving"] = _leaving(measures.leaving, stages)
    if measures.prediction is not None:
        found["prediction"] = measures.prediction.model(stages).to_data()
    return found


def metrics_data(metrics: StageMetrics) -> Object:
    """Return what the touchpoints of all stages count as."""
    figures = stage_figures(metrics)._asdict()
    del figures["stage"]
    return figures


def _sentiment(counts: SentimentCounts, stages: Sequence[str]) -> Object:
    found: Object = {"all": _mood(counts.total)}
    for who, moods in zip(WHO, (counts.by_stage(), counts.by_channel(), counts.by_persona()), strict=True):
        found[f"by_{who}"] = [{who: name, **_mood(mood)} for name, mood in _sorted(moods, stages)]
    return found


def _mood(mood: Mood) -> Object:
    return {**mood._asdict(), "net": mood.net}


def _feedback(figures: FeedbackFigures, stages: Sequence[str]) -> Object:
    return {
        "clocks": [{"clock": clock, **_kept(kept)} for clock, kept in sorted(figures.sla().items())],
        "by_stage": _clocks("stage", figures.sla_by_stage(), stages),
        "by_channel": _clocks("channel", figures.sla_by_channel(), ()),
        "all": _kept(figures.overall),
        "first_response": figures.first_response()._asdict(),
        "answered": [{"type": kind, **each._asdict()} for kind, each in figures.answered().items()],
    }


def _clocks(who: str, kept: Mapping[tuple[str | None, str], Kept], stages: Sequence[str]) -> list[Object]:
    return [{who: name, "clock": clock, **_kept(each)} for (name, clock), each in _sorted(kept, stages)]


def _kept(kept: Kept) -> Object:
    return {**kept._asdict(), "share": kept.share}


def _expected(found: Conformance) -> Object:
    return {
        "runs": found.runs,
        "fitness": found.fitness,
        "deviations": [
            {"kind": kind, "stage": stage, "runs": count} for (kind, stage), count in _most(found.deviations)
        ],
        "rules": [{"rule": rule, "kind": kind, "signals": count} for (rule, kind), count in _most(found.rules)],
        "variants": [each._asdict() for each in found.top(VARIANTS)],
    }


def _gaps(gaps: Gaps, stages: Sequence[str]) -> Object:
    found: Object = {"all": [{"scale": scale, **_gap(gap)} for scale, gap in sorted(gaps.total().items())]}
    for who, by in zip(WHO, (gaps.by_stage(), gaps.by_channel(), gaps.by_persona()), strict=True):
        found[f"by_{who}"] = [{who: name, "scale": scale, **_gap(gap)} for (name, scale), gap in _sorted(by, stages)]
    return found


def _gap(gap: Any) -> Object:
    return {"ratings": gap.number, "mean": gap.mean}


def _leaving(leaving: Leaving, stages: tuple[str, ...]) -> Object:
    return {
        "all": _left(leaving.total),
        "stages": [{"stage": stage, **_left(leaving.stages[stage])} for stage in stages if stage in leaving.stages],
    }


def _left(left: Left) -> Object:
    by = {name: dict(getattr(left, name).most_common()) for name in ("last", "judgements", "reasons", "pains")}
    numbers = {name: getattr(left, name) for name in ("runs", "asked", "answered", "unanswered_runs")}
    return {**numbers, **by}


def _sorted(found: Mapping[Any, Any], stages: Sequence[str] = ()) -> list[tuple[Any, Any]]:
    """Return what is by name, or by name and something else: stages in their order, and what is not told last."""

    def place(item: tuple[Any, Any]) -> tuple[bool, int, str]:
        name = item[0][0] if isinstance(item[0], tuple) else item[0]
        return name is None, stages.index(name) if name in stages else len(stages), str(item[0])

    return sorted(found.items(), key=place)


def _most(counts: Mapping[Any, int]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
