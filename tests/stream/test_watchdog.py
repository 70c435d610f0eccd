"""The watchdog, with a clock of the test: what ends the process, what does not, and what it says."""

import time
from collections.abc import Callable

import pytest

from cjstream.stream import watchdog
from cjstream.stream.fatal import RESTART
from cjstream.stream.watchdog import STALL_SECONDS, Wait, Watchdog

SHORT = 10.0


class Given:
    """A watchdog over what the test says; `ends` has code and text of each end of the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.waits: list[Wait] = []
        self.ends: list[tuple[int, str]] = []
        monkeypatch.setattr(watchdog, "give_up", lambda code, text: self.ends.append((code, text)))
        self.dog = Watchdog(lambda: self.waits, lambda: self.now)

    def pass_seconds(self, seconds: float, each: Callable[[], object] = lambda: None) -> None:
        """Let time pass, with a look each second."""
        for _ in range(int(seconds)):
            self.now += 1
            each()
            self.dog.look()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    made = Given(monkeypatch)
    made.dog.look()
    return made


def test_what_waits_and_does_not_move_ends_the_process_when_its_patience_is_over(given: Given) -> None:
    given.waits = [Wait("input is not fetched", 5, SHORT)]
    given.pass_seconds(SHORT + 1)
    assert given.ends == []
    given.pass_seconds(1)
    assert given.ends == [
        (RESTART, "input is not fetched, and nothing moved for 10 s; a restart begins anew from the last commit")
    ]


def test_what_moves_may_take_for_ever(given: Given) -> None:
    steps = iter(range(10_000))

    def move() -> None:
        given.waits = [Wait("a restore", next(steps) // 9, SHORT)]

    given.pass_seconds(500, move)
    assert given.ends == []


def test_of_two_that_wait_the_move_of_one_does_not_hide_that_the_other_stands(given: Given) -> None:
    steps = iter(range(10_000))

    def move() -> None:
        given.waits = [Wait("partition 0", next(steps), SHORT), Wait("partition 1", 7, SHORT)]

    given.pass_seconds(SHORT + 2, move)
    assert [text.split(",")[0] for _, text in given.ends] == ["partition 1"]


def test_what_no_longer_waits_begins_anew_when_it_waits_again(given: Given) -> None:
    for _ in range(5):
        given.waits = [Wait("input", 1, SHORT)]
        given.pass_seconds(SHORT)
        given.waits = []
        given.pass_seconds(1)
    assert given.ends == []


def test_the_age_of_the_longest_wait_is_shown(given: Given) -> None:
    assert given.dog.stalled_seconds == 0
    given.waits = [Wait("old", 1)]
    given.pass_seconds(5)
    given.waits = [Wait("old", 1), Wait("new", 1)]
    given.pass_seconds(5)
    assert given.dog.stalled_seconds == 9
    given.waits = []
    given.pass_seconds(1)
    assert given.dog.stalled_seconds == 0


def test_a_loop_that_stands_still_ends_the_process(given: Given) -> None:
    given.now += STALL_SECONDS
    given.dog.look_at_loop()
    assert given.ends == []
    given.now += 1
    given.dog.look_at_loop()
    assert given.ends == [(RESTART, "the event loop stood still for 60 s; is an agent blocking it?")]


def test_before_it_ticks_no_loop_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given(monkeypatch)
    given.now += 10 * STALL_SECONDS
    given.dog.look_at_loop()
    assert (given.ends, given.dog.tick_age_seconds) == ([], 0)


def test_a_step_that_ends_in_time_is_forgotten_and_one_that_does_not_ends_the_process(given: Given) -> None:
    with given.dog.limit("loading", SHORT):
        given.now += SHORT
        given.dog.look_at_loop()
    given.now += SHORT
    given.dog.look_at_loop()
    assert given.ends == []
    given.dog.begin("the stop", SHORT)
    given.now += SHORT + 1
    given.dog.look_at_loop()
    given.dog._ended.set()
    assert given.ends == [
        (RESTART, "the stop took longer than 10 s; a restart begins anew from the last commit")
    ] or given.ends == 2 * [given.ends[0]], "its own thread may have seen it first"


def test_a_step_that_blocks_the_loop_is_seen_by_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.01)
    given = Given(monkeypatch)
    given.dog.begin("loading", 0.0)
    given.now += 1
    deadline = time.monotonic() + 30
    while not given.ends and time.monotonic() < deadline:
        time.sleep(0.01)
    given.dog._ended.set()
    assert given.ends[0] == (RESTART, "loading took longer than 0 s; a restart begins anew from the last commit")
