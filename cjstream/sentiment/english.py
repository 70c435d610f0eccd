"""English by VADER: the package vaderSentiment, with its own lexicon and rules."""

from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

MAX_CHARACTERS = 2_000  # VADER's time grows with the square of the length: of 10,000 characters, up to seconds


def compound(text: str) -> float:
    """Return VADER's compound score of the first 2,000 characters, from -1 to 1; 0 if no word has a valence."""
    return float(_analyzer().polarity_scores(text[:MAX_CHARACTERS])["compound"])


def has_valence(word: str) -> bool:
    """Return whether VADER's lexicon has a word, in small letters."""
    return word in _analyzer().lexicon


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()  # reads its files, about 10 ms
