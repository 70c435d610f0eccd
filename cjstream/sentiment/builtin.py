"""The scorer that comes with cjstream: English by VADER, Indonesian by our own lexicon, no other language."""

from cjstream.core.measures.sentiment import NEGATIVE, NEUTRAL, POSITIVE, Scorer
from cjstream.sentiment import english, indonesian
from cjstream.sentiment.language import ENGLISH, INDONESIAN, detected, language_of

THRESHOLD = 0.05  # VADER's own, of the compound score
COMPOUND = {ENGLISH: english.compound, INDONESIAN: indonesian.compound}


def scorer() -> Scorer:
    """Return the scorer, with its word lists read, about 50 ms."""
    english.compound("good")
    indonesian.compound("bagus")
    detected("good")
    return score


def score(text: str, language: str | None) -> str | None:
    """Return the sentiment of a text; None if its language is neither English nor Indonesian, or cannot be told.

    A text without a letter is of no language: its signs decide. If they say nothing, it is neutral in a language that
    `language` names, and has no score else.
    """
    found = language_of(text, language)
    if not any(map(str.isalpha, text)):
        by_signs = sentiment_of(indonesian.compound(text))
        return None if by_signs == NEUTRAL and found is None else by_signs
    return None if found is None else sentiment_of(COMPOUND[found](text))


def sentiment_of(compound: float) -> str:
    """Return the class of a compound score, by VADER's thresholds."""
    if compound >= THRESHOLD:
        return POSITIVE
    return NEGATIVE if compound <= -THRESHOLD else NEUTRAL
