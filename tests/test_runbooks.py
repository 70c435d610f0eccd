"""Each alert has a runbook that somebody can follow who is woken at night, and whose commands run as they stand."""

import re
import shlex

import click
import pytest

from cjstream.cli import main as cjstream
from cjstream.core.touchpoint import REASONS
from cjstream.logs.events import EVENTS
from tests.rule_files import ALERTS, RUNBOOKS
from tools.boards.runbooks import file_of

HEADINGS = ["First look", "Causes", "Stop the pain", "Over when", "Why these numbers"]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
EVENT = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
NO_EVENTS = {"bad_type", "sla_due_soon", "first_response", "worker_up", "count_by", "reply_to"}  # code of other kinds
MAX_LINES = 60
WHERE = (
    "Run it where a worker runs (`docker compose exec worker ...`, `kubectl exec journeys-cjstream-0 -- ...`), "
    "or anywhere with its settings."
)
ASIDE = (
    "Run it with a worker's settings on a machine with room, not in a worker's container: "
    "it reads the whole input and holds all customers in memory."
)

every_runbook = pytest.mark.parametrize("alert", ALERTS)


def page(alert: str) -> str:
    return (RUNBOOKS / file_of(alert)).read_text("utf-8")


def test_there_is_one_for_each_alert_and_no_other() -> None:
    assert sorted(path.name for path in RUNBOOKS.iterdir()) == sorted(map(file_of, ALERTS))


@every_runbook
def test_it_has_the_same_parts_as_all(alert: str) -> None:
    text = page(alert)
    assert text.startswith(f"# {alert}\n\n")
    assert f"**{ALERTS[alert]['labels']['severity']}**\n" in text.partition("\n## ")[0]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert "| you see | do |\n|---|---|\n" in text
    assert len(text.splitlines()) <= MAX_LINES


@every_runbook
def test_its_first_command_is_one_of_ours_and_needs_nothing_to_be_filled_in(alert: str) -> None:
    look = page(alert).partition("\n## First look\n")[2].partition("\n## ")[0]
    found = BLOCK.search(look)
    assert found is not None
    first = found[1].splitlines()[0]
    assert first.startswith("cjstream ")
    assert not re.search(r"[A-Z<$]", first)
    where = ASIDE if first.startswith("cjstream report") else WHERE  # a container's limit would end the worker too
    assert look[found.end() :].startswith(f"\n\n{where}\n")


def commands() -> list[str]:
    """Return each command of cjstream that stands in a block or in a line."""
    found = set()
    for alert in ALERTS:
        found |= {line for block in BLOCK.findall(page(alert)) for line in block.splitlines()}
        found |= {*re.findall(r"`(cjstream [^`]+)`", page(alert))}
    return sorted(line for line in found if line.startswith("cjstream "))


NOT_TO_BE_RUN = {"cjstream --version", "cjstream replay-diff", "cjstream dead-letter show"}  # named, not spelled out


@pytest.mark.parametrize("line", commands())
def test_a_command_is_taken_by_click(line: str) -> None:
    if line in NOT_TO_BE_RUN:
        return
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cjstream
    context = click.Context(cjstream, info_name="cjstream")
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    command.parse_args(context, words)


def test_the_check_of_commands_finds_what_is_wrong() -> None:
    for line in ("cjstream status --nothing", "cjstream dead-letter ls --reason", "cjstream nothing"):
        with pytest.raises(click.UsageError):
            test_a_command_is_taken_by_click(line)


@every_runbook
def test_events_and_reasons_that_it_names_exist(alert: str) -> None:
    named = {*EVENT.findall(page(alert))}
    assert named - NO_EVENTS - {*REASONS} - {*EVENTS} == {each for each in named if each.startswith("cjstream_")}


def test_reasons_of_dead_letters_exist() -> None:
    table = page("CjstreamDeadLetters").partition("## Causes")[2]
    named = {*re.findall(r"\b(?:[a-z]+_[a-z]+|future)\b", table.partition("## Stop")[0])} - {"dead_letter"}
    assert named
    assert named <= {*REASONS}
