"""Expected against actual: the declared path of a journey, by persona, and the declared rules over touchpoint types.

Deviations from the path are a pure function of the visits and of settled time. Those from the rules need the state of
core/measures/watches.py. All are told once, while the customer is still in the journey.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.measures import watches as watches_
from cjstream.core.measures.course import SKIPPED, Path, clocks
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.walks import Walk, walks_of
from cjstream.core.measures.watches import DEVIATION, MAX_KEYS, TOO_SLOW, WARNING, Rules, Watch
from cjstream.core.reading import Reader
from cjstream.core.stages import MAX_STAGES, Stage
from cjstream.core.touchpoint import Touchpoint

__all__ = [
    "DEVIATION", "MAX_KEYS", "SKIPPED", "Path", "Spec", "Walk", "Watch", "advance", "deviations", "dues", "path_dues",
    "read", "walks_of",
]  # fmt: skip

KEYS = ("path", "personas", "rules")
STEP_KEYS = ("stage", "within")
PERSONA_KEYS = ("persona", "path")
MAX_PERSONAS = 100


@dataclass(frozen=True, slots=True)
class Spec:
    """What a journey expects; `personas`: paths of their own, in place of `path`.

    `limits_ms`: how long after some visit time alone can make a customer deviate from a path.
    """

    path: Path | None
    personas: Mapping[str, Path]
    rules: Rules
    limits_ms: tuple[int, ...]

    def path_of(self, persona: str | None) -> Path | None:
        """Return the path expected of a customer of this persona, None for none."""
        return self.path if persona is None else self.personas.get(persona, self.path)


def read(reader: Reader, value: Any, path: str, stages: Sequence[Stage]) -> Spec:
    """Return the compiled form of `measures.expected`."""
    data = reader.mapping(value, path, KEYS)
    if value == {}:
        reader.report(path, "expects nothing; give a path, personas or rules")
    names = {stage.id for stage in stages}
    common = _path(reader, data["path"], f"{path}.path", names) if "path" in data else None
    personas = _personas(reader, data["personas"], f"{path}.personas", names) if "personas" in data else {}
    rules = watches_.read(reader, data["rules"], f"{path}.rules") if "rules" in data else Rules()
    paths = [each for each in (common, *personas.values()) if each is not None]
    limits_ms = sorted({within_ms for each in paths for _, within_ms in each.limits})
    return Spec(common, personas, rules, tuple(limits_ms))


def _personas(reader: Reader, value: Any, path: str, names: set[str]) -> dict[str, Path]:
    found = dict[str, Path]()
    for where, item in reader.items(value, path, MAX_PERSONAS):
        reader.known_keys(item, PERSONA_KEYS, where)
        persona = reader.text(item.get("persona"), f"{where}.persona")
        if persona in found:
            reader.report(f"{where}.persona", f"{persona!r} stands twice")
        found[persona] = _path(reader, item.get("path"), f"{where}.path", names)
    return found


def _path(reader: Reader, value: Any, path: str, names: set[str]) -> Path:
    stages, limits = list[str](), list[tuple[int, int]]()
    for place, (where, item) in enumerate(reader.entries(value, path, MAX_STAGES)):
        data = reader.mapping(item, where, STEP_KEYS) if isinstance(item, dict) else {"stage": item}
        stage, within_ms = data.get("stage"), reader.clock(data, "within", where)
        at = f"{where}.stage" if isinstance(item, dict) else where
        if not isinstance(stage, str) or stage not in names:
            reader.report(at, f"must be one of the stages {', '.join(sorted(names))}, not {stage!r}")
        elif stage in stages:
            reader.report(at, f"{stage!r} stands twice; a path comes to each stage once")
        if within_ms is not None and place == 0:
            reader.report(f"{where}.within", "counts from entering the step before, and there is none")
        elif within_ms is not None:
            limits.append((place, within_ms))
        stages.append(str(stage))
    return Path(tuple(stages), tuple(limits))


def deviations(spec: Spec, walk: Walk, persona: str | None, settled_ms: int) -> list[Finding]:
    """Return how a round deviates from the path, with the deadlines before `settled_ms` passed; each stage once a kind.

    `skipped`: a step without a visit, before one that has a visit. `unexpected`: a visit that matches no step.
    `too_slow`: the time to reach a step ran out while the customer was in the journey and had come to neither it nor a
    later one.
    """
    path = spec.path_of(persona)
    if path is None:
        return []
    course, found = path.course(walk.stages), list[Finding]()
    for kind, stage, place in course.misplaced:
        found.append(_finding(kind, walk, stage, walk.entered_ms[place]))
    for stage, since_ms, due_ms in clocks(course, walk):
        if due_ms < settled_ms:
            found.append(_finding(TOO_SLOW, walk, stage, since_ms, due_ms))
    return found


def path_dues(spec: Spec, walk: Walk, persona: str | None) -> Iterable[int]:
    """Return every deadline of the path that was not kept so far, passed or not, in milliseconds."""
    path = spec.path_of(persona)
    if path is None:
        return ()
    running = clocks(path.course(walk.stages), walk)
    return [due_ms for _, _, due_ms in running] if running else ()


def _finding(kind: str, walk: Walk, stage: str, since_ms: int, due_ms: int | None = None) -> Finding:
    cause = None if due_ms is None else f"expected.{stage}"
    detail = {"deviation": kind, "round": walk.round, "stage": stage}
    return Finding(DEVIATION, (kind, walk.round, stage), since_ms, due_ms, cause, WARNING, detail, walk.key)


def advance(
    spec: Spec, watches: tuple[Watch, ...], touchpoint: Touchpoint | None, moment: Moment
) -> tuple[tuple[Watch, ...], Sequence[Finding]]:
    """Return the state of the rules after a touchpoint (None: only time passes), and what they found."""
    return watches_.advance(spec.rules, watches, touchpoint, moment)


def dues(spec: Spec, watches: tuple[Watch, ...]) -> Iterable[int]:
    """Return every deadline of the rules that was not kept so far, passed or not, in milliseconds."""
    return watches_.dues(spec.rules, watches) if watches else ()
