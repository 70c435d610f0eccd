"""Groups of stages in place of the stages: the same runs, seen more coarsely."""

from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import JourneyReport
from cjstream.core.measures.run import Run


class Groups:
    """The groups of a journey, in the order of their lowest stages. A stage without a group stands for itself."""

    def __init__(self, definition: JourneyDefinition) -> None:
        stages = sorted(definition.stages, key=lambda stage: stage.weight)
        self._of = {stage.id: stage.group or stage.id for stage in stages}
        self.names = tuple(dict.fromkeys(self._of.values()))
        self._journey, self._hash = definition.journey, definition.hash

    def of(self, stage: str | None) -> str | None:
        """Return the group of a stage, None for outside."""
        return None if stage is None else self._of[stage]

    def report(self) -> JourneyReport:
        """Return figures of the groups, without any run."""
        return JourneyReport(self._journey, self._hash, self.names)

    def run(self, run: Run) -> Run:
        """Return the run through the groups: one visit for all that follow each other in one group."""
        groups, entered_ms = list[str](), list[int]()
        for stage, at_ms in zip(run.stages, run.entered_ms, strict=True):
            if not groups or self._of[stage] != groups[-1]:
                groups.append(self._of[stage])
                entered_ms.append(at_ms)
        return run._replace(stages=tuple(groups), entered_ms=tuple(entered_ms), left=self.of(run.left))
