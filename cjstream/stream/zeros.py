"""Series of counters and histograms that are there from the start, at 0: a rate does not see what one begins with.

So the first breach of a deadline shows as an increase. Left out are those that would be many and are rarely asked
alone: transitions between stages, refused moves, values by currency.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.compiled import Measures
from cjstream.core.measures.course import SKIPPED
from cjstream.core.measures.feedback_threads import CLOCKS
from cjstream.core.measures.live import NONE
from cjstream.core.measures.metric_types import NAMES
from cjstream.core.measures.sentiment import BANDS, SENTIMENTS
from cjstream.core.measures.watches import FORBIDDEN, TOO_SLOW, UNEXPECTED
from cjstream.core.policies import OTHER
from cjstream.core.stages import OUTSIDE
from cjstream.metrics import Series
from cjstream.stream.tally import channels_of

SLA_RESULTS = ("met", "breached", "due_soon")
DEVIATIONS = (SKIPPED, UNEXPECTED, FORBIDDEN, TOO_SLOW)


def series_of(active: Iterable[JourneyDefinition]) -> Iterator[Series]:
    """Yield (metric, labels) of what these journeys will count."""
    definitions = tuple(active)
    for channel in (*sorted(channels_of(definitions)), OTHER):
        yield "cjstream_channel_touchpoints_total", (channel,)
    for definition in definitions:
        journey = definition.journey
        yield "cjstream_late_conversions_total", (journey,)
        for kind in ("converted", "conversion_withdrawn", "stalled", "dropped"):
            yield "cjstream_signals_total", (journey, kind)
        for stage in definition.stages:
            yield "cjstream_dwell_seconds", (journey, stage.id)
            yield "cjstream_drops_total", (journey, stage.id)
            yield "cjstream_transitions_total", (journey, NONE, stage.id, "entry")
            yield "cjstream_transitions_total", (journey, stage.id, NONE, "exit")
            if stage.stall is not None and stage.stall.to == OUTSIDE:
                yield "cjstream_transitions_total", (journey, stage.id, NONE, "timeout")
        if definition.measures is not None:
            yield from _measured(journey, definition.measures)
            if definition.measures.metrics is not None:
                yield from _metered(definition)


def _metered(definition: JourneyDefinition) -> Iterator[Series]:
    for scale, judgement in product(BANDS, SENTIMENTS):
        yield "cjstream_ratings_total", (definition.journey, scale, judgement)
    for stage in (*(each.id for each in definition.stages), NONE):
        for name, values in (("stage_touchpoints", NAMES), ("sentiment", SENTIMENTS)):
            yield from ((f"cjstream_{name}_total", (definition.journey, stage, value)) for value in values)


def _measured(journey: str, measures: Measures) -> Iterator[Series]:
    if measures.sentiment is not None and measures.sentiment.at_risk is not None:
        yield "cjstream_signals_total", (journey, "at_risk")
    if measures.feedback is not None:
        for result in SLA_RESULTS:
            yield "cjstream_signals_total", (journey, f"sla_{result}")
        for clock, result in product(CLOCKS, SLA_RESULTS):
            yield "cjstream_sla_total", (journey, clock, result)
    if measures.expected is not None:
        yield "cjstream_signals_total", (journey, "deviation")
        yield from (("cjstream_deviations_total", (journey, kind)) for kind in DEVIATIONS)
    if measures.score is not None:
        yield "cjstream_signals_total", (journey, "score_threshold")
        yield from (("cjstream_score_thresholds_total", (journey, each.id)) for each in measures.score.thresholds)
