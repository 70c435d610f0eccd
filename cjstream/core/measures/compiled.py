"""The measures of a definition, compiled: each is there only if the definition asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.measures import expected as expected_
from cjstream.core.measures import feedback as feedback_
from cjstream.core.measures import journey_score as journey_score_
from cjstream.core.measures import leaving as leaving_
from cjstream.core.measures import metrics as metrics_
from cjstream.core.measures import score as score_
from cjstream.core.measures import sentiment as sentiment_
from cjstream.core.reading import Item, Reader
from cjstream.core.stages import Stage

READERS: dict[str, Callable[[Reader, Any, str, Sequence[Stage]], Any]] = {
    "sentiment": sentiment_.read,
    "feedback": feedback_.read,
    "score": score_.read,
    "expected": expected_.read,
    "leaving": leaving_.read,
    "metrics": metrics_.read,
    "journey_score": journey_score_.read,
}


@dataclass(frozen=True, slots=True)
class Measures:
    """What a definition measures. The first five are kept up while touchpoints come; reports alone look at the rest."""

    sentiment: sentiment_.Spec | None = None
    feedback: feedback_.Spec | None = None
    score: score_.Spec | None = None
    expected: expected_.Spec | None = None
    leaving: leaving_.Spec | None = None
    metrics: metrics_.Spec | None = None
    journey_score: journey_score_.Spec | None = None

    @property
    def asks_sentiment(self) -> bool:
        """Whether a touchpoint's sentiment matters to some measure."""
        asking = self.sentiment, self.feedback, self.leaving, self.metrics, self.journey_score
        return any(each is not None for each in asking)

    @property
    def keeps_mood(self) -> bool:
        """Whether some measure asks for the customer's judgement, or for what it did last."""
        return self.sentiment is not None or self.leaving is not None

    @property
    def is_live(self) -> bool:
        """Whether some measure is kept up while touchpoints come."""
        kept = self.feedback, self.score, self.expected
        return self.keeps_mood or any(each is not None for each in kept)

    @property
    def has_deadlines(self) -> bool:
        """Whether time alone can bring something to light."""
        return self.feedback is not None or self.expected is not None


def read_measures(reader: Reader, data: Item, stages: Sequence[Stage]) -> Measures:
    """Return the measures of a definition; faults go to `reader`."""
    block = reader.mapping(data["measures"], "measures", tuple(READERS))
    found = {
        name: read(reader, block[name], f"measures.{name}", stages) for name, read in READERS.items() if name in block
    }
    measures = Measures(**found)
    if measures.sentiment is not None and measures.sentiment.at_risk == "goal" and data.get("goal") is None:
        reader.report(
            "measures.sentiment.at_risk", "waits for the goal, and there is none; add a `goal`, or name a stage"
        )
    return measures
