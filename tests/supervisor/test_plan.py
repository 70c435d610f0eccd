"""Plan: what follows the end of a worker, without any process."""

import signal
from itertools import pairwise

import pytest

from cjstream.supervisor.plan import (
    CLEAN,
    FIRST_WAIT_SECONDS,
    HOPELESS,
    LONGEST_WAIT_SECONDS,
    MAX_FAILURES,
    WELL_SECONDS,
    Plan,
    exit_status,
    told,
)

RESTART, KILLED = 75, 137


def running(processes: int) -> Plan:
    plan = Plan(processes)
    for number in plan.due(0):
        plan.started(number)
    return plan


def fail(plan: Plan, times: int, well_seconds: float = 0.0, status: int = RESTART, number: int = 0) -> list[float]:
    """Let a worker fail and start again so many times; return the waits before each start."""
    waits, now = [], 0.0
    for _ in range(times):
        plan.ended(number, status, well_seconds, now)
        waits.append(plan.seconds_to_start(number, now) or 0.0)
        now += waits[-1]
        if plan.due(now) == [number]:
            plan.started(number)
    return waits


def test_all_are_due_at_the_start_and_none_while_they_run() -> None:
    plan = Plan(3)
    assert plan.due(0) == [0, 1, 2]
    plan.started(1)
    assert plan.due(0) == [0, 2]
    assert running(3).due(10**6) == []


def test_one_that_ends_starts_again_after_a_wait_and_the_others_are_left_alone() -> None:
    plan = running(2)
    plan.ended(1, KILLED, 5, 100)
    assert plan.due(100) == []
    assert plan.seconds_to_start(1, 100) == FIRST_WAIT_SECONDS
    assert plan.seconds_to_start(0, 100) is None
    assert plan.due(100 + FIRST_WAIT_SECONDS) == [1]
    assert (plan.is_stopping, plan.exit_code) == (False, 0)


def test_waits_double_up_to_a_bound() -> None:
    waits = fail(running(1), MAX_FAILURES - 1)
    assert waits[0] == FIRST_WAIT_SECONDS
    assert all(later == min(2 * wait, LONGEST_WAIT_SECONDS) for wait, later in pairwise(waits))
    assert waits[-1] == LONGEST_WAIT_SECONDS


def test_one_that_was_well_for_a_while_waits_little_again_and_may_fail_for_ever() -> None:
    plan = running(1)
    fail(plan, MAX_FAILURES - 1)
    assert fail(plan, 5 * MAX_FAILURES, WELL_SECONDS) == [FIRST_WAIT_SECONDS] * 5 * MAX_FAILURES
    assert not plan.is_stopping


@pytest.mark.parametrize(("status", "code"), [(RESTART, RESTART), (70, 70), (KILLED, KILLED), (0, RESTART)])
def test_one_that_fails_too_often_in_a_row_stops_all_with_its_code_which_is_never_0(status: int, code: int) -> None:
    plan = running(2)
    fail(plan, MAX_FAILURES - 1, status=status)
    assert not plan.is_stopping
    fail(plan, 1, status=status)
    assert (plan.is_stopping, plan.exit_code) == (True, code)


def test_failures_are_counted_for_each_worker() -> None:
    plan = running(2)
    for number in (0, 1):
        fail(plan, MAX_FAILURES - 1, number=number)
    assert not plan.is_stopping


@pytest.mark.parametrize("status", HOPELESS)
def test_what_no_restart_mends_stops_all_at_once_with_its_code(status: int) -> None:
    plan = running(2)
    plan.ended(1, status, 10 * WELL_SECONDS, 0)
    assert (plan.is_stopping, plan.exit_code) == (True, status)
    assert plan.due(10**6) == []


def test_after_a_stop_that_was_asked_for_the_code_is_0_if_all_end_well() -> None:
    plan = running(2)
    plan.stop()
    for status in CLEAN:
        plan.ended_as_asked(status)
    assert plan.exit_code == 0


def test_after_a_stop_the_first_bad_code_is_that_of_the_whole() -> None:
    plan = running(4)
    plan.stop()
    for status in (0, RESTART, 70, 0):
        plan.ended_as_asked(status)
    assert plan.exit_code == RESTART


def test_what_made_all_stop_wins_over_how_the_others_end() -> None:
    plan = running(2)
    plan.ended(0, 4, 0, 0)
    plan.ended_as_asked(RESTART)
    assert plan.exit_code == 4


def test_a_death_by_a_signal_has_the_status_that_shells_give_and_is_told_in_words() -> None:
    assert exit_status(-signal.SIGKILL) == KILLED
    assert exit_status(75) == 75
    assert told(KILLED) == "was killed by SIGKILL"
    assert told(75) == "ended with exit code 75"
