"""Which language a text is in: as its field says, else by its commonest words."""

import re
from collections import Counter
from functools import cache, lru_cache
from itertools import islice

from cjstream.sentiment.data import entries
from cjstream.sentiment.english import has_valence as in_english
from cjstream.sentiment.indonesian_text import NO_WORDS
from cjstream.sentiment.indonesian_words import spelling

ENGLISH, INDONESIAN, MALAY = "en", "id", "ms"  # Malay: so near that a tie goes to Indonesian
TAGS = {"en": ENGLISH, "eng": ENGLISH, "id": INDONESIAN, "in": INDONESIAN, "ind": INDONESIAN}
UNDETERMINED = frozenset({"", "und", "mul", "mis"})  # BCP 47: a tag that tells no language
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# Words formed as in Indonesian, and as in Malay.
FORMED = re.compile(r"\w{3,}nya|(?:di|ke|ber|ter|per|mem|men|meng|meny|pem|pen|peng|peny)\w{3,}(?:kan|an)")
MAX_WORDS = 60  # of a text are enough to tell
CONTENT = 0.5  # a word of a lexicon, beside one of grammar
SHARE = 0.25  # of its words that must speak for the language


def language_of(text: str, tag: str | None) -> str | None:
    """Return ENGLISH or INDONESIAN, None for any other language or if the text does not tell.

    `tag` is a BCP 47 tag such as `en-US`; it is believed. Without one, or with `und`, the words decide.
    """
    primary = re.split("[-_]", tag or "", maxsplit=1)[0].strip().lower()
    return detected(text) if primary in UNDETERMINED else TAGS.get(primary)


def detected(text: str) -> str | None:
    """Return the language that the words of a text speak for; as `language_of`."""
    plain = NO_WORDS.sub(" ", text).lower().replace("\u2019", "'")
    voices = [_votes(match.group()) for match in islice(WORD.finditer(plain), MAX_WORDS)]
    votes: Counter[str] = Counter()
    for voice in voices:
        votes.update(voice)
    best = ENGLISH if votes[ENGLISH] > votes[INDONESIAN] else INDONESIAN
    rivals = [count for language, count in votes.items() if language not in {best, MALAY}]
    if votes[best] <= max(rivals, default=0) or votes[best] < votes[MALAY]:
        return None
    return best if sum(best in voice for voice in voices) >= SHARE * len(voices) else None


@cache
def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word, language in entries("languages.words"):
        found[word] = (*found.get(word, ()), language)
    return found


@lru_cache(maxsize=8192)
def _votes(word: str) -> dict[str, float]:
    """Return what a word says for each language: the more languages have it, the less for each."""
    languages = _by_word().get(word)
    if languages is not None:
        return dict.fromkeys(languages, 1 / len(languages))
    if in_english(word):
        return {ENGLISH: CONTENT}
    if len(word) > 2 and any(valence for _, valence, _ in spelling(word).words):
        return {INDONESIAN: CONTENT}
    return dict.fromkeys((INDONESIAN, MALAY), CONTENT) if FORMED.fullmatch(word) else {}
