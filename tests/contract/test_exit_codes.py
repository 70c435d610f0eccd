"""docs/reference/exit-codes.md has each message with which a worker ends, under its code, and nothing that is gone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cjstream import errors
from cjstream.cli import EXIT_BUG, EXIT_INTERRUPTED, EXIT_UNWRITTEN
from cjstream.kafka import SendRefused
from cjstream.local import LocalBrokerError
from cjstream.stream.fatal import BUG, RESTART
from cjstream.stream.unwritten import Unwritten
from cjstream.supervisor import plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
CODES = {"RESTART": RESTART, "BUG": BUG, "StateMismatch": 4, "Unwritten": RESTART, "Wait": RESTART, "limit": RESTART}
ANY = 0  # the code is that of the error that the message quotes
STEPS = ("limit", "begin")


class Message(NamedTuple):
    """A message as the page shows it, with … where something is put in; its code, and the module it comes from."""

    code: int
    text: str
    module: str


def shown(node: ast.expr) -> str:
    """Return a string of the code with … for what is put in; empty for what is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "…" for each in node.values]
        return re.sub("…( …)+", "…", "".join(map(str, parts)))
    return ""


def message_of(call: ast.Call) -> tuple[int, str]:
    """Return code and text of the message that a call makes; an empty text for any other call."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name == "give_up":
        return CODES.get(ast.unparse(call.args[0]), ANY), shown(call.args[1])
    if name in STEPS and len(call.args) == 2:
        text = shown(call.args[0])
        return RESTART, text and f"{text} took longer than … s; …"
    if name in CODES and call.args:
        return CODES[name], shown(call.args[0])
    return ANY, ""


def in_code() -> Iterator[Message]:
    folders = ("stream", "kafka", "core")
    for path in sorted(path for folder in folders for path in (ROOT / "cjstream" / folder).rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for code, text in map(message_of, calls):
            if text.strip("… ;,:"):
                yield Message(code, text, f"{path.parent.name}/{path.name}")


def rows() -> Iterator[tuple[Message, str]]:
    """Yield the messages of the page with what to do."""
    code = -1
    for line in PAGE.splitlines():
        if line.startswith("## "):
            found = re.match(r"## (\d+)", line)
            code = int(found[1]) if found else ANY
        elif line.startswith("| `"):
            text, todo, module = (cell.strip() for cell in line.strip("|").split(" | "))
            yield Message(code, text.strip("`"), module), todo


def as_on_page(message: Message) -> Message:
    return message._replace(text=message.text.replace("`", "'"))


def test_the_page_has_the_messages_of_the_code_and_no_others() -> None:
    code, page = set(map(as_on_page, in_code())), {message for message, _ in rows()}
    assert sorted(code - page) == [], "add a row under its code: message, what to do, module"
    assert sorted(page - code) == [], "these are said nowhere"


def test_each_message_has_something_to_do() -> None:
    assert [message for message, todo in rows() if len(todo.split()) < 2] == []


def test_what_is_extracted_is_what_is_said() -> None:
    [call] = (
        node for node in ast.walk(ast.parse("give_up(BUG, f'{a} {b}: it failed, {c}')")) if isinstance(node, ast.Call)
    )
    assert message_of(call) == (BUG, "…: it failed, …")
    assert len(list(in_code())) > 30


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SendRefused, 1),
        (errors.ConfigError, 2),
        (errors.DefinitionError, 2),
        (errors.BrokerUnreachable, 3),
        (errors.BrokerUnfit, 3),
        (LocalBrokerError, 3),
        (errors.StateMismatch, 4),
        (errors.NotAuthorised, 4),
        (errors.CjstreamError, 70),
        (Unwritten, 75),
    ],
)
def test_each_kind_of_error_has_its_code(error: type[errors.CjstreamError], code: int) -> None:
    assert error.exit_code == code
    assert f"\n| {code} | " in PAGE


def test_the_other_codes_of_the_table() -> None:
    assert (EXIT_BUG, EXIT_UNWRITTEN, EXIT_INTERRUPTED, BUG, RESTART) == (70, 74, 130, 70, 75)
    table = re.findall(r"^\| (\d+|128 \+ n) \| ", PAGE, re.MULTILINE)
    assert table == ["0", "1", "2", "3", "4", "70", "74", "75", "130", "128 + n"]
    assert plan.BY_SIGNAL == 128
