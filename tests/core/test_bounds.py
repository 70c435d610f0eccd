"""What a hostile customer can make of a state: no more than the bounds; and no touchpoint costs more than the first."""

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import pytest

from cjstream.core.definition import JourneyDefinition
from cjstream.core.engine import Journeys, advance
from cjstream.core.fold import Fold
from cjstream.core.logged import MAX_LOG, MAX_VISITS
from cjstream.core.state import CustomerState, Instance, encode
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import SHOP, START_MS, journey, plain

MANY = 100_000
CHECKED_EVERY = 97  # touchpoints; no divisor of a kind's turn
SMALL, PER_LOGGED, PER_VISIT = 640, 80, 64  # bytes, with ids of 36 characters

BACK_AND_FORTH = journey(moves="any", goal={"on": "c"})
LEAVING = journey(exits=[{"on": "x"}], goal="c")
COUNTING = journey(moves="any", goal={"on": "a", "when": {"count": {"a": {"gte": 3}}}})
SILENT = journey(stages=[{"id": "a", "weight": 1, "stall": {"since_last_touch": "1s"}}])
TIMING_OUT = journey(
    stages=[
        {"id": "a", "weight": 1, "stall": {"since_entered": "1s", "to": "b"}},
        {"id": "b", "weight": 2, "stall": {"since_last_touch": "1s", "exit": True}},
    ],
    window="2s",
    goal={"on": "g"},
)
CARTS = journey(moves="any", instance={"key": "properties.cart", "limit": 5}, exits=[{"on": "x"}])


def hostile(kinds: str, gap_ms: int, first: int = 0, carts: int = 1, **more: Any) -> Iterator[Touchpoint]:
    """Yield touchpoints without end, of ids of 36 characters, so far apart."""
    for n, kind in enumerate(cycle(kinds), start=first):
        told = {"properties": {"cart": f"{n % carts:036}"}, "channel": "social-media", **more}
        yield plain(f"{n:036}", "c" * 36, kind, START_MS + n * gap_ms, fingerprint=n, **told)


def instances(state: CustomerState) -> list[Instance]:
    return [instance for each in state.journeys.values() for instance in each.instances]


def logged(state: CustomerState) -> list[int]:
    return [len(each.past.log) if each.past is not None else 0 for each in instances(state)]


def fed(definition: JourneyDefinition, touchpoints: Iterator[Touchpoint], count: int) -> Iterator[CustomerState]:
    """Feed so many touchpoints; yield the state now and then, and at the end."""
    state, journeys = CustomerState(), Journeys.of([definition])
    for n, touchpoint in enumerate(islice(touchpoints, count)):
        state = advance(state, touchpoint, (0, n), journeys).state or state
        if n % CHECKED_EVERY == 0:
            yield state
    yield state


@pytest.mark.parametrize("kinds", [["page_view", "purchase", "referral"], ["search"], ["error"]])
@pytest.mark.parametrize("gap_ms", [0, 1, 700_000])
def test_an_order_free_customer_never_takes_more_than_640_bytes(kinds: list[str], gap_ms: int) -> None:
    touchpoints = hostile(kinds, gap_ms, account_id="f" * 36, persona="bargain-hunter")  # type: ignore[arg-type]
    for state in fed(SHOP, touchpoints, MANY // 10):
        assert len(encode(state)) <= SMALL


@pytest.mark.parametrize(
    ("definition", "kinds", "gap_ms", "more"),
    [
        (BACK_AND_FORTH, "abc", 0, {}),
        (BACK_AND_FORTH, "acb", 1, {}),
        (BACK_AND_FORTH, "ab", 700_000, {}),
        (BACK_AND_FORTH, "abz", 1_000, {"initiator": "business"}),
        (LEAVING, "abx", 10, {}),
        (COUNTING, "aabc", 5, {}),
        (SILENT, "azzz", 1_001, {}),
        (TIMING_OUT, "a", 3_000, {}),
    ],
)
def test_a_logged_customer_takes_so_much_per_logged_touchpoint_and_visit_and_both_are_bounded(
    definition: JourneyDefinition, kinds: str, gap_ms: int, more: dict[str, Any]
) -> None:
    for state in fed(definition, hostile(kinds, gap_ms, **more), MANY // 20):
        (instance,) = instances(state)
        (log,) = logged(state)
        assert log <= MAX_LOG
        most = (
            len(definition.stages) + 1
        )  # visits after one touchpoint: its own, and timeouts to the last stage and out
        assert len(instance.visits) <= MAX_VISITS + most * (log + 1)
        assert len(encode(state)) <= SMALL + PER_LOGGED * log + PER_VISIT * len(instance.visits)


def test_many_keys_are_bounded_by_the_limit_on_instances() -> None:
    sizes = []
    for state in fed(CARTS, hostile("abcx", 10, carts=7919), MANY // 20):
        assert len(instances(state)) <= 5
        assert sum(logged(state)) <= MAX_LOG  # of all instances together
        sizes.append(len(encode(state)))
    assert max(sizes) <= SMALL + MAX_LOG * (PER_LOGGED + PER_VISIT) + 5 * (200 + MAX_VISITS * PER_VISIT)


def test_100000_touchpoints_of_one_moment_cost_no_more_than_a_full_log() -> None:
    last = CustomerState()
    for last in fed(BACK_AND_FORTH, hostile("abc", 0), MANY):
        assert max(logged(last), default=0) <= MAX_LOG
    assert last.fence == (0, MANY - 1)


@pytest.mark.parametrize("definition", [SHOP, BACK_AND_FORTH, LEAVING, COUNTING, SILENT, TIMING_OUT])
def test_a_customer_with_10000_past_touchpoints_keeps_no_log_and_no_more_than_the_bounds(
    definition: JourneyDefinition,
) -> None:
    *_, old = fed(definition, hostile("abcx", 1), 10_000)
    after = islice(hostile("abcx", definition.lateness_ms + 2_000, first=10_000), 2)
    journeys = Journeys.of([definition])
    for n, touchpoint in enumerate(after, start=10_000):
        old = advance(old, touchpoint, (0, n), journeys).state or old
    assert sum(logged(old)) <= 1
    assert len(encode(old)) <= SMALL + PER_LOGGED + PER_VISIT * (MAX_VISITS + 2)


@pytest.mark.parametrize("definition", [SHOP, BACK_AND_FORTH, LEAVING, COUNTING, TIMING_OUT])
def test_a_touchpoint_in_order_looks_at_as_many_logged_ones_however_long_the_past(
    definition: JourneyDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts what is folded, not time: a clock says more of the machine than of the engine."""
    folded = 0
    apply: Callable[..., None] = Fold.apply

    def counting(self: Fold, entry: Any) -> None:
        nonlocal folded
        folded += 1
        apply(self, entry)

    monkeypatch.setattr(Fold, "apply", counting)
    costs, state, journeys = [], CustomerState(), Journeys.of([definition])
    for n, touchpoint in enumerate(islice(hostile("abcx", 10_000), 2_000)):
        before = folded
        state = advance(state, touchpoint, (0, n), journeys).state or state
        costs.append(folded - before)
    assert max(costs[:500]) == max(costs)
    assert sum(costs) <= 2 * len(costs)
