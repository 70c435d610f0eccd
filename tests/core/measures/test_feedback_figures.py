"""What signals and touchpoints of feedback add up to, in parts and in whole."""

import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.measures.feedback_figures import Answered, FeedbackFigures, Kept
from cjstream.core.outputs import Signal
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import START_MS
from tests.core.measures.desk import HOUR_MS, answered, said, spec_of

MET, BREACHED = "sla_met", "sla_breached"


def signal(kind: str, feedback_id: str = "r", hour: float = 0, **more: Any) -> Signal:
    told = {"clock": "first_response", "stage": "purchase", "channel": "email", "customer_id": "ani", **more}
    return Signal(
        signal_id="0" * 32,
        kind=kind,
        severity="info",
        journey="shop",
        instance="",
        stage=told["stage"],
        customer_id=told["customer_id"],
        since=format_time(START_MS + round(hour * HOUR_MS)),
        due=None,
        cause=None,
        owner=None,
        detail={"feedback_id": feedback_id, "clock": told["clock"], "channel": told["channel"]},
    )


def figures(*fed: Signal | Touchpoint, **block: Any) -> FeedbackFigures:
    found = FeedbackFigures(spec_of(block))
    for each in fed:
        if isinstance(each, Signal):
            found.signal(each)
        else:
            found.touch(each, "purchase")
    return found


def test_the_share_met_is_that_of_the_runs_of_clocks_that_were_met() -> None:
    found = figures(signal(MET, "r"), signal(MET, "s"), signal(BREACHED, "t"), signal(MET, "t", clock="resolution"))
    assert found.sla() == {"first_response": Kept(2, 1), "resolution": Kept(1, 0)}
    assert found.overall == Kept(3, 1)
    assert found.overall.share == 0.75


def test_of_nothing_there_is_no_share() -> None:
    assert figures().overall.share is None
    assert figures().sla() == {}


def test_the_last_that_was_told_of_a_run_of_a_clock_holds() -> None:
    assert figures(signal(BREACHED), signal(MET)).overall == Kept(1, 0)
    assert figures(signal(MET), signal(BREACHED)).overall == Kept(0, 1)


def test_each_run_of_a_clock_counts() -> None:
    assert figures(signal(BREACHED, hour=1), signal(MET, hour=2)).overall == Kept(1, 1)


def test_feedback_of_one_id_by_two_customers_is_not_the_same() -> None:
    assert figures(signal(MET), signal(MET, customer_id="budi")).overall == Kept(2, 0)


def test_clocks_are_told_by_stage_and_by_channel() -> None:
    found = figures(signal(MET, "r"), signal(BREACHED, "s", stage=None, channel=None))
    assert found.sla_by_stage() == {("purchase", "first_response"): Kept(1, 0), (None, "first_response"): Kept(0, 1)}
    assert found.sla_by_channel() == {("email", "first_response"): Kept(1, 0), (None, "first_response"): Kept(0, 1)}


def test_other_signals_are_none_of_its_business() -> None:
    assert figures(signal("sla_due_soon"), signal("stalled")).overall == Kept()


def test_feedback_is_answered_or_not_by_its_type() -> None:
    found = figures(
        said("q", "question", 0), said("p", "question", 0), said("c", "complaint", 0), answered("a", 1, "q"),
        answered("b", 2, "q"), answered("x", 3, "mail"), said("y", "answer", 3, initiator="business"),
        said("v", "page_view", 4),
    )  # fmt: skip
    assert found.answered() == {"complaint": Answered(0, 1), "question": Answered(1, 1)}


def test_an_answer_older_than_its_question_is_none() -> None:
    found = figures(answered("a", 1, "q"), said("q", "question", 2))
    assert found.answered() == {"question": Answered(0, 1)}
    assert found.first_response() == (0, None, None)


def test_what_the_customer_says_to_a_question_is_no_answer() -> None:
    assert figures(said("q", "question", 0), said("m", "message", 1, "q")).answered() == {"question": Answered(0, 1)}


def test_the_first_response_is_the_median_and_p90_of_what_was_answered() -> None:
    asked = [said(f"q{n}", "question", 0) for n in range(11)]
    answers = [answered(f"a{n}", n, f"q{n}") for n in range(10)]
    late = answered("b", 50, "q0")
    assert figures(*asked, late, *answers).first_response() == (10, 4.5 * 3600, 8 * 3600)


def test_the_first_response_is_told_in_working_time() -> None:
    found = figures(
        said("q", "question", 15), answered("a", 24 + 10, "q"), calendar={"hours": {"mon-fri": "09:00-17:00"}}
    )
    assert found.first_response().median_seconds == 3 * 3600


def test_a_follow_up_is_no_feedback_of_its_own_and_its_answer_is_one_to_the_feedback() -> None:
    found = figures(
        said("r", "review", 0), said("q", "question", 1, "r"), said("p", "question", 2, "q"), answered("a", 3, "p")
    )
    assert found.answered() == {"review": Answered(1, 0)}
    assert found.first_response().median_seconds == 3 * 3600


def test_what_replies_to_itself_to_what_is_unknown_or_to_what_came_later_is_feedback() -> None:
    """And of two that reply to each other in one moment, one is."""
    found = figures(
        said("q", "question", 0, "q"), said("p", "question", 1, "nothing"), said("r", "review", 2),
        said("o", "question", 1, "r"), said("m", "complaint", 5, "n"), said("n", "complaint", 5, "m"),
    )  # fmt: skip
    assert found.answered() == {"complaint": Answered(0, 1), "question": Answered(0, 3), "review": Answered(0, 1)}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 9)), max_size=12), st.integers(0, 12))
def test_parts_put_together_are_the_whole(drawn: list[tuple[bool, int, int]], cut: int) -> None:
    fed: list[Signal | Touchpoint] = []
    for n, (is_answer, to, hour) in enumerate(drawn):
        fed.append(answered(f"a{n}", hour, f"t{to}") if is_answer else said(f"t{n}", "question", hour))
        fed.append(signal(MET if is_answer else BREACHED, f"t{to}", hour % 2))
    whole, part, other = figures(*fed), figures(*fed[:cut]), figures(*fed[cut:])
    part.merge(pickle.loads(pickle.dumps(other)))
    assert part.overall == whole.overall
    assert part.answered() == whole.answered()
    assert part.first_response() == whole.first_response()
