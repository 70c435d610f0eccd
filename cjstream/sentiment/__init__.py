"""Scorers of text: what the sentiment of a touchpoint is taken from, if neither it nor a rating is given.

A scorer is found by its name among the entry points `cjstream.scorers`; `builtin` comes with cjstream.
"""

from importlib.metadata import EntryPoint, entry_points

from cjstream.errors import ConfigError
from cjstream.sentiment.guard import Guarded

GROUP = "cjstream.scorers"
NONE = "none"
SETTING = "CJSTREAM_SENTIMENT__SCORER"


def load(name: str) -> Guarded | None:
    """Return the scorer of this name, guarded; None for `none`. Reads what the scorer reads, such as its word lists.

    Raises ConfigError if no installed package, or several, have a scorer of this name, or if it cannot be made.
    """
    if name == NONE:
        return None
    entry = _entry_point(name)
    try:
        scorer = entry.load()()
    except Exception as error:
        raise ConfigError(SETTING, name, f"{entry.value} made no scorer: {type(error).__name__}: {error}") from error
    if not callable(scorer):
        raise ConfigError(SETTING, name, f"{entry.value} returned {type(scorer).__name__}, which cannot be called")
    return Guarded(name, scorer)


def names() -> list[str]:
    """Return the names of the scorers that are installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def _entry_point(name: str) -> EntryPoint:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise ConfigError(SETTING, name, f"no such scorer is installed; use {', '.join(names())} or {NONE}")
    if len(found) > 1:
        values = ", ".join(sorted(entry.value for entry in found))
        raise ConfigError(SETTING, name, f"several packages have a scorer of this name: {values}; remove all but one")
    return found[0]
