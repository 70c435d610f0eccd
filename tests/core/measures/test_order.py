"""Measures in the engine, whatever the order of arrival: the same state, and all told that models which sort say."""

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.measures.expected import deviations, walks_of
from cjstream.core.outcome import converted_at
from cjstream.core.outputs import Signal
from cjstream.core.times import parse_time
from tests.core.builders import START_MS, Customer, Object, fields, parsed

LATENESS = 600  # seconds; so are all times here
SPAN = 1_800
END = 1_000_000
BAD, USUAL = {"first_response": 300, "resolution": 1200}, {"first_response": 600, "next_response": 300}
POINTS = {"looks": 2, "buys": 10, "is-sure": 3, "fails": -5}

MEASURES: Object = {
    "sentiment": {"at_risk": "goal"},
    "feedback": {
        "due_soon": 0.5,
        "targets": [
            {"when": {"sentiment": "negative"}, "first_response": "5m", "resolution": "20m"},
            {"first_response": "10m", "next_response": "5m"},
        ],
    },
    "score": {
        "cap": 40,
        "groups": {"looks": {"cap": 5}},
        "rules": [
            {"id": "looks", "on": ["page_view", "product_view"], "points": 2, "group": "looks"},
            {"id": "buys", "on": "purchase", "points": 10},
            {"id": "is-sure", "on": "purchase", "when": {"persona": "hunter"}, "points": 3},
            {"id": "fails", "on": "payment_error", "points": -5},
        ],
        "thresholds": [{"id": "warm", "at": 5, "below": 3}, {"id": "hot", "at": 12}],
    },
    "expected": {
        "path": ["awareness", {"stage": "consideration", "within": "10m"}, {"stage": "purchase", "within": "5m"}],
        "personas": [{"persona": "hunter", "path": ["awareness", "purchase"]}],
        "rules": [
            {"id": "in-time", "response": ["purchase", ["delivered", "collected"]], "within": "5m"},
            {"id": "first", "precedence": [["page_view", "product_view"], "purchase"]},
            {"id": "never", "absence": "payment_error"},
        ],
    },
    "leaving": {},
    "metrics": {},
}
SHOP: Object = {
    "journey": "shop",
    "goal": "purchase",
    "lateness": f"{LATENESS}s",
    "stages": [
        {"id": "awareness", "weight": 10},
        {"id": "consideration", "weight": 20},
        {"id": "purchase", "weight": 30},
    ],
    "rules": [
        {"on": "page_view", "to": "awareness"},
        {"on": "product_view", "to": "consideration"},
        {"on": "purchase", "to": "purchase"},
    ],
}
STALLS: Object = {
    "moves": "any",
    "window": "30m",
    "exits": [{"on": "payment_error", "when": {"channel": "email"}}],
    "stages": [
        {"id": "awareness", "weight": 10, "stall": {"since_last_touch": "10m"}},
        {"id": "consideration", "weight": 20, "stall": {"since_entered": "15m", "to": "awareness"}},
        {"id": "purchase", "weight": 30, "stall": {"since_entered": "20m", "exit": True}},
    ],
}
RUNS: Object = {"moves": "any", "instance": "properties.order", "reentry": "every"}
RAISES: Object = {
    "moves": "any",
    "rules": [*SHOP["rules"], {"on": "message", "when": {"score": {"gte": 4}}, "to": "consideration"}],
}


@cache
def definition(name: str, decay: str | None) -> JourneyDefinition:
    more = {"plain": {}, "stalls": STALLS, "runs": RUNS, "raises": RAISES}[name]
    score = dict(MEASURES["score"])
    if decay is not None:
        score["decay"] = {decay: "30m"}
    if name == "raises":
        score["thresholds"] = [{"id": "warm", "at": 5, "below": 3}, {"id": "hot", "at": 12, "to": "purchase"}]
    return compile_definition({**SHOP, **more, "measures": {**MEASURES, "score": score}})


DEFINITIONS = st.builds(
    definition,
    st.sampled_from(["plain", "stalls", "runs", "raises"]),
    st.sampled_from([None, "window", "to_zero_in", "half_life"]),
)


# -- stories


class Touch(NamedTuple):
    """A touchpoint that arrives twice, each time `delays` after its own time; before it the clock is asked or not."""

    at: int
    fields: Object
    delays: tuple[int, int]
    asks_clock: bool

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def order(self) -> tuple[int, int]:
        return self.at, self.fields.get("sequence", 0)

    def of(self, *kinds: str) -> bool:
        return self.fields["type"] in kinds


AT = st.one_of(st.integers(0, SPAN), st.integers(0, SPAN // 150).map(lambda n: n * 150))
DELAY = st.one_of(st.just(0), st.just(LATENESS), st.integers(0, LATENESS))
BY_BUSINESS = ("delivered", "answer", "issue_resolved")
REPLIES = SPEECH = ("review_edited", "message", "answer", "issue_resolved")  # of one moment, in this order
KINDS = ("page_view", "product_view", "purchase", "purchase", "payment_error", "collected", "review", "question")


@st.composite
def touches(draw: st.DrawFn, n: int) -> Touch:
    kind = draw(st.sampled_from(["review", "question"] if n == 0 else [*KINDS, *BY_BUSINESS, *REPLIES]))
    more = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "sequence": st.integers(0, 2),
                "channel": st.sampled_from(["email", "website"]),
                "persona": st.sampled_from(["hunter", "gatherer"]),
                "properties": st.sampled_from([{"order": "o1"}, {"order": "o1"}, {"order": "o2"}]),
            },
        )
    )
    if kind in ("review", "review_edited"):
        more["rating"] = draw(st.sampled_from([1, 3, 5]))
    if kind in REPLIES:
        more["reply_to"] = draw(st.sampled_from(["t0", "t0", "t1", "t2"]))
    if kind in BY_BUSINESS:
        more["initiator"] = "business"
    at = draw(AT)
    return Touch(at, fields(f"t{n}", kind, at, **more), draw(st.tuples(DELAY, DELAY)), draw(st.booleans()))


STORIES = st.integers(2, 9).flatmap(lambda count: st.tuples(*(touches(n) for n in range(count))))
Story = tuple[Touch, ...]


def told_late(definition_: JourneyDefinition, story: Story) -> Customer:
    """Return a customer to whom all came twice, late as the lateness allows, and the clock in between."""
    customer = Customer.of(definition_)
    arrivals = [(touch.at + delay, n, touch) for n, touch in enumerate(story) for delay in touch.delays]
    for second, _, touch in sorted(arrivals, key=lambda each: each[:2]):
        if touch.asks_clock and customer.state is not None:
            customer.expire(second)
        customer.feed(parsed(touch.fields))
    return customer


def told_in_order(definition_: JourneyDefinition, story: Story) -> Customer:
    customer = Customer.of(definition_)
    customer.feed(*(parsed(touch.fields) for touch in sorted(story, key=lambda touch: touch.order)))
    return customer


def waited(customer: Customer) -> Customer:
    """Let every deadline pass."""
    while customer.expire(END).state is not None:
        pass
    return customer


@st.composite
def wild(draw: st.DrawFn) -> Touch:
    """Return a touchpoint that may come at any time, say what contradicts others, and share its id with them."""
    every = [*KINDS, *BY_BUSINESS, *REPLIES, "complaint", "resolved", "else"]
    name = st.sampled_from(["t0", "t1", "t2"])
    more = draw(
        st.fixed_dictionaries(
            {"initiator": st.sampled_from(["customer", "business"])},
            optional={
                "sequence": st.integers(0, 2),
                "reply_to": name,
                "rating": st.integers(-1, 11),
                "scale": st.sampled_from(["stars", "csat", "ces", "nps"]),
                "sentiment": st.sampled_from(["positive", "neutral", "negative"]),
                "persona": st.sampled_from(["hunter", ""]),
                "properties": st.sampled_from([{"order": "o1"}, {"order": 7}, {"order": None}, {}]),
            },
        )
    )
    at = draw(st.one_of(st.integers(0, SPAN), st.integers(0, END)))
    return Touch(
        at,
        fields(draw(name), draw(st.sampled_from(every)), at, **more),
        (draw(st.integers(0, END)), 0),
        draw(st.booleans()),
    )


# -- models that sort everything


Told = tuple[Any, ...]


class Clocks:
    """Feedback after a story: `spans` holds each run of a clock with a target, and when it was stopped."""

    def __init__(self, story: Story) -> None:
        self.spans = dict[Told, tuple[int, int | None]]()  # (clock, id, since): (target, stop)
        self.running = dict[str, dict[str, tuple[int, int]]]()  # by id and clock: (since, target)
        self.targets = dict[str, dict[str, int]]()
        for touch in sorted(story, key=_speech_order):
            if touch.fields.get("reply_to") != touch.id:
                self._take(touch, touch.fields.get("reply_to", touch.id))
        for name, clocks in self.running.items():
            self.spans |= {(clock, name, since): (target, None) for clock, (since, target) in clocks.items() if target}

    @property
    def open(self) -> set[str]:
        return {name for name, clocks in self.running.items() if clocks.keys() - {"resolution"}}

    @property
    def told(self) -> dict[Told, set[str]]:
        return {key: _told_of(key[2], *span) for key, span in self.spans.items()}

    def _take(self, touch: Touch, name: str) -> None:
        clocks = self.running.get(name, {})
        if touch.of("review", "question", "review_edited"):
            self.targets[name] = BAD if touch.fields.get("rating") == 1 else USUAL
            self._start(name, touch.at, "first_response", "resolution")
        elif touch.of("message") and name in self.running and not clocks.keys() - {"resolution"}:
            self._start(name, touch.at, "next_response")
        elif touch.of("answer", "issue_resolved"):
            for clock in [each for each in clocks if touch.of("issue_resolved") or each != "resolution"]:
                since, target = clocks.pop(clock)
                if target:
                    self.spans[clock, name, since] = target, touch.at

    def _start(self, name: str, at: int, *clocks: str) -> None:
        for clock in clocks:
            if clock != "resolution" or clock in self.targets[name]:
                self.running.setdefault(name, {}).setdefault(clock, (at, self.targets[name].get(clock, 0)))


def _speech_order(touch: Touch) -> Told:
    kind = touch.fields["type"]
    return touch.at, not touch.of("review", "question"), touch.order, SPEECH.index(kind) if kind in SPEECH else -1


def _told_of(since: int, target: int, stop: int | None) -> set[str]:
    end = END if stop is None else stop
    soon = {"sla_due_soon"} if end > since + target / 2 else set[str]()
    return soon | {"sla_breached" if end > since + target else "sla_met"}


class Score:
    """The points of a story."""

    def __init__(self, story: Story, decay: str | None) -> None:
        self.decay = decay
        self.parts = sorted(part for touch in story for part in _points(touch))  # (at, sequence, rule)

    def value(self, second: int, until: Told = (END,)) -> float:
        worth = dict.fromkeys(POINTS, 0.0)
        for at, sequence, rule in self.parts:
            if (at, sequence) < until:
                worth[rule] += POINTS[rule] * self._share(self._tick(second) - self._tick(at))
        return min(40, min(worth.pop("looks"), 5) + sum(worth.values()))

    def _tick(self, second: int) -> int:
        return second * (16 if self.decay == "half_life" else 32) // 1800

    def _share(self, age: int) -> float:
        match self.decay:
            case "half_life":
                return float(2 ** (-age / 16))
            case "to_zero_in":
                return max(32 - age, 0) / 32
            case "window":
                return float(age < 32)
        return 1.0

    def crossings(self, threshold: str, at: float, below: float) -> set[Told]:
        ordinal, is_armed = 0, True
        for (second, sequence), _ in groupby(self.parts, key=lambda part: part[:2]):
            before = self.value(second, (second, sequence))
            after = self.value(second, (second, sequence, "~"))
            is_armed = is_armed or before < below or after < below
            if is_armed and after >= at:
                ordinal, is_armed = ordinal + 1, False
        return {(threshold, n) for n in range(1, ordinal + 1)}


def _points(touch: Touch) -> list[tuple[int, int, str]]:
    rules = {"page_view": ["looks"], "product_view": ["looks"], "purchase": ["buys"], "payment_error": ["fails"]}
    found = list(rules.get(touch.fields["type"], []))
    if touch.of("purchase") and touch.fields.get("persona") == "hunter":
        found.append("is-sure")
    return [(*touch.order, rule) for rule in found]


def broken_rules(story: Story, *, by_run: bool) -> set[Told]:
    """Return (kind, rule, run, since or None) of the deviations from the rules, with all deadlines passed."""
    found = set[Told]()
    for run in {_run(touch, by_run) for touch in story} - {None}:
        mine = [touch for touch in story if _run(touch, by_run) == run]
        views = [touch.at for touch in mine if touch.of("page_view", "product_view")]
        buys = [touch.at for touch in mine if touch.of("purchase")]
        if buys and not any(at <= min(buys) for at in views):
            found.add(("unexpected", "first", run, None))
        if any(touch.of("payment_error") for touch in mine):
            found.add(("forbidden", "never", run, None))
        answers = [touch.at for touch in mine if touch.of("delivered", "collected")]
        while buys:
            opened = min(buys)
            closed = min((at for at in answers if at >= opened), default=END)
            if closed > opened + 300:
                found.add(("too_slow", "in-time", run, opened))
            buys = [at for at in buys if at > closed]
    return found


def _run(touch: Touch, by_run: bool) -> str | None:
    return touch.fields.get("properties", {}).get("order") if by_run else ""


# -- what was told, in the words of the models


def clocks_told(signals: Iterable[Signal]) -> dict[Told, list[str]]:
    found = dict[Told, list[str]]()
    for signal in signals:
        if signal.kind.startswith("sla_") and signal.detail is not None:
            key = signal.detail["clock"], signal.detail["feedback_id"], _second(signal)
            found.setdefault(key, []).append(signal.kind)
    return found


def rules_told(signals: Iterable[Signal]) -> set[Told]:
    return {
        (each.detail["deviation"], each.detail["rule"], each.instance, _second(each) if each.due is not None else None)
        for each in signals
        if each.kind == "deviation" and each.detail is not None and "rule" in each.detail
    }


def crossings_told(signals: Iterable[Signal], threshold: str) -> list[str]:
    return [each.signal_id for each in signals if each.detail is not None and each.detail.get("threshold") == threshold]


def paths_told(signals: Iterable[Signal]) -> set[Told]:
    return {
        (each.instance, each.detail["deviation"], each.detail["round"], each.detail["stage"])
        for each in signals
        if each.kind == "deviation" and each.detail is not None and "stage" in each.detail
    }


def paths_that_hold(customer: Customer) -> set[Told]:
    """Return the deviations from the path by the visits in the end, of all rounds."""
    state, (active,) = customer.state, customer.journeys.active.values()
    assert state is not None
    assert active.measures is not None
    assert active.measures.expected is not None
    persona = None if state.persona is None else state.persona.value
    spec, found = active.measures.expected, set[Told]()
    for instance in state.journeys["shop"].instances if "shop" in state.journeys else ():
        for walk in walks_of(instance, active):
            findings = deviations(spec, walk, persona, START_MS + END * 1000)
            found |= {(walk.key, each.detail["deviation"], walk.round, each.detail["stage"]) for each in findings}
    return found


def _second(signal: Signal) -> int:
    at_ms = parse_time(signal.since)
    assert at_ms is not None
    return (at_ms - START_MS) // 1000


def is_at_risk(customer: Customer) -> bool:
    state = customer.state
    assert state is not None
    bad = None if state.measured is None else state.measured.judgement
    if bad is None or bad.value != "negative" or "shop" not in state.journeys:
        return False
    reached = [converted_at(instance) for instance in state.journeys["shop"].instances]
    return any(at_ms is not None and at_ms <= bad.at_ms for at_ms in reached)


# -- properties


def kept(customer: Customer) -> Told:
    """Return what must not depend on the order of arrival."""
    told, state = customer.current, customer.state
    assert state is not None
    newest_ms, heard_ms, instances, *known = customer.essence()
    assert isinstance(instances, dict)
    entered = {name: each for name, each in instances.items() if each}  # the clock may have looked in before the entry
    return state.measured, newest_ms, heard_ms, entered, *known, told.judgement, told.open_feedback, told.score


@given(DEFINITIONS, STORIES)
def test_the_order_of_arrival_and_the_clock_change_nothing_that_is_kept(
    definition_: JourneyDefinition, story: Story
) -> None:
    late, in_order = told_late(definition_, story), told_in_order(definition_, story)
    assert kept(late)[0] == kept(in_order)[0]
    assert kept(waited(late)) == kept(waited(in_order))


@given(DEFINITIONS, STORIES)
def test_all_that_holds_in_the_end_was_told(definition_: JourneyDefinition, story: Story) -> None:
    customer = waited(told_late(definition_, story))
    signals, by_run = customer.signals, definition_.instance_field is not None
    assert broken_rules(story, by_run=by_run) <= rules_told(signals)
    assert paths_that_hold(customer) <= paths_told(signals)
    assert not is_at_risk(customer) or any(each.kind == "at_risk" for each in signals)
    told = clocks_told(signals)
    for key, kinds in Clocks(story).told.items():
        assert kinds <= set(told[key])
        ends = [kind for kind in told[key] if kind != "sla_due_soon"]
        assert ends[-1] in kinds, "the last that is told holds"


@given(DEFINITIONS, STORIES, st.sampled_from(["purchase", "review", "payment_error"]))
def test_what_comes_later_than_the_lateness_is_not_measured(
    definition_: JourneyDefinition, story: Story, kind: str
) -> None:
    customer = told_in_order(definition_, story)
    assert customer.state is not None
    before, told = customer.state.measured, [each.kind for each in customer.signals]
    second = (customer.state.newest_ms - START_MS) // 1000 - LATENESS - 1
    customer.feed(parsed(fields("late", kind, second, properties={"order": "o1"})))
    assert before is not None
    assert customer.state.measured is not None
    assert customer.state.measured.journeys == before.journeys
    assert [each.kind for each in customer.signals] == told


@given(DEFINITIONS, STORIES)
def test_what_is_kept_is_what_the_models_say(definition_: JourneyDefinition, story: Story) -> None:
    customer = waited(told_late(definition_, story))
    told, decay = customer.current, decay_of(definition_)
    assert told.open_feedback == len(Clocks(story).open)
    assert told.score == pytest.approx(Score(story, decay).value(max(touch.at for touch in story)), abs=1e-5)
    assert told.judgement == judgement(story)


@given(DEFINITIONS, STORIES)
def test_in_order_nothing_is_told_that_does_not_hold_and_nothing_twice(
    definition_: JourneyDefinition, story: Story
) -> None:
    apart = tuple(
        touch._replace(
            at=touch.at + n,
            fields={**touch.fields, "occurred_at": START_MS + (touch.at + n) * 1000},
            delays=(0, 0),
        )
        for n, touch in enumerate(sorted(story, key=lambda touch: touch.order))
    )
    customer = waited(told_late(definition_, apart))
    signals = customer.signals
    assert rules_told(signals) == broken_rules(apart, by_run=definition_.instance_field is not None)
    assert {key: set(kinds) for key, kinds in clocks_told(signals).items()} == Clocks(apart).told
    score = Score(apart, decay_of(definition_))
    for threshold, at, below in (("warm", 5, 3), ("hot", 12, 12)):
        assert len(crossings_told(signals, threshold)) == len(score.crossings(threshold, at, below))
    told = [each.signal_id for each in signals if each.detail is not None and "stage" not in each.detail]
    assert len(told) == len(set(told)), "only the path can be left, followed and left in the same way again"


def test_a_response_due_at_the_moment_of_a_touchpoint_is_too_slow_with_the_next_one() -> None:
    customer = Customer.of(definition("plain", None))
    for n, (kind, second) in enumerate((("page_view", 0), ("purchase", 300), ("else", 600))):
        customer.feed(parsed(fields(f"t{n}", kind, second)))
    assert rules_told(customer.signals) == set()
    customer.feed(parsed(fields("t3", "else", 601)))
    assert rules_told(customer.signals) == {("too_slow", "in-time", "", 300)}


def test_a_step_due_at_the_moment_of_a_touchpoint_is_too_slow_with_the_next_one() -> None:
    customer = Customer.of(definition("plain", None))
    customer.feed(parsed(fields("t1", "page_view", 0)), parsed(fields("t2", "else", 600)))
    assert paths_told(customer.signals) == set()
    customer.feed(parsed(fields("t3", "else", 601)))
    assert paths_told(customer.signals) == {("", "too_slow", 0, "consideration")}


@given(DEFINITIONS, st.lists(wild(), max_size=12))
def test_nothing_that_is_a_touchpoint_is_too_strange(definition_: JourneyDefinition, story: list[Touch]) -> None:
    customer = Customer.of(definition_)  # checks each step, and that bytes hold the state
    for touch in story:
        customer.feed(parsed(touch.fields))
        if touch.asks_clock:
            customer.expire(touch.delays[0])
    if story:
        waited(customer)


@given(
    DEFINITIONS,
    DEFINITIONS,
    st.lists(wild(), min_size=2, max_size=8),
    st.sampled_from([(), ("feedback",), ("expected",)]),
)
def test_no_edit_of_a_definition_is_too_strange(
    old: JourneyDefinition, new: JourneyDefinition, story: list[Touch], without: tuple[str, ...]
) -> None:
    measures = {name: value for name, value in new.data["measures"].items() if name not in without}
    edited = compile_definition({**new.data, "measures": measures})
    customer = Customer.of(old)
    for n, touch in enumerate(story):
        if n == len(story) // 2:
            customer.journeys = Journeys.of([edited], [old])
        customer.feed(parsed(touch.fields))
    waited(customer)


def judgement(story: Story) -> str | None:
    words = {1: "negative", 3: "neutral", 5: "positive"}
    rated = [(*touch.order, words[touch.fields["rating"]]) for touch in story if "rating" in touch.fields]
    return max(rated)[2] if rated else None


def decay_of(definition_: JourneyDefinition) -> str | None:
    return next(iter(definition_.data["measures"]["score"].get("decay", {})), None)
