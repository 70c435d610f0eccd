"""What the core's tests are made of: touchpoints, small journeys, a customer to feed, and strategies for Hypothesis."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import msgspec
from hypothesis import strategies as st

from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.dues import may_be_due, next_due
from cjstream.core.engine import Journeys, Step, advance, expire
from cjstream.core.fields import Fields
from cjstream.core.forgetting import erase, lay_down, returning
from cjstream.core.outputs import Output, Signal, StageCurrent, StageTransition
from cjstream.core.report import current, scored
from cjstream.core.state import CustomerState, Fence, Instance, Latest, Marker, decode_state, encode
from cjstream.core.touchpoint import Erasure, Touchpoint, parse
from cjstream.definitions import shipped

Object = dict[str, Any]

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
SHOP = shipped("shop")
LATENESS_MS = SHOP.lateness_ms


def fields(touchpoint_id: str, kind: str, second: float, **more: Any) -> Object:
    """Return a Touchpoint v1 object; `second` counts from START_MS on."""
    at_ms = START_MS + round(second * 1000)
    return {"id": touchpoint_id, "customer_id": "ani", "type": kind, "occurred_at": at_ms, **more}


def parsed(value: Object) -> Touchpoint:
    """Return the touchpoint of a Touchpoint v1 object."""
    found = parse(value, crc32(json.dumps(value).encode()), None, 0)
    assert isinstance(found, Touchpoint), found
    return found


def plain(touchpoint_id: str, customer_id: str, kind: str, at_ms: int, fingerprint: int = 0, **more: Any) -> Touchpoint:
    """Return a touchpoint that nobody checked, so that many are made soon."""
    told = Fields(touchpoint_id, customer_id, kind, at_ms, **more)
    by_customer = told.initiator != "business"
    return Touchpoint(touchpoint_id, customer_id, kind, at_ms, told.sequence or 0, by_customer, told, fingerprint)


def touchpoint(touchpoint_id: str, kind: str, second: float, **more: Any) -> Touchpoint:
    """Return a touchpoint; as `fields`."""
    return parsed(fields(touchpoint_id, kind, second, **more))


def journey(
    name: str = "shop", stages: str | list[Object] = "abc", lateness: str = "10m", **more: Any
) -> JourneyDefinition:
    """Return a journey with these stages, or those that the letters name, each entered by a touchpoint of that type."""
    plain = stages
    if isinstance(plain, str):
        plain = [{"id": letter, "weight": 10 * n} for n, letter in enumerate(plain, 1)]
    rules = [{"on": stage["id"], "to": stage["id"]} for stage in plain]
    return compile_definition({"journey": name, "lateness": lateness, "stages": plain, "rules": rules, **more})


@dataclass
class Customer:
    """One customer fed touchpoint after touchpoint; checks at each step what holds at every step."""

    journeys: Journeys
    state: CustomerState | None = None
    marker: Marker | None = None
    offset: int = -1
    steps: list[Step] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    @classmethod
    def of(cls, *definitions: JourneyDefinition) -> "Customer":
        """Return a customer never seen, in these journeys."""
        return cls(Journeys.of(definitions))

    def feed(self, *touchpoints: Touchpoint) -> Step:
        """Advance by each of them, at the next offsets, and return the last step."""
        for each in touchpoints:
            self.offset += 1
            step = self._take(self.advance(each, (0, self.offset)))
        return step

    def expire(self, second: float) -> Step:
        """Let the clock say that it is `second`, counted from START_MS on."""
        now_ms = START_MS + round(second * 1000)
        assert self.state is not None
        held, due_ms = encode(self.state), next_due(self.state, self.journeys)
        step = expire(self.state, "ani", now_ms, self.journeys)
        assert encode(self.state) == held, "expire changed its input"
        assert expire(self.state, "ani", now_ms, self.journeys) == step, "expire is not deterministic"
        marker = lay_down(self.state, now_ms, self.journeys) if step.state is None else None
        is_due = due_ms is not None and now_ms > due_ms
        assert (step.state is not None or marker is not None) == is_due, "next_due does not say when"
        assert step.state is not None or not step.outputs
        self._check_current(self.state, step, "ani")
        self._take(step)
        if marker is not None:
            self.state, self.marker = None, marker
        return step

    def _take(self, step: Step) -> Step:
        self.steps.append(step)
        self.outputs += step.outputs
        self.state = step.state or self.state
        assert self.state is None or decode_state(encode(self.state)) == self.state, "bytes do not hold the state"
        return step

    def advance(self, each: Touchpoint, position: Fence) -> Step:
        """Return the step of one touchpoint, without taking it, checked against what every step promises."""
        before = self.state
        if before is None and self.marker is not None:
            before = returning(self.marker)
        held = encode(before) if before is not None else None
        step = advance(before, each, position, self.journeys)
        assert (encode(before) if before is not None else None) == held, "advance changed its input"
        assert advance(before, each, position, self.journeys) == step, "advance is not deterministic"
        self._check_current(before or CustomerState(), step, each.customer_id)
        if before is not None and step.state is not None and not may_be_due(before, step.state):
            was, now = next_due(before, self.journeys), next_due(step.state, self.journeys)
            assert now is None or (was is not None and was <= now), "may_be_due misses a deadline"
        return step

    def _check_current(self, before: CustomerState, step: Step, customer_id: str) -> None:
        """Assert that a StageCurrent is sent if and only if it says something new, once and last."""
        sent = [output for output in step.outputs if isinstance(output, StageCurrent)]
        told, now = (self._current(state, customer_id) for state in (before, step.state or before))
        plain = [msgspec.structs.replace(each, score=None, score_at=None) for each in sent]
        assert plain == ([now] if now != told and now.journeys else [])
        assert sent == [scored(each, step.state or before, self.journeys.active) for each in plain]
        assert not sent or step.outputs[-1] is sent[0]

    def forget(self, at_ms: int) -> None:
        """Erase the customer by a null record of that time, at the next offset."""
        self.offset += 1
        erased = erase(self.state, self.marker, Erasure("ani", at_ms), (0, self.offset))
        assert erased is not None
        self.state, self.marker = None, erased.marker
        self.outputs += erased.outputs

    @property
    def transitions(self) -> list[StageTransition]:
        """All transitions sent so far."""
        return [output for output in self.outputs if isinstance(output, StageTransition)]

    @property
    def signals(self) -> list[Signal]:
        """All signals sent so far."""
        return [output for output in self.outputs if isinstance(output, Signal)]

    @property
    def current(self) -> StageCurrent:
        """Where the customer stands."""
        state = self.state or CustomerState()
        return scored(self._current(state, "ani"), state, self.journeys.active)

    def _current(self, state: CustomerState, customer_id: str) -> StageCurrent:
        return current(state, customer_id, self.journeys.by_hash, self.journeys.active)

    def path(self, name: str = "shop", key: str | None = None) -> list[tuple[str | None, float]]:
        """Return the visits in one journey: stage and the second it was entered. Instance as in `instance`."""
        instance = self.instance(name, key)
        definition = self.journeys.by_hash[instance.definition]
        return [(definition.stage_name(visit.stage), (visit.at_ms - START_MS) / 1000) for visit in instance.visits]

    def instance(self, name: str = "shop", key: str | None = None) -> Instance:
        """Return an instance of one journey, the newest one without a key."""
        assert self.state is not None
        return next(each for each in reversed(self.state.journeys[name].instances) if key in (None, each.key))

    def essence(self) -> tuple[object, ...]:
        """Return the state without what counts deliveries: sequence, fence, window of ids, what the clock settled."""
        state = self.state
        assert state is not None
        instances = {name: each.instances for name, each in state.journeys.items()}
        attributes: Sequence[Latest | None] = (state.account_id, state.persona, state.channel)
        return state.newest_ms, state.heard_ms, instances, *attributes, state.erased_at_ms


def objects(kinds: Iterable[str], span_ms: int, most: int = 16) -> st.SearchStrategy[list[Object]]:
    """Return lists of touchpoints of one customer, of different ids, all within `span_ms`.

    Times and sequences are drawn from few values as often as from many, so that ties are frequent.
    """
    offset_ms = st.one_of(st.integers(0, 3).map(lambda n: n * span_ms // 3), st.integers(0, span_ms))
    optional = {
        "sequence": st.integers(0, 2),
        "initiator": st.sampled_from(["customer", "business"]),
        "rating": st.integers(1, 5),
        "account_id": st.sampled_from(["acme", "zeta"]),
        "persona": st.sampled_from(["hunter", "gatherer"]),
        "channel": st.sampled_from(["website", "email"]),
    }
    one = st.tuples(st.sampled_from(sorted(kinds)), offset_ms, st.fixed_dictionaries({}, optional=optional))
    return st.lists(one, min_size=1, max_size=most).map(
        lambda drawn: [
            {**fields(f"t{n}", kind, 0), "occurred_at": START_MS + offset, **more}
            for n, (kind, offset, more) in enumerate(drawn)
        ]
    )


def twice_in_any_order(touchpoints: list[Object]) -> st.SearchStrategy[list[Object]]:
    """Return permutations of the touchpoints, each in them twice."""
    return st.permutations(touchpoints * 2)


def wire(transition: StageTransition) -> Object:
    """Return a transition as its consumers see it."""
    return {name: getattr(transition, name) for name in transition.__struct_fields__}
