"""What a step says of a customer: gathered while touchpoints and deadlines pass through the journeys."""

from collections.abc import Mapping, Sequence
from typing import Any

from cjstream.core import moves
from cjstream.core.definition import JourneyDefinition
from cjstream.core.fold import Event
from cjstream.core.logged import Advanced
from cjstream.core.measures.finding import Finding
from cjstream.core.outputs import Output
from cjstream.core.report import Cause, Place, finding_signal, leaving_detail, signal, transition
from cjstream.core.state import NOTHING_KEPT, Experience, Instance, JourneyState, Measured, Visit, experience_of
from cjstream.core.touchpoint import Touchpoint

ByHash = Mapping[str, JourneyDefinition]
NOTHING_MEASURED = Measured()


class Told(Cause):
    """What a step says, gathered journey by journey. `refused`: (journey, reason) of moves that were not made.

    `is_matched`: some rule took notice of the touchpoint. `is_late`: it came too late for some journey. `may_differ`:
    where the customer stands may be another place now. `personas`, `measured`: before the step and, so far,
    after it.
    """

    refused: tuple[tuple[str, str], ...] = ()
    late_conversions: tuple[str, ...] = ()
    is_matched = False
    is_late = False
    is_repeat = False  # the touchpoint was taken in before, longer ago than the window of ids reaches
    may_differ = False
    leaves = False  # the journey at hand says why a customer leaves
    is_quiet = False  # moves of order-free journeys are not told: whoever asks reads the visits
    measured = NOTHING_MEASURED, NOTHING_MEASURED
    personas: tuple[str | None, str | None] = None, None

    def __init__(self, customer_id: str, touchpoint: Touchpoint | None, account_id: str | None) -> None:
        self.customer_id, self.touchpoint, self.account_id = customer_id, touchpoint, account_id
        self.outputs: list[Output] = []

    def refuse(self, definition: JourneyDefinition, reason: str | None) -> None:
        """Note that a move was not made, if there is a reason."""
        if reason is not None:
            self.refused += ((definition.journey, reason),)

    def take(self, definition: JourneyDefinition, old: Instance, advanced: Advanced, sequence: int) -> int:
        """Tell what became of an instance; return the journey's sequence after it."""
        if advanced.refused is not None:
            self.refuse(definition, advanced.refused)
        new = advanced.folded or advanced.instance  # with all visits of the old one, so comparable
        if new.visits is not old.visits and not (self.is_quiet and definition.order_free):
            sequence = self._take_moves(definition, old, new, sequence)
        for event in advanced.events:
            self._take_event(event, event.kind, definition, new)
        for event in advanced.withdrawn:
            if event.kind == "converted":
                self._take_event(event, "conversion_withdrawn", definition, new)
        return sequence

    def take_next(self, definition: JourneyDefinition, old: Instance, new: Instance, sequence: int) -> int:
        """As `take`, of an order-free instance that is one visit on, up, and else as it was."""
        if self.is_quiet:
            return sequence
        previous = old.visits[-1] if old.visits else None
        change = moves.Change("entry" if previous is None else "forward", new.visits[-1], previous)
        self.tell(definition, new, change, new.visits, sequence + 1, new.round)
        return sequence + 1

    def _take_moves(self, definition: JourneyDefinition, old: Instance, new: Instance, sequence: int) -> int:
        touchpoint, path, round_ = self.touchpoint, moves.told(new, definition), old.round
        touchpoint_id = None if touchpoint is None else touchpoint.id
        for change in moves.compare(moves.told(old, definition), path, definition, touchpoint_id):
            if change.kind == "reentry":
                round_ += 1
            elif change.kind == "correction":
                round_ = new.round
            sequence += 1
            self.tell(definition, new, change, path, sequence, round_)
        return sequence

    def tell(
        self,
        definition: JourneyDefinition,
        instance: Instance,
        change: moves.Change,
        path: Sequence[Visit],
        sequence: int,
        round_: int,
        old: JourneyDefinition | None = None,
    ) -> None:
        """Send the record of one change; `path` is the whole told path after it, `old` the definition before it."""
        self.outputs.append(transition(definition, instance, change, path, sequence, round_, self, old))

    def _take_event(self, event: Event, kind: str, definition: JourneyDefinition, instance: Instance) -> None:
        if kind == "late_conversion":
            self.late_conversions += (definition.journey,)
            return
        if kind == "conversion_withdrawn" and self.touchpoint is not None:
            event = event._replace(since_ms=self.touchpoint.at_ms, due_ms=None, cause=None)
        leaving = self._leaving(definition, event) if kind == "dropped" else None
        self.outputs.append(signal(kind, definition, instance, event, self, leaving))

    def _leaving(self, definition: JourneyDefinition, event: Event) -> dict[str, Any] | None:
        """Return why a customer was dropped, as far as can be told: by a deadline, as it was before the step."""
        if not self.leaves:
            return None
        touchpoint = self.touchpoint if event.due_ms is None else None
        place = 0 if touchpoint is None else 1
        measured = self.measured[place]
        return leaving_detail(measured, experience_of(measured, definition.journey).threads, touchpoint)

    def keep(self, journey: str, experience: Experience) -> None:
        """Note what is kept of a journey after the step."""
        before, after = self.measured
        kept = {**after.journeys, journey: experience}
        if experience == NOTHING_KEPT:
            del kept[journey]
        self.measured = before, Measured(after.judgement, after.last, kept)

    def find(
        self, definition: JourneyDefinition, journey: JourneyState, findings: Sequence[Finding], by_hash: ByHash
    ) -> None:
        """Send what the measures of a journey found; `definition` is the one in force."""
        for finding in findings:
            place = _place(journey, finding.instance, by_hash)
            self.outputs.append(finding_signal(definition, place, finding, self))


def _place(journey: JourneyState, key: str | None, by_hash: ByHash) -> Place:
    """Return where the customer is in the instance of a key; None: in the one that was entered last."""
    found = [each for each in journey.instances if each.visits and key in (None, each.key)]
    if not found:
        return Place(key or "", None)
    return Place(found[-1].key, by_hash[found[-1].definition].stage_name(found[-1].visits[-1].stage))
