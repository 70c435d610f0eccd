"""Expected against actual: reading, deviations from the path, and the rounds of instances that are held against it."""

from typing import Any

import pytest
from msgspec.structs import replace

from cjstream.core.measures import course
from cjstream.core.measures.expected import (
    Path,
    Spec,
    Walk,
    advance,
    deviations,
    dues,
    path_dues,
    read,
    walks_of,
)
from cjstream.core.measures.finding import Finding, Moment
from cjstream.core.measures.watches import Rule, Watch
from cjstream.core.reading import Reader
from cjstream.core.state import Instance, Past, Visit
from tests.core.builders import Customer, journey, touchpoint

STAGES = journey(stages="abcd").stages
DAY_MS = 86_400_000


def read_with(value: Any) -> tuple[Spec, list[tuple[str, str]]]:
    reader = Reader()
    found = read(reader, value, "measures.expected", STAGES)
    return found, [(problem.path, problem.message) for problem in reader.problems]


def spec(**value: Any) -> Spec:
    found, problems = read_with(value)
    assert problems == []
    return found


def walk(stages: str, *days: float, left: float | None = None) -> Walk:
    """Return a walk through stages, entered on these days, or one a day."""
    entered = tuple(round(day * DAY_MS) for day in (days or range(len(stages))))
    return Walk("", 1, tuple(stages), entered, None if left is None else round(left * DAY_MS))


def found(spec_: Spec, walk_: Walk, day: float = 100, persona: str | None = None) -> list[tuple[str, str]]:
    """Return kind and stage of each deviation on a day."""
    findings = deviations(spec_, walk_, persona, round(day * DAY_MS))
    return [(each.detail["deviation"], each.detail["stage"]) for each in findings]


# -- reading


def test_a_path_is_stages_and_the_time_to_reach_them() -> None:
    found_ = spec(path=["a", {"stage": "c", "within": "7d"}, {"stage": "d"}])
    assert found_.path == Path(("a", "c", "d"), ((1, 7 * DAY_MS),))


def test_a_persona_has_a_path_in_place_of_the_common_one() -> None:
    found_ = spec(path=["a"], personas=[{"persona": "hunter", "path": ["b", {"stage": "c", "within": "1d"}]}])
    assert [found_.path_of(persona) for persona in (None, "gatherer", "hunter")] == [
        Path(("a",)), Path(("a",)), Path(("b", "c"), ((1, DAY_MS),)),
    ]  # fmt: skip


def test_the_limits_of_all_paths_are_known_together() -> None:
    quick, slow = {"stage": "b", "within": "1d"}, {"stage": "c", "within": "2d"}
    found_ = spec(path=["a", slow], personas=[{"persona": "p", "path": ["a", quick, slow]}])
    assert found_.limits_ms == (DAY_MS, 2 * DAY_MS)
    assert spec(rules=[{"absence": "error"}]).limits_ms == ()


def test_rules_have_a_kind_types_and_an_id_by_default() -> None:
    rules = spec(
        rules=[
            {"id": "in-time", "response": ["purchase", ["delivered", "collected"]], "within": "5d"},
            {"precedence": ["demo", "signed"]},
            {"absence": ["error", "payment_error"]},
        ]
    ).rules
    assert rules.by_id == {
        "in-time": Rule(
            "in-time", "response", frozenset({"purchase"}), frozenset({"delivered", "collected"}), 5 * DAY_MS
        ),
        "expected-2": Rule("expected-2", "precedence", frozenset({"demo"}), frozenset({"signed"})),
        "expected-3": Rule("expected-3", "absence", frozenset({"error", "payment_error"})),
    }
    assert rules.by_type["collected"] == (rules.by_id["in-time"],)


RULES = "measures.expected.rules[0]"


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ([], "measures.expected", "must be a mapping"),
        ({}, "measures.expected", "expects nothing"),
        ({"way": []}, "measures.expected.way", "is not known here"),
        ({"path": []}, "measures.expected.path", "must be a list of 1 to 64"),
        ({"path": ["a", "e"]}, "measures.expected.path[1]", "must be one of the stages a, b, c, d, not 'e'"),
        ({"path": [{"stage": ["a"]}]}, "measures.expected.path[0].stage", "must be one of the stages"),
        ({"path": [7]}, "measures.expected.path[0]", "must be one of the stages"),
        ({"path": ["a", "a"]}, "measures.expected.path[1]", "'a' stands twice"),
        ({"path": [{"stage": "a", "in": 1}]}, "measures.expected.path[0].in", "is not known here"),
        ({"path": [{"stage": "a", "within": "1d"}]}, "measures.expected.path[0].within", "there is none"),
        ({"path": ["a", {"stage": "b", "within": "x"}]}, "measures.expected.path[1].within", "must be a duration"),
        ({"personas": [{"path": ["a"]}]}, "measures.expected.personas[0].persona", "must be a text"),
        ({"personas": [{"persona": "p"}]}, "measures.expected.personas[0].path", "must be a list"),
        (
            {"personas": [{"persona": "p", "path": ["a"]}, {"persona": "p", "path": ["b"]}]},
            "measures.expected.personas[1].persona",
            "'p' stands twice",
        ),
        ({"rules": [{}]}, RULES, "needs exactly one of response, precedence, absence"),
        ({"rules": [{"absence": "x", "precedence": ["x", "y"]}]}, RULES, "needs exactly one of"),
        ({"rules": [{"absence": "x", "after": 1}]}, f"{RULES}.after", "is not known here"),
        ({"rules": [{"id": "", "absence": "x"}]}, f"{RULES}.id", "must be a name"),
        ({"rules": [{"absence": []}]}, f"{RULES}.absence", "must be a touchpoint type"),
        ({"rules": [{"absence": "x", "within": "1d"}]}, f"{RULES}.within", "belongs to a response"),
        ({"rules": [{"response": ["x", "y"]}]}, f"{RULES}.within", "belongs to a response"),
        ({"rules": [{"response": ["x", "y"], "within": "0s"}]}, f"{RULES}.within", "must be longer than 0"),
        ({"rules": [{"precedence": ["x", "y", "z"]}]}, f"{RULES}.precedence", "must be [A, B]"),
        ({"rules": [{"precedence": "x"}]}, f"{RULES}.precedence", "must be [A, B]"),
        ({"rules": [{"precedence": ["x", 7]}]}, f"{RULES}.precedence[1]", "must be a touchpoint type"),
        ({"rules": [{"precedence": ["x", ["y", "x"]]}]}, f"{RULES}.precedence", "has x on both sides"),
        (
            {"rules": [{"id": "r", "absence": "x"}, {"id": "r", "absence": "y"}]},
            "measures.expected.rules[1].id",
            "'r' stands twice",
        ),
    ],
)
def test_a_fault_is_told_once_with_its_path(value: Any, path: str, message: str) -> None:
    _, problems = read_with(value)
    assert [where for where, _ in problems] == [path]
    assert message in problems[0][1]


# -- the path


PATH = spec(path=["a", "b", {"stage": "c", "within": "7d"}, {"stage": "d", "within": "2d"}])


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("", []),
        ("a", []),
        ("abcd", []),
        ("ac", [("skipped", "b")]),
        ("d", [("skipped", "a"), ("skipped", "b"), ("skipped", "c")]),
        ("acb", [("unexpected", "c")]),
        ("abab", [("unexpected", "a"), ("unexpected", "b")]),
        ("xaxb", [("unexpected", "x")]),  # each stage once
    ],
)
def test_a_round_deviates_where_the_best_alignment_matches_nothing(
    stages: str, expected: list[tuple[str, str]]
) -> None:
    assert found(PATH, walk(stages), day=0) == expected


def test_a_deviation_holds_from_the_visit_that_shows_it() -> None:
    skipped, unexpected = deviations(PATH, walk("acb", 0, 1, 2, left=3), None, 0), None
    (unexpected,) = skipped
    assert unexpected == Finding(
        "deviation", ("unexpected", 1, "c"), DAY_MS, None, None, "warning",
        {"deviation": "unexpected", "round": 1, "stage": "c"}, "",
    )  # fmt: skip
    assert [each.since_ms for each in deviations(PATH, walk("xac", 0, 1, 2), None, 0)] == [2 * DAY_MS, 0]


def test_a_step_is_too_slow_right_after_its_deadline() -> None:
    at_c = walk("abc", 0, 1, 2)
    assert (found(PATH, at_c, day=4), found(PATH, at_c, day=4.1)) == ([], [("too_slow", "d")])
    (finding,) = deviations(PATH, at_c, None, 5 * DAY_MS)
    assert finding[:5] == ("deviation", ("too_slow", 1, "d"), 2 * DAY_MS, 4 * DAY_MS, "expected.d")


def test_a_step_reached_late_stays_too_slow_and_at_its_deadline_is_in_time() -> None:
    assert found(PATH, walk("abcd", 0, 1, 2, 4.1)) == [("too_slow", "d")]
    assert found(PATH, walk("abcd", 0, 1, 2, 4)) == []


def test_a_later_step_stops_the_clock_as_well() -> None:
    assert found(PATH, walk("abd", 0, 1, 2)) == [("skipped", "c")]


def test_no_clock_runs_for_a_step_whose_step_before_was_not_entered() -> None:
    assert found(PATH, walk("a")) == []


def test_the_clock_counts_from_the_first_entry_of_the_round() -> None:
    assert found(PATH, walk("abxb", 0, 1, 2, 3), day=8.5) == [
        ("unexpected", "x"),
        ("unexpected", "b"),
        ("too_slow", "c"),
    ]


def test_who_left_before_the_deadline_is_not_too_slow() -> None:
    assert found(PATH, walk("ab", 0, 1, left=8)) == []
    assert found(PATH, walk("ab", 0, 1, left=8.1)) == [("too_slow", "c")]


def test_a_persona_deviates_from_its_own_path_and_nobody_without_one() -> None:
    only = spec(personas=[{"persona": "hunter", "path": ["c"]}])
    assert found(only, walk("b"), persona="hunter") == [("unexpected", "b")]
    assert found(only, walk("b")) == []
    assert list(path_dues(only, walk("b"), None)) == []


def test_dues_are_the_deadlines_not_kept_so_far() -> None:
    assert list(path_dues(PATH, walk("ab"), None)) == [8 * DAY_MS]
    assert list(path_dues(PATH, walk("abc"), None)) == [4 * DAY_MS]
    assert list(path_dues(PATH, walk("abcd"), None)) == []


# -- rounds


def feed(definition: Any, *steps: tuple[str, float]) -> Customer:
    customer = Customer.of(definition)
    for n, (kind, second) in enumerate(steps):
        customer.feed(touchpoint(f"t{n}", kind, second))
    return customer


def rounds(definition: Any, *steps: tuple[str, float]) -> list[tuple[int, str, bool]]:
    """Return round, stages, and whether the customer is inside, the newest first."""
    walks = walks_of(feed(definition, *steps).instance(), definition)
    return [(each.round, "".join(each.stages), each.left_ms is None) for each in walks]


LEAVES = journey(exits=[{"on": "bye"}], lateness="10m")
RESTARTS = journey(reentry="every", moves="any")


def test_a_round_begins_after_the_customer_left() -> None:
    assert rounds(LEAVES, ("a", 0), ("c", 1), ("bye", 2), ("b", 3), ("c", 4)) == [(1, "bc", True), (0, "ac", False)]


def test_who_left_is_no_longer_inside() -> None:
    assert rounds(LEAVES, ("a", 0), ("bye", 2)) == [(0, "a", False)]


def test_a_round_begins_at_the_first_stage_where_every_trigger_restarts() -> None:
    assert rounds(RESTARTS, ("b", 0), ("a", 1), ("c", 2), ("b", 3), ("a", 4)) == [
        (2, "a", True), (1, "acb", False), (0, "b", False),
    ]  # fmt: skip


def test_going_back_to_the_first_stage_goes_on_with_the_round_elsewhere() -> None:
    assert rounds(journey(moves="any"), ("b", 0), ("a", 1)) == [(0, "ba", True)]


def test_a_timeout_to_the_first_stage_begins_no_round() -> None:
    stages = [
        {"id": "a", "weight": 1},
        {"id": "b", "weight": 2, "stall": {"since_entered": "10s", "to": "a"}},
    ]
    assert rounds(journey(stages=stages, reentry="every"), ("a", 0), ("b", 1), ("x", 60)) == [(0, "aba", True)]


def test_stages_jumped_over_are_not_in_a_walk() -> None:
    assert rounds(journey(entry="infer"), ("a", 0), ("c", 1)) == [(0, "ac", True)]


def test_a_round_whose_beginning_is_not_kept_is_no_walk() -> None:
    visits = (Visit(1, 5, 0, "t5"), Visit(-1, 6, 0, "t6"), Visit(2, 7, 0, "t7"))
    trimmed = Instance(LEAVES.hash, "", 3, visits, past=Past(trimmed=4, before=0))
    assert [each.round for each in walks_of(trimmed, LEAVES)] == [3]
    cut = Instance(LEAVES.hash, "", 3, visits[:2], past=Past(trimmed=4, before=0))
    assert list(walks_of(cut, LEAVES)) == []
    whole = Instance(LEAVES.hash, "k", 3, visits[:1], past=Past(trimmed=4, before=-1))
    assert list(walks_of(whole, LEAVES)) == [Walk("k", 3, ("b",), (5,))]


@pytest.mark.parametrize("past", [None, Past()])
def test_who_never_entered_has_no_walk(past: Past | None) -> None:
    assert list(walks_of(Instance(LEAVES.hash, past=past), LEAVES)) == []


def test_the_walk_of_an_order_free_journey_is_its_visits() -> None:
    assert rounds(journey(), ("b", 1), ("a", 0), ("c", 2)) == [(0, "abc", True)]


def test_ways_through_the_stages_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MAX_COURSES", 2)
    path = Path(("a", "b"))
    ways = [("a",), ("b",), ("b", "a"), ("a",)]
    assert [len(path.course(way).misplaced) for way in ways] == [0, 1, 1, 0]
    assert path.course(("a",)) is path.course(("a",))
    assert len(path._courses) == 2


# -- the rules, through the same door


def test_the_rules_are_asked_through_the_same_spec() -> None:
    rules = spec(rules=[{"id": "r", "response": ["x", "y"], "within": "1s"}])
    moment = Moment(5_000, 0, 5_000, 60_000)
    watches, _ = advance(rules, (), replace(touchpoint("t1", "x", 0), at_ms=4_500), moment)
    assert watches == (Watch("", "r", (4_500,)),)
    assert list(dues(rules, watches)) == [5_500]
