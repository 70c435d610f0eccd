"""The future-state map: exact on small chains, honest about what still goes on, calibrated on customers not seen."""

import json
import pickle
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures.chain import CONVERTED, DROPPED, Seen, Ways, absorbed, bin_of, smoothed, solve, ways_out
from cjstream.core.measures.prediction import (
    MAX_PERSONAS,
    PERSONA_VISITS,
    PRIOR_VISITS,
    Forecast,
    Model,
    Transitions,
    held_back,
)
from cjstream.core.measures.run import Run

HOUR = 3_600_000
FIT = next(f"c{n}" for n in count() if not held_back(f"c{n}"))
HELD = next(f"c{n}" for n in count() if held_back(f"c{n}"))


def run(way: str, became: str = "converted", customer: str = FIT, persona: str | None = None, hours: float = 1) -> Run:
    """Return a run through the stages that the letters name, so long in each."""
    times = [round(n * hours * HOUR) for n in range(len(way) + 1)]
    converted_ms = times[-1] if became == "converted" else None
    dropped_ms = times[-1] if became == "dropped" else None
    left = way[-1] if became == "dropped" else None
    return Run(
        tuple(way), tuple(times[:-1]), times[-1], True, became, converted_ms, dropped_ms, left, persona, customer, 1
    )


def fed(*runs: Run) -> Transitions:
    transitions = Transitions()
    for each in runs:
        transitions.run(each)
    return transitions


# the chain


def test_a_small_chain_is_solved_exactly() -> None:
    ways = {
        "a": Ways(4, {"b": 0.5, DROPPED: 0.5}, {"b": 10, DROPPED: 99}),
        "b": Ways(4, {"a": 0.25, CONVERTED: 0.5, DROPPED: 0.25}, {"a": 4, CONVERTED: 2, DROPPED: 99}),
    }
    fates = absorbed(ways)
    # h_a = h_b / 2, h_b = h_a / 4 + 1 / 2
    assert fates["b"].conversion == pytest.approx(4 / 7)
    assert fates["a"].conversion == pytest.approx(2 / 7)
    # on the ways that convert: from b 1/8 back to a, else 2 and done; from a always to b after 10
    back = 0.25 * (2 / 7) / (4 / 7)
    from_b = (back * (4 + 10) + (1 - back) * 2) / (1 - back)
    assert fates["b"].ms_to_conversion == pytest.approx(from_b)
    assert fates["a"].ms_to_conversion == pytest.approx(10 + from_b)


def test_who_never_converts_has_no_time_to_conversion() -> None:
    assert absorbed({"a": Ways(1, {DROPPED: 1.0}, {DROPPED: 5})}) == {"a": (0, 0)}


def test_equations_are_solved_whatever_their_order() -> None:
    assert solve([[0, 2, 0], [4, 0, 4], [0, 0, 5]], [2, 8, 5]) == pytest.approx([1, 1, 1])
    assert solve([], []) == []


@given(st.lists(st.integers(0, 10**13), min_size=2))
def test_longer_dwells_are_in_higher_bins_which_are_narrow(times: list[int]) -> None:
    times.sort()
    bins = [bin_of(ms) for ms in times]
    assert bins == sorted(bins)
    assert all(b <= a * 9 / 8 or x != y for a, b, x, y in zip(times, times[1:], bins, bins[1:], strict=False))


# what follows a stage


def test_without_visits_that_go_on_the_shares_are_those_counted() -> None:
    ways = ways_out([Seen("b", 3, 3, 30), Seen(DROPPED, 1, 1, 1), Seen("b", 7, 4, 70)])
    assert ways.visits == 8
    assert ways.probability == pytest.approx({"b": 7 / 8, DROPPED: 1 / 8})
    assert ways.dwell_ms == pytest.approx({"b": 100 / 7, DROPPED: 1})


def test_visits_that_go_on_are_not_taken_for_an_end_of_their_own() -> None:
    # of 10 there 5 convert soon; 4 have been there shorter than the one that dropped
    ways = ways_out([Seen(CONVERTED, 1, 5, 5), Seen(None, 2, 4, 9), Seen(DROPPED, 5, 1, 5)])
    assert ways.visits == 6
    assert ways.probability == pytest.approx({CONVERTED: 0.5, DROPPED: 0.5})


def test_what_nobody_knows_the_end_of_is_divided_as_the_rest() -> None:
    ways = ways_out([Seen("b", 1, 3, 3), Seen(DROPPED, 1, 1, 1), Seen(None, 9, 96, 900)])
    assert ways.probability == pytest.approx({"b": 0.75, DROPPED: 0.25})
    assert ways_out([Seen(None, 9, 96, 900)]) == Ways(0, {}, {})


def test_smoothing_adds_visits_that_went_as_the_prior() -> None:
    prior = Ways(100, {"b": 0.5, "c": 0.5}, {"b": 8, "c": 6})
    ways = smoothed(Ways(3, {"b": 1.0}, {"b": 4}), prior, 1)
    assert ways.probability == {"b": 3.5 / 4, "c": 0.5 / 4}
    assert ways.dwell_ms == pytest.approx({"b": (3 * 4 + 0.5 * 8) / 3.5, "c": 6})


# the model


def test_every_stage_leads_somewhere_with_probability_one() -> None:
    model = fed(run("ab"), run("abab"), run("a", "dropped"), run("acb", "in_progress", persona="x")).model()
    for forecasts in (model.overall, model.personas["x"]):
        for each in forecasts.values():
            assert sum(each.next.values()) + each.converts_next + each.drops_next == pytest.approx(1)
            assert each.conversion + each.drop_off == 1
            assert 0 < each.conversion < 1


def test_over_all_one_visit_is_added_that_goes_every_known_way() -> None:
    forecast = fed(*[run("ab")] * 3, run("a", "dropped")).model().overall["a"]
    assert forecast.visits == 4
    assert forecast.next == {"b": pytest.approx((3 + PRIOR_VISITS / 3) / 5)}
    assert forecast.drops_next == pytest.approx((1 + PRIOR_VISITS / 3) / 5)
    assert forecast.converts_next == pytest.approx(PRIOR_VISITS / 3 / 5)


def test_a_persona_with_few_visits_is_thought_to_do_as_all_do() -> None:
    many, few = [run("ab")] * 80 + [run("a", "dropped")] * 20, [run("a", "dropped", persona="x")] * 5
    model = fed(*many, *few).model()
    share = model.overall["a"].next["b"]
    assert model.personas["x"]["a"].next["b"] == pytest.approx(share * PERSONA_VISITS / (PERSONA_VISITS + 5))
    assert model.predict("a", "x") == model.personas["x"]["a"]
    assert model.predict("a") == model.personas[""]["a"]
    assert model.predict("a", "unknown") == model.overall["a"]
    assert model.predict("nowhere") is None


def test_time_to_conversion_is_that_of_the_runs_that_convert() -> None:
    model = fed(*[run("ab", hours=2)] * 200, *[run("a", "dropped", hours=90)] * 200).model()
    assert model.overall["a"].seconds_to_conversion == pytest.approx(4 * 3600, rel=0.02)
    assert model.overall["b"].seconds_to_conversion == pytest.approx(2 * 3600, rel=0.02)


def test_a_run_counts_up_to_its_conversion_or_drop() -> None:
    way = run("abc")
    converted = way._replace(converted_ms=way.entered_ms[2])
    dropped = way._replace(outcome="dropped", converted_ms=None, dropped_ms=way.entered_ms[1], left="b")
    for each, became in ((converted, CONVERTED), (dropped, DROPPED)):
        steps = {(key[1], key[2]) for key in fed(each).visits}
        assert steps == {("a", "b"), ("b", became)}


def test_what_a_customer_does_after_the_drop_is_no_part_of_the_run() -> None:
    way = run("abcb", "dropped")._replace(dropped_ms=HOUR + 1, left="b")
    assert {(key[1], key[2]) for key in fed(way).visits} == {("a", "b"), ("b", DROPPED)}


def test_a_timeout_in_the_moment_of_the_drop_is_no_step() -> None:
    way = run("ab", "dropped")
    at_once = way._replace(dropped_ms=way.entered_ms[1], left="a")
    assert {(key[1], key[2]) for key in fed(at_once).visits} == {("a", DROPPED)}


def test_a_run_that_a_new_round_ended_drops_then() -> None:
    transitions = fed(run("a", "dropped")._replace(dropped_ms=None, left=None))
    assert list(transitions.dwell_ms.values()) == [HOUR]


def test_a_run_that_converts_as_it_begins_teaches_nothing() -> None:
    transitions = fed(run("a")._replace(converted_ms=0))
    assert not transitions.visits
    assert not transitions.entries
    assert transitions.model() == Model({}, {})


def test_stages_are_told_in_the_order_that_is_asked_for() -> None:
    model = fed(run("zyx")).model(["y", "q", "z"])
    assert list(model.overall) == ["y", "z", "x"]


def test_without_personas_there_is_one_forecast_for_all() -> None:
    model = fed(run("a")).model()
    assert not model.personas
    assert model.predict("a") is model.overall["a"]


def test_the_personas_with_most_visits_have_forecasts_of_their_own() -> None:
    transitions = fed(*[run("a", persona=f"p{n:03}") for n in range(MAX_PERSONAS + 5)], run("a", persona="q"))
    transitions.run(run("a", persona="q"))
    personas = list(transitions.model().personas)
    assert personas[:2] == ["q", "p000"]
    assert len(personas) == MAX_PERSONAS


# held back


def test_nothing_is_learnt_from_customers_held_back_and_they_are_one_in_five() -> None:
    transitions = fed(run("ab"), run("b", "dropped"), run("ac", "dropped", HELD), run("ab", "in_progress", HELD))
    model = transitions.model()
    assert set(model.overall) == {"a", "b"}
    assert model.calibration is not None
    assert (model.calibration.entries, model.calibration.left_out) == (1, 2)
    assert 1800 < sum(held_back(f"customer-{n}") for n in range(10_000)) < 2200


def test_without_anybody_to_judge_by_there_is_no_calibration() -> None:
    assert fed(run("ab")).model().calibration is None
    assert fed(run("ab", customer=HELD)).model().calibration is None


def test_the_brier_score_is_the_mean_of_squared_errors() -> None:
    runs = [run("a")] * 3 + [run("a", "dropped")] + [run("a", customer=HELD)] + [run("a", "dropped", HELD)] * 2
    found = fed(*runs).model().calibration
    assert found is not None
    predicted = 3.5 / 5
    assert found.brier == pytest.approx(((1 - predicted) ** 2 + 2 * predicted**2) / 3)
    assert found.base_rate == 0.75
    assert found.brier_of_base_rate == pytest.approx((0.25**2 + 2 * 0.75**2) / 3)
    (one,) = found.reliability
    assert one.entries == 3
    assert (one.predicted, one.observed) == pytest.approx((predicted, 1 / 3))
    assert one.low <= predicted < one.high


# simulated customers of a known chain: a -> b .6, drop .4; b -> c .5, a .2, drop .3; c -> convert .9, drop .1

CHAIN = {"a": [("b", 0.6), ("-", 0.4)], "b": [("c", 0.5), ("a", 0.2), ("-", 0.3)], "c": [("+", 0.9), ("-", 0.1)]}
EAGER = {**CHAIN, "a": [("b", 0.9), ("-", 0.1)]}
TRUE = {"a": 0.27 / 0.88, "b": 0.45 / 0.88, "c": 0.9}


def simulated(chance: Random, n: int, chain: dict[str, list[tuple[str, float]]], until: float = 1e9) -> Run:
    """Return a run that begins at 0 and is seen until then, in hours; whoever drops takes longer than who goes on."""
    at, now, way, times, became = 0.0, "a", "", list[int](), "in_progress"
    while at < until and now in chain:
        way, times = way + now, [*times, round(at * HOUR)]
        now = chance.choices([went for went, _ in chain[now]], [share for _, share in chain[now]])[0]
        at += chance.expovariate(1 / 50 if now == "-" else 1 / 5)
    if at < until:
        became = "converted" if now == "+" else "dropped"
    end_ms = round(min(at, until) * HOUR)
    left = way[-1] if became == "dropped" else None
    persona = "eager" if chain is EAGER else None
    converted_ms = end_ms if became == "converted" else None
    dropped_ms = end_ms if became == "dropped" else None
    return Run(tuple(way), tuple(times), end_ms, True, became, converted_ms, dropped_ms, left, persona, f"c{n}", 1)


def test_a_known_chain_is_found_again_and_conversion_is_calibrated() -> None:
    chance = Random(7)
    transitions = fed(*[simulated(chance, n, EAGER if n % 4 == 0 else CHAIN) for n in range(8000)])
    model = transitions.model("abc")
    eager = model.personas["eager"]
    assert eager["a"].next["b"] == pytest.approx(0.9, abs=0.03)
    assert eager["b"].next["c"] == pytest.approx(0.5, abs=0.04)
    assert model.overall["c"].conversion == pytest.approx(0.9, abs=0.02)
    assert model.personas[""]["a"].next["b"] == pytest.approx(0.6, abs=0.03)
    assert eager["a"].conversion > model.overall["a"].conversion + 0.05
    found = model.calibration
    assert found is not None
    assert found.brier < found.brier_of_base_rate - 0.02
    for each in found.reliability:
        noise = (each.predicted * (1 - each.predicted) / each.entries) ** 0.5
        assert abs(each.predicted - each.observed) < 4 * noise


def test_runs_in_progress_do_not_bias_what_is_learnt() -> None:
    chance = Random(3)
    runs = [simulated(chance, n, CHAIN, until=chance.uniform(0, 60) if n % 4 else 400) for n in range(8000)]
    known = [each for each in runs if each.outcome != "in_progress"]
    assert 0.2 < 1 - len(known) / len(runs) < 0.6
    share = {name: fed(*which).model().overall["a"].conversion for name, which in (("all", runs), ("known", known))}
    assert abs(share["all"] - TRUE["a"]) < 0.03
    assert share["known"] - TRUE["a"] > 0.06


# parts of a log


WAYS = st.tuples(
    st.text("ab", min_size=1, max_size=4),
    st.sampled_from(["converted", "dropped", "in_progress"]),
    st.sampled_from([FIT, HELD, "x", "y"]),
    st.sampled_from([None, "p"]),
)


@given(st.lists(WAYS, max_size=12), st.integers(0, 12))
def test_parts_merged_are_the_whole(ways: list[tuple[str, str, str, str | None]], cut: int) -> None:
    runs = [run(way, became, customer, persona) for way, became, customer, persona in ways]
    whole, merged, other = fed(*runs), fed(*runs[cut:]), fed(*runs[:cut])
    merged.merge(pickle.loads(pickle.dumps(other)))
    assert merged.model("ab") == whole.model("ab")
    assert merged.left_out == whole.left_out


def test_a_model_survives_json() -> None:
    model = fed(run("ab", persona="x"), run("a", "dropped", HELD)).model()
    assert Model.from_data(json.loads(json.dumps(model.to_data()))) == model
    assert isinstance(model.overall["a"], Forecast)


def test_data_that_is_no_model_is_refused_with_the_place() -> None:
    with pytest.raises(ValueError, match="overall"):
        Model.from_data({"overall": 1, "personas": {}})
