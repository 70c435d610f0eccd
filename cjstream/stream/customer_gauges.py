"""What a worker shows of its customers at scrape time: sums over the partitions that it owns, which no other has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.sentiment import SENTIMENTS
from cjstream.core.outputs import OUTCOMES
from cjstream.core.policies import OTHER
from cjstream.core.stages import Stage
from cjstream.core.totals import DAY, NONE, TOUCHES
from cjstream.metrics import Series, Value
from cjstream.stream.partition import Partition

GAUGES: Mapping[str, str] = {  # of bookings, by their first word; the other words are the labels
    "customers": "cjstream_customers",
    "entered": "cjstream_customers_by_entry",
    "furthest": "cjstream_furthest_customers",
    "left": "cjstream_dropped_customers",
    "conversions": "cjstream_conversions_by_touch",
    "late_conversions": "cjstream_late_converted_customers",
    "judged": "cjstream_customers_by_judgement",
    "open_feedback": "cjstream_waiting_customers",
}


def samples(partitions: Iterable[Partition], active: Sequence[JourneyDefinition]) -> Iterator[Value]:
    """Yield what the totals of these partitions add up to; what nobody is in is there with 0."""
    empty = [series for definition in active for series in _empty(definition)]
    sums: Counter[Series] = Counter(dict.fromkeys(empty, 0))  # first: a page has its stages in their order
    for partition in partitions:
        for (kind, *labels), customers in partition.rows.totals.copy().items():
            if kind != "entered" or labels[1] != DAY:  # days never end: no label
                sums[GAUGES[kind], tuple(labels)] += customers
    for (name, values), customers in sums.items():
        yield name, values, customers
    for definition in active:
        yield from _funnel(definition, sums)


def _funnel(definition: JourneyDefinition, sums: Mapping[Series, int]) -> Iterator[Value]:
    """Yield who came to each stage or further. Prometheus cannot add that up: it knows no order of stages."""
    journey, reached = definition.journey, Counter[str]()
    for stage in reversed(_in_order(definition)):
        yield "cjstream_stage_weight", (journey, stage.id), stage.weight
        for outcome in OUTCOMES:
            reached[outcome] += sums["cjstream_furthest_customers", (journey, stage.id, outcome)]
            yield "cjstream_reached_customers", (journey, stage.id, outcome), reached[outcome]


def _in_order(definition: JourneyDefinition) -> list[Stage]:
    return sorted(definition.stages, key=lambda stage: stage.weight)


def _empty(definition: JourneyDefinition) -> Iterator[Series]:
    stages = [stage.id for stage in _in_order(definition)]
    journey = definition.journey
    for stage, outcome in product([*stages, NONE], OUTCOMES):
        yield "cjstream_customers", (journey, stage, outcome)
    for stage, outcome in product(stages, OUTCOMES):
        yield "cjstream_furthest_customers", (journey, stage, outcome)
    for stage in stages:
        yield "cjstream_dropped_customers", (journey, stage)
    yield "cjstream_late_converted_customers", (journey,)
    yield from _empty_measures(definition, stages)
    for dimension, values in definition.count_by.items():
        for value in (*values, OTHER) if values else ():
            for outcome in OUTCOMES:
                yield "cjstream_customers_by_entry", (journey, dimension, value, outcome)
            for touch in TOUCHES:
                yield "cjstream_conversions_by_touch", (journey, touch, dimension, value)


def _empty_measures(definition: JourneyDefinition, stages: Sequence[str]) -> Iterator[Series]:
    if definition.measures is not None and definition.measures.feedback is not None:
        yield "cjstream_waiting_customers", (definition.journey,)
    for stage, judgement in product([*stages, NONE], SENTIMENTS) if definition.keeps_mood else ():
        yield "cjstream_customers_by_judgement", (definition.journey, stage, judgement)
