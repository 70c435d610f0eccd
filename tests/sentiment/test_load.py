"""Scorers are found by name among installed packages; one that fails is no score and stops nothing."""

import logging
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from cjstream import sentiment
from cjstream.errors import ConfigError
from cjstream.sentiment import builtin
from cjstream.sentiment.guard import Guarded
from cjstream.settings import load

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "plug-in-a-scorer.md"


def install(folder: Path, module: str, code: str, name: str = "ours") -> None:
    """Make a package with the scorer `name` = module:scorer in a folder of the import path."""
    (folder / f"{module}.py").write_text(code)
    described = folder / f"{module}-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[{sentiment.GROUP}]\n{name} = {module}:scorer\n")


def block(kind: str) -> str:
    """Return the page's first block of code of a kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_default_is_the_built_in_scorer() -> None:
    found = sentiment.load(load({}).sentiment_scorer)
    assert found is not None
    assert found.name == "builtin"
    assert [found(text, None) for text in ("great quality", "barang rusak")] == ["positive", "negative"]


def test_none_scores_no_text() -> None:
    assert sentiment.load("none") is None


def test_a_name_nobody_has_names_those_installed(folder: Path) -> None:
    install(folder, "moods_named", "")
    with pytest.raises(ConfigError, match=r"CJSTREAM_SENTIMENT__SCORER='theirs': .* use builtin, ours or none"):
        sentiment.load("theirs")


def test_two_packages_with_one_name_are_refused(folder: Path) -> None:
    install(folder, "moods_first", "")
    install(folder, "moods_second", "")
    with pytest.raises(ConfigError, match="moods_first:scorer, moods_second:scorer"):
        sentiment.load("ours")


@pytest.mark.parametrize(
    ("module", "code", "why"),
    [
        ("moods_syntax", "def", "SyntaxError"),
        ("moods_missing", "", "AttributeError"),
        ("moods_raising", "def scorer(): raise OSError('no model')", "OSError: no model"),
        ("moods_returning", "def scorer(): return 5", "returned int, which cannot be called"),
    ],
)
def test_a_scorer_that_cannot_be_made_stops_at_start(folder: Path, module: str, code: str, why: str) -> None:
    install(folder, module, code)
    with pytest.raises(ConfigError, match=why):
        sentiment.load("ours")


def test_the_example_of_the_docs_works(folder: Path) -> None:
    code, described = block("python"), block("toml")
    entry = tomllib.loads(described)["project"]["entry-points"]["cjstream.scorers"]
    assert entry == {"ours": "moods:scorer"}
    install(folder, "moods", code)
    found = sentiment.load("ours")
    assert found is not None
    texts = ("WHERE is my parcel", "it is great", "...")
    assert [found(text, None) for text in texts] == ["negative", "positive", None]


class Mood(StrEnum):
    GLAD = "positive"


class Angry(str):
    """A text that fails when it is looked up."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 1 // 0


@pytest.mark.parametrize("answer", ["positive", "neutral", "negative", None])
def test_an_answer_is_passed_on(answer: str | None) -> None:
    guarded = Guarded("ours", lambda text, language: answer)
    assert (guarded("x", None), guarded.failures) == (answer, 0)


def test_an_answer_is_a_plain_text() -> None:
    answer = Guarded("ours", lambda text, language: Mood.GLAD)("x", None)
    assert (type(answer), answer) == (str, "positive")


@pytest.mark.parametrize("answer", ["happy", "", 1, True, ["positive"], Angry("positive")], ids=repr)
def test_another_answer_is_no_score_and_a_failure(answer: Any) -> None:
    guarded = Guarded("ours", lambda text, language: answer)
    assert (guarded("x", None), guarded.failures) == (None, 1)


def test_a_scorer_that_raises_gives_no_score_and_goes_on() -> None:
    def score(text: str, language: str | None) -> str:
        return {"good": "positive"}[text]

    guarded = Guarded("ours", score)
    assert [guarded(text, None) for text in ("secret", "good", "secret")] == [None, "positive", None]
    assert guarded.failures == 2


def fail(text: str, language: str | None) -> str:
    raise KeyError(text)


def test_the_first_failure_is_told_without_the_text(caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded("ours", fail)
    with caplog.at_level(logging.WARNING, "cjstream"):
        for _ in range(3):
            guarded("my secret", None)
    assert caplog.messages == ["scorer ours raised KeyError: no score; further failures are only counted"]


def test_the_built_in_scorer_answers_the_same_in_any_order() -> None:
    texts = ["barang bagus", "great", "gak enaaak bgt", "not good", "👍", "zxcv"]
    first = [builtin.score(text, None) for text in texts]
    assert [builtin.score(text, None) for text in reversed(texts)] == first[::-1]
