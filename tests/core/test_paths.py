"""Visits folded from transitions as a consumer does, and what cannot be folded."""

from typing import Any

import pytest

from cjstream.core.outputs import StageTransition
from cjstream.core.paths import BadTransitions, Path, Paths, PathVisit, fold
from cjstream.core.times import format_time
from tests.core.builders import START_MS, Customer, journey, touchpoint

ABC = journey(moves="any", exits=[{"on": "out"}])


def record(
    sequence: int, kind: str, start: str | None, end: str | None, second: int = 0, **more: Any
) -> StageTransition:
    fields = dict.fromkeys(StageTransition.__struct_fields__)
    fields |= {
        "journey": "shop", "instance": "", "customer_id": "ani", "sequence": sequence, "kind": kind,
        "from_stage": start, "to_stage": end, "occurred_at": at(second), "inferred": False,
    }  # fmt: skip
    return StageTransition(**{**fields, **more})


def at(second: int) -> str:
    return format_time(START_MS + second * 1000)


def told(visits: list[PathVisit]) -> list[tuple[str | None, float]]:
    return [(visit.stage, (visit.entered_ms - START_MS) / 1000) for visit in visits]


def test_records_append_their_stage_and_null_is_outside() -> None:
    paths = Paths()
    for each in (record(1, "entry", None, "a"), record(2, "forward", "a", "b", 5), record(3, "exit", "b", None, 9)):
        assert paths.take(each)
    [path] = paths.by_instance.values()
    assert told(path.visits) == [("a", 0), ("b", 5), (None, 9)]
    assert [visit.kind for visit in path.visits] == ["entry", "forward", "exit"]
    assert path.stage is None


def test_a_correction_replaces_the_visits_from_its_index_on() -> None:
    path = Path()
    path.take(record(1, "entry", None, "a"))
    path.take(record(2, "forward", "a", "c", 9))
    visits = [
        {"stage": "b", "entered_at": at(4), "inferred": True},
        {"stage": "c", "entered_at": at(9), "inferred": False},
    ]
    path.take(record(3, "correction", "c", "c", 4, path_from=1, path=visits))
    assert told(path.visits) == [("a", 0), ("b", 4), ("c", 9)]
    assert [visit.inferred for visit in path.visits] == [False, True, False]
    path.take(record(4, "correction", "c", None, 1, path_from=0, path=[]))
    assert (path.visits, path.stage) == ([], None)


def test_an_entry_begins_the_path_anew_as_of_a_customer_who_was_erased_and_came_back() -> None:
    paths = Paths()
    paths.take(record(1, "entry", None, "c"))
    paths.take(record(2, "entry", None, "a", 5))
    paths.take(record(3, "forward", "a", "b", 6))
    assert told(paths.by_instance["shop", ""].visits) == [("a", 5), ("b", 6)]


def test_instances_have_paths_of_their_own_and_one_sequence() -> None:
    told_by = [record(1, "entry", None, "a", instance="x"), record(2, "entry", None, "b", instance="y")]
    paths = fold([*told_by, record(3, "forward", "a", "c", instance="x")])["ani"]
    assert {key: path.stage for key, path in paths.by_instance.items()} == {("shop", "x"): "c", ("shop", "y"): "b"}
    assert paths.sequences == {"shop": 3}


def test_a_repeat_changes_nothing_and_says_so() -> None:
    paths = Paths()
    assert paths.take(record(1, "entry", None, "a"))
    assert not paths.take(record(1, "entry", None, "a"))
    assert told(paths.by_instance["shop", ""].visits) == [("a", 0)]


def test_visits_that_were_settled_still_count_in_path_from() -> None:
    path = Path()
    path.take(record(1, "entry", None, "a"))
    path.take(record(2, "forward", "a", "b", 5))
    assert told(path.settle(1)) == [("a", 0)]
    visit = {"stage": "c", "entered_at": at(6), "inferred": False}
    path.take(record(3, "correction", "b", "c", 6, path_from=1, path=[visit]))
    assert (told(path.visits), path.settled) == ([("c", 6)], 1)
    with pytest.raises(BadTransitions, match="sequence 4 corrects from visit 3, known are 1 to 2"):
        path.take(record(4, "correction", "c", "c", path_from=3, path=[]))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (record(3, "forward", "a", "b"), "customer ani, journey shop: sequence 3 comes after 1: one is missing"),
        (record(2, "forward", "b", "c"), "sequence 2 leaves b, the customer is in a"),
        (record(2, "correction", "a", "c", path_from=1, path=[]), "sequence 2 says c, its path ends in a"),
        (record(2, "forward", "a", "b", occurred_at="soon"), "'soon' is no time"),
    ],
)
def test_what_does_not_follow_is_refused_and_not_taken(bad: StageTransition, why: str) -> None:
    paths = Paths()
    paths.take(record(1, "entry", None, "a"))
    with pytest.raises(BadTransitions, match=why):
        paths.take(bad)
    assert paths.sequences == {"shop": 1}


def test_what_the_engine_sends_folds_to_what_it_keeps() -> None:
    customer = Customer.of(ABC)
    customer.feed(*(touchpoint(str(n), kind, 9 - n) for n, kind in enumerate("cab")), touchpoint("3", "out", 20))
    customer.feed(touchpoint("4", "b", 30))
    path = fold(customer.transitions)["ani"].by_instance["shop", ""]
    assert told(path.visits) == [*customer.path()[:-2], (None, 20), ("b", 30)]
