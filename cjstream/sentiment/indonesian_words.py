"""Indonesian words as the lexicon has them: spelling, slang, repeated letters, and the stems under affixes."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from cjstream.sentiment.data import entries

REMEMBERED = 16_384  # words, a few MB
SHORTEST_STEM = 4  # letters; what is left of shorter words is another word too often
STRETCHED = re.compile(r"(.)\1{2,}")
DOUBLED = re.compile(r"([^\W\d_])\1")
TWICE = re.compile(r"([^\W\d_]{3,})2(nya)?")  # bagus2: said twice
CLITICS = ("nya", "lah", "kah", "pun", "ku", "mu")
SUFFIXES = ("", "kan", "in", "an", "i")
# A prefix, and what the first letter of the stem may have been before the prefix took it.
PREFIXES = (
    ("", ("",)), ("memper", ("",)), ("diper", ("",)), ("meny", ("s",)), ("meng", ("", "k")), ("mem", ("", "p")),
    ("men", ("", "t")), ("me", ("",)), ("peny", ("s",)), ("peng", ("", "k")), ("pem", ("", "p")), ("pen", ("", "t")),
    ("nge", ("",)), ("ng", ("", "k")), ("ny", ("s",)), ("ber", ("",)), ("ter", ("",)), ("di", ("",)), ("ke", ("",)),
    ("se", ("",)), ("pe", ("",)),
)  # fmt: skip
Phrase = tuple[str, ...]


class Spelling(NamedTuple):
    """What a written word stands for: of each word its text, valence, and words of the longest phrase it begins."""

    words: tuple[tuple[str, float, int], ...]
    is_stretched: bool


@cache
def slang() -> dict[str, Phrase]:
    """Return the words that a spelling stands for."""
    return {spelling: tuple(meant.split()) for spelling, meant in entries("indonesian.slang")}


@cache
def lexicon() -> dict[Phrase, float]:
    """Return the valence of words and phrases, spelt as `spelling` does."""
    spellings = slang()
    return {
        tuple(word for part in entry.split() for word in spellings.get(part, (part,))): float(valence)
        for entry, valence in entries("indonesian.lexicon")
    }


@cache
def _known() -> frozenset[str]:
    return frozenset(word for phrase in lexicon() for word in phrase).union(*slang().values(), slang())


@cache
def _longest_phrases() -> dict[str, int]:
    found: dict[str, int] = {}
    for phrase in lexicon():
        found[phrase[0]] = max(len(phrase), found.get(phrase[0], 1))
    return found


@lru_cache(maxsize=REMEMBERED)
def spelling(word: str) -> Spelling:
    """Return what a word in small letters stands for: `gaaak` for `tidak`, `gabisa` for `tidak bisa`."""
    longest = _longest_phrases()
    words = tuple((each, valence_of(each), longest.get(each, 1)) for each in _meant(word))
    return Spelling(words, STRETCHED.search(word) is not None)


def _meant(word: str) -> Phrase:
    known, spellings = _known(), slang()
    twice = TWICE.fullmatch(word)
    written = word if twice is None else twice.group(1)
    for candidate in _unstretched(written):
        if candidate in known:
            return spellings.get(candidate, (candidate,))
    return (STRETCHED.sub(r"\1", written),)


def _unstretched(word: str) -> Iterator[str]:
    yield word
    if STRETCHED.search(word):
        yield STRETCHED.sub(r"\1\1", word)
    once = STRETCHED.sub(r"\1", word)
    yield once
    yield DOUBLED.sub(r"\1", once)


def valence_of(word: str) -> float:
    """Return the valence of a word, or of the first of its stems that has one; 0 of others."""
    known = lexicon()
    return next((known[stem,] for stem in stems(word) if (stem,) in known), 0.0)


def stems(word: str) -> Iterator[str]:
    """Yield a word and what it may be made of, the likeliest first: tempatnya, tempat; disukai, sukai, suka."""
    yield word
    bare = _without_clitic(word)
    for suffix in SUFFIXES:
        if bare.endswith(suffix):
            rest = bare.removesuffix(suffix)
            for prefix, firsts in PREFIXES:
                if rest.startswith(prefix):
                    yield from _long_enough(first + rest.removeprefix(prefix) for first in firsts)


def _long_enough(candidates: Iterator[str]) -> Iterator[str]:
    for stem in candidates:
        if len(stem) >= SHORTEST_STEM:
            meant = slang().get(stem, ())
            yield meant[0] if len(meant) == 1 else stem


def _without_clitic(word: str) -> str:
    for clitic in CLITICS:
        if word.endswith(clitic) and len(word) - len(clitic) >= SHORTEST_STEM:
            return word.removesuffix(clitic)
    return word


def phrase_valence(phrase: Phrase) -> float | None:
    """Return the valence of a phrase, also with a clitic at its end: `tidak jelasnya`; None if it is none."""
    known = lexicon()
    valence = known.get(phrase)
    return known.get((*phrase[:-1], _without_clitic(phrase[-1]))) if valence is None else valence
