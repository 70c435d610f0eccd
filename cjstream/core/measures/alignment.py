"""How far the stages that a customer came through follow an expected path: the best alignment of the two.

Fitness is 1 - (skipped + unexpected) / (len(actual) + len(expected)), unit costs and a linear path: an alignment of
least cost matches a longest common subsequence.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Alignment(NamedTuple):
    """The best alignment of actual visits with an expected path, of which the first `expected` steps were compared.

    `unexpected`: places in the actual visits of those that match no step, ascending. `skipped`: for each step without a
    visit, in the order of the path, its place there and the place of the visit that passed it; that is the number of
    visits for a step after the last one that was matched.
    """

    actual: int
    expected: int
    unexpected: tuple[int, ...]
    skipped: tuple[tuple[int, int], ...]

    @property
    def deviations(self) -> int:
        """How many visits and steps match nothing."""
        return len(self.unexpected) + len(self.skipped)

    @property
    def fitness(self) -> float:
        """1 where everything matches, 0 where nothing does; 1 if there is nothing to compare."""
        length = self.actual + self.expected
        return 1 - self.deviations / length if length else 1.0


def align(actual: Sequence[str], expected: Sequence[str], *, is_over: bool) -> Alignment:
    """Return the best alignment of stages visited with the stages expected.

    It matches as many visits as can be; of such alignments, the one that ends at the earliest step, then the one that
    matches the earliest visits. While the run is not over the steps after the last one matched may still come: they are
    left out of the comparison.
    """
    count, steps = len(actual), len(expected)
    if tuple(expected[:count]) == tuple(actual):  # nearly all: so far as expected
        missing = range(count, steps) if is_over else ()
        return Alignment(count, steps if is_over else count, (), tuple((step, count) for step in missing))
    end = _end(actual, expected)
    unexpected, skipped = _walk(actual, expected[:end])
    if is_over:
        skipped += [(step, count) for step in range(end, steps)]
    return Alignment(count, steps if is_over else end, tuple(unexpected), tuple(skipped))


def fitness(actual: Sequence[str], expected: Sequence[str], *, is_over: bool = True) -> float:
    """Return the fitness of `align`: 0.75 for A, R, D against A, C, R, D, X in a run that is over."""
    return align(actual, expected, is_over=is_over).fitness


def _end(actual: Sequence[str], expected: Sequence[str]) -> int:
    """Return the length of the shortest beginning of the path in which as many visits match as in all of it."""
    row = [0] * (len(expected) + 1)  # most matches of the visits so far within the first steps
    for stage in actual:
        before, row = row, [0]
        for step, name in enumerate(expected, start=1):
            row.append(before[step - 1] + 1 if name == stage else max(before[step], row[-1]))
    return row.index(row[-1])


def _walk(actual: Sequence[str], expected: Sequence[str]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the visits and the steps that match nothing, in an alignment that matches the earliest visits."""
    rest = _matches(actual, expected)
    unexpected, skipped = list[int](), list[tuple[int, int]]()
    place = step = after = 0  # `after`: the steps from there on up to `step` have no visit
    while step < len(expected):  # its last step has a visit, else it would end earlier
        if actual[place] == expected[step]:
            skipped += [(missing, place) for missing in range(after, step)]
            place, step = place + 1, step + 1
            after = step
        elif rest[place][step + 1] == rest[place][step]:
            step += 1
        else:
            unexpected.append(place)
            place += 1
    unexpected += range(place, len(actual))
    return unexpected, skipped


def _matches(actual: Sequence[str], expected: Sequence[str]) -> list[list[int]]:
    """Return by place and step how many visits from there on can match steps from there on."""
    rest = [[0] * (len(expected) + 1)]
    for stage in reversed(actual):
        below, row = rest[-1], [0]
        for step in range(len(expected) - 1, -1, -1):
            row.append(below[step + 1] + 1 if expected[step] == stage else max(below[step], row[-1]))
        rest.append(row[::-1])
    return rest[::-1]
