"""One customer in all journeys, as an analysis follows it: step after step, then counted."""

from collections.abc import Mapping
from typing import NamedTuple

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import Step
from cjstream.core.figures import JourneyReport
from cjstream.core.outcome import furthest, outcome
from cjstream.core.outputs import StageTransition
from cjstream.core.paths import Paths
from cjstream.core.runs import Runs, best_of
from cjstream.core.state import CustomerState, Instance, JourneyState

KEEPS = 64  # visits of an instance; more only while the engine could still correct them


class Analysed(NamedTuple):
    """A journey: its definition, and where customers are counted."""

    definition: JourneyDefinition
    report: JourneyReport


class History:
    """`take` every step of a customer, then `finish`. `sequences`: the last ones of whoever had this id before."""

    __slots__ = ("_best", "_paths", "_runs")

    def __init__(self, sequences: Mapping[str, int]) -> None:
        self._paths = Paths()
        self._paths.sequences |= sequences
        self._runs: dict[tuple[str, str], Runs] = {}
        self._best: dict[str, str | None] = {}  # by journey, of instances that the state no longer holds

    def take(self, old: CustomerState, step: Step, journeys: Mapping[str, Analysed], *, is_in_order: bool) -> None:
        """Take note of a step that left a state; `is_in_order`: no touchpoint before it was as new or newer."""
        for output in step.outputs:
            if isinstance(output, StageTransition):
                self._paths.take(output)
        new = step.state
        if new is None or new.journeys is old.journeys:
            return
        for name, journey in new.journeys.items():
            was = old.journeys.get(name)
            if journey is not was:
                self._compare(was, journey, journeys[name], is_in_order=is_in_order)

    def _compare(self, was: JourneyState | None, now: JourneyState, journey: Analysed, *, is_in_order: bool) -> None:
        before = {} if was is None else {instance.key: instance for instance in was.instances}
        for new in now.instances:
            old = before.pop(new.key, None)
            runs = None if new is old else self._of(new, journey)
            if runs is None:
                continue
            if new.round and not (is_in_order and old is not None and old.round == new.round):
                runs.take(old, new)
            if not is_in_order:
                runs.name_moves(new)
            if len(runs.path.visits) > KEEPS:
                runs.settle(new, journey.report)
        for gone in before.values():  # it has ended, and made place for another
            self._end(gone, journey)

    def finish(self, state: CustomerState, journeys: Mapping[str, Analysed]) -> None:
        """Count the customer, as of this state."""
        for name, journey in journeys.items():
            instances = state.journeys[name].instances if name in state.journeys else ()
            for instance in instances:
                self._end(instance, journey)
            best = self._best.get(name)
            if best is not None:
                journey.report.customers[best] += 1
            if instances and instances[-1].visits:
                self._place(instances[-1], journey)

    def _of(self, instance: Instance, journey: Analysed) -> Runs | None:
        """Return the runs of an instance, None if it never was in a stage."""
        key = journey.definition.journey, instance.key
        runs, path = self._runs.get(key), self._paths.by_instance.get(key)
        if runs is None and path is not None:
            runs = self._runs[key] = Runs(journey.definition, path)
        return runs

    def _end(self, instance: Instance, journey: Analysed) -> None:
        runs = self._of(instance, journey)
        if runs is not None:
            name = journey.definition.journey
            runs.finish(instance, journey.report)
            self._best[name] = best_of((self._best.get(name), runs.best))
            del self._runs[name, instance.key], self._paths.by_instance[name, instance.key]

    def _place(self, instance: Instance, journey: Analysed) -> None:
        definition, became = journey.definition, outcome(instance)
        journey.report.here[definition.stage_name(instance.visits[-1].stage), became] += 1
        journey.report.furthest[definition.stage_name(furthest(instance)), became] += 1
