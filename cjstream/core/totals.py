"""Totals: what a set of customers adds up to. At every moment equal to a recount of the table."""

from collections import Counter
from collections.abc import Iterable, Mapping

from cjstream.core.definition import JourneyDefinition
from cjstream.core.state import CustomerState


class Totals:
    """Customers by (journey, stage). Changed only by what a step did; `recount` starts anew."""

    def __init__(self) -> None:
        self.customers: Counter[tuple[str, str]] = Counter()

    def change(
        self, old: CustomerState | None, new: CustomerState | None, by_hash: Mapping[str, JourneyDefinition]
    ) -> None:
        """Book a customer from `old` to `new`; None stands for no such customer."""
        if old is not None and new is not None and old.journeys is new.journeys:
            return
        for state, by in ((old, -1), (new, 1)):
            for place in _places(state, by_hash):
                self.customers[place] += by

    def recount(self, states: Iterable[CustomerState], by_hash: Mapping[str, JourneyDefinition]) -> None:
        """Count `states` from nothing."""
        self.customers.clear()
        for state in states:
            self.change(None, state, by_hash)


def _places(state: CustomerState | None, by_hash: Mapping[str, JourneyDefinition]) -> Iterable[tuple[str, str]]:
    if state is None:
        return
    for name, journey in state.journeys.items():
        if journey.instances and journey.instances[-1].visits:
            instance = journey.instances[-1]
            definition = by_hash.get(instance.definition)
            if definition is not None:
                yield name, definition.stages[instance.visits[-1].stage].id
