"""What the files that deploy cjstream are held against: its settings, commands, exit codes and times."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from cjstream.cli import main
from cjstream.settings import SETTINGS, load
from cjstream.supervisor import run

ROOT = Path(__file__).parents[1]
ROWS = {row.env: row for row in SETTINGS}
PORT = int(ROWS["CJSTREAM_METRICS_PORT"].default)
STOP_SECONDS = load({}).drain_timeout_seconds + run.STOP_MARGIN_SECONDS  # of a supervisor; a worker alone takes less
START_SECONDS = run.START_SECONDS  # until a worker can be asked at the latest


def yaml(path: Path) -> Any:
    """Return what is in a YAML file."""
    return YAML(typ="safe").load(path.read_text("utf-8"))


def examples(page: str) -> list[Any]:
    """Return what is in the YAML blocks of a how-to page."""
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    return [
        YAML(typ="safe").load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


def ours(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what is for cjstream, of an environment."""
    return {name: str(value) for name, value in environment.items() if name.startswith("CJSTREAM_")}


def command(words: Sequence[str]) -> click.Command:
    """Return the command that `cjstream WORDS` would run, without running it. Raises UsageError if there is none."""
    found: click.Command | None = main
    left = list(words)
    with click.Context(main) as context:
        while isinstance(found, click.Group):
            name, found, left = found.resolve_command(context, left)
        assert found is not None
        found.make_context(name, left, parent=context)
    return found


def documented_exit_codes() -> dict[int, str]:
    """Return what the documentation says to do about each exit code."""
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    return {int(code): todo for code, todo in re.findall(r"^\| (\d+) \| .* \| (.*) \|$", page, re.MULTILINE)}


def seconds(text: str) -> float:
    """Return how long `30`, `30s` or `2m` is."""
    [(number, unit)] = re.findall(r"^(\d+)(s|m|min|)$", text)
    return float(number) * (60 if unit.startswith("m") else 1)
