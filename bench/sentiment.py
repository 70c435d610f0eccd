"""Claim: the built-in scorer is right as often as VADER on English reviews, and in 63 of 100 Indonesian texts at least.

    python bench/sentiment.py [--json bench/results/sentiment.json] [--data DIR]

Two files that nobody tuned or took words from, three classes. A text without a score counts as wrong. `given`: the
language stands beside the text; `detected`: the scorer has to find it. Intervals are of 95 %, by a seeded bootstrap.
Exit code 1 if a target is missed; where the data is absent it says so and ends with 0.
"""

import argparse
import gzip
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from time import process_time_ns
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import ROOT, SEED, Target, conclude, print_machine
from cjstream.core.measures.sentiment import NEGATIVE, NEUTRAL, POSITIVE, SENTIMENTS, Scorer
from cjstream.sentiment.builtin import scorer

DATA = ROOT.parent / "shared" / "data" / "sentiment"
RESAMPLES = 1000
PASSES = 3
Cells = Counter[tuple[str, str | None]]  # (true class, class told or None)


class Corpus(NamedTuple):
    """A file of labelled texts in one language; `target` is the accuracy in per cent with the language given."""

    name: str
    language: str
    read: Callable[[str], tuple[str, str]]
    target: float


def _amazon(line: str) -> tuple[str, str]:
    _, mean, text = line.split("\t")
    return text, POSITIVE if float(mean) > 0.5 else NEGATIVE if float(mean) < -0.5 else NEUTRAL


def _smsa(line: str) -> tuple[str, str]:
    text, label = line.rsplit("\t", 1)
    return text, label


CORPORA = (
    Corpus("amazonReviewSnippets_GroundTruth.txt.gz", "en", _amazon, 59.9),
    Corpus("smsa_valid.tsv.gz", "id", _smsa, 63.0),
)


def accuracy(cells: Cells) -> float:
    """Return the share of texts told rightly."""
    return sum(cells[each, each] for each in SENTIMENTS) / cells.total()


def macro_f1(cells: Cells) -> float:
    """Return the mean over the classes of the harmonic mean of precision and recall."""
    return sum(f1(cells, each) for each in SENTIMENTS) / len(SENTIMENTS)


def f1(cells: Cells, sentiment: str) -> float:
    """Return the harmonic mean of precision and recall of one class; 0 if it never occurs."""
    true = sum(count for (label, _), count in cells.items() if label == sentiment)
    told = sum(count for (_, found), count in cells.items() if found == sentiment)
    return 2 * cells[sentiment, sentiment] / (true + told) if true + told else 0.0


def figures(cells: Cells) -> dict[str, Any]:
    """Return accuracy and macro-F1 with their intervals, and what they are made of."""
    generator = random.Random(SEED)
    pairs, counts = list(cells), list(cells.values())
    drawn = [Counter(generator.choices(pairs, counts, k=cells.total())) for _ in range(RESAMPLES)]
    return {
        "accuracy": accuracy(cells),
        "accuracy_interval": _interval([accuracy(each) for each in drawn]),
        "macro_f1": macro_f1(cells),
        "macro_f1_interval": _interval([macro_f1(each) for each in drawn]),
        "f1": {sentiment: f1(cells, sentiment) for sentiment in SENTIMENTS},
        "no_score": sum(count for (_, found), count in cells.items() if found is None),
        "told": {label: {str(found): cells[label, found] for found in (*SENTIMENTS, None)} for label in SENTIMENTS},
    }


def _interval(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    cut = len(ordered) // 40  # 2.5 % at either end
    return ordered[cut], ordered[-1 - cut]


def measure(corpus: Corpus, rows: Sequence[tuple[str, str]], score: Scorer) -> dict[str, Any]:
    """Return the figures of a corpus, with the language given and detected, and print them."""
    commonest, number = Counter(label for _, label in rows).most_common(1)[0]
    print(f"{corpus.name}: {len(rows):,} texts, always {commonest!r} would be right in {number / len(rows):.3f}")
    found: dict[str, Any] = {"texts": len(rows), "commonest": commonest, "commonest_share": number / len(rows)}
    for name, language in (("given", corpus.language), ("detected", None)):
        told, spent_us = _timed([text for text, _ in rows], language, score)
        result = figures(Counter(zip((label for _, label in rows), told, strict=True)))
        found[name] = {**result, "us_per_text": spent_us}
        print(
            f"  language {name:8} accuracy {_told(result, 'accuracy')}, macro-F1 {_told(result, 'macro_f1')}, "
            f"{result['no_score']} without a score, {spent_us:.0f} us per text"
        )
        print("    F1 " + ", ".join(f"{each} {value:.3f}" for each, value in result["f1"].items()))
    return found


def _timed(texts: Sequence[str], language: str | None, score: Scorer) -> tuple[list[str | None], float]:
    """Return what is told of each text, and the CPU time of one in microseconds, in the fastest of the passes."""
    spent = []
    for _ in range(PASSES):
        began = process_time_ns()
        told = [score(text, language) for text in texts]
        spent.append(process_time_ns() - began)
    return told, min(spent) / len(texts) / 1000


def _told(result: dict[str, Any], name: str) -> str:
    low, high = result[f"{name}_interval"]
    return f"{result[name]:.3f} ({low:.3f} - {high:.3f})"


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="folder of the two files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    absent = [corpus.name for corpus in CORPORA if not (options.data / corpus.name).exists()]
    if absent:
        print(f"skipped: no {' and no '.join(absent)} in {options.data}")
        return 0
    print_machine()
    score = scorer()
    results = {"vaderSentiment": version("vaderSentiment"), "resamples": RESAMPLES, "seed": SEED}
    targets = []
    for corpus in CORPORA:
        with gzip.open(options.data / corpus.name, "rt", encoding="utf-8") as lines:
            rows = [corpus.read(line.rstrip("\n")) for line in lines]
        name = corpus.name.partition(".")[0]
        results[name] = found = measure(corpus, rows, score)
        targets.append(Target(f"{name} accuracy, per cent", 100 * found["given"]["accuracy"], corpus.target))
    return conclude(results, targets, options.json)


if __name__ == "__main__":
    sys.exit(main())
