"""Stages of a definition: windows, stalls and what stands behind, every fault with its path."""

from string import ascii_lowercase
from typing import Any

import pytest

from cjstream.core.definition import OUTSIDE, compile_definition
from cjstream.core.stages import MAX_BEHIND, MAX_CHAIN
from tests.core.languages import Object, faults


def data(*stages: Object) -> Object:
    """Return a journey of stages a, b, c...; each gets what is given here."""
    pairs = enumerate(zip(ascii_lowercase, stages, strict=False))
    named = [{"id": name, "weight": n, **stage} for n, (name, stage) in pairs]
    return {"journey": "j", "stages": named, "rules": [{"on": "x", "to": "a"}]}


def to(stage: str) -> Object:
    return {"stall": {"since_entered": "1d", "to": stage}}


@pytest.mark.parametrize(
    ("stage", "paths"),
    [
        ({"window": 0}, ["window"]),
        ({"window": "7 days"}, ["window"]),
        ({"window": None}, ["window"]),
        ({"title": {"e": "x"}}, ["title.e"]),
        ({"stall": None}, ["stall"]),
        ({"stall": "7d"}, ["stall"]),
        ({"stall": {}}, ["stall"]),
        ({"stall": {"exit": True}}, ["stall"]),
        ({"stall": {"since": "7d", "since_entered": "7d"}}, ["stall.since"]),
        ({"stall": {"since_entered": "0d", "since_last_touch": 7}}, ["stall.since_entered", "stall.since_last_touch"]),
        ({"stall": {"since_entered": "1d", "exit": "yes"}}, ["stall.exit"]),
        ({"stall": {"since_entered": "1d", "to": "z"}}, ["stall.to"]),
        ({"stall": {"since_entered": "1d", "to": None}}, ["stall.to"]),
        ({"stall": {"since_entered": "1d", "to": "b"}}, ["stall.to"]),
        ({"stall": {"since_entered": "1d", "to": "a", "exit": True}}, ["stall"]),
        ({"behind": None}, ["behind"]),
        ({"behind": "people"}, ["behind"]),
        ({"behind": {"place": "shop"}}, ["behind.place"]),
        ({"behind": {"people": ""}}, ["behind.people"]),
        ({"behind": {"people": []}}, ["behind.people"]),
        ({"behind": {"people": ["x"] * (MAX_BEHIND + 1)}}, ["behind.people"]),
        ({"behind": {"people": ["x", 5]}}, ["behind.people[1]"]),
        ({"behind": {"people": {"who": "x"}}}, ["behind.people"]),
    ],
)
def test_a_fault_is_reported_at_its_path(stage: Object, paths: list[str]) -> None:
    assert list(faults(data({}, stage))) == [f"stages[1].{path}" for path in paths]


def test_a_timeout_leads_to_a_stage_out_of_the_journey_or_nowhere() -> None:
    stages = compile_definition(
        data(to("b"), {"stall": {"since_entered": "1d", "exit": True}}, {"stall": {"since_entered": "1d"}})
    ).stages
    assert [stage.stall and stage.stall.to for stage in stages] == [1, OUTSIDE, None]


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([to("b"), to("a")], {"stages[0].stall.to": "goes round: a -> b -> a"}),
        ([to("b"), to("c"), to("b")], {"stages[1].stall.to": "goes round: b -> c -> b"}),
        ([to("c"), to("a"), to("b")], {"stages[0].stall.to": "goes round: a -> c -> b -> a"}),
        (
            [to("b"), to("a"), to("d"), to("c")],
            {"stages[0].stall.to": "goes round: a -> b -> a", "stages[2].stall.to": "goes round: c -> d -> c"},
        ),
    ],
)
def test_timeouts_that_go_round_are_told_once_each(stages: list[Object], told: dict[str, str]) -> None:
    found = faults(data(*stages))
    assert list(found) == list(told)
    assert all(found[path].startswith(told[path]) for path in told)


def test_timeouts_in_a_row_do_not_go_round() -> None:
    assert compile_definition(data(to("b"), to("c"), {"stall": {"since_entered": "1d", "exit": True}})).has_deadlines


def chain(moves: int, last: Object | None = None) -> list[Object]:
    """Return stages that so many timeouts lead through, one after the other."""
    return [*(to(name) for name in ascii_lowercase[1 : moves + 1]), last or {}]


@pytest.mark.parametrize("last", [{}, {"stall": {"since_entered": "1d", "exit": True}}])
def test_at_most_8_timeouts_follow_one_another(last: Object) -> None:
    assert compile_definition(data(*chain(MAX_CHAIN, last))).has_deadlines
    assert faults(data(*chain(MAX_CHAIN + 1, last))) == {
        "stages[0].stall.to": "begins a chain of 9 timeouts; at most 8, let one end"
    }


def test_a_chain_that_is_too_long_is_told_at_each_stage_that_begins_it() -> None:
    assert list(faults(data(*chain(MAX_CHAIN + 2), to("b")))) == ["stages[0].stall.to", "stages[11].stall.to"]


def test_timeouts_that_lead_into_a_round_are_told_as_a_round_only() -> None:
    assert list(faults(data(*chain(MAX_CHAIN + 2, to("j"))))) == ["stages[9].stall.to"]


@pytest.mark.parametrize(
    ("stage", "path", "says"),
    [
        ({"stall": {}}, "stall", "needs a clock: since_entered: 14d, or since_last_touch: 7d, or both"),
        ({"stall": {"since_entered": "1d", "to": "a", "exit": True}}, "stall", "has both `to` and `exit`"),
        ({"stall": {"since_entered": "1d", "to": "b"}}, "stall.to", "another stage"),
        ({"stall": {"since_entered": "1d", "to": "z"}}, "stall.to", "one of the stages a, b, not 'z'"),
        ({"behind": []}, "behind", "must be a mapping of people, policy, technology, process"),
    ],
)
def test_the_message_says_what_to_write_instead(stage: Object, path: str, says: str) -> None:
    assert says in faults(data({}, stage))[f"stages[1].{path}"]


def test_stages_without_ids_are_told_and_nothing_else_breaks() -> None:
    broken: list[Any] = [{"weight": 1, **to("b")}, {"id": 5, "weight": 2}, {"id": "b", "weight": 3}]
    assert list(faults({"journey": "j", "stages": broken, "rules": [{"on": "x", "to": "b"}]})) == [
        "stages[0].id",
        "stages[1].id",
    ]
