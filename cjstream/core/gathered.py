"""All that is counted of one journey, as a whole or in one slice of it: figures of runs, and the measures.

The one place that knows which accumulators there are. None of them knows of slices, and nothing is divided before it
is read.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import JourneyReport
from cjstream.core.measures import metrics
from cjstream.core.measures.compiled import Measures
from cjstream.core.measures.conformance import Conformance
from cjstream.core.measures.customer_log import CustomerLog, Watch
from cjstream.core.measures.feedback_figures import FeedbackFigures
from cjstream.core.measures.gaps import Gaps
from cjstream.core.measures.journey_score import SENTIMENT
from cjstream.core.measures.leaving import Leaving
from cjstream.core.measures.metrics import StageMetrics
from cjstream.core.measures.prediction import Transitions
from cjstream.core.measures.run import Run
from cjstream.core.measures.sentiment import SentimentCounts
from cjstream.core.measures.watching import watch
from cjstream.core.outputs import Signal
from cjstream.core.reading import Reader
from cjstream.core.runs import best_of
from cjstream.core.step_counts import StepCounts
from cjstream.core.touchpoint import Touchpoint

Touch = Callable[[Touchpoint, str | None], None]


class Accumulators(NamedTuple):
    """What is counted of a journey's measures; None: the definition does not ask for it.

    Metrics always are, and what a prediction is made from, but for slices.
    """

    metrics: StageMetrics
    sentiment: SentimentCounts | None = None
    feedback: FeedbackFigures | None = None
    expected: Conformance | None = None
    gaps: Gaps | None = None
    leaving: Leaving | None = None
    prediction: Transitions | None = None

    def touches(self) -> list[Touch]:
        """Return what takes touchpoints that are no duplicates, each with the stage after it."""
        return [each.touch for each in (self.metrics, self.sentiment, self.feedback, self.gaps) if each is not None]

    def signals(self) -> list[Callable[[Signal], None]]:
        """Return what takes the signals of the journey."""
        return [each.signal for each in (self.feedback, self.expected) if each is not None]

    def count_customer(self, log: CustomerLog, runs: Sequence[Run]) -> None:
        """Count a customer who had all these runs, in the end."""
        self.metrics.customer(log, runs[0].outcome if len(runs) == 1 else best_of(run.outcome for run in runs))

    def count_runs(self, log: CustomerLog, runs: Sequence[Run]) -> None:
        """Count runs of a customer, in the end."""
        expected, leaving, prediction = self.expected, self.leaving, self.prediction
        for run in runs:
            if expected is not None:
                expected.run(run)
            if leaving is not None:
                leaving.run(run, log)
            if prediction is not None:
                prediction.run(run)

    def merge(self, other: "Accumulators") -> None:
        """Add what others counted."""
        mine: Any
        for mine, theirs in zip(self, other, strict=True):
            if mine is not None:
                mine.merge(theirs)


class Gathered:
    """What was counted of some runs, touchpoints and customers of one journey. A plain value: it can be pickled.

    `figures`: of the runs. With periods asked for: `steps`, and `periods`, the metrics of the touchpoints of each, by
    its start in milliseconds.
    """

    __slots__ = ("figures", "measures", "periods", "steps")

    def __init__(self, figures: JourneyReport, measures: Accumulators, every: str | None) -> None:
        self.figures, self.measures = figures, measures
        self.steps = None if every is None else StepCounts(figures.stages, every)
        self.periods: dict[int, StageMetrics] = {}

    def in_period(self, touchpoint: Touchpoint, stage: str | None, start_ms: int) -> None:
        """Count a touchpoint of the period that begins at `start_ms`."""
        found = self.periods.get(start_ms)
        if found is None:
            found = self.periods[start_ms] = StageMetrics(self.measures.metrics.spec)
        found.touch(touchpoint, stage)

    def merge(self, other: "Gathered") -> None:
        """Add what others counted."""
        self.figures.merge(other.figures)
        self.measures.merge(other.measures)
        if self.steps is not None and other.steps is not None:
            self.steps.merge(other.steps)
        for start_ms, each in other.periods.items():
            if start_ms in self.periods:
                self.periods[start_ms].merge(each)
            else:
                self.periods[start_ms] = each


def accumulators(definition: JourneyDefinition, *, is_slice: bool) -> Accumulators:
    """Return what counts the measures of a journey, empty.

    A slice has no feedback, as a question and its answer are often of two slices, and no prediction.
    """
    measures, counts = definition.measures, StageMetrics(metrics_spec(definition))
    prediction = None if is_slice else Transitions()
    if measures is None:
        return Accumulators(counts, prediction=prediction)
    expected, feedback = measures.expected, measures.feedback
    return Accumulators(
        counts,
        SentimentCounts() if _counts_sentiment(measures) else None,
        None if feedback is None or is_slice else FeedbackFigures(feedback),
        None if expected is None else Conformance(expected),
        None if expected is None else Gaps(),
        None if measures.leaving is None else Leaving(),
        prediction,
    )


def _counts_sentiment(measures: Measures) -> bool:
    """Return whether there is sentiment to count, asked for by itself or by the journey score."""
    score = measures.journey_score
    return measures.sentiment is not None or (
        score is not None and any(part.figure == SENTIMENT for part in score.parts)
    )


def metrics_spec(definition: JourneyDefinition) -> metrics.Spec:
    """Return which touchpoints count as what: by default where the definition does not say."""
    if definition.measures is not None and definition.measures.metrics is not None:
        return definition.measures.metrics
    return metrics.read(Reader(), {}, "measures.metrics", definition.stages)


def watch_of(definition: JourneyDefinition) -> Watch:
    """Return what is to be remembered of each customer."""
    return watch(metrics_spec(definition), None if definition.measures is None else definition.measures.leaving)
