"""The figures that the journey score is made of."""

from cjstream.core.figures import DROPPED, IN_PROGRESS, JourneyReport
from cjstream.core.measures.journey_score import Inputs
from cjstream.core.measures.metric_figures import customer_figures, stage_figures
from cjstream.core.measures.metrics import StageMetrics


def inputs_of(figures: JourneyReport, metrics: StageMetrics, *, sentiment: float | None, sla: float | None) -> Inputs:
    """Return the figures of a journey. `sentiment`: net; `sla`: share of clocks met; None: nothing to tell it by."""
    over = figures.entered - figures.outcomes[IN_PROGRESS]
    stage = stage_figures(metrics)
    return Inputs(
        conversion=figures.conversion_rate,
        drop_off=figures.outcomes[DROPPED] / over if over else None,
        time_to_convert=figures.time_to_convert().median_seconds,
        csat=stage.csat,
        nps=stage.nps,
        sentiment=sentiment,
        sla_met=sla,
        advocacy=customer_figures(metrics).advocacy_rate,
    )
