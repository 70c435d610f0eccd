"""What a report gathers beside the figures: as a whole, in slices, by period and by group of stages."""

import pickle
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core import analysis, gathering
from cjstream.core.analysis import Fold
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.figures import JourneyReport
from cjstream.core.gathered import Gathered
from cjstream.core.gathering import DIMENSIONS, Sliced, Slicing
from cjstream.core.measures.metric_figures import customer_figures
from cjstream.core.periods import PERIODS
from tests.core.builders import START_MS, Object, fields, journey, parsed, touchpoint
from tests.core.journeys import ALL, MOST, arrivals, definitions, touchpoints

HOUR_S, DAY_S = 3_600, 86_400
STAGES: list[Object] = [
    {"id": "a", "weight": 1, "group": "before"},
    {"id": "b", "weight": 2, "group": "before"},
    {"id": "c", "weight": 3},
]
MEASURES: Object = {
    "sentiment": {},
    "feedback": {"targets": [{"first_response": "1h"}]},
    "expected": {"path": ["a", "b", "c"], "rules": [{"absence": "x"}]},
    "leaving": {},
}
SLICINGS = st.builds(Slicing, st.sampled_from((None, *DIMENSIONS)), st.sampled_from((None, *PERIODS)))


def measured(**more: Any) -> JourneyDefinition:
    return journey("shop", STAGES, measures=MEASURES, **more)


def gathered(
    definition: JourneyDefinition, log: list[Object], by: str | None = None, every: str | None = None
) -> Sliced:
    fold = Fold([definition], slicing=Slicing(by, every))
    for each in log:
        fold.feed(parsed(each))
    return fold.finish().gathered[definition.journey]


def hours(touchpoint_id: str, kind: str, hour: float, **more: Any) -> Object:
    return fields(touchpoint_id, kind, HOUR_S * hour, **more)


def entered(part: Gathered) -> int:
    return part.figures.entered


# -- properties


def figures(report: JourneyReport) -> Object:
    """Return what a report counts that is made of runs alone."""
    stays = {stage: sorted(times) for stage, times in report.stays_ms.items()}
    return {"runs": report.runs, "left": report.left, "stays": stays, "times": sorted(report.to_convert_ms)}


@st.composite
def logs(draw: st.DrawFn) -> tuple[Object, list[Object]]:
    data, once = draw(definitions(ALL)), draw(touchpoints())
    arrived = draw(arrivals(once, compile_definition(data).lateness_ms))
    names = draw(st.lists(st.sampled_from(["ani", "budi"]), min_size=2 * MOST, max_size=2 * MOST))
    return data, [{**each, "customer_id": name} for each, name in zip(arrived, names, strict=False)]


@given(logs(), SLICINGS)
def test_runs_give_the_figures_and_slices_add_up_to_the_whole(
    drawn: tuple[Object, list[Object]], slicing: Slicing
) -> None:
    data, log = drawn
    definition = compile_definition(data)
    found, whole = gathered(definition, log, *slicing), gathered(definition, log).whole
    assert figures(found.whole.figures) == figures(whole.figures)
    if slicing.by not in (None, "group"):
        summed = JourneyReport.of(definition)
        for each in found.slices.values():
            summed.merge(each.figures)
        assert figures(summed) == figures(whole.figures)
    metrics = whole.measures.metrics
    if slicing.by is not None:
        assert sum(each.measures.metrics.touchpoints() for each in found.slices.values()) == metrics.touchpoints()
    if slicing.every is not None:
        assert sum(each.touchpoints() for each in found.whole.periods.values()) == metrics.touchpoints()
        assert found.whole.steps is not None
        assert found.whole.steps.outcomes.total() == entered(whole)


@given(logs(), SLICINGS)
def test_parts_of_the_customers_travel_and_add_up(drawn: tuple[Object, list[Object]], slicing: Slicing) -> None:
    data, log = drawn
    definition = compile_definition(data)
    whole, parts = Fold([definition], slicing=slicing), [Fold([definition], slicing=slicing) for _ in range(2)]
    for each in map(parsed, log):
        whole.feed(each)
        parts[each.customer_id == "ani"].feed(each)
    due = whole.finish()
    first, second = (pickle.loads(pickle.dumps(part.finish(due.as_of_ms))) for part in parts)
    first.merge(second)
    mine, theirs = first.gathered[definition.journey], due.gathered[definition.journey]
    assert figures(mine.whole.figures) == figures(first.journeys[definition.journey]) == figures(theirs.whole.figures)
    assert mine.slices.keys() == theirs.slices.keys()
    for value, part in theirs.slices.items():
        assert figures(mine.slices[value].figures) == figures(part.figures)
        assert mine.slices[value].measures.metrics.touchpoints() == part.measures.metrics.touchpoints()
        assert mine.slices[value].steps == part.steps
        assert mine.slices[value].periods.keys() == part.periods.keys()
    assert (mine.groups is None) == (slicing.by != "group")
    if mine.groups is not None and theirs.groups is not None:
        assert figures(mine.groups.figures) == figures(theirs.groups.figures)


# -- slices


def test_a_run_is_of_the_channel_and_device_that_it_began_with() -> None:
    log = [hours("1", "a", 0, channel="web", device="phone"), hours("2", "b", 1, channel="mail", device="desk")]
    for by, value, other in (("channel", "web", "mail"), ("device", "phone", "desk")):
        slices = gathered(measured(), log, by).slices
        assert (entered(slices[value]), entered(slices[other])) == (1, 0)
        assert [slices[each].measures.metrics.touchpoints() for each in (value, other)] == [1, 1]


def test_a_touchpoint_that_comes_late_and_was_first_gives_the_run_its_channel() -> None:
    log = [hours("1", "b", 0.1, channel="mail"), hours("2", "a", 0, channel="web")]
    slices = gathered(measured(), log, "channel").slices
    assert {value: entered(each) for value, each in slices.items()} == {"mail": 0, "web": 1}


def test_of_one_moment_the_first_touchpoint_by_sequence_gives_the_channel() -> None:
    log = [hours("1", "a", 0, channel="mail", sequence=2), hours("2", "a", 0, channel="web", sequence=1)]
    assert entered(gathered(measured(), log, "channel").slices["web"]) == 1


def test_a_touchpoint_that_a_correction_makes_the_first_of_a_run_gives_it_its_channel() -> None:
    definition = measured(exits=[{"on": "out"}], lateness="9d")
    log = [hours("1", "b", 0, channel="web"), hours("2", "b", 5, channel="mail"), hours("3", "out", 2, channel="radio")]
    slices = gathered(definition, log, "channel").slices
    assert {value: entered(each) for value, each in slices.items()} == {"web": 1, "mail": 1, "radio": 0}


def test_of_many_touchpoints_only_those_that_may_still_begin_a_run_are_kept() -> None:
    definition = measured(moves="any", lateness="1h")
    fold = Fold([definition], slicing=Slicing("channel"))
    for n in range(300):
        fold.feed(parsed(hours(str(n), "a", n, channel=f"channel-{n}")))
    [customer] = fold._customers.values()
    assert len(customer.origins._recent) <= 65
    assert entered(fold.finish().gathered["shop"].slices["channel-0"]) == 1


def test_a_run_without_a_channel_is_of_none() -> None:
    assert entered(gathered(measured(), [hours("1", "a", 0)], "channel").slices[None]) == 1


def test_all_runs_and_touchpoints_are_of_the_last_known_persona() -> None:
    log = [hours("1", "a", 0), hours("2", "b", 1, persona="loyal"), hours("3", "c", 2)]
    slices = gathered(measured(), log, "persona").slices
    assert entered(slices["loyal"]) == 1
    assert {value: each.measures.metrics.touchpoints() for value, each in slices.items()} == {None: 1, "loyal": 2}


def test_a_customer_is_of_the_slice_of_the_first_run() -> None:
    definition = measured(reentry="every")
    log = [hours(str(n), kind, n, channel=f"channel-{n}") for n, kind in enumerate("abab")]
    slices = gathered(definition, log, "channel").slices
    assert {value: entered(each) for value, each in slices.items()} == {
        "channel-0": 1, "channel-1": 0, "channel-2": 1, "channel-3": 0,
    }  # fmt: skip
    assert [customer_figures(each.measures.metrics).customers for each in slices.values()] == [1, 0, 0, 0]


def test_groups_are_funnel_steps_and_a_stage_without_one_stands_for_itself() -> None:
    log = [hours("1", "a", 0), hours("2", "b", 1), hours("3", "c", 5), hours("4", "a", 0, customer_id="budi")]
    found = gathered(measured(), log, "group", "day")
    assert found.groups is not None
    figures = found.groups.figures
    assert [(step.stage, step.reached) for step in figures.funnel()] == [("before", 2), ("c", 1)]
    assert list(figures.stays_ms["before"]) == [5 * HOUR_S * 1000]
    assert {value: each.measures.metrics.touchpoints() for value, each in found.slices.items()} == {"before": 3, "c": 1}
    assert found.groups.steps is not None
    assert found.groups.steps.came.total() == 2


def test_a_run_of_groups_was_dropped_in_a_group() -> None:
    definition = measured(goal={"on": "c"}, window="1h")
    found = gathered(definition, [hours("1", "b", 0), hours("2", "x", 9)], "group")
    assert found.groups is not None
    assert found.groups.figures.left == {"before": 1}


# -- the measures


def test_every_measure_of_the_definition_is_gathered_and_no_other() -> None:
    log = [
        hours("1", "a", 0),
        hours("2", "question", 1, sentiment="negative"),
        hours("3", "x", 3),
        hours("4", "reply", 4, initiator="business", reply_to="2"),
        hours("5", "review", 5, rating=2, expected_rating=5),
    ]
    measures = gathered(measured(goal={"on": "c"}, window="4h"), log).whole.measures
    assert None not in measures
    _, sentiment, feedback, expected, gaps, leaving, _ = cast("tuple[Any, ...]", measures)
    assert sentiment.total.negative == 2
    assert feedback.overall.breached == 1
    assert (expected.runs, expected.rules.total()) == (1, 1)
    assert gaps.total()["stars"].number == 1
    assert leaving.total.runs == 1
    assert gathered(journey(), log).whole.measures[1:6] == (None,) * 5


def test_what_a_journey_ignores_is_nothing_to_its_measures() -> None:
    log = [hours("1", "a", 0), hours("2", "robot", 1)]
    fold = Fold([measured(ignore=[{"on": "robot"}]), journey("other")], slicing=Slicing())
    for each in log:
        fold.feed(parsed(each))
    report = fold.finish()
    counts = {name: each.whole.measures.metrics.touchpoints() for name, each in report.gathered.items()}
    assert counts == {"shop": 1, "other": 2}


def test_a_duplicate_counts_once_and_who_never_entered_is_a_customer_all_the_same() -> None:
    log = [hours("1", "x", 0), hours("1", "x", 0)]
    metrics = gathered(measured(), log).whole.measures.metrics
    assert metrics.touchpoints() == 1
    assert customer_figures(metrics)[:2] == (1, 0)
    assert gathered(measured(), log, "channel").slices.keys() == {None}


@pytest.mark.parametrize("by", [None, "persona"])
def test_without_a_slicing_nothing_is_gathered(by: str | None) -> None:
    fold = Fold([measured()], slicing=Slicing(by) if by else None)
    assert bool(fold.finish().gathered) == bool(by)


def test_metrics_count_what_the_definition_says() -> None:
    definition = journey(measures={"metrics": {"visits": "a"}})
    metrics = gathered(definition, [hours("1", "a", 0), hours("2", "page_view", 1)]).whole.measures.metrics
    assert metrics.count("visits") == 1


def test_signals_are_of_their_own_journey() -> None:
    fold = Fold([measured(), compile_definition({**measured().data, "journey": "other"})], slicing=Slicing())
    for each in (hours("1", "a", 0), hours("2", "question", 1), hours("3", "b", 9)):
        fold.feed(parsed(each))
    found = [each.whole.measures.feedback for each in fold.finish().gathered.values()]
    assert [each.overall.breached for each in found if each is not None] == [1, 1]


def test_a_goal_met_outside_is_no_run() -> None:
    assert entered(gathered(journey(goal={"on": "x"}), [hours("1", "x", 0)]).whole) == 0


def test_periods_of_parts_are_put_beside_each_other() -> None:
    folds = [Fold([journey()], slicing=Slicing("channel", "day")) for _ in range(2)]
    for day, fold in enumerate(folds):
        fold.feed(parsed(hours(str(day), "a", 24 * day, customer_id=f"c{day}", channel=f"channel-{day}")))
    first, second = (fold.finish(START_MS + 2 * DAY_S * 1000) for fold in folds)
    first.merge(second)
    found = first.gathered["shop"]
    assert [each.touchpoints() for each in found.whole.periods.values()] == [1, 1]
    assert found.slices.keys() == {"channel-0", "channel-1"}


def test_each_of_several_journeys_has_its_own_runs() -> None:
    fold = Fold([journey("one", moves="any"), journey("two", "xy", moves="any")], slicing=Slicing())
    for each in (hours("1", "a", 0), hours("2", "x", 1), hours("3", "b", 2)):
        fold.feed(parsed(each))
    runs = {name: each.whole.figures.runs for name, each in fold.finish().gathered.items()}
    assert runs == {"one": {("b", "in_progress"): 1}, "two": {("x", "in_progress"): 1}}


LIVELY = {
    **MEASURES,
    "sentiment": {"at_risk": "b"},
    "score": {"rules": [{"on": ["a", "b"], "points": 1}], "thresholds": [{"at": 2}]},
    "expected": {
        "path": ["a", {"stage": "b", "within": "1h"}],
        "personas": [{"persona": "loyal", "path": ["a", "c"]}],
        "rules": [{"response": ["a", "b"], "within": "30m"}, {"precedence": ["a", "c"]}],
    },
}
SCORED = {**LIVELY, "score": {**cast("Object", LIVELY["score"]), "thresholds": [{"at": 2, "to": "c"}]}}
UNRULED = {**LIVELY, "expected": {"path": ["a", "b"]}}


@st.composite
def stories(draw: st.DrawFn) -> list[Object]:
    kinds = st.sampled_from(["a", "a", "b", "c", "question", "reply", "out"])
    drawn = draw(st.lists(st.tuples(kinds, st.integers(0, 12), st.sampled_from(["positive", "negative"])), max_size=9))
    replies: Object = {"initiator": "business", "reply_to": "0"}
    return [
        hours(str(n), kind, hour / 4, **(replies if kind == "reply" else {"sentiment": mood}), persona="loyal")
        for n, (kind, hour, mood) in enumerate(drawn)
    ]


@given(stories(), st.sampled_from([LIVELY, SCORED, UNRULED]))
def test_what_is_not_kept_while_the_log_runs_changes_no_section(log: list[Object], measures: Object) -> None:
    definition = journey("shop", STAGES, measures=measures, exits=[{"on": "out"}], lateness="9d")
    told = []
    for is_lean in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not is_lean:
                patch.setattr(analysis, "lean", lambda each: each)
            whole = gathered(definition, log).whole
            found = whole.measures
            assert found.feedback is not None
            feedback = found.feedback.sla(), found.feedback.answered()
            told.append(
                (figures(whole.figures), found.sentiment, feedback, *found[3:6], customer_figures(found.metrics))
            )
    assert told[0] == told[1]


def test_a_score_that_moves_customers_is_kept() -> None:
    definition = journey("shop", STAGES, measures=SCORED)
    whole = gathered(definition, [hours("1", "a", 0), hours("2", "b", 1)]).whole
    assert whole.figures.runs == {("c", "in_progress"): 1}


@pytest.mark.parametrize(("by", "is_counted"), [("sentiment", True), ("nps", False)])
def test_sentiment_is_counted_also_if_only_the_journey_score_asks_for_it(by: str, is_counted: bool) -> None:
    score = {"journey_score": {"satisfaction": {"by": by, "target": 0.5}}}
    measures = gathered(journey(measures=score), [hours("1", "a", 0, sentiment="positive")]).whole.measures
    assert (measures.sentiment is not None) == is_counted


def test_more_values_than_the_bound_are_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MAX_SLICES", 2)
    fold = Fold([journey()], slicing=Slicing(by="channel"))
    for n in range(5):
        fold.feed(touchpoint(f"{n}", "a", n, customer_id=f"c{n}", channel=f"channel {n}"))
    sliced = fold.finish().gathered["shop"]
    assert set(sliced.slices) == {"channel 0", "channel 1", "other"}
    assert sliced.slices["other"].figures.entered == 3


def test_by_period_alone_there_are_no_slices_by_value() -> None:
    fold = Fold([journey()], slicing=Slicing(every="week"))
    fold.feed(touchpoint("0", "a", 0, channel="web"))
    assert fold.finish().gathered["shop"].slices == {}
