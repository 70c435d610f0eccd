"""Logs folded into reports: held against the naive model, and against themselves in other orders and other parts."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from cjstream.core import history
from cjstream.core.analysis import Fold, Report
from cjstream.core.definition import compile_definition
from cjstream.core.figures import JourneyReport
from cjstream.core.touchpoint import Erasure
from tests.core.builders import SHOP, START_MS, Object, fields, journey, parsed
from tests.core.journeys import (
    ALL,
    MOST,
    SHORT_LATENESS,
    SPAN_MINUTES,
    arrivals,
    definitions,
    maybe,
    minutes,
    touchpoints,
)
from tests.model import Run, in_order, judge
from tests.reference import milliseconds

Log = tuple[Object, list[Object], list[Object]]

EXAMPLES = settings().max_examples
DAY_S, DAY_MS = 86_400, 86_400_000


def reported(data: Any, log: list[Object], **options: Any) -> Report:
    """Return the report of a log under one definition."""
    fold = Fold([compile_definition(data) if isinstance(data, dict) else data], **options)
    for each in log:
        fold.feed(parsed(each))
    return fold.finish()


def figures(report: Report) -> dict[str, Any]:
    """Return all that is counted in the one journey of a report, what depends on the order of arrival left out."""
    [found] = report.journeys.values()
    told = {name: value for name, value in vars(found).items() if name != "refused"}
    told["stays_ms"] = {stage: sorted(stays) for stage, stays in found.stays_ms.items()}
    return told | {"to_convert_ms": sorted(found.to_convert_ms)}


# -- the model: every round of every instance, by judging the log touchpoint by touchpoint


def runs_due(data: Object, log: list[Object]) -> list[tuple[Run, bool]]:
    """Return every round that was entered, as it ended or is now; and whether a newer one took its place."""
    ordered, ended = in_order(data, log), list[Run]()
    times = [milliseconds(each["occurred_at"]) for each in ordered]
    before: dict[str, Run] = {}
    for n, _ in enumerate(ordered, 1):
        now = judge(data, ordered[:n])
        ended += [run for key, run in before.items() if run.visits and now[key].round > run.round]
        before = judge(data, ordered[:n], times[n] if n < len(times) else max(times))
    return [(run, True) for run in ended] + [(run, False) for run in before.values() if run.visits]


def figures_due(data: Object, log: list[Object]) -> Object:
    """Return the figures that the model leads to; moves without their kinds."""
    runs = runs_due(data, log)
    now = [run for run, is_over in runs if not is_over]
    became = [("dropped" if is_over and run.outcome == "in_progress" else run.outcome, run) for run, is_over in runs]
    stays: dict[str, list[int]] = {}
    for run in now:
        for visit, after in pairwise(run.visits):
            if visit.stage is not None and not visit.inferred:
                stays.setdefault(visit.stage, []).append(after.at_ms - visit.at_ms)
    return {
        "runs": Counter((run.furthest, outcome) for outcome, run in became),
        "left": Counter(run.left or run.stage for outcome, run in became if outcome == "dropped"),
        "late_conversions": sum(run.is_late for run, _ in runs),
        "to_convert_ms": sorted(
            (run.converted_ms or 0) - (run.entered_ms or 0) for outcome, run in became if outcome == "converted"
        ),
        "stays_ms": {stage: sorted(times) for stage, times in stays.items()},
        "moves": Counter(
            (start, end.stage)
            for run in now
            for start, end in zip([None, *(v.stage for v in run.visits)], run.visits, strict=False)
        ),
    }


@st.composite
def lively(draw: st.DrawFn) -> Object:
    """Return a journey that nearly every touchpoint does something in, with rounds, drops and late conversions."""
    stages: list[Object] = [{"id": f"s{n}", "weight": n} for n in range(3)]
    maybe(draw, minutes(3), stages[0], "window", 3)
    maybe(draw, st.builds(lambda limit: {"since_entered": limit, "exit": True}, minutes(3)), stages[1], "stall", 3)
    maybe(draw, st.builds(lambda limit: {"since_last_touch": limit, "to": "s0"}, minutes(3)), stages[2], "stall", 3)
    data: Object = {
        "journey": "shop",
        "lateness": draw(st.sampled_from(SHORT_LATENESS)),
        "stages": stages,
        "rules": [{"on": kind, "to": f"s{n}"} for n, kind in enumerate("abc")],
        "goal": draw(st.sampled_from([{"on": "e"}, {"on": ["e", "f"]}, "s2"])),
        "exits": [{"on": draw(st.sampled_from(["d", ["d", "f"]]))}],
        "reentry": draw(st.sampled_from(["every", "every", "after_exit", {"policy": "every", "cooldown": "1m"}])),
        "moves": draw(st.sampled_from(["any", "forward_only"])),
        "entry": draw(st.sampled_from(["open", "open", "infer"])),
    }
    maybe(draw, minutes(4), data, "window", 3)
    maybe(draw, st.just("channel"), data, "instance", 4)
    return data


def busy() -> st.SearchStrategy[list[Object]]:
    """Return touchpoints of one customer of whom most do something."""
    one = st.tuples(st.sampled_from("aabbcddeef"), st.integers(0, SPAN_MINUTES), st.sampled_from(["web", "mail"]))
    return st.lists(one, min_size=4, max_size=MOST).map(
        lambda drawn: [
            fields(f"t{n}", kind, 60 * minute, channel=channel) for n, (kind, minute, channel) in enumerate(drawn)
        ]
    )


def _may_leave_and_convert_at_once(data: Object, once: list[Object]) -> bool:
    """Return whether an exit and a goal may share a time: the engine goes by their order, the model does not."""
    leaving, goal = [rule["on"] for rule in data.get("exits", [])], data.get("goal")
    on = goal["on"] if isinstance(goal, dict) else [rule["on"] for rule in data["rules"] if rule["to"] == goal]
    kinds = [set(str(leaving)), set(str(on))]
    left, met = ({each["occurred_at"] for each in once if each["type"] in some} for some in kinds)
    return bool(left & met)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Return a journey, touchpoints of one customer, and these each twice in an order in which none is late."""
    data, once = draw(st.one_of(st.tuples(lively(), busy()), st.tuples(definitions(ALL), touchpoints())))
    assume(not _may_leave_and_convert_at_once(data, once))
    return data, once, draw(arrivals(once, compile_definition(data).lateness_ms))


def without_kinds(told: Object) -> Object:
    """Return figures without the kinds of moves: whether an exit or a timeout of one moment came first is not told."""
    moves = Counter[Any]()
    for (start, end, _), count in told["moves"].items():
        moves[start, end] += count
    return {**told, "moves": moves}


@settings(max_examples=5 * EXAMPLES)
@given(logs())
def test_a_report_is_what_the_model_says_in_whatever_order_the_log_is(drawn: Log) -> None:
    data, once, arrived = drawn
    plain, report = reported(data, in_order(data, once)), reported(data, arrived)
    assert report.as_of_ms == plain.as_of_ms == max(each["occurred_at"] for each in once)
    due, told = figures_due(data, once), without_kinds(figures(report))
    assert told == without_kinds(figures(plain))
    assert {name: told[name] for name in due} == due
    event(f"runs: {sum(due['runs'].values())}")


@settings(max_examples=3 * EXAMPLES)
@given(logs())
def test_visits_counted_early_change_no_figure(drawn: Log) -> None:
    data, _, arrived = drawn
    whole = figures(reported(data, arrived))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEEPS", 0)
        assert figures(reported(data, arrived)) == whole


@settings(max_examples=3 * EXAMPLES)
@given(logs(), st.lists(st.sampled_from(["ani", "budi", "citra"]), min_size=2 * MOST, max_size=2 * MOST))
def test_reports_of_parts_add_up_and_every_run_has_one_outcome(drawn: Log, names: list[str]) -> None:
    data, _, arrived = drawn
    log = [{**each, "customer_id": name} for each, name in zip(arrived, names, strict=False)]
    definition = compile_definition(data)
    whole = Fold([definition], interval_ms=60_000)
    parts = [Fold([definition], interval_ms=60_000) for _ in range(2)]
    for each in map(parsed, log):
        whole.feed(each)
        parts[each.customer_id == "ani"].feed(each)
    report = whole.finish()
    first, second = (part.finish(report.as_of_ms) for part in parts)
    first.merge(second)
    assert figures(first) == figures(report)
    assert (first.touchpoints, first.lifecycle) == (report.touchpoints, report.lifecycle)
    [found] = report.journeys.values()
    assert found.outcomes.total() == found.entered == found.runs.total()
    assert found.customers.total() == found.here.total() == found.furthest.total() <= len(set(names))
    assert found.left.total() == found.outcomes["dropped"]
    assert len(found.to_convert_ms) == found.outcomes["converted"]


# -- examples


def hours(touchpoint_id: str, kind: str, hour: float, **more: Any) -> Object:
    return fields(touchpoint_id, kind, 3600 * hour, **more)


def the(report: Report) -> JourneyReport:
    [found] = report.journeys.values()
    return found


def test_a_run_whose_window_is_open_is_in_progress_and_not_dropped() -> None:
    data = journey(window="31d", goal={"on": "c"})
    fold = Fold([data])
    fold.feed(parsed(hours("1", "a", 0)))
    assert the(fold.finish(START_MS + 3 * DAY_MS)).outcomes == {"in_progress": 1}


@pytest.mark.parametrize(("after_ms", "outcome"), [(0, "in_progress"), (1, "dropped")])
def test_as_of_the_end_of_its_window_a_run_is_in_time_and_right_after_it_dropped_whatever_the_lateness(
    after_ms: int, outcome: str
) -> None:
    fold = Fold([journey(window="31d", goal={"on": "c"}, lateness="7d")])
    fold.feed(parsed(hours("1", "a", 0)))
    found = the(fold.finish(START_MS + 31 * DAY_MS + after_ms))
    assert found.outcomes == {outcome: 1}
    assert found.most_leave_at == ("a" if outcome == "dropped" else None)


def test_a_conversion_after_the_drop_is_told_apart() -> None:
    found = the(reported(journey(window="1d", goal={"on": "c"}), [hours("1", "a", 0), hours("2", "c", 25)]))
    assert (found.outcomes, found.late_conversions) == ({"dropped": 1}, 1)
    assert found.time_to_convert().number == 0


def test_a_round_that_a_new_one_takes_the_place_of_is_dropped_where_it_stood() -> None:
    log = [hours(str(n), kind, n) for n, kind in enumerate("abac")]
    found = the(reported(journey(reentry="every", goal={"on": "c"}), log))
    assert found.runs == {("b", "dropped"): 1, ("c", "converted"): 1}
    assert found.left == {"b": 1}
    assert (found.customers, found.here) == ({"converted": 1}, {("c", "converted"): 1})
    assert found.moves == {
        (None, "a", "entry"): 1,
        ("a", "b", "forward"): 1,
        ("b", "a", "reentry"): 1,
        ("a", "c", "forward"): 1,
    }
    assert found.time_to_convert().median_seconds == 3600


def test_a_late_conversion_of_an_earlier_round_is_found_in_the_log() -> None:
    data = journey(reentry="every", goal={"on": "x"}, window="1h", lateness="9d")
    log = [hours(str(n), *each) for n, each in enumerate([("a", 0), ("x", 3), ("b", 4), ("a", 6), ("b", 5)])]
    found = the(reported(data, log))
    assert found.runs == {("b", "dropped"): 1, ("a", "in_progress"): 1}
    assert found.late_conversions == 1


def test_moves_have_their_kinds_also_when_a_correction_told_of_them() -> None:
    stages = [{"id": "a", "weight": 1}, {"id": "b", "weight": 2, "stall": {"since_entered": "1h", "to": "c"}}]
    stages += [{"id": "c", "weight": 3, "stall": {"since_entered": "9h", "exit": True}}]
    data = {
        "stages": stages,
        "rules": [{"on": kind, "to": kind} for kind in "abc"],
        "journey": "shop",
        "lateness": "9d",
    }
    data |= {"exits": [{"on": "out"}], "moves": "any"}
    log = [
        hours(str(n), *each)
        for n, each in enumerate([("c", 8), ("a", 0), ("b", 1), ("a", 9), ("out", 10), ("b", 11), ("x", 40)])
    ]
    found = the(reported(data, log))
    assert found.moves == the(reported(data, sorted(log, key=lambda each: each["occurred_at"]))).moves
    assert found.moves == {
        (None, "a", "entry"): 1,
        ("a", "b", "forward"): 1,
        ("b", "c", "timeout"): 2,
        ("c", "a", "backward"): 1,
        ("a", None, "exit"): 1,
        (None, "b", "reentry"): 1,
        ("c", None, "timeout"): 1,
    }


def test_inferred_visits_are_moves_and_no_dwell() -> None:
    found = the(reported(journey(entry="infer"), [hours("1", "a", 0), hours("2", "c", 2)]))
    assert found.moves == {(None, "a", "entry"): 1, ("a", "b", "forward"): 1, ("b", "c", "forward"): 1}
    assert {stage: found.time_in(stage).number for stage in "abc"} == {"a": 1, "b": 0, "c": 0}


def test_only_touchpoints_of_the_time_asked_for_are_taken() -> None:
    log = [hours("1", "a", 0), hours("2", "b", 1), hours("3", "c", 2)]
    report = reported(journey(), log, since_ms=START_MS + 3_600_000, until_ms=START_MS + 7_200_000)
    assert (report.outside, report.touchpoints) == (2, {"applied": 1})
    assert the(report).moves == {(None, "b", "entry"): 1}
    assert report.as_of_ms == START_MS + 3_600_000


def test_duplicates_late_ones_and_refusals_are_counted_as_live() -> None:
    log = [hours("1", "b", 0), hours("1", "b", 0), hours("2", "a", 1), hours("3", "z", 2), hours("4", "a", 0)]
    report = reported(journey(), log)
    assert report.touchpoints == {"applied": 2, "duplicate": 1, "ignored": 1, "late": 1}
    assert the(report).refused == {"backward": 1}


def test_an_empty_log_is_an_empty_report() -> None:
    report = reported(journey(goal={"on": "c"}), [], interval_ms=DAY_MS)
    assert (report.as_of_ms, the(report).entered, report.intervals()) == (None, 0, [])


def test_a_log_of_nothing_but_an_erasure_is_an_empty_report() -> None:
    fold = Fold([journey()])
    fold.forget(Erasure("ani", START_MS))
    report = fold.finish()
    assert (report.as_of_ms, report.erased, the(report).entered) == (None, 0, 0)


def test_who_is_erased_is_counted_nowhere_and_who_comes_back_begins_anew() -> None:
    fold = Fold([journey()], interval_ms=DAY_MS)
    for each in (hours("1", "c", 0), hours("2", "a", 1, customer_id="budi")):
        fold.feed(parsed(each))
    for customer in ("ani", "nobody", "ani"):
        fold.forget(Erasure(customer, START_MS + 60_000))
    fold.feed(parsed(hours("3", "c", 0)))
    fold.feed(parsed(hours("4", "a", 2)))
    report = fold.finish()
    assert (report.erased, report.touchpoints["erased"]) == (1, 1)
    assert the(report).runs == {("a", "in_progress"): 2}
    assert the(report).here == {("a", "in_progress"): 2}


def test_the_lifecycle_counts_customers_by_their_own_touchpoints_and_no_noise() -> None:
    data = journey(ignore=[{"on": "robot"}])
    log = [hours("1", "a", 0), hours("2", "a", 24, initiator="business"), hours("3", "robot", 24), hours("4", "b", 48)]
    report = reported(data, log, interval_ms=DAY_MS, since_ms=START_MS)
    rows = [(row.new, row.returning, row.resurrecting, row.dormant) for row in report.intervals()]
    assert rows == [(1, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0)]
    assert reported(data, log).intervals() == []


def test_an_instance_that_made_place_for_another_is_counted_once() -> None:
    data = journey(instance={"key": "channel", "limit": 1}, exits=[{"on": "out"}], goal={"on": "b"})
    log = [hours("1", "b", 0, channel="x"), hours("2", "out", 1, channel="x"), hours("3", "a", 2, channel="y")]
    log += [hours("4", "out", 3, channel="y"), hours("5", "a", 4, channel="x")]
    found = the(reported(data, log))
    assert found.runs == {("b", "converted"): 1, ("a", "dropped"): 1, ("a", "in_progress"): 1}
    assert (found.customers, found.here) == ({"converted": 1}, {("a", "in_progress"): 1})


def test_a_path_that_was_corrected_away_is_no_run() -> None:
    data = journey(
        entry="closed",
        exits=[{"on": "out"}],
        ignore=[{"on": "x"}],
        rules=[{"on": "a", "when": {"count": {"b": {"lt": 1}}}, "to": "a"}],
    )
    log = [hours("1", "a", 1), hours("2", "b", 0)]
    assert the(reported({**data.data, "lateness": "9d"}, log)).runs == {}


def test_several_journeys_are_counted_apart() -> None:
    fold = Fold([SHOP, journey("other")])
    for each in (hours("1", "purchase", 0), hours("2", "a", 1)):
        fold.feed(parsed(each))
    runs = {name: dict(found.runs) for name, found in fold.finish().journeys.items()}
    assert runs == {"shop": {("purchase", "converted"): 1}, "other": {("a", "in_progress"): 1}}


def test_a_customer_who_goes_to_and_fro_for_ever_is_kept_in_bounds() -> None:
    fold = Fold([journey(moves="any", lateness="2h")])
    for n in range(2_000):
        fold.feed(parsed(hours(str(n), "ab"[n % 2], n)))
    [customer] = fold._customers.values()
    [path] = customer.history._paths.by_instance.values()
    assert len(path.visits) <= history.KEEPS + 1
    found = the(fold.finish())
    assert found.moves == {(None, "a", "entry"): 1, ("a", "b", "forward"): 1_000, ("b", "a", "backward"): 999}
    assert found.time_in("a") == (1_000, 3600.0, 3600.0)
