"""One customer in all journeys, as an analysis follows it: step after step, then counted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cjstream.core import free_runs
from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import Step
from cjstream.core.figures import JourneyReport
from cjstream.core.measures.run import Run
from cjstream.core.outcome import furthest, outcome
from cjstream.core.outputs import StageTransition
from cjstream.core.paths import Paths
from cjstream.core.runs import Runs, Whose, best_of
from cjstream.core.state import CustomerState, Instance, JourneyState

RunsBy = dict[str, list[Run]]  # by journey
KEEPS = 64  # visits of an instance; more only while the engine could still correct them


class Analysed(NamedTuple):
    """A journey: its definition, where customers are counted, and whether their runs are asked for too."""

    definition: JourneyDefinition
    report: JourneyReport
    keeps_runs: bool = False


class History:
    """`take` every step of a customer, then `finish`. `sequences`: the last ones of whoever had this id before.

    Steps matter to journeys that are not order-free: `take` is for those, of the others `finish` finds everything.
    """

    __slots__ = ("_best", "_ended", "_paths", "_runs")

    def __init__(self, sequences: Mapping[str, int]) -> None:
        self._paths = Paths()
        self._paths.sequences |= sequences
        self._runs: dict[tuple[str, str], Runs] = {}
        self._best: dict[str, str | None] = {}  # by journey, of instances that the state no longer holds
        self._ended: RunsBy = {}  # by journey, as yet of nobody

    def take(self, old: CustomerState, step: Step, journeys: Mapping[str, Analysed], *, is_in_order: bool) -> None:
        """Take note of a step that left a state; `is_in_order`: no touchpoint before it was as new or newer."""
        for output in step.outputs:
            if isinstance(output, StageTransition) and output.journey in journeys:
                self._paths.take(output)
        new = step.state
        if new is None or new.journeys is old.journeys:
            return
        for name, journey in journeys.items():
            was, now = old.journeys.get(name), new.journeys.get(name)
            if now is not None and now is not was:
                self._compare(was, now, journey, is_in_order=is_in_order)

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
            self._end(gone, journey, gone.visits[-1].at_ms if gone.visits else 0)

    def finish(self, state: CustomerState, whose: Whose, journeys: Mapping[str, Analysed]) -> RunsBy:
        """Count the customer, as of this state; return the runs of the journeys that keep them, by journey."""
        for name, journey in journeys.items():
            instances = state.journeys[name].instances if name in state.journeys else ()
            for instance in instances:
                self._end(instance, journey, whose.as_of_ms)
            best = self._best.get(name)
            if best is not None:
                journey.report.customers[best] += 1
            place(instances, journey)
        customer_id, persona, _ = whose
        return {
            name: [run._replace(customer_id=customer_id, persona=persona) for run in runs]
            for name, runs in self._ended.items()
        }

    def _of(self, instance: Instance, journey: Analysed) -> Runs | None:
        """Return the runs of an instance, None if it never was in a stage."""
        key = journey.definition.journey, instance.key
        runs, path = self._runs.get(key), self._paths.by_instance.get(key)
        if runs is None and path is not None:
            runs = self._runs[key] = Runs(journey.definition, path, keeps_runs=journey.keeps_runs)
        return runs

    def _end(self, instance: Instance, journey: Analysed, now_ms: int) -> None:
        runs = self._of(instance, journey)
        if runs is not None:
            name = journey.definition.journey
            runs.finish(instance, journey.report, now_ms)
            if runs.ended:
                self._ended.setdefault(name, []).extend(runs.ended)
            self._best[name] = best_of((self._best.get(name), runs.best))
            del self._runs[name, instance.key], self._paths.by_instance[name, instance.key]


def place(instances: Sequence[Instance], journey: Analysed) -> None:
    """Count a customer by the stage of the run that it entered last, if it entered any."""
    if instances and instances[-1].visits:
        newest, definition, became = instances[-1], journey.definition, outcome(instances[-1])
        journey.report.here[definition.stage_name(newest.visits[-1].stage), became] += 1
        journey.report.furthest[definition.stage_name(furthest(newest)), became] += 1


def finish_free(state: CustomerState, whose: Whose, journey: Analysed, runs: RunsBy) -> None:
    """Count a customer in an order-free journey, as of this state; add the run to `runs`, if it is asked for."""
    name = journey.definition.journey
    known = state.journeys.get(name)
    if known is None or not known.instances:
        return
    [instance] = known.instances
    free_runs.count(instance, journey.definition, journey.report)
    place(known.instances, journey)
    if journey.keeps_runs and instance.visits:
        runs[name] = [free_runs.run_of(instance, journey.definition, whose)]
