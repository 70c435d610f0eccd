"""Strategies for Hypothesis: journeys from the whole language, as plain data, and touchpoints that meet their rules.

Times, limits and types are few, so that ties, deadlines at the very moment of a touchpoint and refusals are frequent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.core.builders import START_MS, Object

STAGE_KINDS = "abcd"  # each leads to a stage of its own, mostly
EXIT, GOAL, SNOOZE = "x", "g", "s"  # what rules of these kinds mostly ask for
KINDS = STAGE_KINDS + EXIT + GOAL + SNOOZE  # z matches none
MINUTE_MS = 60_000
SPAN_MINUTES = 9  # all touchpoints lie within
MOST = 10  # touchpoints of one example: all of their ids fit in the window of duplicates
ALL_LATENESS = ("9m",)  # at least the span: nothing is late, in whatever order
NONE: Mapping[str, st.SearchStrategy[Any]] = {}
SHORT_LATENESS = ("0s", "1m", "3m", "9m")


@dataclass(frozen=True)
class Language:
    """Which parts of the language a drawn definition may use."""

    clocks: bool = True  # windows, stalls, snooze
    past: bool = True
    policies: bool = True  # moves, entry, re-entry, exits
    instances: bool = True
    early: bool = True  # ignore, personas
    lateness: Sequence[str] = ALL_LATENESS


ALL = Language()
ORDER_FREE = Language(clocks=False, past=False, policies=False, instances=False)


def maybe(draw: st.DrawFn, strategy: st.SearchStrategy[Any], data: Object, key: str, percent: int = 50) -> None:
    """Put a drawn value under `key` in so many cases of a hundred; examples shrink to those without."""
    if draw(st.integers(1, 100)) > 100 - percent:
        data[key] = draw(strategy)


def minutes(most: int = 6) -> st.SearchStrategy[str]:
    """Return durations of whole minutes, as touchpoints are apart."""
    return st.integers(1, most).map(lambda n: f"{n}m")


@st.composite
def conditions(draw: st.DrawFn, stages: Sequence[str], past: bool) -> Object:
    """Return a `when` block, of one condition or two."""
    when: Object = {}
    now: list[tuple[str, Any]] = [("rating", {"gte": 3}), ("channel", "web"), ("channel", ["web", "mail"])]
    now += [("channel", {"exists": False}), ("persona", "hunter")]
    if not past or draw(st.booleans()):
        when |= dict([draw(st.sampled_from(now))])
    if past:
        stage = st.sampled_from(stages)
        among = st.lists(stage, min_size=1, max_size=2, unique=True)
        bounds = st.builds(lambda name, limit: {name: limit}, st.sampled_from(["at_least", "below"]), stage)
        kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True)
        limits = st.one_of(
            st.integers(0, 3),
            st.builds(lambda name, n: {name: n}, st.sampled_from(["gte", "lt", "eq"]), st.integers(0, 3)),
        )
        maybe(draw, st.one_of(stage, among, bounds), when, "stage")
        maybe(draw, kinds, when, "seen", 33)
        maybe(draw, st.dictionaries(st.sampled_from(KINDS), limits, min_size=1, max_size=2), when, "count", 33)
    return when


@st.composite
def rules(
    draw: st.DrawFn,
    stages: Sequence[str],
    past: bool,
    mostly: str = KINDS,
    most: int = 2,
    more: Mapping[str, st.SearchStrategy[Any]] = NONE,
) -> list[Object]:
    """Return rules on the types `mostly`, or others; `more` are fields that each has beside its type and condition."""
    found: list[Object] = []
    for _ in range(draw(st.integers(1, most))):
        kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True)
        rule: Object = {"on": draw(st.one_of(st.sampled_from(mostly), st.sampled_from(mostly), kinds))}
        rule |= {name: draw(strategy) for name, strategy in more.items()}
        maybe(draw, conditions(stages, past).filter(bool), rule, "when", 30)
        found.append(rule)
    return found


@st.composite
def stage_rules(draw: st.DrawFn, stages: Sequence[str], past: bool) -> list[Object]:
    """Return a rule for each stage, and now and then others in front of them, or after."""
    own: list[Object] = [{"on": kind, "to": stage} for kind, stage in zip(STAGE_KINDS, stages, strict=False)]
    for rule in own:
        maybe(draw, conditions(stages, past).filter(bool), rule, "when", 12)
    if draw(st.booleans()):
        others = draw(rules(stages, past, more={"to": st.sampled_from(stages)}))
        own = draw(st.sampled_from([own + others, others + own]))
    return own


@st.composite
def stage_lists(draw: st.DrawFn, clocks: bool) -> list[Object]:
    """Return one to four stages, weights in any order; a timeout leads to a later one, so none goes round."""
    weights = draw(st.permutations(range(1, 5)))[: draw(st.integers(1, 4))]
    found: list[Object] = [{"id": f"s{n}", "weight": weight} for n, weight in enumerate(weights)]
    for n, stage in enumerate(found):
        if clocks:
            maybe(draw, minutes(), stage, "window", 25)
            maybe(draw, stalls([later["id"] for later in found[n + 1 :]]), stage, "stall", 40)
    return found


@st.composite
def stalls(draw: st.DrawFn, later: Sequence[str]) -> Object:
    """Return a stall with one clock or both, and a timeout in two of three."""
    clocks = draw(st.sampled_from([("since_entered",), ("since_last_touch",), ("since_entered", "since_last_touch")]))
    stall: Object = {clock: draw(minutes()) for clock in clocks}
    timeouts = [{}, {"exit": True}, *({"to": stage} for stage in later)]
    return stall | draw(st.sampled_from(timeouts))


@st.composite
def definitions(draw: st.DrawFn, language: Language = ALL, name: str = "shop") -> Object:
    """Return a journey as plain data."""
    stages = draw(stage_lists(language.clocks))
    names = [stage["id"] for stage in stages]
    past = language.past
    data: Object = {
        "journey": name,
        "lateness": draw(st.sampled_from(language.lateness)),
        "stages": stages,
        "rules": draw(stage_rules(names, past)),
    }
    goal = rules(names, past, GOAL, 1).map(lambda found: found[0])
    maybe(draw, st.one_of(st.sampled_from(names), goal), data, "goal", 75)
    if language.policies:
        _draw_policies(draw, data, stages, past)
    if language.clocks:
        maybe(draw, minutes(), data, "window", 35)
        holds = st.one_of(minutes().map(lambda text: {"for": text}), st.just({"until": "properties.until"}))
        snooze = st.builds(lambda found, hold: [{**rule, **hold} for rule in found], rules(names, past, SNOOZE), holds)
        maybe(draw, snooze, data, "snooze", 35)
    if language.instances:
        maybe(draw, st.sampled_from(["properties.cart", "channel"]), data, "instance", 30)
    if language.early:
        maybe(draw, rules(names, False, "z", 1), data, "ignore", 15)
        persona = st.sampled_from(["hunter", "gatherer"])
        maybe(draw, rules(names, False, more={"persona": persona}), data, "personas", 15)
    return _with_legal_windows(data)


def _with_legal_windows(data: Object) -> Object:
    """Take the windows out of a journey without a goal, which may have none."""
    if "goal" not in data:
        for each in (data, *data["stages"]):
            each.pop("window", None)
    return data


def _draw_policies(draw: st.DrawFn, data: Object, stages: list[Object], past: bool) -> None:
    names = [stage["id"] for stage in stages]
    down = [[one["id"], other["id"]] for one in stages for other in stages if other["weight"] < one["weight"]]
    moves: st.SearchStrategy[Any] = st.just("any")
    if down:
        moves |= st.lists(st.sampled_from(down), min_size=1, max_size=3).map(lambda pairs: {"listed": pairs})
    maybe(draw, moves, data, "moves", 65)
    maybe(draw, st.sampled_from(["closed", "infer"]), data, "entry", 33)
    policy = st.sampled_from(["after_exit", "every"])
    cooled = st.builds(lambda name, text: {"policy": name, "cooldown": text}, policy, minutes(3))
    maybe(draw, st.one_of(st.sampled_from(["never", "every"]), cooled), data, "reentry", 60)
    maybe(draw, rules(names, past, EXIT), data, "exits", 65)


@st.composite
def order_free_data(draw: st.DrawFn) -> Object:
    """Return a journey for which the order of arrival cannot matter."""
    data: Object = draw(definitions(ORDER_FREE))
    maybe(draw, st.just("infer"), data, "entry")
    maybe(draw, minutes(), data, "window")
    for stage in data["stages"]:
        maybe(draw, minutes(), stage, "window", 33)
    return _with_legal_windows(data)


def touchpoints(most: int = MOST) -> st.SearchStrategy[list[Object]]:
    """Return touchpoints of one customer within the span, of different ids."""
    minute = st.integers(0, SPAN_MINUTES)
    edge = st.sampled_from([0, 0, 0, 0, -1, 1])  # ms: now and then right before or after
    optional = {
        "sequence": st.integers(0, 2),
        "initiator": st.sampled_from(["business", "customer", "customer"]),
        "rating": st.integers(1, 5),
        "channel": st.sampled_from(["web", "mail"]),
        "persona": st.sampled_from(["hunter", "gatherer"]),
    }
    properties = {
        "cart": st.sampled_from(["c1", "c2", "c1", "c2", 7, None]),
        "until": st.none() | st.integers(0, SPAN_MINUTES).map(lambda n: START_MS + n * MINUTE_MS),
    }
    more = st.fixed_dictionaries({"properties": st.fixed_dictionaries(properties)}, optional=optional)
    one = st.tuples(st.sampled_from(2 * KINDS + STAGE_KINDS + "z"), minute, edge, more)
    counts = st.builds(max, st.integers(1, most), st.integers(1, most))  # rather more than few
    return counts.flatmap(lambda count: st.lists(one, min_size=count, max_size=count)).map(
        lambda drawn: [
            {
                "id": f"t{n}", "customer_id": "ani", "type": kind,
                "occurred_at": START_MS + min(max(at * MINUTE_MS + by, 0), SPAN_MINUTES * MINUTE_MS), **more,
            }
            for n, (kind, at, by, more) in enumerate(drawn)
        ]
    )  # fmt: skip


@st.composite
def arrivals(draw: st.DrawFn, once: list[Object], lateness_ms: int) -> list[Object]:
    """Return the touchpoints, each twice, as they may arrive: each delayed by at most the lateness, so none is late."""
    delays = st.integers(0, lateness_ms)
    delayed = [(each["occurred_at"] + draw(delays), draw(st.integers(0, 3)), n) for n, each in enumerate(once * 2)]
    return [once[n % len(once)] for _, _, n in sorted(delayed)]
