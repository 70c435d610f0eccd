"""The oracles of the kill tests find what they must find, and agree with numbers computed by others."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.reference import (
    SHOP,
    BadTransitions,
    Journey,
    Outcome,
    Record,
    Visit,
    check,
    fold_transitions,
    milliseconds,
    reduce_touchpoints,
)

Object = dict[str, Any]

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"no data in ../{DATA.parent.name}/{DATA.name}")


def touchpoint(number: int, kind: str, at: str | int, **fields: Any) -> Object:
    return {"id": f"t{number}", "customer_id": "ani", "type": kind, "occurred_at": at, **fields}


def transition(sequence: int, from_stage: str | None, to_stage: str | None, at: str, **fields: Any) -> Object:
    return {
        "transition_id": f"id{sequence}", "journey": "shop", "customer_id": "ani", "sequence": sequence,
        "from_stage": from_stage, "to_stage": to_stage, "kind": "forward", "occurred_at": at, **fields,
    }  # fmt: skip


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.000Z"


START_MS = milliseconds(at(0))
SENT = [
    touchpoint(1, "page_view", at(1)),
    touchpoint(2, "product_view", at(2)),
    touchpoint(3, "search", at(3)),
    touchpoint(4, "purchase", at(4)),
]
TOLD = [
    transition(1, None, "awareness", at(1)),
    transition(2, "awareness", "consideration", at(2)),
    transition(3, "consideration", "purchase", at(4)),
]
CURRENT: Object = {
    "customer_id": "ani",
    "journeys": {
        "shop": {
            "stage": "purchase", "furthest_stage": "purchase", "entered_at": at(4), "sequence": 3,
            "outcome": "converted", "converted_at": at(4),
        }
    },
}  # fmt: skip


def record(value: Object) -> Record:
    return b"ani", json.dumps(value).encode()


def faults(told: list[Object], current: Object | None = CURRENT) -> set[str]:
    """Names of the lists in which `check` reports something about the four touchpoints of SENT."""
    currents = [] if current is None else [record(current)]
    report = check(SENT, [record(value) for value in told], currents)
    return {difference.partition(":")[0] for difference in report.differences}


class TestTimes:
    def test_text_and_number_mean_the_same(self) -> None:
        assert milliseconds("1970-01-01T00:00:01.500Z") == milliseconds(1500) == 1500

    def test_zones_are_counted(self) -> None:
        assert milliseconds("2026-01-01T07:00:00+07:00") == milliseconds("2026-01-01T00:00:00Z")


class TestReduce:
    def test_a_customer_only_moves_up_and_converts_at_the_goal(self) -> None:
        path = [Visit("awareness", START_MS + 1000), Visit("consideration", START_MS + 2000)]
        path += [Visit("purchase", START_MS + 4000)]
        assert reduce_touchpoints(SENT, SHOP) == {"ani": Outcome(path, START_MS + 4000)}

    def test_order_and_repeats_do_not_matter(self) -> None:
        shuffled = SENT * 2
        Random(1).shuffle(shuffled)
        assert reduce_touchpoints(shuffled, SHOP) == reduce_touchpoints(SENT, SHOP)

    def test_the_first_of_two_touchpoints_with_an_id_counts(self) -> None:
        both = [touchpoint(1, "page_view", 1), touchpoint(1, "purchase", 2)]
        assert reduce_touchpoints(both, SHOP)["ani"] == Outcome([Visit("awareness", 1)], None)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (
                touchpoint(2, "page_view", 5),
                touchpoint(1, "purchase", 5, sequence=1),
            ),  # sequence, missing = 0
            (touchpoint(2, "page_view", 5), touchpoint(1, "purchase", 5)),  # then weight
        ],
    )
    def test_ties_in_time_are_broken(self, first: Object, second: Object) -> None:
        path = reduce_touchpoints([second, first], SHOP)["ani"].path
        assert path == [Visit("awareness", 5), Visit("purchase", 5)]

    def test_an_unmet_condition_moves_nobody(self) -> None:
        reviews = [touchpoint(1, "review", 1, rating=3), touchpoint(2, "review", 2, rating=4)]
        assert reduce_touchpoints(reviews, SHOP)["ani"].path == [Visit("advocacy", 2)]

    def test_conversion_does_not_need_the_stage(self) -> None:
        after = [touchpoint(1, "delivered", 1), touchpoint(2, "purchase", 2)]
        assert reduce_touchpoints(after, SHOP)["ani"] == Outcome([Visit("retention", 1)], 2)

    def test_a_customer_without_a_stage_is_known(self) -> None:
        assert reduce_touchpoints([touchpoint(1, "error", 1)], SHOP) == {"ani": Outcome([], None)}


class TestFold:
    def test_transitions_append(self) -> None:
        assert fold_transitions(reversed(TOLD)) == reduce_touchpoints(SENT, SHOP)["ani"].path

    def test_a_correction_replaces_the_end_of_the_path(self) -> None:
        correction = transition(
            3, "consideration", "purchase", at(9), kind="correction", path_from=1,
            path=[{"stage": "purchase", "entered_at": at(2), "inferred": False}],
        )  # fmt: skip
        path = fold_transitions([*TOLD[:2], correction])
        assert path == [Visit("awareness", START_MS + 1000), Visit("purchase", START_MS + 2000)]

    def test_an_exit_leads_outside(self) -> None:
        path = fold_transitions([TOLD[0], transition(2, "awareness", None, at(5), kind="exit")])
        assert path[-1] == Visit(None, START_MS + 5000)

    @pytest.mark.parametrize(
        ("records", "why"),
        [
            (TOLD[1:], "sequence 2 where 1 is due"),
            ([TOLD[0], TOLD[2] | {"sequence": 2}], "leaves consideration, the customer is in awareness"),
            ([TOLD[0], TOLD[0]], "sequence 1 where 2 is due"),
            ([TOLD[0] | {"kind": "correction", "path_from": 1, "path": []}], "never told"),
            ([TOLD[0] | {"kind": "correction", "path_from": 0, "path": []}], "its path ends in None"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, records: list[Object], why: str) -> None:
        with pytest.raises(BadTransitions, match=why):
            fold_transitions(records)


class TestCheck:
    def test_what_is_right_passes(self) -> None:
        assert faults(TOLD) == set()

    def test_equal_repeats_are_counted_and_allowed(self) -> None:
        report = check(SENT, [record(value) for value in [*TOLD, *TOLD[1:]]], [record(CURRENT)])
        assert (report.differences, report.repeats) == ([], 2)

    def test_other_journeys_are_passed_over(self) -> None:
        assert faults([*TOLD, transition(1, None, "lead", at(1), journey="b2b", transition_id="x")]) == set()

    @pytest.mark.parametrize("lost", range(3))
    def test_a_missing_transition_is_found(self, lost: int) -> None:
        assert "missing" in faults(TOLD[:lost] + TOLD[lost + 1 :])

    def test_an_unexpected_transition_is_found(self) -> None:
        extra = transition(4, "purchase", "retention", at(5))
        assert faults([*TOLD, extra]) == {"unexpected", "wrong_paths", "wrong_currents"}

    def test_a_wrong_time_is_found(self) -> None:
        assert {"missing", "unexpected"} <= faults([*TOLD[:2], TOLD[2] | {"occurred_at": at(5)}])

    def test_a_customer_nobody_sent_is_found(self) -> None:
        stranger = TOLD[0] | {"customer_id": "budi", "transition_id": "b"}
        assert faults([*TOLD, stranger]) == {"unexpected", "wrong_paths"}

    def test_a_repeat_with_other_bytes_is_found(self) -> None:
        assert faults([*TOLD, TOLD[1] | {"channel": "email"}]) == {"unequal_repeats"}

    def test_an_id_that_serves_twice_is_found(self) -> None:
        assert faults([*TOLD[:2], TOLD[2] | {"transition_id": "id1"}]) == {"unequal_repeats"}

    def test_a_wrong_order_is_found(self) -> None:
        assert faults([TOLD[0], TOLD[2], TOLD[1]]) == {"wrong_order"}

    @pytest.mark.parametrize(
        "change",
        [{"stage": "awareness"}, {"sequence": 2}, {"converted_at": None}, {"outcome": "in_progress"}],
    )
    def test_a_wrong_current_stage_is_found(self, change: Object) -> None:
        wrong = {**CURRENT, "journeys": {"shop": CURRENT["journeys"]["shop"] | change}}
        assert faults(TOLD, wrong) == {"wrong_currents"}

    def test_an_absent_current_stage_is_found(self) -> None:
        assert faults(TOLD, None) == {"wrong_currents"}

    def test_only_the_newest_current_stage_counts(self) -> None:
        older = {**CURRENT, "journeys": {}}
        transitions = [record(value) for value in TOLD]
        assert check(SENT, transitions, [record(older), record(CURRENT)]).differences == []
        assert check(SENT, transitions, [record(CURRENT), record(older)]).wrong_currents
        assert check(SENT, transitions, [record(CURRENT), (b"ani", None)]).wrong_currents


@pytest.fixture(scope="module")
def expected() -> Object:
    expected: Object = json.loads((DATA / "expected.json").read_text())["rete_ecom"]
    return expected


@pytest.fixture(scope="module")
def outcomes(expected: Object) -> dict[str, Outcome]:
    weights = {stage: weight for weight, stage in enumerate(expected["stages_by_type"])}
    stages = {kind: (stage, weights[stage]) for stage, kinds in expected["stages_by_type"].items() for kind in kinds}
    with gzip.open(DATA / "rete_ecom.touchpoints.jsonl.gz") as lines:
        touchpoints = [json.loads(line) for line in lines]
    assert len(touchpoints) == expected["touchpoints"]
    return reduce_touchpoints(touchpoints, Journey("shop", stages, goal="purchase"))


@needs_data
class TestRealData:
    def test_customers_by_furthest_stage(self, outcomes: dict[str, Outcome], expected: Object) -> None:
        furthest = Counter(outcome.path[-1].stage for outcome in outcomes.values())
        assert {stage: furthest[stage] for stage in expected["customers_by_furthest_stage"]} == expected[
            "customers_by_furthest_stage"
        ]

    def test_transitions(self, outcomes: dict[str, Outcome], expected: Object) -> None:
        moves: Counter[str] = Counter()
        for outcome in outcomes.values():
            stages = [visit.stage for visit in outcome.path]
            moves.update(f"{before}->{after}" for before, after in zip(["(new)", *stages], stages, strict=False))
        assert moves == expected["transitions"]

    def test_purchasers(self, outcomes: dict[str, Outcome], expected: Object) -> None:
        assert len(outcomes) == expected["customers"]
        assert sum(outcome.converted_at_ms is not None for outcome in outcomes.values()) == 328
