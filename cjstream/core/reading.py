"""Reading plain data, as YAML and JSON give it: a reader returns what it found, or reports a fault and goes on.

A fault is told with its path and with what to write instead. What a reader returns after a fault is of no use.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from cjstream.core.limits import MAX_LABEL
from cjstream.core.times import parse_duration
from cjstream.core.touchpoint import is_id
from cjstream.errors import Problem

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)  # BCP 47, as far as titles need it
MAX_DURATION_MS = 36_500 * 86_400_000  # 100 years, told as 36500d
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
Item = Mapping[Any, Any]


class Reader:
    """Collects what is wrong with one definition in `problems`."""

    def __init__(self) -> None:
        self.problems = list[Problem]()

    def report(self, path: str, message: str) -> None:
        """Note one fault."""
        self.problems.append(Problem(path, None, message))

    def known_keys(self, data: Item, known: Collection[str], path: str) -> None:
        """Report every key that is not known."""
        for key in data:
            if key not in known:
                self.report(f"{path}.{key}" if path else str(key), f"is not known here; use {', '.join(known)}")

    def mapping(self, value: Any, path: str, known: Collection[str]) -> Item:
        """Return a mapping of known keys."""
        if not isinstance(value, dict):
            self.report(path, f"must be a mapping of {', '.join(known)}")
            return {}
        self.known_keys(value, known, path)
        return value

    def items(self, value: Any, path: str, most: int) -> list[tuple[str, Item]]:
        """Return the mappings of a list, each with its path."""
        pairs = self.entries(value, path, most)
        for where, item in pairs:
            if not isinstance(item, dict):
                self.report(where, "must be a mapping")
        return [(where, item) for where, item in pairs if isinstance(item, dict)]

    def entries(self, value: Any, path: str, most: int) -> list[tuple[str, Any]]:
        """Return the entries of a list, each with its path."""
        if not isinstance(value, list) or not 0 < len(value) <= most:
            self.report(path, f"must be a list of 1 to {most} entries")
            return []
        return [(f"{path}[{i}]", item) for i, item in enumerate(value)]

    def name(self, value: Any, path: str) -> str:
        """Return an id: 1 to 128 visible characters."""
        if not isinstance(value, str) or not is_id(value):
            self.report(path, "must be a name of 1 to 128 visible characters")
            return ""
        return value

    def text(self, value: Any, path: str) -> str:
        """Return a text that is not empty and no longer than a label."""
        if not _is_text(value):
            self.report(path, f"must be a text of 1 to {MAX_LABEL} characters")
            return ""
        return str(value)

    def optional_text(self, data: Item, key: str, path: str) -> str | None:
        """Return a text, None if it is absent or null."""
        return None if data.get(key) is None else self.text(data[key], path)

    def types(self, value: Any, path: str) -> frozenset[str]:
        """Return the touchpoint types that a text or a list of texts names."""
        types = value if isinstance(value, list) else [value]
        if not types or not all(map(_is_text, types)):
            self.report(path, "must be a touchpoint type, or a list of them")
            return frozenset()
        return frozenset(types)

    def word(self, value: Any, path: str, words: Collection[str]) -> str:
        """Return one word of a closed list."""
        if not isinstance(value, str) or value not in words:
            self.report(path, f"must be one of {', '.join(words)}, not {value!r}")
            return ""
        return value

    def duration(self, value: Any, path: str) -> int:
        """Return a duration of at most 100 years in milliseconds; 0 is one."""
        ms = parse_duration(value)
        if ms is None:
            self.report(path, f"must be a duration such as 30s, 15m, 4h or 14d, not {value!r}")
        elif ms > MAX_DURATION_MS:
            self.report(path, f"must be at most 36500d, which is 100 years, not {value!r}")
        return ms or 0

    def clock(self, data: Item, key: str, path: str) -> int | None:
        """Return a duration above 0, of at most 100 years, in milliseconds; None if it is absent."""
        if key not in data:
            return None
        where = f"{path}.{key}" if path else key
        if parse_duration(data[key]) == 0:
            self.report(where, "must be longer than 0; leave it out for no limit")
        return self.duration(data[key], where)

    def title(self, data: Item, path: str) -> None:
        """Check a title: a text, or texts by language."""
        value, where = data.get("title"), f"{path}.title" if path else "title"
        if not isinstance(value, dict):
            self.optional_text(data, "title", where)
            return
        if not value:
            self.report(where, "must be a text, or map languages to texts, as {en: Purchase, id: Pembelian}")
        for tag, text in value.items():
            if not isinstance(tag, str) or not LANGUAGE.fullmatch(tag):
                self.report(f"{where}.{tag}", "is no language tag; use one such as en, id or pt-BR")
            self.text(text, f"{where}.{tag}")

    def day(self, data: Item, key: str) -> None:
        """Check a calendar date."""
        if data.get(key) is not None and not _is_day(data[key]):
            self.report(key, f"must be a date such as 2027-06-30, not {data[key]!r}")


def title_of(item: Mapping[str, Any], language: str) -> str | None:
    """Return the title of a journey or stage (of `data`) in a language, or in the next best one; None if it has none.

    Next best: the language without its region, then English, then the first that is told.
    """
    title = item.get("title")
    if not isinstance(title, dict):
        return title
    by_tag: dict[str, str] = {tag.lower(): text for tag, text in title.items()}
    tags = (language.lower(), language.lower().partition("-")[0], "en")
    return next((by_tag[tag] for tag in tags if tag in by_tag), next(iter(by_tag.values())))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_LABEL


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
