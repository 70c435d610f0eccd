"""Sessions and what else is remembered of one customer."""

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.limits import MAX_SAFE_INTEGER
from cjstream.core.measures import leaving
from cjstream.core.measures.customer_log import ANSWERED, ASKED, EXIT_REASON, JUDGED, MAX_TYPES, PAIN, CustomerLog
from cjstream.core.measures.metrics import read
from cjstream.core.measures.sessions import Visits
from cjstream.core.measures.watching import watch, watch_of
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS, journey, touchpoint

MINUTE = 60
METRICS = read(Reader(), {}, "measures.metrics", ())


def view(second: float, **more: object) -> Touchpoint:
    return touchpoint(f"t{second}", "page_view", second, **more)


def logged(*touchpoints: Touchpoint) -> CustomerLog:
    log = CustomerLog(watch(METRICS, leaving.Spec()))
    for each in touchpoints:
        log.touch(each)
    return log


def sessions(*touchpoints: Touchpoint) -> tuple[int, float]:
    """Return how many, and their seconds."""
    found = logged(*touchpoints).sessions()
    return found.number, found.length_ms / 1000


def test_no_touchpoint_makes_no_session() -> None:
    assert sessions() == (0, 0)


def test_a_session_lasts_from_its_first_touchpoint_to_its_last() -> None:
    assert sessions(view(0), view(60), view(300)) == (1, 300)


def test_thirty_minutes_without_a_touchpoint_do_not_end_a_session_and_one_millisecond_more_does() -> None:
    assert sessions(view(0), view(30 * MINUTE)) == (1, 1800)
    assert sessions(view(0), view(30 * MINUTE + 0.001)) == (2, 0)


def test_the_order_of_arrival_makes_no_difference() -> None:
    touchpoints = [view(0), view(600), view(1200), view(9000), view(9060)]
    assert {sessions(*order) for order in permutations(touchpoints)} == {(2, 1260)}


def test_a_session_id_holds_together_what_is_far_apart() -> None:
    assert sessions(view(0, session_id="s"), view(7200, session_id="s"), view(60, session_id="s")) == (1, 7200)


def test_a_touchpoint_that_comes_late_may_be_the_first_of_its_session() -> None:
    assert sessions(view(100, session_id="s"), view(10, session_id="s")) == (1, 90)


def test_two_session_ids_at_one_time_are_two_sessions() -> None:
    assert sessions(view(0, session_id="a"), view(10, session_id="b")) == (2, 0)


def test_told_durations_count_and_not_the_times() -> None:
    told = {0: 4_000, 500: None, 9: 1}
    assert sessions(*(view(at, session_id="s", duration_ms=ms) for at, ms in told.items())) == (1, 4.001)


def test_told_durations_count_without_a_session_id_too() -> None:
    told = {0: 2_000, 100: 3_000, 200: None, 9000: None}
    assert sessions(*(view(at, duration_ms=ms) for at, ms in told.items())) == (2, 5)


def test_durations_at_one_moment_add_up() -> None:
    assert sessions(view(5, duration_ms=2_000), view(5, duration_ms=3_000)) == (1, 5)


def test_a_duration_of_zero_is_one() -> None:
    assert sessions(view(0, session_id="s", duration_ms=0), view(60, session_id="s")) == (1, 0)


def test_what_has_no_session_id_belongs_to_the_named_session_around_it() -> None:
    named = [view(3600, session_id="s"), view(3700, session_id="s")]
    assert sessions(*named, view(1800), view(3650), view(5500)) == (1, 100)
    assert sessions(*named, view(1799.999)) == (2, 100)
    assert sessions(*named, view(5500.001)) == (2, 100)


def test_only_what_the_customer_does_on_the_site_makes_a_session() -> None:
    assert sessions(view(0, initiator="business"), view(1, channel="email")) == (0, 0)
    assert sessions(view(0), view(60, channel="website")) == (1, 60)
    assert sessions(view(0, channel="app", session_id="s")) == (1, 0)


def naive(times: list[int]) -> Visits:
    """Return the sessions of these seconds, found by looking at every pair."""
    ordered = sorted(set(times))
    groups: list[list[int]] = []
    for at in ordered:
        if groups and at - groups[-1][-1] <= 30 * MINUTE:
            groups[-1].append(at)
        else:
            groups.append([at])
    return Visits(len(groups), 1000 * sum(group[-1] - group[0] for group in groups))


@given(st.lists(st.integers(0, 30_000), max_size=12))
def test_sessions_are_those_of_a_naive_count(times: list[int]) -> None:
    assert logged(*map(view, times)).sessions() == naive(times)


def test_sales_count_whoever_tells_of_them() -> None:
    log = logged(touchpoint("a", "purchase", 0), touchpoint("b", "contract_signed", 9, initiator="business"))
    assert log.sales == 2


@pytest.mark.parametrize(
    ("kind", "fields", "is_advocate"),
    [
        ("referral", {}, True),
        ("guest_post", {}, True),
        ("review", {"sentiment": "positive"}, True),
        ("review", {"sentiment": "neutral"}, False),
        ("review", {}, False),
        ("page_view", {"sentiment": "positive"}, False),
        ("referral", {"initiator": "business"}, False),
    ],
)
def test_who_recommends_or_praises_is_an_advocate(kind: str, fields: dict[str, str], is_advocate: bool) -> None:
    assert logged(touchpoint("a", kind, 0, **fields)).is_advocate is is_advocate


def test_a_customer_is_referred_by_whoever_is_named_before_the_first_sale() -> None:
    named = view(60, referred_by="budi")
    assert not logged(view(0)).is_referred
    assert logged(named).is_referred
    for late, is_referred in ((59, False), (60, True), (61, True)):
        sale = touchpoint("s", "purchase", late)
        assert logged(named, sale).is_referred is is_referred
        assert logged(sale, named).is_referred is is_referred


def test_of_several_sales_and_referrals_the_first_count_in_any_order() -> None:
    touchpoints = [
        *(touchpoint(f"s{at}", "purchase", at) for at in (50, 80)),
        *(view(at, referred_by="budi") for at in (60, 40)),
    ]
    for order in permutations(touchpoints):
        assert logged(*order).is_referred
        assert not logged(*(each for each in order if each.id != "t40")).is_referred


def test_null_fields_tell_nothing() -> None:
    log = logged(view(0, referred_by=None, sentiment=None, exit_reason=None, session_id=None, duration_ms=None))
    assert (log.is_referred, log.notes(START_MS), log.sessions()) == (False, [], Visits(1, 0))


def last(log: CustomerLog, since: float, until: float) -> str | None:
    return log.last_type(START_MS + round(since * 1000), START_MS + round(until * 1000))


def test_the_last_type_is_that_of_the_newest_touchpoint_within_the_range_ends_included() -> None:
    log = logged(*(touchpoint(kind, kind, second) for kind, second in (("a", 10), ("c", 30), ("b", 20))))
    assert [last(log, 0, until) for until in (9, 10, 29, 30, 99)] == [None, "a", "b", "c", "c"]
    assert (last(log, 30, 99), last(log, 31, 99)) == ("c", None)


def test_of_one_time_the_highest_sequence_is_the_last_and_of_one_sequence_the_last_name() -> None:
    highest = touchpoint("x", "a", 5, sequence=MAX_SAFE_INTEGER)
    others = [touchpoint("y", "c", 5, sequence=7), touchpoint("z", "b", 5, sequence=7)]
    assert {last(logged(*order), 0, 9) for order in permutations([highest, *others])} == {"a"}
    assert {last(logged(*order), 0, 9) for order in permutations(others)} == {"c"}


def test_what_the_business_did_last_is_not_what_the_customer_did_last() -> None:
    assert last(logged(view(0), touchpoint("m", "mail_sent", 5, initiator="business")), 0, 9) == "page_view"


def test_types_beyond_the_limit_are_not_told_apart() -> None:
    log = logged(*(touchpoint(f"t{n}", f"type{n}", n) for n in range(MAX_TYPES + 1)))
    assert [last(log, 0, MAX_TYPES - n) for n in (2, 1, 0)] == [f"type{MAX_TYPES - 2}", "other", "other"]


def test_notes_are_in_the_order_of_time() -> None:
    touchpoints = [
        touchpoint("q", "question", 10),
        touchpoint("c", "complaint", 20, sentiment="negative"),
        touchpoint("r", "answer", 30, initiator="business", reply_to="q"),
        touchpoint("o", "answer", 31, reply_to="q"),  # the customer answers nothing
        touchpoint("x", "account_closed", 40, exit_reason="price"),
    ]
    expected = [(10, ASKED, "q"), (20, ASKED, "c"), (20, JUDGED, "negative"), (20, PAIN, "complaint")]
    expected += [(30, ANSWERED, "q"), (40, EXIT_REASON, "price")]
    for _ in range(5):
        log = logged(*Random(5).sample(touchpoints, len(touchpoints)))
        assert [((n.at_ms - START_MS) / 1000, n.kind, n.about) for n in log.notes(START_MS + 40_000)] == expected
        assert len(log.notes(START_MS + 39_999)) == 5


def test_without_leaving_nothing_is_kept_of_what_came_last() -> None:
    log = CustomerLog(watch(METRICS, None))
    log.touch(touchpoint("c", "complaint", 0, exit_reason="price", sentiment="negative", referred_by="budi"))
    assert (last(log, 0, 9), log.notes(START_MS), log.is_referred) == (None, [], True)


def test_without_metrics_no_sales_and_no_sessions_are_kept() -> None:
    log = CustomerLog(watch(None, leaving.Spec()))
    log.touch(touchpoint("p", "purchase", 0))
    assert (log.sales, log.sessions(), last(log, 0, 9)) == (0, Visits(0, 0), "purchase")


def test_a_definition_without_metrics_and_leaving_keeps_no_logs() -> None:
    assert watch_of(journey().measures) is None
    assert watch_of(journey(measures={"sentiment": {}}).measures) is None
    found = watch_of(journey(measures={"leaving": {"pains": "crash"}}).measures)
    assert found is not None
    assert found.pains == {"crash"}
    found = watch_of(journey(measures={"metrics": {"sales": "deal"}}).measures)
    assert found is not None
    assert found.sales == {"deal"}
