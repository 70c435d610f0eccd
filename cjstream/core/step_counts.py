"""Step conversion over time: of those who came to a stage in a period, how many went on to the next one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from cjstream.core.measures.run import Run
from cjstream.core.periods import period_start


@dataclass
class StepCounts:
    """Runs by the period in which something happened first; periods by their start in milliseconds.

    `came` and `went_on`: by (period, place of a stage). Who came to the stage before the place's in the period, or came
    further without it, and how many of those came to the stage of the place, or further, at any time. `outcomes`: by
    (period of the entry, outcome).
    """

    stages: Sequence[str]  # in their order
    every: str
    came: Counter[tuple[int, int]] = field(default_factory=Counter)
    went_on: Counter[tuple[int, int]] = field(default_factory=Counter)
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)

    def run(self, run: Run) -> None:
        """Count a run."""
        self.outcomes[period_start(run.entered_ms[0], self.every), run.outcome] += 1
        reached = self._reached(run)
        for place, came_ms in enumerate(reached[: len(self.stages) - 1], 1):
            key = period_start(came_ms, self.every), place
            self.came[key] += 1
            if place < len(reached):
                self.went_on[key] += 1

    def _reached(self, run: Run) -> list[int]:
        """Return when the run came to each stage or further for the first time, up to the furthest."""
        found = list[int]()
        for stage, entered_ms in zip(run.stages, run.entered_ms, strict=True):
            found += [entered_ms] * (self.stages.index(stage) + 1 - len(found))
        return found

    def merge(self, other: "StepCounts") -> None:
        """Add the runs of other customers."""
        for each in fields(self):
            mine = getattr(self, each.name)
            if isinstance(mine, Counter):
                mine.update(getattr(other, each.name))

    def periods(self) -> list[int]:
        """Return the periods in which anything happened, in order."""
        return sorted({period for period, _ in (*self.came, *self.outcomes)})
