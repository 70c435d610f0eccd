"""The language of a text: by its tag, else by its words; what is neither English nor Indonesian is no guess."""

import pytest

from cjstream.sentiment.data import entries
from cjstream.sentiment.language import detected, language_of
from tests.sentiment.sentences import OTHERS, SHORT

ENGLISH_TEXT, INDONESIAN_TEXT = "I am very happy with it", "Saya senang sekali dengan ini"


@pytest.mark.parametrize("tag", ["en", "EN", "en-US", "en_GB", "eng", "en-Latn-ID"])
def test_tags_of_english(tag: str) -> None:
    assert language_of(INDONESIAN_TEXT, tag) == "en"


@pytest.mark.parametrize("tag", ["id", "id-ID", "in", "in_ID", "ind", " id "])
def test_tags_of_indonesian(tag: str) -> None:
    assert language_of(ENGLISH_TEXT, tag) == "id"


@pytest.mark.parametrize("tag", ["fr", "ms", "ms-MY", "jv", "enm", "idb", "english", "x-klingon", "zxx"])
def test_another_tag_is_believed_although_the_text_is_english(tag: str) -> None:
    assert language_of(ENGLISH_TEXT, tag) is None


@pytest.mark.parametrize("tag", [None, "", "und", "und-Latn", "mul"])
def test_without_a_language_in_the_tag_the_words_decide(tag: str | None) -> None:
    assert [language_of(text, tag) for text in (ENGLISH_TEXT, INDONESIAN_TEXT)] == ["en", "id"]


@pytest.mark.parametrize("language", SHORT)
def test_a_few_words_are_enough(language: str) -> None:
    wrong = [text for text in SHORT[language] if detected(text) != language]
    assert wrong in ([], ["tolong refund"])  # half of either


@pytest.mark.parametrize("language", [language for language in OTHERS if language != "ms"])
def test_other_languages_are_none(language: str) -> None:
    assert [text for text in OTHERS[language] if detected(text) is not None] == []


def test_malay_is_mostly_told_from_indonesian() -> None:
    assert [detected(text) for text in OTHERS["ms"]].count(None) >= 5


@pytest.mark.parametrize("text", ["", "   ", "12345", "zxcv wvrk", "👍👍", "https://example.com/the/best", "@andthe"])
def test_a_text_without_known_words_is_none(text: str) -> None:
    assert detected(text) is None


def test_half_and_half_is_none() -> None:
    assert detected("the barang") is None


def test_a_curly_apostrophe_is_an_apostrophe() -> None:
    assert detected("don\u2019t") == "en"


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert detected("yang itu " * 30 + "the of and " * 200) == "id"


def test_a_few_known_words_in_an_unknown_language_are_not_enough() -> None:
    assert detected("zorg blift krun the vlap dremt snoo trisk") is None


def test_words_that_many_languages_have_say_little() -> None:
    assert detected("yang mana lagi in in in in") == "id"


def test_an_unknown_word_may_tell_by_its_affixes() -> None:
    assert detected("pembungkusan") == "id"


def test_words_are_listed_once_per_language_and_in_small_letters() -> None:
    listed = list(entries("languages.words"))
    assert [pair for pair in listed if listed.count(pair) > 1] == []
    assert [word for word, _ in listed if word != word.lower().strip() or " " in word or not word] == []
