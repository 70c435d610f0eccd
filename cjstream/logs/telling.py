"""Says one of EVENTS, as a record of Python's logging that carries the fields."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from cjstream.discretion import said
from cjstream.logs.events import EVENTS

LOGGER = logging.getLogger("cjstream")
ATTRIBUTE = "told"  # of a record of ours

Field = str | int | float | None | Iterable[int | str] | Mapping[str, str] | BaseException


class Told(NamedTuple):
    """What a record of ours tells: the name of the event and its fields."""

    name: str
    fields: Mapping[str, object]

    @property
    def sentence(self) -> str:
        """The event's text with the fields in it."""
        return EVENTS[self.name].text.format_map({key: _shown(value) for key, value in self.fields.items()})

    @property
    def amount(self) -> int:
        """The value of the field that adds up over lines left out; 0: none does."""
        return cast("int", self.fields[EVENTS[self.name].sums]) if EVENTS[self.name].sums else 0

    def plus(self, amount: int) -> "Told":
        """Return it with so much more in that field."""
        sums = EVENTS[self.name].sums
        return self._replace(fields={**self.fields, sums: self.amount + amount}) if sums else self


def tell(name: str, /, *, traced: BaseException | None = None, **fields: Field) -> None:
    """Say that an event happened: `fields` are those of its row, `traced` is an error to be told with its places.

    A field may be an error: then it is what `discretion.said` tells of it. No field may be a customer's.
    """
    level = logging.getLevelNamesMapping()[EVENTS[name].level.upper()]
    if LOGGER.isEnabledFor(level):
        told = Told(name, {key: _plain(value) for key, value in fields.items()})
        LOGGER.log(level, told.sentence, exc_info=traced, extra={ATTRIBUTE: told})


def _plain(value: Field) -> object:
    if isinstance(value, BaseException):
        return said(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value if value is None or isinstance(value, str | int | float) else list(value)


def _shown(value: object) -> object:
    if isinstance(value, dict):
        value = [f"{key} ({each})" for key, each in value.items()]
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
