"""The built-in scorer: English, Indonesian, signs; no other language."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from cjstream.sentiment import english
from cjstream.sentiment.builtin import score, scorer, sentiment_of
from tests.sentiment.sentences import OTHERS

DATA = Path(__file__).parents[3] / "shared" / "data" / "sentiment"


@pytest.mark.parametrize(
    ("text", "language", "sentiment"),
    [
        ("I love it, great quality", None, "positive"),
        ("It broke after two days, what a waste", "en-GB", "negative"),
        ("The parcel is blue", None, "neutral"),
        ("Barangnya bagus sekali", None, "positive"),
        ("Barangnya rusak", "in", "negative"),
        ("Barangnya biru", "id-ID", "neutral"),
        ("bagus", "fr", None),
        ("👍", None, "positive"),
        ("👎👎", "fr", "negative"),
        ("...", None, None),
        ("12", "fr", None),
        ("12", "en", "neutral"),
        ("zxcv", None, None),
    ],
)
def test_texts(text: str, language: str | None, sentiment: str | None) -> None:
    assert score(text, language) == sentiment


@pytest.mark.parametrize("language", [language for language in OTHERS if language != "ms"])
def test_an_unknown_language_has_no_score(language: str) -> None:
    assert [text for text in OTHERS[language] if score(text, None) is not None] == []
    assert [text for text in OTHERS[language] if score(text, language) is not None] == []


@pytest.mark.parametrize(
    ("compound", "sentiment"),
    [(0.05, "positive"), (0.0499, "neutral"), (0.0, "neutral"), (-0.0499, "neutral"), (-0.05, "negative")],
)
def test_the_thresholds_are_vaders(compound: float, sentiment: str) -> None:
    assert sentiment_of(compound) == sentiment


def test_english_is_vader_itself() -> None:
    assert english.compound("VADER is smart, handsome, and funny.") == 0.8316  # from its own documentation


def test_of_a_long_english_text_the_beginning_counts() -> None:
    assert english.compound("good " * 400 + "bad " * 2000) == english.compound("good " * 400)


def _smsa(line: str) -> tuple[str, str]:
    text, label = line.rsplit("\t", 1)
    return text, label


def _amazon(line: str) -> tuple[str, str]:
    _, mean, text = line.split("\t")
    return text, "positive" if float(mean) > 0.5 else "negative" if float(mean) < -0.5 else "neutral"


@pytest.mark.parametrize(
    ("name", "language", "read", "least"),
    [
        ("amazonReviewSnippets_GroundTruth.txt.gz", "en", _amazon, 0.599),
        ("smsa_valid.tsv.gz", "id", _smsa, 0.68),
    ],
    ids=["english", "indonesian"],
)
def test_accuracy(name: str, language: str, read: Callable[[str], tuple[str, str]], least: float) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"shared/data is absent: no {name}")
    built = scorer()
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        rows = [read(line.rstrip("\n")) for line in lines]
    assert sum(built(text, language) == label for text, label in rows) / len(rows) >= least
