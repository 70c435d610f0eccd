"""A finished run: one customer's way through a journey once, as the measures of a whole log see it."""

from typing import NamedTuple


class Run(NamedTuple):
    """One round of an instance, in the end.

    `stages`: ids of the stages visited, in the order of time, a stage twice if it was entered twice; those that were
    jumped over are not among them. At least one. `entered_ms`: event time of each entry, as many; it never falls.
    `ended_ms`: end of the last visit: when the customer left the journey, or began the next round, or the moment which
    the report is of; never before the last entry. `is_inside`: the customer is in the last stage at that moment.

    `outcome`: `converted`, `in_progress` or `dropped` (cjstream.core.outcome). `converted_ms`: when the goal was met;
    None: not, or only after the run had been dropped. `dropped_ms`: when it was dropped. `left`: the stage that a
    dropped run was in; None: the run was not dropped. `persona`: the customer's last known one. `round`: from 1 on,
    numbered per `instance`.
    """

    stages: tuple[str, ...]
    entered_ms: tuple[int, ...]
    ended_ms: int
    is_inside: bool
    outcome: str
    converted_ms: int | None
    dropped_ms: int | None
    left: str | None
    persona: str | None
    customer_id: str
    round: int
    instance: str = ""
