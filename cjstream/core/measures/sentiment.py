"""Sentiment: what a touchpoint says of the customer's mood. Given, else by its rating, else by a scorer of its text.

`measures.sentiment` of a definition; how the classes are meant and counted: docs/explanation/sentiment.md.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cjstream.core.measures.labels import OTHER
from cjstream.core.reading import Reader
from cjstream.core.stages import Stage
from cjstream.core.touchpoint import Touchpoint

POSITIVE, NEUTRAL, NEGATIVE = SENTIMENTS = ("positive", "neutral", "negative")
GOAL = "goal"
KEYS = ("at_risk",)
MAX_PLACES = 10_000  # kept apart; what comes after them is counted under channel and persona `other`

# Text and its `language` field (None: not told) in, one of SENTIMENTS out, or None: cannot say. It must not raise, and
# must answer the same whenever it is asked the same: a replay decides as the worker did.
Scorer = Callable[[str, str | None], str | None]


class Bands(NamedTuple):
    """A scale from `low` to `high`: positive from `positive` up, negative from `negative` down, neutral between."""

    low: int
    high: int
    negative: int
    positive: int


BANDS: Mapping[str, Bands] = {
    "stars": Bands(1, 5, 2, 4),
    "csat": Bands(1, 5, 2, 4),
    "ces": Bands(1, 7, 3, 5),
    "nps": Bands(0, 10, 6, 9),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """What the definition asks for. `at_risk`: GOAL or a stage id, after which a negative judgement is told; or None.

    A stage of the id `goal` cannot be named: the word means the goal.
    """

    at_risk: str | None = None


def read(reader: Reader, value: Any, path: str, stages: Sequence[Stage]) -> Spec:
    """Return the compiled form of `measures.sentiment`; faults go to the reader."""
    item = reader.mapping(value, path, KEYS)
    if item.get("at_risk") is None:
        return Spec()
    return Spec(reader.word(item["at_risk"], f"{path}.at_risk", (GOAL, *(stage.id for stage in stages))))


def by_rating(rating: float, scale: str | None) -> str | None:
    """Return what a rating says; None if it lies out of its scale (None: stars).

    A fraction has to reach a band to be in it: 3.5 stars are neither positive (from 4) nor negative (to 2).
    """
    low, high, negative, positive = BANDS[scale or "stars"]
    if not low <= rating <= high:
        return None
    if rating >= positive:
        return POSITIVE
    return NEGATIVE if rating <= negative else NEUTRAL


def derived(touchpoint: Touchpoint, scorer: Scorer | None) -> Touchpoint:
    """Return the touchpoint with its `sentiment` in its fields, or the same one if that is given or cannot be told.

    What the business says or rates tells nothing of the customer: of its touchpoints a given sentiment alone counts.
    """
    fields = touchpoint.fields
    if not touchpoint.by_customer or fields.sentiment is not None:
        return touchpoint
    found = None if fields.rating is None else by_rating(fields.rating, fields.scale)
    if found is None and scorer is not None:
        found = scorer(fields.text, fields.language) if fields.text else None
    return touchpoint if found is None else touchpoint.with_field("sentiment", found)


class Mood(NamedTuple):
    """How many touchpoints were of each class. Those without a class count nowhere."""

    positive: int = 0
    neutral: int = 0
    negative: int = 0

    @property
    def number(self) -> int:
        """Touchpoints with a class."""
        return sum(self)

    @property
    def net(self) -> float | None:
        """Positive less negative ones, as a share of all with a class: -1 to 1; None of none."""
        return (self.positive - self.negative) / self.number if self.number else None


Place = tuple[str | None, str | None, str | None]  # stage (None: outside), channel, persona


@dataclass
class SentimentCounts:
    """Touchpoints by place and class. `merge` adds those of other customers."""

    counts: Counter[tuple[Place, str]] = field(default_factory=Counter)

    def touch(self, touchpoint: Touchpoint, stage: str | None) -> None:
        """Count a touchpoint, with its derived sentiment; `stage` is where the customer was after it."""
        fields = touchpoint.fields
        sentiment = fields.sentiment
        if sentiment is not None:
            place = stage, fields.channel, fields.persona
            if (place, sentiment) not in self.counts and len(self.counts) >= MAX_PLACES:
                place = stage, OTHER, OTHER
            self.counts[place, sentiment] += 1

    def merge(self, other: "SentimentCounts") -> None:
        """Add what others counted."""
        self.counts.update(other.counts)

    @property
    def total(self) -> Mood:
        """All of them."""
        return Mood(*map(sum, zip(*self.by_stage().values(), strict=True)))

    def by_stage(self) -> dict[str | None, Mood]:
        """Return the mood by the stage after the touchpoint; None: outside."""
        return self._by(0)

    def by_channel(self) -> dict[str | None, Mood]:
        """Return the mood by channel; None: not told."""
        return self._by(1)

    def by_persona(self) -> dict[str | None, Mood]:
        """Return the mood by persona; None: not told."""
        return self._by(2)

    def _by(self, part: int) -> dict[str | None, Mood]:
        found: dict[str | None, Counter[str]] = {}
        for (place, sentiment), count in self.counts.items():
            found.setdefault(place[part], Counter())[sentiment] += count
        return {key: _mood(counts) for key, counts in found.items()}


def _mood(counts: Mapping[str, int]) -> Mood:
    return Mood(*(counts.get(sentiment, 0) for sentiment in SENTIMENTS))
