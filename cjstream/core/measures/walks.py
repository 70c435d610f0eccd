"""The rounds of an instance as walks: the stages entered one after another, by their ids."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cjstream.core.policies import EVERY
from cjstream.core.stages import OUTSIDE

if TYPE_CHECKING:  # a state holds what measures keep, and a definition their compiled form
    from cjstream.core.definition import JourneyDefinition
    from cjstream.core.state import Instance, Past, Visit


class Walk(NamedTuple):
    """One round of the run `key`: real visits in order, as stage ids and times of entry; none that was jumped over.

    `left_ms`: when it ended, since the customer left the journey or began the next round; None: still inside.
    """

    key: str
    round: int
    stages: tuple[str, ...]
    entered_ms: tuple[int, ...]
    left_ms: int | None = None


def walks_of(instance: "Instance", definition: "JourneyDefinition") -> Iterable[Walk]:
    """Return the rounds whose visits are all kept, the newest first, under the instance's own definition."""
    visits = instance.visits
    if instance.past is not None:
        return _rounds(instance, instance.past, definition)
    if not visits:
        return ()
    stages, names, entered = definition.stages, list[str](), list[int]()
    for visit in visits:  # of an order-free instance: one round, and never outside
        names.append(stages[visit.stage].id)
        entered.append(visit.at_ms)
    return (Walk(instance.key, instance.round, tuple(names), tuple(entered)),)


def _rounds(instance: "Instance", past: "Past", definition: "JourneyDefinition") -> Iterator[Walk]:
    visits = instance.visits
    end, left_ms, round_ = len(visits), None, instance.round
    for place in range(len(visits) - 1, -1, -1):
        visit = visits[place]
        before = visits[place - 1].stage if place else past.before
        if visit.stage == OUTSIDE:
            end, left_ms = place, visit.at_ms
        elif _begins(before, visit, definition):
            names = [definition.stage_name(each.stage) or "" for each in visits[place:end]]
            entered = tuple(each.at_ms for each in visits[place:end])
            yield Walk(instance.key, round_, tuple(names), entered, left_ms)
            end, left_ms, round_ = place, visit.at_ms, round_ - 1


def _begins(before: int, visit: "Visit", definition: "JourneyDefinition") -> bool:
    """Return whether a visit after one in stage `before` begins a round; a deadline moves within one."""
    if before == OUTSIDE:
        return True
    return definition.reentry == EVERY and visit.stage == definition.first and visit.touchpoint_id != ""
