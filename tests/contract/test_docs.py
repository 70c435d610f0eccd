"""What the docs name exists: generated pages are fresh, links lead somewhere, commands and journeys work."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from cjstream import __version__, definitions
from cjstream.cli import main as cjstream
from cjstream.core.outputs import TRANSITION_KINDS
from cjstream.core.state import VERSION, VERSIONS
from cjstream.core.touchpoint import REASONS
from cjstream.metrics import METRICS
from cjstream.settings import SETTINGS
from tools import docs

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for place in ("", "docs/**/", "monitoring/**/", "deploy/**/") for page in ROOT.glob(f"{place}*.md"))
REFERENCE = ROOT / "docs" / "reference"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def found(pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield (page, match) of a pattern over all pages."""
    for page in PAGES:
        for match in re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            yield name(page), match


@pytest.mark.parametrize("page", docs.PAGES)
def test_a_generated_page_is_fresh(page: str) -> None:
    assert (REFERENCE / page).read_text("utf-8") == docs.PAGES[page](), "run make docs"


def test_links_lead_to_files_and_headings() -> None:
    broken = []
    for page, link in found(r"\]\((?!https?://)([^)\s]+)\)"):
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append((page, link))
    assert broken == []


def headings(page: Path) -> list[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles]


def test_variables_exist() -> None:
    known = {row.env for row in SETTINGS}
    assert [use for use in found(r"\bCJSTREAM_\w*[A-Z]\b") if use[1] not in known] == []


def test_metrics_exist() -> None:
    """Of words that look like one in promql blocks and inline code; rules and selectors name more than one."""
    known = {f"{metric}{end}" for metric in METRICS for end in ("", "_bucket", "_count", "_sum")}
    words = [
        (page, word)
        for page, text in found(r"(?:^ *```(?:promql|console|sh)\n(.*?)^ *```|`([^`\n]+)`)")
        if page != "CHANGELOG.md"
        for word in re.findall(r"(?<![\w:/.-])cjstream_[a-z_]+\b(?![:/.-]\w)", "".join(text))
    ]
    assert [use for use in words if use[1] not in known] == []


def test_every_page_is_in_the_index_once() -> None:
    index = ROOT / "docs" / "README.md"
    linked = re.findall(r"^- \[.+?\]\(([\w/-]+\.md)\): .+$", index.read_text("utf-8"), re.MULTILINE)
    there = [page.relative_to(index.parent).as_posix() for page in index.parent.glob("*/*.md")]
    assert sorted(linked) == sorted(page for page in there if not page.startswith("adr/"))


def test_the_state_version_of_this_release_is_told() -> None:
    page = (ROOT / "docs" / "how-to" / "upgrade-it.md").read_text("utf-8")
    assert f"| {__version__} | {VERSION} | {', '.join(map(str, VERSIONS))} |" in page


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words after the program's name) of inline code and console blocks."""
    for page, text in found(r"(?:^ *```(?:console|sh)\n(.*?)^ *```|`([^`\n]+)`)"):
        for words in re.findall(rf"(?:^|[/ ]){program} ([a-z][a-z -]*)", "".join(text), re.MULTILINE):
            yield page, words.split()


def test_commands_exist() -> None:
    assert [use for use in commands("cjstream") if not is_command(use[1])] == []


def is_command(words: list[str]) -> bool:
    command: click.Command | None = cjstream
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    return command is not None


def lines(program: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (page, all words after the program's name) of inline code and console blocks, up to a pipe or comment."""
    for page, text in found(r"(?:^ *```(?:console|sh)\n(.*?)^ *```|`([^`\n]+)`)"):
        for words in re.findall(
            rf"(?:^|[/ ])(?<!--unit ){program} ([^|#;>]*?)(?:[|#;>]|$)", "".join(text), re.MULTILINE
        ):
            yield page, words.split()


def test_options_of_commands_exist() -> None:
    wrong = []
    for page, words in lines("cjstream"):
        known = options_of(words)
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        wrong += [(page, words, option) for option in used if option not in known]
    assert wrong == []


def options_of(words: list[str]) -> set[str]:
    command: click.Command | None = cjstream
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word) or command
    assert command is not None
    return {"--help", *(name for each in command.params for name in (*each.opts, *each.secondary_opts))}


def test_benches_and_their_options_exist() -> None:
    wrong = []
    for page, (script, *words) in lines("python"):
        if script.startswith("bench/"):
            code = (ROOT / script).read_text("utf-8")
            code += (ROOT / "bench" / "pages.py").read_text("utf-8") if "bench.pages" in code else ""
            wrong += [(page, script, word) for word in words if word.startswith("--") and f'"{word}"' not in code]
    assert wrong == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert [use for use in commands("make") if use[1][0] not in targets] == []


def test_named_tests_exist() -> None:
    for page, (path, test) in found(r"`(tests/[\w/]+\.py)(?:::(\w+))?`"):
        assert (ROOT / path).exists(), (page, path)
        assert f"def {test}" in (ROOT / path).read_text("utf-8") or not test, (page, path, test)


def test_journeys_compile() -> None:
    for page, text in found(r"^```yaml\n(journey:.*?)^```"):
        assert definitions.parse(text, page).journey


def test_json_examples_are_values_one_after_another() -> None:
    decoder = json.JSONDecoder()
    for _, text in found(r"^```json\n(.*?)^```"):
        rest = text.strip()
        while rest:
            value, end = decoder.raw_decode(rest)
            assert isinstance(value, dict)
            rest = rest[end:].strip()


@pytest.mark.parametrize("words", [REASONS, TRANSITION_KINDS], ids=["reasons", "kinds"])
def test_closed_lists_are_told_whole(words: tuple[str, ...]) -> None:
    page = (REFERENCE / "topics-and-records.md").read_text("utf-8")
    assert [word for word in words if f"`{word}`" not in page] == []
