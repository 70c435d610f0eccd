"""How the runs of a log conform to what is expected: mean fitness, who deviates where, and the most frequent variants.

A variant is the exact sequence of stages of a run. Nothing is divided before it is read, so parts can be added up.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import fsum
from typing import NamedTuple

from cjstream.core.measures.alignment import Alignment, align, fitness
from cjstream.core.measures.expected import DEVIATION, SKIPPED, Path, Spec, deviations
from cjstream.core.measures.run import Run
from cjstream.core.measures.walks import Walk
from cjstream.core.outputs import Signal

__all__ = ["NOT_REACHED", "Alignment", "Conformance", "Variant", "align", "fitness"]

NOT_REACHED = "not_reached"  # a step after the last one matched, of a run that is over
MAX_VARIANTS = 10_000  # kept apart; of more, what is kept depends on the order of runs
MAX_VISITS = 64  # of a variant that is kept apart


class Variant(NamedTuple):
    """The stages that this number of `runs` came through, which is this `share` of all runs."""

    stages: tuple[str, ...]
    runs: int
    share: float


@dataclass
class Conformance:
    """Adds up runs. `deviations`: runs by kind and stage; `rules`: signals by rule id and kind.

    `fits`: runs by (skipped + unexpected, length of both sides). `other`: runs of variants not kept apart.
    """

    spec: Spec
    runs: int = 0
    fits: Counter[tuple[int, int]] = field(default_factory=Counter)
    deviations: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    variants: Counter[tuple[str, ...]] = field(default_factory=Counter)
    other: int = 0

    def run(self, run: Run) -> None:
        """Count a run. It is compared with the whole path if it was dropped, or left the journey; else with so far."""
        self.runs += 1
        self._add_variant(run.stages, 1)
        path = self.spec.path_of(run.persona)
        if path is not None:
            aligned = align(run.stages, path.stages, is_over=not run.is_inside or run.dropped_ms is not None)
            self.fits[aligned.deviations, aligned.actual + aligned.expected] += 1
            self.deviations.update(_deviations(self.spec, path, run, aligned))

    def signal(self, signal: Signal) -> None:
        """Count a deviation from a declared rule; other signals are left out."""
        if signal.kind == DEVIATION and signal.detail is not None and "rule" in signal.detail:
            self.rules[signal.detail["rule"], signal.detail["deviation"]] += 1

    def merge(self, other: "Conformance") -> None:
        """Add the runs and signals that another one counted."""
        self.runs += other.runs
        self.fits.update(other.fits)
        self.deviations.update(other.deviations)
        self.rules.update(other.rules)
        self.other += other.other
        for stages, count in other.variants.most_common():
            self._add_variant(stages, count)

    @property
    def fitness(self) -> float | None:
        """Mean fitness of the runs of which a path is expected, 0 to 1; None of none."""
        number = self.fits.total()
        if not number:
            return None
        return 1 - fsum(count * (off / length) for (off, length), count in self.fits.items()) / number

    def top(self, number: int) -> list[Variant]:
        """Return the most frequent variants, the most frequent first and by stages where they are equal."""
        ordered = sorted(self.variants.items(), key=lambda item: (-item[1], item[0]))
        return [Variant(stages, count, count / self.runs) for stages, count in ordered[:number]]

    def _add_variant(self, stages: tuple[str, ...], count: int) -> None:
        variants = self.variants
        if stages in variants or (len(variants) < MAX_VARIANTS and len(stages) <= MAX_VISITS):
            variants[stages] += count
        else:
            self.other += count


def _deviations(spec: Spec, path: Path, run: Run, aligned: Alignment) -> set[tuple[str, str]]:
    walk = Walk(run.instance, run.round, run.stages, run.entered_ms)  # as it was until it ended
    details = [each.detail for each in deviations(spec, walk, run.persona, run.ended_ms)]
    found = {(detail["deviation"], detail["stage"]) for detail in details}
    missing = {path.stages[step] for step, _ in aligned.skipped}
    return found | {(NOT_REACHED, stage) for stage in missing if (SKIPPED, stage) not in found}
