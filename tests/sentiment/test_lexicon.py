"""The Indonesian word lists: each entry once, within the scale, and none that can never be found."""

from collections import Counter

from cjstream.sentiment.data import entries
from cjstream.sentiment.indonesian import AFTER, BEFORE, MODIFIERS, NEGATIONS
from cjstream.sentiment.indonesian_words import lexicon, phrase_valence, slang, spelling, stems

LEXICON = list(entries("indonesian.lexicon"))
SLANG = list(entries("indonesian.slang"))


def test_the_lexicon_is_large_and_has_both_sides() -> None:
    signs = Counter((valence > 0) - (valence < 0) for valence in lexicon().values())
    assert min(signs[1], signs[-1]) > 600


def test_valences_are_on_the_scale_of_vader() -> None:
    assert all(-4 <= float(valence) <= 4 for _, valence in LEXICON)


def test_no_entry_stands_twice_under_any_spelling() -> None:
    assert len(lexicon()) == len(LEXICON)
    assert len(slang()) == len(SLANG)


def test_entries_are_small_and_clean() -> None:
    for entry, _ in [*LEXICON, *SLANG]:
        assert entry == " ".join(entry.lower().split())
        assert all(0 < len(word) <= 40 for word in entry.split())


def test_slang_leads_to_words_that_are_no_slang_again() -> None:
    assert [(each, meant) for each, meant in SLANG if any(word in slang() for word in meant.split())] == []


def test_modifiers_have_no_valence_that_would_hide_them() -> None:
    with_valence = {word for word in (*NEGATIONS, *BEFORE) if (word,) in lexicon()}
    assert with_valence == MODIFIERS
    assert {word for word in AFTER if (word,) in lexicon()} == {"parah", "gila", "habis"}


def test_what_a_word_is_taken_for() -> None:
    assert [text for text, _, _ in spelling("gaaaabisa").words] == ["tidak", "bisa"]
    assert [text for text, _, _ in spelling("yg").words] == ["yang"]
    assert spelling("bagus").words[0][1] == 2.5


def test_stems_come_from_the_likeliest_on() -> None:
    found = list(stems("menyukainya"))
    assert found[0] == "menyukainya"
    assert {"menyukai", "sukai", "suka"} <= set(found)
    assert found.index("sukai") < found.index("suka")


def test_a_phrase_is_known_with_a_clitic() -> None:
    assert phrase_valence(("tidak", "jelasnya")) == phrase_valence(("tidak", "jelas")) is not None
    assert phrase_valence(("toko", "jelasnya")) is None
