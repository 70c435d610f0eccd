"""The feedback clock, case by case: what is due when, what is told, and what is waited for."""

from typing import Any

import pytest

from cjstream.core.limits import MAX_MS
from tests.core.builders import START_MS
from tests.core.measures.desk import HOUR_MS, answered, desk, kinds, said, short

MET, SOON, BREACHED = "sla_met", "sla_due_soon", "sla_breached"
FIRST: dict[str, Any] = {"targets": [{"first_response": "4h"}]}
OFFICE: dict[str, Any] = {"calendar": {"time_zone": "Asia/Jakarta", "hours": {"mon-fri": "09:00-17:00"}}}
FRIDAY_16_H = 24 + 9  # 2026-01-02T16:00 in Jakarta, in hours after START_MS


def test_a_negative_review_without_an_answer_for_four_hours_is_one_breach() -> None:
    each = desk(
        targets=[{"when": {"sentiment": "negative"}, "first_response": "4h"}, {"first_response": "2d"}], due_soon=0.5
    )
    assert not each.feed(said("r", "review", 0, sentiment="negative"))
    assert not each.wait(2)
    assert [short(found) for found in each.wait(2.1)] == [(SOON, "first_response", "r")]
    assert [short(found) for found in each.wait(4.1)] == [(BREACHED, "first_response", "r")]
    assert not each.wait(99)


def test_friday_at_four_with_four_hours_is_due_on_monday_at_noon() -> None:
    each = desk(**FIRST, **OFFICE)
    each.feed(said("r", "review", FRIDAY_16_H))
    assert each.dues == [FRIDAY_16_H + 3 * 24 - 5, FRIDAY_16_H + 3 * 24 - 4]


def test_an_answer_at_the_due_moment_is_a_hit() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0), answered("a", 4, "r"))
    assert kinds(each.findings) == [SOON, MET]


def test_an_answer_a_millisecond_later_is_a_miss_and_stays_one() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0), answered("a", 4 + 1 / 3_600_000, "r"))
    assert kinds(each.findings) == [SOON, BREACHED]
    assert not each.feed(answered("b", 5, "r"))
    assert not each.dues


def test_an_answer_in_time_is_no_news_but_that_it_is_met() -> None:
    each = desk(**FIRST)
    assert kinds(each.feed(said("r", "review", 0), answered("a", 3, "r"))) == [MET]
    assert not each.dues


def test_a_breach_tells_what_one_on_call_needs() -> None:
    each = desk(lateness_ms=0, **FIRST, **OFFICE)
    fields: dict[str, Any] = {"channel": "email", "sentiment": "negative", "topic": "delivery", "rating": 1}
    each.feed(said("r", "review", FRIDAY_16_H, **fields), key="order-7")
    _, breach = each.wait(FRIDAY_16_H + 3 * 24)
    since_ms = START_MS + FRIDAY_16_H * HOUR_MS
    assert breach.about == ("first_response", "r", since_ms)
    assert (breach.since_ms, breach.due_ms) == (since_ms, since_ms + (3 * 24 - 4) * HOUR_MS)
    assert (breach.cause, breach.severity, breach.instance) == ("sla.first_response", "critical", "order-7")
    assert breach.detail == {
        "feedback_id": "r",
        "clock": "first_response",
        "type": "review",
        **fields,
        "target_seconds": 4 * 3600,
        "opened_at": "2026-01-02T09:00:00.000Z",
        "answered_at": None,
        "waited_seconds": 4 * 3600,
    }


def test_a_warning_names_the_real_due_and_how_long_it_took_so_far() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0), key=None)
    (warning,) = each.wait(3.5)
    assert (warning.kind, warning.severity, warning.cause) == (SOON, "warning", "sla.first_response")
    assert (warning.due_ms, warning.instance) == (START_MS + 4 * HOUR_MS, None)
    assert warning.detail["waited_seconds"] == 3 * 3600


def test_a_hit_tells_the_working_time_that_it_took() -> None:
    each = desk(**FIRST, **OFFICE)
    (hit,) = each.feed(said("r", "review", FRIDAY_16_H), answered("a", FRIDAY_16_H + 2 * 24 + 18, "r"))
    assert (hit.kind, hit.severity, hit.cause, hit.due_ms) == (MET, "info", None, None)
    assert hit.detail["answered_at"] == "2026-01-05T03:00:00.000Z"
    assert hit.detail["waited_seconds"] == 2 * 3600


def test_a_breach_heard_of_with_its_answer_tells_both() -> None:
    each = desk(**FIRST)
    _, breach = each.feed(said("r", "review", 0), answered("a", 6, "r"))
    assert breach.detail["answered_at"] == "2026-01-01T06:00:00.000Z"
    assert breach.detail["waited_seconds"] == 6 * 3600


def test_each_message_after_an_answer_waits_for_the_next_one() -> None:
    each = desk(targets=[{"next_response": "2h"}])
    each.feed(said("r", "review", 0), answered("a", 1, "r"), said("m", "message", 2, "r"))
    assert each.dues == [3.5, 4]
    assert not each.feed(said("n", "message", 3, "r"))
    assert each.dues == [3.5, 4], "a second message does not start the clock again"
    each.feed(answered("b", 4, "r"), said("o", "message", 5, "r"))
    assert each.dues == [6.5, 7]
    each.wait(9)
    assert kinds(each.findings) == [SOON, MET, SOON, BREACHED]
    assert [found.about[2] for found in each.findings] == [START_MS + hour * HOUR_MS for hour in (2, 2, 5, 5)]


def test_messages_before_the_first_answer_start_no_clock_of_their_own() -> None:
    each = desk()
    each.feed(said("r", "review", 0), said("m", "message", 1, "r"), answered("a", 3, "r"))
    assert each.told == [(MET, "first_response", "r")]
    assert each.dues == [18, 24]


def test_resolving_stops_the_next_response() -> None:
    each = desk(targets=[{"next_response": "2h"}])
    each.feed(said("r", "review", 0), answered("a", 1, "r"), said("m", "message", 2, "r"))
    each.feed(said("s", "resolved", 3, "r"))
    assert not each.dues
    assert not each.wait(99)
    assert not each.findings


def test_a_resolution_by_the_business_is_an_answer_too() -> None:
    each = desk()
    each.feed(said("r", "review", 0), answered("s", 3, "r", "issue_resolved"))
    assert each.told == [(MET, "first_response", "r"), (MET, "resolution", "r")]


def test_a_customer_who_needs_no_answer_any_more_stops_all_clocks() -> None:
    each = desk()
    each.feed(said("r", "review", 0), said("s", "resolved", 3, "r"))
    assert each.told == [(MET, "resolution", "r")]
    assert each.open == []


def test_a_resolution_of_the_customer_does_not_undo_a_breach() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0), said("s", "resolved", 5, "r"))
    assert kinds(each.findings) == [SOON, BREACHED]
    assert each.findings[-1].detail["answered_at"] is None
    assert each.findings[-1].detail["waited_seconds"] == 5 * 3600


def test_a_message_after_the_resolution_waits_for_an_answer_again() -> None:
    each = desk()
    each.feed(said("r", "review", 0), answered("s", 3, "r", "resolved"), said("m", "message", 4, "r"))
    assert each.dues == [5.5, 6]
    assert each.open == [("r", 4)]


def test_an_answer_older_than_its_review_does_not_count() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 1), answered("a", 0.5, "r"))
    assert each.dues == [4, 5]


def test_an_answer_of_the_same_moment_counts_whatever_its_sequence() -> None:
    each = desk(**FIRST)
    each.feed(answered("a", 1, "r", sequence=1), said("r", "review", 1, sequence=2))
    assert kinds(each.findings) == [MET]


def test_an_answer_that_arrives_before_its_review_counts() -> None:
    each = desk(**FIRST)
    assert not each.feed(answered("a", 1, "r"))
    assert each.open == []
    assert kinds(each.feed(said("r", "review", 0.5))) == [MET]


def test_an_answer_is_forgotten_once_it_is_final_that_it_has_no_review() -> None:
    each = desk(**FIRST)
    each.feed(said("x", "page_view", 0), answered("a", 1, "r"))
    each.feed(said("y", "page_view", 2))
    assert [thread.id for thread in each.state] == ["r"]
    each.feed(said("z", "page_view", 2.1))
    assert each.state == ()


def test_an_answer_that_was_on_its_way_turns_a_breach_into_a_hit() -> None:
    each = desk(lateness_ms=9 * HOUR_MS, **FIRST)
    each.feed(said("r", "review", 0), said("x", "page_view", 6))
    assert kinds(each.feed(answered("a", 2, "r"))) == [MET]
    assert kinds(each.findings) == [SOON, BREACHED, MET]


def test_an_edit_opens_an_answered_review_again() -> None:
    each = desk(targets=[{"first_response": "4h", "resolution": "8h"}])
    each.feed(said("r", "review", 0, rating=5), answered("s", 1, "r", "resolved"))
    each.feed(said("e", "review_edited", 10, "r", rating=1))
    assert each.dues == [13, 14, 16, 18]
    (hit,) = each.feed(answered("b", 11, "r"))
    assert (hit.about[2], hit.detail["opened_at"]) == (START_MS + 10 * HOUR_MS, "2026-01-01T00:00:00.000Z")
    assert (hit.detail["type"], hit.detail["rating"]) == ("review", 1)


def test_an_edit_of_an_unanswered_review_gives_no_more_time() -> None:
    each = desk()
    each.feed(said("r", "review", 0), said("e", "review_edited", 3, "r"))
    assert each.dues == [3, 4, 18, 24]


def test_an_edit_says_only_what_has_changed() -> None:
    each = desk(targets=[{"first_response": "4h"}])
    each.feed(said("r", "review", 0, rating=5, topic="size", sentiment="positive"), answered("a", 1, "r"))
    each.feed(said("e", "review_edited", 2, "r", topic="colour"), answered("b", 3, "r"))
    detail = each.findings[-1].detail
    assert (detail["rating"], detail["topic"], detail["sentiment"]) == (5, "colour", "positive")


def test_an_edit_chooses_the_target_anew_if_there_is_one_for_it() -> None:
    quick = {"when": {"rating": {"lte": 2}}, "first_response": "1h"}
    slow = {"when": {"type": "review"}, "first_response": "8h"}
    each = desk(targets=[quick, slow])
    each.feed(said("r", "review", 0, rating=5), answered("a", 1, "r"))
    each.feed(said("e", "review_edited", 10, "r", rating=1), answered("b", 10.5, "r"))
    each.feed(said("f", "review_edited", 20, "r", rating=4))
    assert [found.detail["target_seconds"] / 3600 for found in each.findings] == [8, 1]
    assert each.dues == [20.75, 21], "no target is for the second edit, so the last one stays"


def test_an_edit_of_an_unknown_review_is_feedback_under_the_id_of_the_review() -> None:
    each = desk(**FIRST)
    each.feed(said("e", "review_edited", 1, "r"))
    assert each.open == [("r", 1)]
    assert kinds(each.feed(answered("a", 2, "r"))) == [MET]


def test_of_two_edits_of_one_moment_the_same_one_counts_in_any_order() -> None:
    edits = said("e", "review_edited", 1, "r", rating=1), said("f", "review_edited", 1, "r", rating=2)
    one, other = desk(), desk()
    one.feed(*edits)
    other.feed(*reversed(edits))
    assert one.state == other.state


def test_feedback_that_replies_to_known_feedback_is_a_follow_up_and_may_be_answered_by_either_id() -> None:
    for answered_id in ("r", "q"):
        each = desk(lateness_ms=0)
        each.feed(said("r", "review", 0), answered("a", 1, "r"), said("q", "question", 2, "r"))
        assert each.open == [("r", 2)]
        each.feed(said("x", "page_view", 2.5))
        each.feed(answered("b", 3, answered_id))
        assert each.told == [(MET, "first_response", "r"), (MET, "next_response", "r")]
        assert each.open == []


def test_feedback_that_replies_to_something_unknown_is_feedback_of_its_own() -> None:
    each = desk(**FIRST)
    each.feed(said("s", "survey_answered", 1, "invitation"))
    assert each.open == [("s", 1)]
    assert kinds(each.feed(answered("a", 2, "s"))) == [MET]


def test_feedback_that_replies_to_itself_is_feedback() -> None:
    each = desk()
    each.feed(said("r", "review", 1, "r"))
    assert each.open == [("r", 1)]


def test_a_follow_up_may_arrive_before_what_it_follows() -> None:
    each = desk(**FIRST)
    each.feed(said("q", "question", 1, "r"))
    assert each.open == [("q", 1)]
    each.feed(said("r", "review", 0.5))
    assert each.open == [("r", 0.5)]


def test_only_the_customer_opens_and_edits() -> None:
    each = desk()
    each.feed(answered("r", 0, "x", "review"), said("s", "review", 0, initiator="business"))
    assert each.open == []
    each.feed(said("t", "review", 1), answered("e", 2, "t", "review_edited"))
    assert each.told == [(MET, "first_response", "t")]


@pytest.mark.parametrize("kind", ["resolved", "review_edited", "message"])
def test_what_replies_to_nothing_is_in_no_thread(kind: str) -> None:
    each = desk()
    each.feed(said("r", "review", 0))
    held = each.state
    each.feed(said("x", kind, 0.5))
    assert each.state is held


def test_touchpoints_that_are_no_feedback_leave_a_customer_without_threads() -> None:
    each = desk()
    each.feed(said("x", "page_view", 0))
    assert each.state == ()


def test_feedback_without_a_target_is_open_but_nothing_is_due() -> None:
    each = desk(targets=[{"when": {"channel": "email"}, "first_response": "4h"}])
    each.feed(said("r", "review", 0), said("e", "review", 0, channel="email"))
    assert each.open == [("e", 0), ("r", 0)]
    assert each.dues == [3, 4]
    each.feed(answered("a", 1, "r"), said("m", "message", 2, "r"))
    assert each.open == [("e", 0), ("r", 2)]


def test_a_clock_that_runs_keeps_its_target_when_the_definition_changes() -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0))
    each.spec = desk(targets=[{"first_response": "1h"}]).spec
    assert each.dues == [3, 4]


def test_without_deadlines_or_threads_nothing_is_due() -> None:
    each = desk()
    assert each.dues == []
    each.feed(said("r", "review", 0), answered("s", 1, "r", "resolved"))
    each.feed(said("x", "page_view", 9))
    assert each.dues == []
    assert not each.wait(99)


def test_a_due_beyond_all_time_never_comes() -> None:
    each = desk(targets=[{"first_response": "36500d"}], calendar={"hours": {"mon": "09:00-10:00"}})
    each.feed(said("r", "review", 0))
    assert max(each.dues) == (MAX_MS - START_MS) / HOUR_MS
    assert not each.wait((MAX_MS - START_MS) / HOUR_MS)


@pytest.mark.parametrize("rating", [4, 4.0])
def test_a_rating_is_told_as_it_was_given_whoever_gave_the_same(rating: float) -> None:
    each = desk(**FIRST)
    each.feed(said("r", "review", 0, rating=rating), answered("a", 1, "r"))
    assert [repr(found.detail["rating"]) for found in each.findings] == [repr(rating)]


def test_customers_with_the_same_feedback_wait_alike_under_other_calendars() -> None:
    office, always = desk(**FIRST, **OFFICE), desk(**FIRST)
    for each in (office, always):
        each.feed(said("r", "review", FRIDAY_16_H))
    assert office.dues != always.dues
    assert always.dues == [FRIDAY_16_H + 3, FRIDAY_16_H + 4]
