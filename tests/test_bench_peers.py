"""What makes figures comparable: the input's profiles, the window that counts, and whose transitions differ."""

from collections import Counter

import pytest

from bench import inputs
from bench.cells import FAUST, MEMORY, TUNED
from bench.check import difference
from bench.common import DAYS, START_MS
from bench.progress import Sample, Window, speed
from bench.throughput import ratio
from cjstream import definitions
from cjstream.core.engine import DUPLICATE, LATE, Journeys, advance
from cjstream.core.outputs import StageTransition
from cjstream.core.state import CustomerState
from cjstream.core.touchpoint import Touchpoint
from cjstream.ingest.codec import decode, loads

END_MS = START_MS + (DAYS + 1) * 86_400_000

Rows = list[tuple[bytes, bytes]]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.setattr(inputs, "CUSTOMERS", 500)
    return list(inputs.even())


def test_rough_input_has_one_in_twenty_twice_and_one_in_twenty_late_as_the_engine_sees_it(few: Rows) -> None:
    verdicts, kinds = Counter[str](), Counter[str]()
    journeys, states = Journeys.of([definitions.shipped()]), dict[bytes, CustomerState]()
    for offset, (key, value) in enumerate(inputs.rough()):
        touchpoint = decode(key, value, END_MS, 0)
        assert isinstance(touchpoint, Touchpoint)
        step = advance(states.get(key), touchpoint, (0, offset), journeys)
        assert step.state is not None
        states[key] = step.state
        verdicts[step.verdict] += 1
        kinds.update(each.kind for each in step.outputs if isinstance(each, StageTransition))
    total = verdicts.total()
    assert total - verdicts[DUPLICATE] == len(few)
    assert 0.04 < verdicts[LATE] / total < 0.06
    assert 0.04 < verdicts[DUPLICATE] / total < 0.06
    assert kinds["correction"] > 0.02 * total


def test_all_customers_come_early(few: Rows) -> None:
    assert len({key for key, _ in few[: 2 * len(few) // 3]}) == inputs.CUSTOMERS


def test_hot_input_gives_the_first_customer_a_share_and_keeps_keys_true(few: Rows) -> None:
    hot = list(inputs.hot())
    assert len(hot) == len(few)
    assert all(loads(value)["customer_id"].encode() == key for key, value in hot)
    (_, most), *_ = Counter(key for key, _ in hot).most_common(1)
    assert most > 0.05 * len(hot)


def test_a_window_begins_after_the_warm_up_and_ends_before_the_tail() -> None:
    samples = [Sample(0.0, 0, 0.0), *(Sample(10.0 + i, 100 * (i + 1), 0.5 * i) for i in range(10))]
    found = speed(samples, 1000, Window(3, 60))
    assert (found.per_second, found.cpu_us, found.seconds, found.touchpoints) == (100.0, 5000.0, 5.0, 900)


def test_too_few_commits_are_refused() -> None:
    with pytest.raises(RuntimeError, match="take more records"):
        speed([Sample(0.0, 0, 0.0), Sample(1.0, 1000, 0.1)], 1000)


def test_the_first_transition_that_differs_is_told() -> None:
    own, other = {("c1", 1): {"to": "a"}, ("c2", 1): {"to": "b"}}, {("c1", 1): {"to": "a"}}
    assert difference(own, own) == ""
    assert "1 differ" in difference(own, other)


def test_the_faster_of_two_peers_is_the_measure() -> None:
    speeds = {MEMORY: [30.0, 40.0], FAUST: [1.0, 4.0], TUNED: [3.0, 2.0]}
    figures = {name: {"per_second": values} for name, values in speeds.items()}
    assert ratio(figures, MEMORY, (FAUST, TUNED)) == 10.0
    assert ratio({**figures, TUNED: {"per_second": [0.0, 0.0]}}, MEMORY, (FAUST, TUNED)) == 0.0
