"""What `cjstream top` makes of two pages of metrics: rates, sums, rows, and what is wrong."""

import pytest

from cjstream.cli.top_data import DOWN, READY, WAITING
from cjstream.cli.top_health import problems, verdict
from cjstream.cli.top_series import Growth, by_worker, quantile
from cjstream.metrics import Metrics, Sample, read_samples
from tests.top_pages import STAGES, URL, answer, funnel, healthy, look, page, supervised

APPLIED, IGNORED = "cjstream_touchpoints_total applied", "cjstream_touchpoints_total ignored"
OTHER_URL = "http://app-2:9464/metrics"


def test_rates_are_means_over_the_interval_and_none_at_the_first_look() -> None:
    before, after = healthy() | {APPLIED: 1000}, healthy() | {APPLIED: 1500, IGNORED: 40}
    first = look((10.0, [answer(page(before), 10.0)]))
    assert first.pipeline.touchpoints_per_second is None
    assert first.workers[0].cpu_cores is None
    assert first.pipeline.lag_records_change_per_second is None
    both = look((10.0, [answer(page(before), 10.0)]), (12.0, [answer(page(after, cpu_seconds=6.5), 12.0)]))
    found = both.pipeline.touchpoints_per_second
    assert found is not None
    assert (found["applied"], found["ignored"], found["late"]) == (250, 20, 0)
    assert both.workers[0].touchpoints_per_second == 270
    assert both.workers[0].cpu_cores == 0.75
    assert both.interval_seconds == 2.0
    looks = [(at, [answer(page(healthy() | {APPLIED: count}), at)]) for at, count in ((0.0, 0), (2.0, 500), (4.0, 510))]
    assert look(*looks).workers[0].touchpoints_per_second == 5


def test_a_restarted_worker_has_counted_from_0() -> None:
    before, after = page(healthy() | {APPLIED: 100}), page(healthy() | {APPLIED: 300}, 2000.0, cpu_seconds=7.0)
    found = look((0.0, [answer(before, 0.0)]), (2.0, [answer(after, 2.0)]))
    assert found.workers[0].touchpoints_per_second == 150
    assert found.workers[0].cpu_cores == 3.5


def test_without_a_start_time_a_counter_that_has_fallen_tells_of_a_restart_of_all() -> None:
    before = [Sample("cjstream_a_total", {}, 100.0), Sample("cjstream_b_total", {}, 10.0)]
    after = [Sample("cjstream_a_total", {}, 30.0), Sample("cjstream_b_total", {}, 20.0)]
    growth = Growth(by_worker(before, 0.0)[""], by_worker(after, 2.0)[""])
    assert [growth.rate(name) for name in ("cjstream_a_total", "cjstream_b_total")] == [15, 10]


def test_a_page_that_lost_its_start_time_is_no_restart() -> None:
    before, after = page(healthy() | {APPLIED: 1000}), page(healthy() | {APPLIED: 1100})
    after = after.replace("process_start_time_seconds", "elsewhere_start_time_seconds")
    assert look((0.0, [answer(before, 0.0)]), (2.0, [answer(after, 2.0)])).workers[0].touchpoints_per_second == 50


def test_series_of_a_new_label_have_grown_from_0_and_absent_ones_are_no_0() -> None:
    after = page(healthy() | {"cjstream_dead_letters_total not_json": 6})
    found = look((0.0, [answer(page(healthy()), 0.0)]), (2.0, [answer(after, 2.0)]))
    assert found.pipeline.dead_letters_per_second is not None
    assert found.pipeline.dead_letters_per_second["not_json"] == 3
    assert found.pipeline.dead_letters is not None
    assert found.pipeline.dead_letters["not_json"] == 6
    old = look((0.0, [answer("cjstream_ready 1\n", 0.0)]))
    assert old.pipeline.input_partitions is None
    assert old.pipeline.lag_seconds is None
    assert old.workers[0].resident_bytes is None
    assert old.pipeline.touchpoints_per_second is None


def observed(*values_seconds: float) -> str:
    metrics = Metrics()
    for value in values_seconds:
        metrics.observe("cjstream_end_to_end_seconds", value)
    return page(healthy()) + metrics.render()[1].decode()


def test_end_to_end_is_of_the_interval_alone_and_of_all_workers() -> None:
    before, after = observed(*[80_000.0] * 50), observed(*[80_000.0] * 50, *[0.02] * 98, 400.0, 400.0)
    first, second = [answer(before, 0.0), answer(before, 0.0, url=OTHER_URL)], [answer(after, 2.0)]
    second.append(answer(before, 2.0, url=OTHER_URL))
    found = look((0.0, first), (2.0, second)).pipeline.end_to_end_seconds
    assert found["p50"] == pytest.approx(0.01 + 0.015 * 50 / 98)
    assert found["p99"] == pytest.approx(300 + 1500 * 0.5)
    nothing = look((0.0, first), (2.0, first)).pipeline.end_to_end_seconds
    assert nothing == {"p50": None, "p99": None}


def test_a_restart_within_the_interval_does_not_mix_two_histograms() -> None:
    before, after = observed(*[80_000.0] * 50), observed(*[0.02] * 100).replace("_seconds 1000.0", "_seconds 2000.0")
    found = look((0.0, [answer(before, 0.0)]), (2.0, [answer(after, 2.0)])).pipeline.end_to_end_seconds
    assert found["p99"] == pytest.approx(0.02485)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, None),
        ({"1": 5.0}, None),  # no bucket at infinity
        ({"1": 0.0, "+Inf": 0.0}, None),
        ({"1": 0.0, "2": 0.0, "+Inf": 4.0}, 2.0),  # beyond the last bound
        ({"1": 4.0, "+Inf": 2.0}, 0.5),  # of two versions: never falls
        ({"1": 2.0, "what": 2.0}, 0.5),  # a bound that is none is as infinity
        ({"nan": 2.0, "1": 2.0}, 0.5),
    ],
)
def test_a_quantile_of_odd_buckets(buckets: dict[str, float], expected: float | None) -> None:
    assert quantile(0.5, buckets) == expected


def test_sums_are_over_workers_and_partition_counts_of_the_input_are_not() -> None:
    pages = [
        answer(page(healthy(3)), 0.0),
        answer(page(healthy(5) | {"cjstream_stalled_seconds": 7}), 0.0, url=OTHER_URL),
    ]
    found = look((0.0, pages))
    pipe = found.pipeline
    assert (pipe.assigned_partitions, pipe.input_partitions, pipe.lag_records, pipe.lag_seconds) == (8, 8, 800, 2.0)
    assert (pipe.workers, pipe.workers_ready, pipe.stalled_seconds) == (2, 2, 7)
    assert [row.assigned_partitions for row in found.workers] == [3, 5]
    assert problems(found) == []


def test_lag_tells_whether_it_grows() -> None:
    late = healthy() | {f"cjstream_lag_seconds {number}": 45 for number in range(4)}
    more = late | {"cjstream_lag_records 0": 160}
    first, second = [answer(page(late), 0.0)], [answer(page(more), 2.0)]
    grows, shrinks = (
        look((0.0, first), (2.0, second)),
        look((0.0, [answer(page(more), 0.0)]), (2.0, [answer(page(late), 2.0)])),
    )
    assert grows.pipeline.lag_records_change_per_second == 30
    assert shrinks.pipeline.lag_records_change_per_second == -30
    assert any("45 s behind, and falling back" in problem.text for problem in problems(grows))
    assert not any("behind" in problem.text for problem in problems(shrinks))


def test_a_supervisors_page_has_a_row_for_each_worker_and_none_for_itself() -> None:
    text = supervised({0: page(healthy() | {APPLIED: 10}), 1: page(healthy())}, 2, {"1": 3})
    found = look((0.0, [answer(text, 0.0)]))
    assert [(row.worker, row.state, row.restarts) for row in found.workers] == [("0", READY, 0), ("1", READY, 3)]
    assert found.pipeline.assigned_partitions == 8
    assert verdict(problems(found)) == "ok"


def test_a_worker_that_hangs_is_down_since_it_answered_last_and_comes_back() -> None:
    both = {0: page(healthy()), 1: page(healthy() | {APPLIED: 100})}
    one = supervised({0: page(healthy())}, 2)
    why = "worker 1: no answer within 0.8 s"
    looks = [(at, [answer(supervised(both, 2), at)]) for at in (-2.0, 0.0)]
    looks += [(at, [answer(one, at, why)]) for at in (2.0, 4.0)]
    found = look(*looks)
    row = found.workers[1]
    assert (row.state, row.down_seconds, row.why) == (DOWN, 4.0, "no answer within 0.8 s")
    assert (row.lag_records, row.touchpoints_per_second) == (None, None)
    texts = [problem.text for problem in problems(found)]
    assert texts[0] == "worker 1 down for 4 s: no answer within 0.8 s"
    assert texts[1].startswith(
        "4 of 8 partitions are with none of these workers: run `cjstream status`; their customers"
    )
    assert found.pipeline.lag_records_change_per_second is None
    both[1] = page(healthy() | {APPLIED: 700})
    back = look(*looks, (6.0, [answer(supervised(both, 2), 6.0)]))
    assert (back.workers[1].state, back.workers[1].touchpoints_per_second) == (READY, 100)


def test_an_address_that_goes_keeps_its_rows_and_one_that_never_answered_has_one() -> None:
    text = supervised({0: page(healthy()), 1: page(healthy())}, 2)
    gone = answer("", 0.0)._replace(fault="connection refused")
    never = gone._replace(address=OTHER_URL)
    found = look((0.0, [answer(text, 0.0), never]), (3.0, [gone, never]))
    assert [(row.address, row.worker, row.down_seconds) for row in found.workers] == [
        (URL, "0", 3.0), (URL, "1", 3.0), (OTHER_URL, "", 3.0),
    ]  # fmt: skip
    assert problems(found)[0] == ("act", "127.0.0.1:9464 0 down for 3 s: connection refused")
    assert (found.pipeline.assigned_partitions, found.pipeline.dead_letters) == (None, None)
    assert found.journeys == []


def test_workers_that_their_supervisor_no_longer_has_are_forgotten() -> None:
    three = supervised({number: page(healthy(2)) for number in range(3)}, 3)
    two = supervised({number: page(healthy()) for number in range(2)}, 2)
    gone = answer("", 0.0)._replace(fault="connection refused")
    found = look((0.0, [answer(three, 0.0)]), (2.0, [answer(two, 2.0)]), (4.0, [gone]))
    assert [(row.worker, row.state) for row in found.workers] == [("0", DOWN), ("1", DOWN)]


def test_the_reason_of_not_being_ready_comes_from_its_page() -> None:
    waiting = healthy(0) | {
        "cjstream_ready": 0,
        "cjstream_restoring_partitions": 4,
        "cjstream_restore_remaining_records": 1200,
    }
    alone = look((0.0, [answer(page(waiting), 0.0, "restoring: 1200 records to go")]))
    assert (alone.workers[0].state, alone.workers[0].why) == (WAITING, "restoring: 1200 records to go")
    assert [problem.verdict for problem in problems(alone)] == ["act", "act", "look"]
    text = supervised({0: page(healthy()), 1: page(waiting)}, 3)
    ready = "worker 1: restoring: 1200 records to go; worker 2: ended with 75, starts again in 2.0 s"
    rows = look((0.0, [answer(text, 0.0, ready)])).workers
    assert [row.why for row in rows] == ["", "restoring: 1200 records to go", "ended with 75, starts again in 2.0 s"]


def test_a_spare_worker_is_no_problem_but_partitions_with_nobody_are() -> None:
    spare = healthy(0) | {"cjstream_ready": 0}
    found = look((0.0, [answer(supervised({0: page(healthy(8)), 1: page(spare)}, 2), 0.0)]))
    assert (found.workers[1].state, problems(found)) == (WAITING, [])
    lonely = look((0.0, [answer(page(spare), 0.0, "no partition assigned")]))
    assert [problem.verdict for problem in problems(lonely)] == ["act"]
    assert problems(lonely)[0].text.startswith("8 of 8 partitions")


def test_partitions_that_are_restored_are_told_of_once() -> None:
    restoring = healthy(6) | {"cjstream_restoring_partitions": 2, "cjstream_restore_remaining_records": 1200}
    [problem] = problems(look((0.0, [answer(page(restoring), 0.0)])))
    assert problem.verdict == "look"
    assert problem.text.startswith("2 partitions are being restored, 1,200 records to go")


def test_stalled_work_and_dead_letters_are_told_of() -> None:
    stuck = healthy(8) | {"cjstream_stalled_seconds": 25, "cjstream_dead_letters_total bad_id": 1}
    found = look((0.0, [answer(page(healthy(8)), 0.0)]), (2.0, [answer(page(stuck), 2.0)]))
    assert [problem.verdict for problem in problems(found)] == ["act", "look"]
    assert "not moved for 25 s" in problems(found)[0].text
    assert "cjstream dead-letter ls" in problems(found)[1].text


MOVES = {
    "cjstream_transitions_total shop,none,awareness,entry": 20,
    "cjstream_transitions_total shop,awareness,consideration,forward": 8,
    "cjstream_transitions_total shop,purchase,none,exit": 2,
    "cjstream_signals_total shop,converted": 4,
    "cjstream_signals_total shop,stalled": 50,
    "cjstream_waiting_customers shop": 3,
    "cjstream_sla_total shop,first_response,met": 9,
    "cjstream_sla_total shop,resolution,breached": 1,
    "cjstream_sla_total shop,resolution,due_soon": 5,
}


def test_a_journey_adds_up_over_workers() -> None:
    customers = funnel("shop", (90, 0, 10), (40, 0, 5), (0, 30, 0), (0, 6, 0), (0, 0, 0))
    before, after = healthy() | customers, healthy() | customers | MOVES
    addresses = (URL, OTHER_URL)
    first, second = (
        [answer(page(each), at, url=url) for url in addresses] for each, at in ((before, 0.0), (after, 2.0))
    )
    [journey] = look((0.0, first), (2.0, second)).journeys
    assert journey.customers == {"in_progress": 260, "converted": 72, "dropped": 30}
    assert (journey.moves_per_second, journey.conversions_per_second) == (30, 4)
    assert (journey.waiting_customers, journey.sla_met_share) == (6, 0.9)
    assert journey.sla == {"met": 18, "breached": 2, "due_soon": 10}
    assert [stage.stage for stage in journey.stages] == list(STAGES)
    assert [stage.customers_came for stage in journey.stages] == [362, 162, 72, 12, 0]
    rates = [(stage.entered_per_second, stage.left_per_second) for stage in journey.stages]
    assert rates == [(20, 8), (8, 0), (0, 2), (0, 0), (0, 0)]


def test_who_is_outside_has_a_row_of_its_own_only_if_there_is_anybody() -> None:
    stages = ("here", "none")
    nobody, somebody = (
        funnel("a", (1, 0, 0), (0, 0, 0), stages=stages),
        funnel("b", (1, 0, 0), (0, 0, 7), stages=stages),
    )
    found = look((0.0, [answer(page(healthy() | nobody | somebody), 0.0)])).journeys
    assert [[stage.stage for stage in journey.stages] for journey in found] == [["here"], ["here", "none"]]
    assert found[1].stages[1].here == 7


def test_a_journey_without_feedback_has_no_figures_of_it() -> None:
    [journey] = look((0.0, [answer(page(healthy() | funnel("a", (1, 0, 0), stages=("s",))), 0.0)])).journeys
    assert (journey.waiting_customers, journey.sla, journey.sla_met_share) == (None, {}, None)
    assert (journey.moves_per_second, journey.stages[0].entered_per_second) == (None, None)


def test_what_is_not_ours_and_what_is_no_number_is_left_out() -> None:
    text = "node_load1 4\ncjstream_ready NaN\ncjstream_lag_records +Inf\ncjstream_assigned_partitions 3\n"
    seen = by_worker(read_samples(text), 0.0)[""]
    assert dict(seen.series) == {"cjstream_assigned_partitions": {frozenset(): 3.0}}


def test_a_foreign_page_is_no_worker() -> None:
    [row] = look((0.0, [answer("node_load1 4\nprocess_cpu_seconds_total 3\n", 0.0)])).workers
    assert (row.state, row.why) == (DOWN, "what answers there is no cjstream worker")


def test_labels_cannot_command_a_terminal() -> None:
    text = 'cjstream_customers{journey="\x1b[2Ja\x07",stage="s\u202e",outcome="converted"} 1\ncjstream_ready 1\n'
    [journey] = look((0.0, [answer(text, 0.0)])).journeys
    assert (journey.journey, journey.stages[0].stage) == ("?[2Ja?", "s?")


def test_half_a_page_is_refused_or_read_but_nothing_else() -> None:
    text = page(healthy() | funnel("shop", *[(1, 2, 3)] * 5))
    refused = 0
    for end in range(0, len(text), 101):
        try:
            samples = list(read_samples(text[:end]))
            assert all(sample.name in text for sample in samples)
        except ValueError:
            refused += 1
    assert refused > 20
