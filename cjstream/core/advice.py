"""What is legal in a journey definition, and yet hardly what was meant."""

from collections.abc import Iterable, Iterator, Sequence

from cjstream.core.definition import EXIT, MOVE, JourneyDefinition
from cjstream.core.rules import Rule
from cjstream.errors import Problem


def advise(definition: JourneyDefinition) -> tuple[Problem, ...]:
    """Return what a person should look at again, each with its path: rules never asked, stages that nothing leads to.

    A rule is not asked about a type that an earlier one of its list takes without a condition, or that is ignored
    without one; a target of feedback is not, if it stands behind one without a condition.
    """
    table, ignored = definition.table, definition.ignores
    moves, exits = (tuple(rule for rule in table if rule.kind == kind) for kind in (MOVE, EXIT))
    personas = tuple(each.rule for each in definition.personas)
    lists = [("rules", moves, ignored), ("exits", exits, ignored), ("ignore", ignored, ()), ("personas", personas, ())]
    found = [problem for path, rules, before in lists for problem in _never_asked(path, rules, before)]
    return (*found, *_idle_targets(definition), *_unreached(definition))


def _never_asked(path: str, rules: Sequence[Rule], before: Iterable[Rule]) -> Iterator[Problem]:
    """Yield a problem for each rule to which `before`, or what stands before it, leaves nothing of some types."""
    taken = set[str]().union(*map(_takes, before))
    for place, rule in enumerate(rules):
        lost = rule.on & taken
        if lost:
            what = "is never asked" if lost == rule.on else "is not asked about all of its types"
            takes = f"an earlier entry without a condition takes {', '.join(sorted(lost))}"
            yield Problem(f"{path}[{place}]", None, f"{what}: {takes}")
        taken |= _takes(rule)


def _takes(rule: Rule) -> frozenset[str]:
    return rule.on if rule.when is None and rule.past is None else frozenset()


def _idle_targets(definition: JourneyDefinition) -> Iterator[Problem]:
    feedback = None if definition.measures is None else definition.measures.feedback
    targets = () if feedback is None else feedback.targets
    last = next((place for place, target in enumerate(targets) if target.when is None), len(targets))
    for place in range(last + 1, len(targets)):
        yield Problem(f"measures.feedback.targets[{place}]", None, "is never asked: an earlier entry has no condition")


def _unreached(definition: JourneyDefinition) -> Iterator[Problem]:
    stalls = [stage.stall for stage in definition.stages]
    reached = {rule.to for rule in definition.table} | {stall.to for stall in stalls if stall is not None}
    for place, stage in enumerate(definition.stages):
        if place not in reached:
            yield Problem(f"stages[{place}]", None, f"no rule, timeout or threshold leads to {stage.id}")
