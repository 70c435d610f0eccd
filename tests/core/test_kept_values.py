"""What is told from encoded values and keys without looking at a customer's journeys."""

import pytest

from cjstream.core.engine import Journeys, advance, standing
from cjstream.core.forgetting import is_over, require_secret
from cjstream.core.outputs import Forgotten, StageCurrent
from cjstream.core.state import (
    CustomerState,
    JourneyState,
    Marker,
    Position,
    encode,
    hash_of_secret,
    hash_of_value,
    hashed_id,
    is_older,
    marker_key,
    newer_position,
)
from cjstream.errors import StateMismatch
from tests.core.builders import SHOP, touchpoint

EARLY = encode(CustomerState((0, 7), journeys={"shop": JourneyState(2)}))


@pytest.mark.parametrize(
    ("other", "is_early_older"),
    [
        (CustomerState((0, 8)), True),
        (CustomerState((1, 0)), True),
        (CustomerState((0, 6), journeys={"shop": JourneyState(9)}), False),
        (CustomerState((0, 7), journeys={"shop": JourneyState(3)}), True),
        (CustomerState((0, 7), journeys={"shop": JourneyState(1)}), False),
        (CustomerState((0, 7), journeys={"shop": JourneyState(2)}, erased_at_ms=5), True),
        (CustomerState((0, 7), journeys={"shop": JourneyState(2)}), False),
    ],
    ids=["later fence", "later epoch", "earlier fence", "more sent", "less sent", "forgotten since", "the same"],
)
def test_the_fence_tells_which_is_older_then_what_was_sent_then_when_it_was_forgotten(
    other: CustomerState, is_early_older: bool
) -> None:
    assert is_older(EARLY, encode(other)) is is_early_older


@pytest.mark.parametrize(
    ("marker", "is_gone"),
    [
        (Marker((0, 9), 100), True),
        (Marker((0, 10), 100), False),
        (Marker((0, 9), 200), False),
        (Marker((0, 9), 100, {}, 200), False),
    ],
    ids=["all is gone", "its record is still there", "erased lately", "made lately"],
)
def test_a_marker_is_over_when_its_time_and_its_record_are_gone(marker: Marker, is_gone: bool) -> None:
    assert is_over(marker, log_start=(0, 10), before_ms=200) is is_gone


def test_hashes_tell_secrets_ids_and_values_apart() -> None:
    assert marker_key("ani", b"a").hex().endswith(hashed_id("ani", b"a"))
    assert len({hashed_id(name, secret) for name in ("ani", "budi") for secret in (b"a", b"b")}) == 4
    assert hash_of_secret(b"a") != hash_of_secret(b"b")
    assert hash_of_value(None) == hash_of_value(b"") != hash_of_value(b"{}")


def test_another_secret_is_refused_and_an_unknown_one_passes() -> None:
    require_secret(Position(), b"a")
    require_secret(Position(secret_hash=hash_of_secret(b"a")), b"a")
    with pytest.raises(StateMismatch, match="CJSTREAM_ERASURE_KEY"):
        require_secret(Position(secret_hash=hash_of_secret(b"b")), b"a")


def test_of_two_positions_the_one_with_the_later_fence_is_in_force_and_the_newer_record_of_equal_ones() -> None:
    held, later, same = Position((0, 5)), Position((0, 6)), Position((0, 5), pending_acked=3)
    assert newer_position(held, encode(later)) == later
    assert newer_position(later, encode(held)) == later
    assert newer_position(held, encode(same)) == same
    assert newer_position(held, None) == Position()


def test_where_somebody_stands_is_what_was_told_last_and_nothing_of_who_entered_no_journey() -> None:
    journeys = Journeys.of((SHOP,))
    step = advance(None, touchpoint("t1", "page_view", 0), (0, 1), journeys)
    assert step.state is not None
    [told] = [each for each in step.outputs if isinstance(each, StageCurrent)]
    assert standing(step.state, "ani", journeys) == told
    assert standing(CustomerState((0, 1)), "ani", journeys) == Forgotten("ani")
