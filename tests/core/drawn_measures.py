"""Strategies for Hypothesis: the block `measures` of a definition, from the whole language, as plain data.

Types and times are those of tests/core/journeys.py, so touchpoints drawn there meet them; FEEDBACK types and replies
are drawn by `spoken`.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.core.builders import Object
from tests.core.journeys import ALL, KINDS, STAGE_KINDS, Language, conditions, definitions, maybe, minutes, touchpoints

FEEDBACK, REPLY, SOLVED, EDITED = "review", "reply", "solved", "review_edited"
PERSONAS = ("hunter", "gatherer")
SENTIMENTS = ("positive", "neutral", "negative")
CLOCKS = ("first_response", "next_response", "resolution")
SHARES = ("conversion", "drop_off", "sla_met", "advocacy")

kind = st.sampled_from([*STAGE_KINDS, *KINDS, FEEDBACK, REPLY])
kinds = st.one_of(kind, st.lists(kind, min_size=1, max_size=2, unique=True))
points = st.sampled_from([1, 2.5, 10, -5])
calendars = st.fixed_dictionaries(
    {},
    optional={
        "time_zone": st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"]),
        "hours": st.sampled_from([{"thu": "07:00-07:05"}, {"mon-sun": ["00:00-00:03", "00:05-24:00"]}]),
        "holidays": st.just(["2026-12-25"]),
    },
)


@st.composite
def feedback(draw: st.DrawFn) -> Object:
    """Return `measures.feedback`; most feedback has a target."""
    block: Object = {"resolved_by": SOLVED}
    maybe(draw, st.sampled_from([0.25, 0.5]), block, "due_soon")
    maybe(draw, calendars, block, "calendar", 25)
    targets = []
    for _ in range(draw(st.integers(0, 2))):
        asked = draw(st.lists(st.sampled_from(CLOCKS), min_size=1, max_size=3, unique=True))
        target: Object = {clock: draw(minutes(4)) for clock in asked}
        maybe(draw, st.sampled_from([{"sentiment": "negative"}, {"channel": ["web"]}, {}]), target, "when", 40)
        targets.append(target)
    return {**block, "targets": targets} if targets else block


@st.composite
def scores(draw: st.DrawFn, stages: Sequence[str] = ()) -> Object:
    """Return `measures.score`; thresholds lead to one of `stages` now and then."""
    block: Object = {"rules": []}
    maybe(draw, st.sampled_from([5, 12.5]), block, "cap", 30)
    names = st.sampled_from(["half_life", "to_zero_in", "window"])
    maybe(draw, st.builds(lambda name, text: {name: text}, names, minutes()), block, "decay", 60)
    maybe(draw, st.just({"some": {"cap": 6}}), block, "groups", 30)
    for _ in range(draw(st.integers(1, 3))):
        rule: Object = {"on": draw(kinds), "points": draw(points)}
        maybe(draw, conditions(["-"], past=False), rule, "when", 25)
        if "groups" in block:
            maybe(draw, st.just("some"), rule, "group")
        block["rules"].append(rule)
    maybe(draw, st.lists(thresholds(stages), min_size=1, max_size=2), block, "thresholds", 70)
    return block


@st.composite
def thresholds(draw: st.DrawFn, stages: Sequence[str]) -> Object:
    """Return a threshold."""
    found: Object = {"at": draw(st.sampled_from([1, 4.5, 10]))}
    maybe(draw, st.sampled_from([1, 0.5, -2]), found, "below", 40)
    if stages:
        maybe(draw, st.sampled_from(stages), found, "to", 40)
    return found


@st.composite
def expectations(draw: st.DrawFn) -> Object:
    """Return a rule of order or time; both sides of a pair differ."""
    one, other = draw(st.lists(kind, min_size=2, max_size=2, unique=True))
    pair: list[Any] = draw(st.sampled_from([[one, other], [[one], [other, "never"]]]))
    return draw(
        st.one_of(
            minutes().map(lambda text: {"response": pair, "within": text}),
            st.just({"precedence": pair}),
            st.just({"absence": pair[0]}),
        )
    )


@st.composite
def ways(draw: st.DrawFn, stages: Sequence[str]) -> list[Any]:
    """Return a path through some of the stages, in any order; a time limit at some of its steps."""
    path = draw(st.lists(st.sampled_from(stages), min_size=1, max_size=4, unique=True))
    steps = [draw(st.sampled_from([name, {"stage": name}])) for name in path[:1]]
    for name in path[1:]:
        limited = minutes().map(lambda text, name=name: {"stage": name, "within": text})  # type: ignore[misc]
        steps.append(draw(st.one_of(st.just(name), limited)))
    return steps


@st.composite
def expected(draw: st.DrawFn, stages: Sequence[str]) -> Object:
    """Return `measures.expected`."""
    block: Object = {}
    maybe(draw, ways(stages), block, "path", 75)
    named = st.builds(
        lambda persona, path: [{"persona": persona, "path": path}], st.sampled_from(PERSONAS), ways(stages)
    )
    maybe(draw, named, block, "personas", 30)
    maybe(draw, st.lists(expectations(), min_size=1, max_size=3), block, "rules", 60)
    return block or {"rules": draw(st.lists(expectations(), min_size=1, max_size=3))}


@st.composite
def parts(draw: st.DrawFn) -> Object:
    """Return `measures.journey_score`."""
    part = st.fixed_dictionaries({"target": st.floats(0, 1)}, optional={"weight": st.sampled_from([0.5, 1, 3])})
    satisfied = st.sampled_from(
        [
            {"target": 0.8},
            {"by": "csat", "target": 1},
            {"by": "nps", "target": -30},
            {"by": "sentiment", "target": -0.5},
        ]
    )
    block = draw(st.dictionaries(st.sampled_from(SHARES), part, max_size=3))
    maybe(draw, satisfied, block, "satisfaction")
    maybe(draw, minutes().map(lambda text: {"target": text}), block, "time_to_convert")
    return block or {"conversion": draw(part)}


@st.composite
def measures(draw: st.DrawFn, stages: Sequence[str], *, has_goal: bool, may_move: bool = False) -> Object:
    """Return `measures` of a journey with these stages; `may_move`: thresholds may lead to some of them."""
    block: Object = {}
    risks = [*stages, "goal"] if has_goal else [*stages]
    maybe(draw, st.sampled_from([{}, *({"at_risk": each} for each in risks)]), block, "sentiment")
    maybe(draw, feedback(), block, "feedback", 60)
    maybe(draw, scores(stages if may_move else ()), block, "score", 60)
    maybe(draw, expected(stages), block, "expected", 60)
    maybe(draw, st.fixed_dictionaries({}, optional={"pains": kinds, "asks": kinds}), block, "leaving", 40)
    counted = st.fixed_dictionaries({}, optional={"sales": kinds, "visits": kinds, "site": st.just("web")})
    maybe(draw, counted, block, "metrics", 30)
    maybe(draw, parts(), block, "journey_score", 30)
    return block


@st.composite
def measured(draw: st.DrawFn, language: Language = ALL, name: str = "shop", *, may_move: bool = True) -> Object:
    """Return a journey that is measured; `may_move`: its score may lead to stages, and a rule may ask for it."""
    data: Object = draw(definitions(language, name))
    stages, may_move = [stage["id"] for stage in data["stages"]], may_move and language.past
    data["measures"] = draw(measures(stages, has_goal="goal" in data, may_move=may_move))
    if may_move and "score" in data["measures"]:
        asked: Object = draw(
            st.sampled_from([{}, {"score": {"gte": 4}}, {"score": {"gt": 0.5, "lt": 10}}, {"score": 1}])
        )
        rule = draw(st.sampled_from(data["rules"]))
        rule["when"] = {**rule.get("when", {}), **asked}
    return data


@st.composite
def spoken(draw: st.DrawFn, most: int = 8) -> list[Object]:
    """Return touchpoints of one customer, as `touchpoints`; some of them are feedback, and replies to it."""
    found = draw(touchpoints(most))
    said = st.one_of(st.just(""), st.sampled_from([FEEDBACK, REPLY, SOLVED, EDITED]))
    roles = [draw(said) for _ in found]
    asked = [each["id"] for each, role in zip(found, roles, strict=True) if role == FEEDBACK]
    anybody = st.sampled_from([each["id"] for each in found])
    answered = st.one_of(st.sampled_from(asked), st.sampled_from(asked), anybody) if asked else anybody
    for each, role in zip(found, roles, strict=True):
        if role:
            each["type"] = role
            maybe(draw, st.sampled_from(SENTIMENTS), each, "sentiment", 40)
        if role in (REPLY, SOLVED, EDITED):
            each["reply_to"] = draw(answered)
            each["initiator"] = "customer" if role == EDITED else draw(st.sampled_from(["business", "customer"]))
        if role == FEEDBACK:
            each.pop("initiator", None)
            maybe(draw, anybody, each, "reply_to", 15)
    return found
