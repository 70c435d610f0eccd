"""Engines broken on purpose: each fault makes a named test fail. The faults are patched in, the tests are real ones."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from cjstream.core import dues, engine, logged, measured, moves
from cjstream.core.fold import Fold
from cjstream.core.journey import JourneyStep
from cjstream.core.measures import judgement
from cjstream.core.outcome import Deadline
from cjstream.core.state import NOT_BEGUN
from tests.core import test_features as features
from tests.core import test_measured as measures
from tests.core import test_pains as pains

F1, F5, F6 = features.TestF1MovePolicy, features.TestF5Stall, features.TestF6Outcomes
F7, F8, F9 = features.TestF7OrderAndTies, features.TestF8LateAndTwice, features.TestF9ReentryInstancesExit

Patch = pytest.MonkeyPatch


def duplicates_are_taken(patch: Patch) -> None:
    patch.setattr(engine, "find_entry", lambda recent, entry: None)


def steps_of_one_moment_are_not_in_order(patch: Patch) -> None:
    insert: Any = moves.insert

    def strict(visits: Any, new: Any, stages: Any) -> Any:
        return visits if any(visit.at_ms == new.at_ms for visit in visits) else insert(visits, new, stages)

    patch.setattr(moves, "insert", strict)


def logged_steps_of_one_moment_keep_the_order_of_arrival(patch: Patch) -> None:
    patch.setattr(logged, "order_of", lambda entry, definition: (entry.at_ms, 0, 0.0, ""))


def a_deadline_passes_at_its_very_moment(patch: Patch) -> None:
    settle: Any = Fold.settle
    patch.setattr(Fold, "settle", lambda self, until_ms: settle(self, until_ms + 1))


def equal_to_the_lateness_is_late(patch: Patch) -> None:
    is_late: Any = JourneyStep._is_late

    def strict(self: JourneyStep, definition: Any) -> Any:
        bound_ms = self.times.newest_before_ms - definition.lateness_ms
        return is_late(self, definition) or (self.touchpoint is not None and self.touchpoint.at_ms == bound_ms)

    patch.setattr(JourneyStep, "_is_late", strict)


def nothing_is_late(patch: Patch) -> None:
    patch.setattr(JourneyStep, "_is_late", lambda self, definition: False)


def without(*causes: str) -> Callable[[Patch], None]:
    deadlines: Any = Fold.deadlines

    def forgotten(patch: Patch) -> None:
        def remembered(self: Fold) -> list[Deadline]:
            return [each for each in deadlines(self) if each.cause not in causes]

        patch.setattr(Fold, "deadlines", remembered)

    return forgotten


def the_clock_is_never_asked(patch: Patch) -> None:
    patch.setattr(dues, "passed", lambda state, active, now_ms, by_hash: -1)
    patch.setattr(dues, "next_due", lambda state, journeys: None)


def the_business_is_a_sign_of_life(patch: Patch) -> None:
    entry_of: Any = logged.entry_of

    def alive(touchpoint: Any, definition: Any, scores: Any = None) -> Any:
        return entry_of(structs.replace(touchpoint, by_customer=True), definition, scores)

    patch.setattr(logged, "entry_of", alive)


def a_risk_is_told_at_every_look(patch: Patch) -> None:
    patch.setattr(judgement, "_was_at_risk", lambda after, state, by_hash, judgement: False)


def what_was_told_of_a_path_is_forgotten(patch: Patch) -> None:
    patch.setattr(measured, "_name", lambda finding: object())


def logged_scores_stay_as_they_were(patch: Patch) -> None:
    patch.setattr(logged, "_rescored", lambda log, scores: log)


def time_before_the_clock_is_forgotten(patch: Patch) -> None:
    moment: Any = measured._moment
    patch.setattr(measured, "_moment", lambda before, active, *more: moment(NOT_BEGUN, active, *more))


def nothing_is_refused(patch: Patch) -> None:
    patch.setattr(Fold, "_refusal", lambda self, to, at_ms, stage: None)


def a_round_keeps_the_goal_of_the_one_before(patch: Patch) -> None:
    begin: Any = Fold._begin_round

    def keeping(self: Fold, entry: Any) -> None:
        goal = self.goal
        begin(self, entry)
        self.goal = goal

    patch.setattr(Fold, "_begin_round", keeping)


@pytest.mark.parametrize(
    ("fault", "judge"),
    [
        (duplicates_are_taken, pains.test_another_payload_under_a_known_id_changes_nothing_and_is_noticed),
        (duplicates_are_taken, F8().test_the_same_id_with_another_payload_is_a_duplicate_and_the_first_wins),
        (steps_of_one_moment_are_not_in_order, F7().test_two_steps_in_the_same_second_convert),
        (steps_of_one_moment_are_not_in_order, pains.test_steps_of_the_same_second_convert),
        (logged_steps_of_one_moment_keep_the_order_of_arrival, pains.test_steps_of_the_same_second_convert),
        (a_deadline_passes_at_its_very_moment, F5().test_a_touchpoint_at_the_very_limit_is_in_time),
        (a_deadline_passes_at_its_very_moment, F5().test_a_snooze_may_name_its_end_itself),
        (equal_to_the_lateness_is_late, F8().test_beyond_the_bound_it_is_late_and_moves_nobody),
        (nothing_is_late, F8().test_beyond_the_bound_it_is_late_and_moves_nobody),
        (without("since_entered"), F5().test_silence_after_the_entry_stalls_once_at_the_limit_also_after_a_restart),
        (without("since_last_touch"), F5().test_a_touchpoint_a_second_before_the_limit_resets_the_second_clock_only),
        (without("window"), F6().test_an_entry_three_days_ago_in_a_window_of_31_days_is_in_progress),
        (the_clock_is_never_asked, F5().test_silence_after_the_entry_stalls_once_at_the_limit_also_after_a_restart),
        (the_clock_is_never_asked, pains.test_who_may_still_convert_is_not_shown_as_dropped),
        (the_business_is_a_sign_of_life, F5().test_touchpoints_of_the_business_are_no_sign_of_life),
        (a_risk_is_told_at_every_look, measures.test_a_bad_judgement_after_the_purchase_is_a_risk_once),
        (
            what_was_told_of_a_path_is_forgotten,
            measures.test_a_declared_path_is_watched_while_the_customer_is_inside,
        ),
        (logged_scores_stay_as_they_were, measures.test_points_that_come_out_of_order_correct_the_move),
        (time_before_the_clock_is_forgotten, measures.test_what_the_clock_told_a_touchpoint_does_not_tell_again),
        (nothing_is_refused, F1().test_listed_pairs_lead_back_and_no_others_do),
        (nothing_is_refused, F9().test_never_lets_nobody_in_again),
        (a_round_keeps_the_goal_of_the_one_before, pains.test_whoever_left_can_enter_again_and_convert_again),
    ],
)
def test_a_fault_makes_a_named_test_fail(
    fault: Callable[[Patch], None], judge: Callable[[], None], monkeypatch: Patch
) -> None:
    judge()
    fault(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):  # ValueError: a signal is missing or one too many
        judge()
