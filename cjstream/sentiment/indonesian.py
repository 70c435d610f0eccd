"""Indonesian: a lexicon and rules in the style, and with the formula and constants, of VADER.

C.J. Hutto and E.E. Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text,
ICWSM 2014. The words are our own; what differs for the language stands in docs/explanation/sentiment.md.
"""

from collections.abc import Sequence
from math import sqrt

from cjstream.sentiment.indonesian_text import Sentence, Word, sentences

# VADER's constants
BOOST, CAPITALS, NEGATED, ALPHA = 0.293, 0.733, -0.74, 15
EXCLAMATION, MOST_EXCLAMATIONS = 0.292, 4
DAMPED = (1.0, 0.95, 0.9)  # for a word one, two, three places off
BEFORE_CONTRAST, AFTER_CONTRAST = 0.5, 1.5
# Our own
UNUSED_NEGATION = -0.6  # who says what is not, and no more, complains
PITY = -1.3  # `sayang` where a clause begins is no love

NEGATIONS = frozenset(
    ("tidak", "bukan", "belum", "jangan", "tanpa", "kurang", "anti", "jarang", "not", "no")
)  # fmt: skip
COMPLAINING = frozenset(("tidak", "belum"))
BOOSTERS = dict.fromkeys((
    "sangat", "amat", "paling", "terlalu", "begitu", "sungguh", "benar", "makin", "semakin", "ekstra", "teramat",
    "memang", "selalu", "pasti", "bikin", "very", "so", "really", "too",
), BOOST)  # fmt: skip
DAMPENERS = dict.fromkeys(("agak", "cukup", "hampir", "kadang", "relatif", "mungkin", "setengah"), -BOOST)
BEFORE = BOOSTERS | DAMPENERS
AFTER = dict.fromkeys((
    "banget", "sekali", "amat", "benar", "abis", "habis", "parah", "gila", "pisan", "pol", "nian", "betul", "tenan",
), BOOST)  # fmt: skip
MODIFIERS = frozenset(("terlalu", "kurang"))  # with a valence of their own, where they modify nothing
BUT = frozenset(("tapi", "namun", "padahal", "sayangnya"))
BUT_AT_THE_START = frozenset(("cuma", "hanya", "sayang"))  # of a clause
ALTHOUGH = "walaupun"


def compound(text: str) -> float:
    """Return the valence of an Indonesian text, from -1 to 1; 0 if no word of it has any."""
    total = sum(map(_sentence, sentences(text)))
    if total:
        emphasis = min(text.count("!"), MOST_EXCLAMATIONS) * EXCLAMATION
        total += emphasis if total > 0 else -emphasis
    return total / sqrt(total * total + ALPHA)


def _sentence(sentence: Sentence) -> float:
    words = sentence.words
    _settle_roles(words)
    valences = [_in_context(words, i) if word.valence else 0.0 for i, word in enumerate(words)]
    for i, word in enumerate(words[:-1]):
        if word.text in COMPLAINING and not word.is_used:
            valences[i] = UNUSED_NEGATION
    if sentence.is_question:  # it may blame; it does not praise
        valences = [min(valence, 0.0) for valence in valences]
    return sum(_contrasted(words, valences))


def _settle_roles(words: Sequence[Word]) -> None:
    """Take the valence from words that only modify another here: `terlalu mahal`, `kurang enak`, `enak gila`."""
    for i, word in enumerate(words):
        if word.text in MODIFIERS:
            modified = words[i + 1 : i + 3]
        elif word.text in AFTER:
            modified = [other for other in words[max(i - 1, 0) : i] if other.valence > 0]
        else:
            if word.text == "sayang" and word.is_first:
                word.valence = PITY
            continue
        if any(other.valence and other.clause == word.clause for other in modified):
            word.valence = 0.0


def _in_context(words: Sequence[Word], i: int) -> float:
    """Return the valence of a word with what its neighbours of the same clause make of it."""
    word = words[i]
    sign = 1 if word.valence > 0 else -1
    valence = word.valence + sign * (CAPITALS * word.is_loud + BOOST * word.is_stretched)
    if i + 1 < len(words) and words[i + 1].clause == word.clause and not words[i + 1].valence:
        valence += sign * AFTER.get(words[i + 1].text, 0.0)
    for distance, damped in enumerate(DAMPED, 1):
        if distance > i or words[i - distance].clause != word.clause:
            break
        other = words[i - distance]
        if other.valence * sign < 0:  # the negation beyond is of that one: `tidak ramah dan mahal`
            break
        if other.text in NEGATIONS and not other.valence:
            valence *= NEGATED
            other.is_used = True
        elif not other.valence and other.text in BEFORE:
            valence += (BEFORE[other.text] if valence > 0 else -BEFORE[other.text]) * damped
    return valence


def _contrasted(words: Sequence[Word], valences: list[float]) -> list[float]:
    """Weigh what stands after `tapi` more, and what before it less; what `walaupun` concedes less than the rest."""
    for i in range(len(words) - 1, -1, -1):
        word = words[i]
        if word.text in BUT or (word.text in BUT_AT_THE_START and word.is_first):
            factors = [BEFORE_CONTRAST if j < i else AFTER_CONTRAST for j in range(len(words))]
        elif word.text == ALTHOUGH:
            conceded = [j >= i and other.clause == word.clause for j, other in enumerate(words)]
            factors = [BEFORE_CONTRAST if each else AFTER_CONTRAST for each in conceded]
        else:
            continue
        return [valence * factor for valence, factor in zip(valences, factors, strict=True)]
    return valences
