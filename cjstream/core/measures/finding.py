"""What a measure finds, and the moment in which it looks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec


class Finding(NamedTuple):
    """Something that came true of a customer and is told as a signal of this `kind`.

    `about` names it: the same finding has the same, another one of its kind another. `due_ms` and `cause` are those of
    the deadline that passed, such as `sla.first_response`; None: a touchpoint made it true. `since_ms`: event time from
    which it holds. `instance`: key of the run that it is about; None: the one that was entered last.
    """

    kind: str
    about: tuple[str | int, ...]
    since_ms: int
    due_ms: int | None
    cause: str | None
    severity: str
    detail: Mapping[str, Any]
    instance: str | None = None


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A step in the customer's own time, in milliseconds.

    `newest_ms`: the customer's newest touchpoint, this one included; what is older than it by more than `lateness_ms`
    is not taken in any more. Deadlines before `settled_before_ms` had passed before the step, those before `settled_ms`
    have passed after it. `key`: the run that the touchpoint names; None if it names none.
    """

    newest_ms: int
    settled_before_ms: int
    settled_ms: int
    lateness_ms: int
    key: str | None = ""
