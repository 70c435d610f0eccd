"""What each touchpoint of a customer did, told again from the log."""

from typing import Any

import pytest

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import REFUSALS, REPLAYED, VERDICTS, Journeys
from cjstream.core.retrace import REFUSED, Line, Retrace, waiting
from cjstream.core.retrace import VERDICTS as TOLD
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Erasure, Rejection
from tests.core.builders import SHOP, START_MS, journey, touchpoint

HOUR = 3_600


def at(second: float) -> str:
    return format_time(START_MS + round(second * 1000))


def retraced(*items: Any, definition: JourneyDefinition = SHOP, known: Any = ()) -> list[Line]:
    """Return the lines of a log of touchpoints, (id, type, hour) for short."""
    retrace, lines = Retrace("ani", Journeys.of([definition], known)), list[Line]()
    for offset, item in enumerate(items):
        is_short = type(item) is tuple
        fed = touchpoint(item[0], item[1], item[2] * HOUR, **(item[3] if len(item) > 3 else {})) if is_short else item
        lines += retrace.feed(fed, (0, offset))
    return lines


def says(*items: Any, **more: Any) -> list[str]:
    """Return what the last line says."""
    return retraced(*items, definition=journey(**more))[-1].says


def test_every_verdict_and_every_refusal_has_words() -> None:
    assert set(REFUSED) == set(REFUSALS)
    assert set(TOLD) == {*VERDICTS, REPLAYED}


def test_a_line_has_the_touchpoint_the_move_and_the_rule() -> None:
    [line] = retraced(("1", "page_view", 0, {"channel": "web"}))
    assert (line.at, line.touchpoint_id, line.type, line.channel, line.verdict) == (
        at(0),
        "1",
        "page_view",
        "web",
        "applied",
    )
    assert line.moves == [
        {
            "journey": "shop", "instance": "", "round": 0, "kind": "entry", "from_stage": None, "to_stage": "awareness",
            "inferred": False, "cause": "rule-1", "path": None,
        }
    ]  # fmt: skip
    assert line.says == ["shop: outside -> awareness (entry, by rule-1)"]


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([("1", "z", 0)], "no rule asks for it"),
        ([("1", "a", 0), ("2", "a", 1)], "taken note of; nothing changed"),
        ([("1", "a", 0), ("1", "a", 0)], "a repeat: this id was seen before"),
        ([("1", "a", 0), ("1", "b", 1)], "a repeat of this id with another payload; the first one counts"),
        ([("1", "a", 1), ("2", "b", 0)], "too late: older than the lateness allows"),
        ([Rejection("bad_type", "rating")], "no touchpoint: bad_type (rating); it went to the dead letters"),
        ([Rejection("not_json")], "no touchpoint: not_json; it went to the dead letters"),
        ([("1", "a", 0), Erasure("ani", START_MS)], "the customer was erased; what follows begins anew"),
        ([("1", "a", 0), Erasure("ani", START_MS), ("2", "b", 0)], "from before the customer was erased"),
        ([("1", "a", 0), Erasure("ani", START_MS), ("2", "b", 1)], "shop: outside -> b (entry, by rule-2)"),
    ],
)
def test_what_moves_nobody_is_told_in_plain_words(items: list[Any], words: str) -> None:
    assert says(*items, lateness="10m") == [words]


def test_what_the_worker_has_not_come_to_is_said_to_wait() -> None:
    line = waiting(touchpoint("1", "a", 0))
    assert (line.verdict, line.touchpoint_id, line.says) == ("waiting", "1", ["in the log, but not processed yet"])


def test_a_refusal_names_the_rule_the_stage_and_the_reason() -> None:
    *_, line = retraced(("1", "b", 0), ("2", "a", 1), definition=journey())
    assert line.refused == [
        {"journey": "shop", "rule": "rule-1", "to_stage": "a", "reason": "backward", "because": REFUSED["backward"]}
    ]
    assert line.says == ["shop: rule-1 asks for a; refused, as it would lead back, and this journey only moves forward"]


def test_the_refused_rule_is_one_whose_conditions_on_the_past_hold() -> None:
    rules = [
        {"id": "later", "on": "a", "when": {"count": {"a": {"gte": 2}}}, "to": "a"},
        {"id": "first", "on": "a", "when": {"stage": "b"}, "to": "a"},
        {"on": "b", "to": "b"},
    ]
    *_, first, second = retraced(("1", "b", 0), ("2", "a", 1), ("3", "a", 2), definition=journey(rules=rules))
    assert [line.refused[0]["rule"] for line in (first, second)] == ["first", "later"]


def test_a_refusal_without_a_rule_gives_the_reason_alone() -> None:
    told = says(("1", "robot", 0), ignore=[{"on": "robot"}])
    assert told == ["shop: refused, as a rule under `ignore` leaves this touchpoint out"]


def test_a_first_touchpoint_can_be_refused() -> None:
    told = says(("1", "b", 0), entry="closed")
    assert told == ["shop: rule-2 asks for b; refused, as nobody enters this journey but by its first stage"]


def test_an_instance_is_named() -> None:
    told = says(("1", "a", 0, {"channel": "web"}), instance="channel", goal={"on": "a"})
    assert told == ["shop web: outside -> a (entry, by rule-1)", "shop web: converted"]


def test_a_stage_jumped_over_and_a_correction_are_told() -> None:
    assert says(("1", "b", 0), entry="infer")[0] == "shop: outside -> a (entry, jumped over)"
    told = says(("1", "c", 1), ("2", "a", 0), lateness="9h")
    assert told == ["shop: came out of order, and corrects the path to a, then c"]


def test_deadlines_that_passed_stand_before_the_touchpoint_that_came_after_them() -> None:
    stages = [{"id": "a", "weight": 1, "stall": {"since_entered": "1h", "exit": True}}, {"id": "b", "weight": 2}]
    definition = journey(stages=stages, rules=[{"on": "a", "to": "a"}], goal={"on": "c"})
    *_, stalled, dropped, left, touched = sorted(
        retraced(("1", "a", 0), ("2", "c", 9), definition=definition), key=lambda line: (line.at or "", line.says)
    )
    assert (stalled.verdict, stalled.at, touched.at) == ("deadline", at(HOUR), at(9 * HOUR))
    assert touched.says == ["shop: met the goal after the run was dropped, too late"]
    assert {line.says[0] for line in (stalled, dropped, left)} >= {
        "shop: a -> outside (timeout, by stall.since_entered)"
    }


def test_deadlines_that_the_clock_let_pass_come_last_each_journey_up_to_its_own_time() -> None:
    journeys = [
        journey(name, window="1h", goal={"on": "c"}, lateness=lateness) for name, lateness in (("x", "9h"), ("y", "0s"))
    ]
    retrace = Retrace("ani", Journeys.of(journeys))
    retrace.feed(touchpoint("1", "a", 0), (0, 0))
    assert retrace.finish({"x": START_MS + HOUR * 1000, "y": START_MS}) == []
    [line] = retrace.finish({"x": START_MS + HOUR * 1000 + 1, "y": START_MS})
    assert (line.at, line.touchpoint_id, line.says) == (at(HOUR), None, ["x: dropped: window was due"])
    assert retrace.finish({"x": START_MS + HOUR * 1000 + 1}) == []


def test_the_same_record_twice_is_a_repeat() -> None:
    retrace = Retrace("ani", Journeys.of([SHOP]))
    retrace.feed(touchpoint("1", "page_view", 0), (0, 5))
    [line] = retrace.feed(touchpoint("2", "purchase", 1), (0, 5))
    assert (line.verdict, line.says) == ("replayed", ["a repeat of this very record"])
    [line] = retrace.feed(Erasure("ani", START_MS), (0, 5))
    assert line.verdict == "forgotten"
    assert retrace.seen == {"1", "2"}
