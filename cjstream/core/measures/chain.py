"""Ways out of a stage, and where they lead in the end: what a prediction computes with.

`ways_out` estimates from visits, some of which still go on; `absorbed` solves an absorbing Markov chain exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

CONVERTED, DROPPED = 1, 2
Next = str | int  # a stage, CONVERTED or DROPPED
SUB_BITS = 4


class Seen(NamedTuple):
    """Visits of one stage that ended alike after about as long: `went` is None for those that still go on."""

    went: Next | None
    bin: int
    visits: int
    dwell_ms: int


class Ways(NamedTuple):
    """What follows a stage: how many visits ended, the probability of each way out, and the mean time until then."""

    visits: int
    probability: Mapping[Next, float]
    dwell_ms: Mapping[Next, float]


class Fate(NamedTuple):
    """Where a stage leads in the end: the probability of conversion, and the mean time until then, if it comes."""

    conversion: float
    ms_to_conversion: float


def bin_of(ms: int) -> int:
    """Return the bin of a duration; those of one bin differ by less than an eighth. Longer ones have higher bins."""
    shift = max(ms.bit_length() - SUB_BITS, 0)
    return (shift << SUB_BITS - 1) + (ms >> shift)


def ways_out(seen: Iterable[Seen]) -> Ways:
    """Return what follows a stage, by the Aalen-Johansen estimator of competing risks.

    A visit that still goes on counts among those that might have ended at each length up to its own, and no further:
    so it neither is taken for one that never ends, nor left out. What share lasts longer than any visit that ended is
    unknown, and divided among the ways out as the rest is. Source: Aalen and Johansen 1978, Scand. J. Statist. 5.
    """
    by_bin = dict[int, list[Seen]]()
    for each in sorted(seen, key=lambda one: (str(one.went), one.visits, one.dwell_ms)):  # one sum in any order
        by_bin.setdefault(each.bin, []).append(each)
    at_risk = sum(each.visits for group in by_bin.values() for each in group)
    stays, ended = 1.0, 0
    share, spent = dict[Next, float](), dict[Next, float]()
    for place in sorted(by_bin):
        leaves = 0.0
        for went, _, visits, dwell_ms in by_bin[place]:
            if went is not None:
                share[went] = share.get(went, 0.0) + stays * visits / at_risk
                spent[went] = spent.get(went, 0.0) + stays * dwell_ms / at_risk
                leaves += visits / at_risk
                ended += visits
        stays *= 1 - leaves
        at_risk -= sum(each.visits for each in by_bin[place])
    total = sum(share.values())
    return Ways(
        ended,
        {went: each / total for went, each in share.items()},
        {went: spent[went] / each for went, each in share.items()},
    )


def smoothed(ways: Ways, prior: Ways, strength: float) -> Ways:
    """Return the ways out with as many more visits as `strength`, which went the way of `prior`."""
    visits = ways.visits + strength
    probability, dwell_ms = dict[Next, float](), dict[Next, float]()
    for went in {**prior.probability, **ways.probability}:
        own = ways.visits * ways.probability.get(went, 0.0)
        other = strength * prior.probability.get(went, 0.0)
        probability[went] = (own + other) / visits
        spent = own * ways.dwell_ms.get(went, 0.0) + other * prior.dwell_ms.get(went, 0.0)
        dwell_ms[went] = spent / (own + other)
    return Ways(ways.visits, probability, dwell_ms)


def absorbed(ways: Mapping[str, Ways]) -> dict[str, Fate]:
    """Return where each stage leads in the end. Each must lead to CONVERTED or DROPPED some day, and to no other stage.

    With Q the probabilities from stage to stage and c those of converting next, the probabilities of conversion h solve
    (I - Q) h = c. The mean time to it, if it comes, is g / h, where (I - Q) g = the mean time spent before the next
    step on ways that convert. Source: Kemeny and Snell 1960, Finite Markov Chains, chapter 3.
    """
    stages = list(ways)
    minus_q = [[float(a == b) - ways[a].probability.get(b, 0.0) for b in stages] for a in stages]
    solved = solve(minus_q, [ways[stage].probability.get(CONVERTED, 0.0) for stage in stages])
    converts = [min(max(h, 0.0), 1.0) for h in solved]  # rounding may step over
    conversion = dict(zip(stages, converts, strict=True))
    spent = [
        sum(
            probability
            * ways[stage].dwell_ms[went]
            * (conversion[went] if isinstance(went, str) else went == CONVERTED)
            for went, probability in ways[stage].probability.items()
        )
        for stage in stages
    ]
    times = solve(minus_q, spent)
    return {stage: Fate(h, g / h if h else 0.0) for stage, h, g in zip(stages, converts, times, strict=True)}


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Return x of matrix * x = right, by Gaussian elimination with partial pivoting; the matrix must be regular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        for row in rows[column + 1 :]:
            factor = row[column] / head[column]
            if factor:
                row[column:] = [
                    value - factor * above for value, above in zip(row[column:], head[column:], strict=True)
                ]
    found = [0.0] * size
    for place in reversed(range(size)):
        row = rows[place]
        known = sum(row[other] * found[other] for other in range(place + 1, size))
        found[place] = (row[size] - known) / row[place]
    return found
