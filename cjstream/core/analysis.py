"""The engine folded over a log of touchpoints: what customers did, under definitions of your choice.

Each customer is advanced as a worker would, in the order of the log: duplicates, late touchpoints and all. In the end
the deadlines pass that lie before the moment which the report is of. What comes out can be merged, so a log may be
folded in parts, each customer in one of them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import APPLIED, DUPLICATE, Journeys, Step, advance, expire
from cjstream.core.figures import JourneyReport
from cjstream.core.forgetting import erase, returning
from cjstream.core.gathering import CHANNEL, DEVICE, Gathering, Sliced, Slicing
from cjstream.core.history import Analysed, History, finish_free
from cjstream.core.lean import lean
from cjstream.core.lifecycle import Counts, Interval, intervals, kinds_of, note
from cjstream.core.measures.customer_log import CustomerLog
from cjstream.core.measures.sentiment import Scorer
from cjstream.core.origins import Origins
from cjstream.core.outputs import Signal
from cjstream.core.runs import Whose
from cjstream.core.state import CustomerState
from cjstream.core.touchpoint import Erasure, Touchpoint

IGNORED_BY_RULE = "ignored"  # the reason for which a journey does not look at a touchpoint at all


@dataclass
class Report:
    """What a log adds up to, as of `as_of_ms` (None: no touchpoint was fed).

    `touchpoints`: by verdict. `outside`: touchpoints that were left out, as their time is not in the range asked for.
    `erased`: customers who were forgotten; they are counted in no journey, but what their touchpoints came to before
    stays counted. `lifecycle`: see there. `gathered`: what was asked for beside the figures of `journeys`, by journey.
    """

    as_of_ms: int | None = None
    interval_ms: int | None = None
    origin_ms: int = 0
    touchpoints: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    erased: int = 0
    journeys: dict[str, JourneyReport] = field(default_factory=dict)
    lifecycle: Counts = field(default_factory=Counter)
    gathered: dict[str, Sliced] = field(default_factory=dict)

    def merge(self, other: "Report") -> None:
        """Add the report of other customers, of the same definitions, as of the same moment."""
        self.touchpoints.update(other.touchpoints)
        self.lifecycle.update(other.lifecycle)
        self.outside += other.outside
        self.erased += other.erased
        for name, journey in self.journeys.items():
            if name in self.gathered:
                self.gathered[name].merge(other.gathered[name])
            else:
                journey.merge(other.journeys[name])

    def intervals(self) -> list[Interval]:
        """Return the lifecycle of the customers; empty if no interval was asked for."""
        if self.interval_ms is None or self.as_of_ms is None:
            return []
        return intervals(self.lifecycle, self.interval_ms, self.origin_ms, self.as_of_ms)


class Fold:
    """Customers advanced touchpoint by touchpoint under one set of definitions.

    Takes touchpoints with since_ms <= event time < until_ms; a customer begins with the first one taken. With a
    `slicing` the measures are gathered too, in slices if it asks for any.
    """

    def __init__(
        self,
        definitions: Iterable[JourneyDefinition],
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        interval_ms: int | None = None,
        slicing: Slicing | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self._origin = slicing.by if slicing is not None and slicing.by in (CHANNEL, DEVICE) else None
        known = list(definitions)
        journeys = Journeys.of(known if slicing is None else map(lean, known), scorer=scorer)
        self._journeys = replace(journeys, tells_current=False, tells_moves=self._origin is not None)
        self._since_ms, self._until_ms = since_ms or 0, until_ms
        self._customers: dict[str, _Customer] = {}
        self._position = 0
        self.newest_ms: int | None = None  # of the touchpoints taken
        self._report = report = Report(interval_ms=interval_ms, origin_ms=self._since_ms)
        active = {each.journey: each for each in known}
        report.journeys = {name: JourneyReport.of(each) for name, each in active.items()}
        gatherings = list[Gathering]()
        if slicing is not None:
            gatherings = [Gathering(each, report.journeys[name], slicing) for name, each in active.items()]
        report.gathered = {each.name: each.sliced for each in gatherings}
        self._gatherings = list(enumerate(gatherings))
        self._takers = {each.name: each.signal for each in gatherings if each.takes_signals}
        self._lateness_ms = max((each.lateness_ms for each in active.values()), default=0)
        analysed = [Analysed(each, report.journeys[name], slicing is not None) for name, each in active.items()]
        self._free = [each for each in analysed if each.definition.order_free]
        self._traced = {each.definition.journey: each for each in analysed if not each.definition.order_free}

    def feed(self, touchpoint: Touchpoint) -> None:
        """Take the next touchpoint of the log."""
        report, at_ms = self._report, touchpoint.at_ms
        if at_ms < self._since_ms or (self._until_ms is not None and at_ms >= self._until_ms):
            report.outside += 1
            return
        if self.newest_ms is None or at_ms > self.newest_ms:
            self.newest_ms = at_ms
        customer = self._customers.get(touchpoint.customer_id)
        if customer is None:
            customer = self._customers[touchpoint.customer_id] = self._customer(CustomerState())
        self._position += 1
        before = customer.state
        step = advance(before, touchpoint, (0, self._position), self._journeys)
        report.touchpoints[step.verdict] += 1
        if step.refused:
            for journey, reason in step.refused:
                report.journeys[journey].refused[reason] += 1
        if report.interval_ms is not None and touchpoint.by_customer and not self._is_noise(step.refused):
            note(customer.active, (at_ms - report.origin_ms) // report.interval_ms)
        if step.state is not None:
            customer.state = step.state
            if self._traced:
                is_in_order = at_ms > max(before.newest_ms, before.heard_ms)
                customer.history.take(before, step, self._traced, is_in_order=is_in_order)
            if self._gatherings and step.verdict != DUPLICATE:
                self._gather(customer, step)

    def _gather(self, customer: "_Customer", step: Step) -> None:
        touchpoint, state, refused = step.touchpoint, customer.state, step.refused
        assert touchpoint is not None, "neither a duplicate nor erased"
        for place, gathering in self._gatherings:
            if not refused or (gathering.name, IGNORED_BY_RULE) not in refused:
                gathering.touch(touchpoint, state, customer.logs[place])
        if step.outputs and self._takers:
            self._signal(step)
        if self._origin is not None and step.verdict == APPLIED:
            value = getattr(touchpoint.fields, self._origin)
            customer.origins.note(touchpoint, value, step.outputs, state.newest_ms - self._lateness_ms)

    def _signal(self, step: Step) -> None:
        for output in step.outputs:
            if type(output) is Signal and output.journey in self._takers:
                self._takers[output.journey](output)

    def _customer(self, state: CustomerState) -> "_Customer":
        return _Customer(state, [CustomerLog(each.watch) for _, each in self._gatherings])

    def forget(self, erasure: Erasure) -> None:
        """Erase a customer, as the null record of the log says."""
        self._position += 1
        customer = self._customers.get(erasure.customer_id)
        erased = erase(customer.state if customer is not None else None, None, erasure, (0, self._position))
        assert erased is not None, "positions rise"
        self._report.erased += customer is not None and bool(customer.state.recent)
        self._customers[erasure.customer_id] = self._customer(returning(erased.marker))

    def finish(self, as_of_ms: int | None = None) -> Report:
        """Return the report; nothing can be fed afterwards. `as_of_ms`: `newest_ms`, the default, or later."""
        report = self._report
        report.as_of_ms = self.newest_ms if as_of_ms is None else as_of_ms
        at_once = _without_lateness(self._journeys)
        while self._customers:
            customer_id, customer = self._customers.popitem()
            if report.as_of_ms is not None:
                self._finish(customer_id, customer, report.as_of_ms, at_once)
        return report

    def _finish(self, customer_id: str, customer: "_Customer", as_of_ms: int, at_once: Journeys) -> None:
        report, state = self._report, customer.state
        if at_once.has_deadlines:
            step = expire(state, customer_id, as_of_ms, at_once)
            if step.state is not None:
                customer.history.take(state, step, self._traced, is_in_order=True)
                self._signal(step)
                state = step.state
        whose = Whose(customer_id, state.persona.value if state.persona is not None else None, as_of_ms)
        runs = customer.history.finish(state, whose, self._traced) if self._traced else {}
        for journey in self._free:
            finish_free(state, whose, journey, runs)
        if state.recent:  # else nothing is known of the customer but that there was one
            for place, gathering in self._gatherings:
                gathering.finish(customer.logs[place], runs.get(gathering.name, ()), customer.origins)
        if report.interval_ms is not None:
            last = (as_of_ms - report.origin_ms) // report.interval_ms
            report.lifecycle.update(kinds_of(customer.active, last))

    def _is_noise(self, refused: Iterable[tuple[str, str]]) -> bool:
        return sum(reason == IGNORED_BY_RULE for _, reason in refused) == len(self._journeys.active)


class _Customer:
    __slots__ = ("active", "history", "logs", "origins", "state")

    def __init__(self, state: CustomerState, logs: list[CustomerLog]) -> None:
        self.state, self.logs = state, logs
        self.history = History({name: journey.sequence for name, journey in state.journeys.items()})
        self.origins = Origins()
        self.active: list[int] = []  # numbers of the intervals in which the customer was active


def _without_lateness(journeys: Journeys) -> Journeys:
    """Return the journeys for the end of a log, when nothing can come any more: a deadline passes when it is due."""
    at_once = Journeys.of(replace(definition, lateness_ms=0) for definition in journeys.active.values())
    return replace(at_once, tells_current=False, tells_moves=False)
