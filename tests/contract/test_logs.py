"""Whatever is logged is an event of the table, with its fields; and nobody logs by another way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjstream.logs import EVENTS
from cjstream.metrics import METRICS

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("cjstream/**/*.py"), *ROOT.glob("agents/**/*.py")])
KEYS = {"timestamp", "level", "event", "logger", "name", "suppressed", "exception", "traced"}
# They only take part in how lines are made, or close the logs.
LOGGING = {
    "cjstream/discretion.py", "cjstream/kafka/clients.py", "cjstream/kafka/options.py", "cjstream/logs/form.py",
    "cjstream/logs/seldom.py", "cjstream/logs/setup.py", "cjstream/logs/telling.py", "cjstream/stream/fatal.py",
}  # fmt: skip


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def told() -> Iterator[tuple[str, str, set[str]]]:
    """Yield (place, event, names of fields) of all calls of `tell`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tell":
                event = ast.literal_eval(node.args[0])
                yield f"{name(path)}:{node.lineno}", event, {str(each.arg) for each in node.keywords} - {"traced"}


def test_every_event_that_is_told_is_in_the_table_with_all_its_fields() -> None:
    wrong = [each for each in told() if each[1] not in EVENTS or EVENTS[each[1]].fields != each[2]]
    assert wrong == []
    assert len(list(told())) >= len(EVENTS) > 40


def test_every_event_of_the_table_is_told() -> None:
    assert EVENTS.keys() - {event for _, event, _ in told()} == set()


def test_nobody_logs_by_another_way() -> None:
    def imports(path: Path) -> bool:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        return "logging" in plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}

    assert {name(path) for path in SOURCES if imports(path)} == LOGGING


@pytest.mark.parametrize("event", EVENTS)
def test_a_row_fits_together(event: str) -> None:
    row = EVENTS[event]
    assert not row.fields & KEYS
    assert {*(row.kind or ())} <= row.fields
    assert not row.sums or (row.sums in row.fields and row.kind is not None)
    assert len(row.help) > 5


def test_levels_that_are_counted_are_there_from_the_start() -> None:
    levels = {row.level for row in EVENTS.values()} - {"debug", "info"}
    assert set(METRICS["cjstream_logs_total"].known) == levels
