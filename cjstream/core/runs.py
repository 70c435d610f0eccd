"""The runs of one instance of one customer, put together from what the engine said, and counted once they are final.

The visits come from the transitions, as any consumer has them. What became of a run comes from the state; for an
earlier round of the instance, which the state no longer tells, from the engine's own fold of its log.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cjstream.core import outcome
from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import CONVERTED, DROPPED, IN_PROGRESS, JourneyReport
from cjstream.core.fold import Fold
from cjstream.core.limits import MAX_MS
from cjstream.core.logged import base_of
from cjstream.core.measures.run import Run
from cjstream.core.moves import told
from cjstream.core.paths import CORRECTION, Path, PathVisit
from cjstream.core.policies import EVERY
from cjstream.core.state import Instance

BEST_FIRST = (CONVERTED, IN_PROGRESS, DROPPED)
TIMEOUT = "timeout"
BEGINNINGS = ("entry", "reentry")  # kinds of move that begin a round


class Result(NamedTuple):
    """What became of a round; `at_ms`: when it converted or was dropped."""

    outcome: str = IN_PROGRESS
    at_ms: int = MAX_MS
    is_late: bool = False


class Whose(NamedTuple):
    """The customer that runs are of, in the end."""

    customer_id: str
    persona: str | None
    as_of_ms: int


class Runs:
    """Takes note of states, and counts visits in the order of time: `settle` some, `finish` all.

    `ended`: the runs that were counted, as yet of nobody; kept only if `keeps_runs`.
    """

    __slots__ = (
        "_before", "_definition", "_entered_ms", "_furthest", "_left", "_real", "_results", "_round", "_start_ms",
        "best", "ended", "path",
    )  # fmt: skip

    def __init__(self, definition: JourneyDefinition, path: Path, *, keeps_runs: bool = False) -> None:
        self.path = path
        self.ended: list[Run] | None = [] if keeps_runs else None
        self.best: str | None = None  # outcome of the runs that were counted
        self._definition = definition
        self._results: dict[int, Result] = {}  # by round, as far as known
        self._before: PathVisit | None = None  # the last visit that was counted, and the run that it belongs to
        self._round = -1
        self._start_ms, self._furthest, self._left = 0, "", ""
        self._real, self._entered_ms = list[str](), list[int]()  # visits of the run that were no inferred ones

    def take(self, old: Instance | None, new: Instance) -> None:
        """Take note of a step from one state of the instance to another that may tell of other rounds."""
        if old is not None:
            self._results[old.round] = result_of(old)
        self._results |= _rounds(new, self._definition)

    def name_moves(self, instance: Instance) -> None:
        """Find out the kinds of the moves that a correction told of."""
        visits, kept = self.path.visits, told(instance, self._definition)
        for back in range(min(len(visits), len(kept)), 0, -1):
            if visits[-back].kind == CORRECTION:
                before = visits[-back - 1] if back < len(visits) else self._before
                kind = _kind(before, visits[-back], not kept[-back].touchpoint_id, self._definition)
                visits[-back] = visits[-back]._replace(kind=kind)

    def settle(self, instance: Instance, report: JourneyReport) -> None:
        """Count the visits that nothing can change any more, and let go of them."""
        final = len(self.path.visits) - len(told(instance, self._definition))
        if final > 0:
            self.take(None, instance)
            self._count(self.path.settle(final), report)

    def finish(self, instance: Instance, report: JourneyReport, now_ms: int) -> None:
        """Count all that is not counted yet, as of this state."""
        self.name_moves(instance)
        self._results[instance.round] = result_of(instance)
        self._count(self.path.settle(len(self.path.visits)), report)
        self._end_run(report, now_ms, is_newest=True)
        if self.ended is not None:
            self.ended = [run._replace(instance=instance.key, round=n) for n, run in enumerate(self.ended, 1)]

    def _count(self, visits: Iterable[PathVisit], report: JourneyReport) -> None:
        for visit in visits:
            before = self._before
            report.moves[before and before.stage, visit.stage, visit.kind] += 1
            if before is not None and before.stage is not None and not before.inferred:
                report.stayed(before.stage, visit.entered_ms - before.entered_ms)
            if visit.kind in BEGINNINGS:
                self._end_run(report, visit.entered_ms, is_newest=False)
                self._round, self._start_ms, self._furthest = self._round + 1, visit.entered_ms, visit.stage or ""
                self._real, self._entered_ms = [], []
            if visit.stage is not None:
                self._furthest = max(self._furthest, visit.stage, key=report.stages.index)
                if not visit.inferred:
                    self._real.append(visit.stage)
                    self._entered_ms.append(visit.entered_ms)
                self._left = visit.stage if self._is_before_drop(visit) else self._left
            self._before = visit

    def _is_before_drop(self, visit: PathVisit) -> bool:
        """Return whether a visit began before the run was dropped; of two deadlines of one time the window is first."""
        result = self._results.get(self._round, Result())
        at_ms = result.at_ms if result.outcome == DROPPED else MAX_MS
        return visit.entered_ms < at_ms or (visit.entered_ms == at_ms and visit.kind != TIMEOUT)

    def _end_run(self, report: JourneyReport, now_ms: int, *, is_newest: bool) -> None:
        """Count a run. One that is over cannot convert any more: it is dropped, also if a new round ended it."""
        last = self._before
        if last is None:
            return
        is_inside = is_newest and last.stage is not None
        result = self._results.pop(self._round, Result())
        became = DROPPED if result.outcome == IN_PROGRESS and not is_inside else result.outcome
        report.ended(self._furthest, became, self._left, result.at_ms - self._start_ms, is_late=result.is_late)
        self.best = best_of((self.best, became))
        if self.ended is not None:
            ended_ms = now_ms if last.stage is not None else last.entered_ms
            self.ended.append(self._run(became, result.at_ms, ended_ms, is_inside=is_inside))

    def _run(self, became: str, at_ms: int, ended_ms: int, *, is_inside: bool) -> Run:
        return Run(
            tuple(self._real), tuple(self._entered_ms), ended_ms, is_inside, became,
            at_ms if became == CONVERTED else None,
            min(at_ms, ended_ms) if became == DROPPED else None,
            self._left if became == DROPPED else None,
            None, "", 0,
        )  # fmt: skip


def best_of(outcomes: Iterable[str | None]) -> str | None:
    """Return the best of some outcomes, None if there is none."""
    return min((each for each in outcomes if each is not None), key=BEST_FIRST.index, default=None)


def result_of(instance: Instance) -> Result:
    """Return what became of the newest round of an instance."""
    became = outcome.outcome(instance)
    at_ms = instance.dropped_ms if became == DROPPED else outcome.converted_at(instance)
    return Result(became, MAX_MS if at_ms is None else at_ms, outcome.is_late(instance))


def _rounds(instance: Instance, definition: JourneyDefinition) -> dict[int, Result]:
    """Return what became of the rounds that the log of an instance tells of, the newest one included."""
    base = base_of(instance)
    fold, results = Fold(base, definition), {base.round: result_of(base)}
    for entry in instance.past.log if instance.past is not None else ():
        fold.apply(entry)
    for event in fold.events:
        if event.kind == "converted":
            results[event.round] = Result(CONVERTED, event.since_ms)
        elif event.kind == "dropped":
            results[event.round] = Result(DROPPED, MAX_MS if event.due_ms is None else event.due_ms)
        elif event.kind == "late_conversion":
            results[event.round] = results[event.round]._replace(is_late=True)
    return results | {instance.round: result_of(instance)}


def _kind(before: PathVisit | None, visit: PathVisit, is_timeout: bool, definition: JourneyDefinition) -> str:
    """Return the kind of a move that was told within a correction, as moves.compare names those that come alone."""
    if is_timeout:
        return TIMEOUT
    if visit.stage is None:
        return "exit"
    if before is None:
        return "entry"
    first = definition.stages[definition.first].id
    if before.stage is None or (definition.reentry == EVERY and visit.stage == first):
        return "reentry"
    weights = {stage.id: stage.weight for stage in definition.stages}
    return "forward" if weights[visit.stage] > weights[before.stage] else "backward"
