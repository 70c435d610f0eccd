"""An expected path, and what each way through the stages means for it: worked out once, whatever the times.

Customers go few ways, and each move asks again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cjstream.core.measures.alignment import align
from cjstream.core.measures.walks import Walk

SKIPPED, UNEXPECTED = "skipped", "unexpected"
MAX_COURSES = 1 << 10  # kept of a path


class Limit(NamedTuple):
    """A step to be reached in time, as places of visits: `since` the step before, `ends` that step or a later one."""

    stage: str
    since: int
    within_ms: int
    ends: tuple[int, ...]


class Course(NamedTuple):
    """What stages entered one after another mean for a path; `misplaced`: (kind, stage, place of the visit)."""

    misplaced: tuple[tuple[str, str, int], ...]
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """The stages that are expected, each once.

    `limits`: (place, milliseconds) of the steps that are to be reached in time, counted from entering the step before.
    """

    stages: tuple[str, ...]
    limits: tuple[tuple[int, int], ...] = ()
    _courses: dict[tuple[str, ...], Course] = field(default_factory=dict, init=False, compare=False, repr=False)

    def course(self, stages: tuple[str, ...]) -> Course:
        """Return what a walk through these stages means for the path."""
        found = self._courses.get(stages)
        if found is None:
            if len(self._courses) >= MAX_COURSES:
                self._courses.clear()
            found = self._courses[stages] = Course(tuple(_misplaced(self, stages)), tuple(_limits(self, stages)))
        return found


def clocks(course: Course, walk: Walk) -> Sequence[tuple[str, int, int]]:
    """Return (stage, since, due) of the steps not reached in time, or not yet; times in milliseconds."""
    if not course.limits:
        return ()
    entered_ms, left_ms, found = walk.entered_ms, walk.left_ms, list[tuple[str, int, int]]()
    for stage, since, within_ms, ends in course.limits:
        due_ms = entered_ms[since] + within_ms
        if left_ms is not None and left_ms <= due_ms:
            continue
        for place in ends:
            if entered_ms[place] <= due_ms:
                break
        else:
            found.append((stage, entered_ms[since], due_ms))
    return found


def _misplaced(path: Path, stages: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
    aligned = align(stages, path.stages, is_over=False)
    for step, place in aligned.skipped:
        yield SKIPPED, path.stages[step], place
    told = set[str]()
    for place in aligned.unexpected:
        if stages[place] not in told:
            told.add(stages[place])
            yield UNEXPECTED, stages[place], place


def _limits(path: Path, stages: tuple[str, ...]) -> Iterator[Limit]:
    first = {stage: place for place, stage in reversed(list(enumerate(stages)))}  # the first time counts
    for step, within_ms in path.limits:
        since = first.get(path.stages[step - 1])
        if since is not None:
            yield Limit(path.stages[step], since, within_ms, tuple(first[s] for s in path.stages[step:] if s in first))
