"""Indonesian texts taken apart: sentences, their clauses, and words and phrases with their valence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cjstream.sentiment.indonesian_words import phrase_valence, spelling

TOKEN = re.compile(
    r"""(?P<word>[^\W_]+(?:['\u2019][^\W_]+)*)
    |(?P<face>(?<![^\s.,!?])(?:[:;=]['-]?[)(\]\[DPp3*/|]+|\^[_.]?\^|-_+-|>_<|<3)(?!\w))
    |(?P<end>[.!?\n…]+)
    |(?P<stop>[,;:()"/]+|(?<=\s)[-\u2013\u2014]+(?=\s))
    |(?P<sign>[\u2600-\u27bf\u2b50\U0001f300-\U0001faff])""",
    re.VERBOSE,
)
NO_WORDS = re.compile(r"(?:https?://|www\.)\S+|@\w+|\w{41,}")  # links, names, and what is too long to remember
SULLEN = re.compile(r"[(\[/|]|-_|>_")
FACE = 1.8


@dataclass(slots=True)
class Word:
    """A word or phrase: as the lexicon spells it, with its valence, in which clause, and whether it begins that.

    `is_loud`: in capitals, and the text is not. `is_stretched`: a letter three times or more. `is_used`: set on a
    negation that met what it negates.
    """

    text: str
    valence: float
    clause: int
    is_first: bool = False
    is_loud: bool = False
    is_stretched: bool = False
    is_used: bool = False
    most: int = 1  # words of the longest phrase that begins with it


@dataclass(frozen=True, slots=True)
class Sentence:
    """Its words in order, at least one, and whether a question mark ends it."""

    words: list[Word]
    is_question: bool


def sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text in order. A word of several in the lexicon (`gabisa`) is several here."""
    is_quiet = not text.isupper()
    words: list[Word] = []
    clause = 0
    for match in TOKEN.finditer(NO_WORDS.sub(" ", text)):
        kind, found = match.lastgroup, match.group()
        if kind == "end":
            if words:
                yield Sentence(_phrases(words), "?" in found)
            words = []
        elif kind == "stop":
            clause += 1
        elif kind == "face":
            words.append(Word(found, -FACE if SULLEN.search(found) else FACE, clause))
        else:
            words += _words(found, clause, is_quiet)
    if words:
        yield Sentence(_phrases(words), False)


def _words(found: str, clause: int, is_quiet: bool) -> list[Word]:
    spelt = spelling(found.lower())
    is_loud = is_quiet and len(found) > 1 and found.isupper()
    return [
        Word(text, valence, clause, False, is_loud, spelt.is_stretched, False, most)
        for text, valence, most in spelt.words
    ]


def _phrases(words: list[Word]) -> list[Word]:
    """Return the words with the longest phrases of the lexicon as one; what is said twice has its valence once."""
    found: list[Word] = []
    place, clause, before = 0, -1, ""
    while place < len(words):
        word = words[place]
        size = _join(words, place) if word.most > 1 else 1
        if size == 1 and word.text == before:
            word.valence = 0.0
        word.is_first = word.clause != clause
        clause, before = word.clause, word.text
        found.append(word)
        place += size
    return found


def _join(words: list[Word], place: int) -> int:
    """Make a word the longest phrase that begins with it, if one does, and return of how many words that is."""
    first = words[place]
    for size in range(min(first.most, len(words) - place), 1, -1):
        part = words[place : place + size]
        if part[-1].clause == first.clause:
            texts = tuple(word.text for word in part)
            valence = phrase_valence(texts)
            if valence is not None:
                first.text, first.valence = " ".join(texts), valence
                return size
    return 1
