"""From the text of a variable to its value. All raise ValueError that says what to use."""

import re
from collections.abc import Callable

LEGAL_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")  # Kafka's own rule for topics, less room for our suffixes


def name(text: str) -> str:
    """Return a name that Kafka takes for a topic or a group."""
    if not LEGAL_NAME.fullmatch(text):
        raise ValueError("use 1 to 200 letters, digits, '.', '_' or '-'")
    return text


def prefix(text: str) -> str:
    """Return what may begin a name; empty: nothing."""
    return text and name(text)


def servers(text: str) -> str:
    """Return a list of host:port as it is written."""
    ports = re.findall(r":(\d{1,5})(?:,|$)", text)
    if not re.fullmatch(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*", text) or max(map(int, ports)) > 65535:
        raise ValueError("use host:port, several separated by commas")
    return text


def number(low: float, high: float) -> Callable[[str], float]:
    """Return the parser of a number from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"use a number from {low:g} to {high:g}")
        return value

    return parse


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return the parser of a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return int(text)

    return parse


def factor(text: str) -> int:
    """Return a replication factor; -1: the broker's default."""
    value = integer(-1, 9)(text)
    if value == 0:
        raise ValueError("use -1 or a whole number from 1 to 9")
    return value


def any_text(text: str) -> str:
    """Return the text as it is."""
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Return the parser of one of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError("use " + " or ".join(repr(word) for word in words if word))
        return text

    return parse
