"""Real data, each customer's touchpoints in random order: corrections folded in, the paths are those of the order."""

import gzip
import json
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import LATE, Journeys, Step, advance
from cjstream.core.logged import MAX_LOG
from cjstream.core.outputs import StageTransition
from tests.core.builders import Object, parsed, wire
from tests.core.stories import folded
from tests.model import Visit

DATA = Path(__file__).parents[3] / "shared" / "data"
RETE = DATA / "rete_ecom.touchpoints.jsonl.gz"

pytestmark = pytest.mark.skipif(not RETE.exists(), reason=f"shared/data is absent: no {RETE.name}")

Paths = dict[str, list[Visit]]  # by customer


@cache
def expected() -> Object:
    """What the data set leads to, computed by others."""
    found: Object = json.loads((DATA / "expected.json").read_bytes())["rete_ecom"]
    return found


@cache
def by_customer() -> dict[str, list[Object]]:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    with gzip.open(RETE) as lines:
        for line in lines:
            touchpoint = json.loads(line)
            found[touchpoint["customer_id"]].append(touchpoint)
    return found


@cache
def definition() -> JourneyDefinition:
    stages = expected()["stages_by_type"]
    return compile_definition(
        {
            "journey": "rete",
            "goal": {"on": "purchase"},
            "lateness": "3650d",
            "stages": [{"id": stage, "weight": 10 * n} for n, stage in enumerate(stages, 1)],
            "rules": [{"on": types, "to": stage} for stage, types in stages.items() if types],
        }
    )


def told(touchpoints: list[Object], journeys: Journeys) -> tuple[list[Visit], list[StageTransition]]:
    """Return the visits folded from the transitions that the touchpoints cause in this order, and these."""
    state, sent = None, list[StageTransition]()
    for offset, touchpoint in enumerate(touchpoints):
        step: Step = advance(state, parsed(touchpoint), (0, offset), journeys)
        assert step.verdict != LATE
        state = step.state
        sent += [output for output in step.outputs if isinstance(output, StageTransition)]
    return folded(map(wire, sent)).get("", []), sent


def moves(paths: Paths) -> Counter[str]:
    """Return how often each move stands in the paths, named as in expected.json."""
    found = Counter[str]()
    for path in paths.values():
        stages = ["(new)", *(str(visit.stage) for visit in path)]
        found.update(f"{start}->{end}" for start, end in pairwise(stages))
    return found


@cache
def in_order() -> Paths:
    journeys = Journeys.of([definition()])
    return {customer: told(touchpoints, journeys)[0] for customer, touchpoints in by_customer().items()}


def test_in_order_the_transitions_are_those_that_others_computed() -> None:
    assert moves(in_order()) == expected()["transitions"]


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_the_paths_are_those_in_order_and_so_are_the_transitions_that_others_computed(seed: int) -> None:
    dice, journeys, paths, corrections = Random(seed), Journeys.of([definition()]), Paths(), 0
    for customer, touchpoints in by_customer().items():
        paths[customer], sent = told(dice.sample(touchpoints, len(touchpoints)), journeys)
        corrections += sum(each.kind == "correction" for each in sent)
    assert paths == in_order()
    assert moves(paths) == expected()["transitions"]
    assert corrections > len(paths)  # shuffling did cost something


def test_shuffled_a_log_of_touchpoints_leads_to_the_same_paths_too() -> None:
    """As journeys keep that are not order-free. A third of those customers whose touchpoints all fit in a log."""
    dice, journeys = Random(3), Journeys.of([replace(definition(), order_free=False)])
    fitting = {name: each for name, each in by_customer().items() if len(each) <= MAX_LOG}
    assert len(fitting) > 500
    for customer, touchpoints in list(fitting.items())[::3]:
        assert told(dice.sample(touchpoints, len(touchpoints)), journeys)[0] == in_order()[customer]
