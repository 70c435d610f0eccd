"""The tables of docs/explanation/scaling.md follow from the kept figures, and the model behind them from its rules."""

from math import isclose

import pytest

from bench.fleet import REJOIN_SECONDS, SESSION_SECONDS, Fleet, Speeds, by_worker, lose, plan, shares, skew
from bench.scaling import PAGE, Measured, page

SPEEDS = Speeds(touchpoints=25_000, restored=50_000)


def test_the_page_is_made_of_the_kept_figures() -> None:
    assert PAGE.made() == page(Measured.kept()).strip(), "run bench/scaling.py --write"


@pytest.mark.parametrize(
    ("rate", "workers", "machines", "partitions"),
    [(10, 2, 2, 16), (30_000, 3, 3, 32), (100_000, 8, 3, 64), (500_000, 34, 5, 512)],
)
def test_a_fleet_has_workers_for_the_load_and_partitions_to_grow(
    rate: int, workers: int, machines: int, partitions: int
) -> None:
    fleet = plan(rate, 1, SPEEDS.touchpoints)
    assert (fleet.workers, fleet.machines, fleet.partitions) == (workers, machines, partitions)


@pytest.mark.parametrize("hot", [False, True])
def test_all_is_shared(hot: bool) -> None:
    assert isclose(sum(shares(64, 1_000_000, hot)), 1)
    assert isclose(sum(by_worker(shares(64, 1_000_000, hot), 7)), 1)
    assert 1 < skew(shares(64, 1_000_000, False)) < skew(shares(64, 1_000_000, True))


def test_more_customers_are_shared_more_evenly() -> None:
    assert 1 < skew(shares(1024, 100_000_000, False)) < 1.02 < skew(shares(1024, 1_000_000, False))


def test_who_is_left_stops_restores_and_catches_up() -> None:
    fleet = Fleet(rate=20_000, customers=1_000_000, workers=2, partitions=16)
    loss = lose(fleet, 1, SPEEDS)
    [first, second] = by_worker(shares(16, 1_000_000, hot=False), 2)
    stopped = REJOIN_SECONDS + second * 1_000_000 / 50_000
    assert isclose(first + second, 1)
    assert isclose(loss.load, 0.8)
    assert isclose(loss.resumed_seconds, SESSION_SECONDS + stopped)
    backlog = 20_000 * (SESSION_SECONDS * second + stopped)
    assert isclose(loss.caught_up_seconds, SESSION_SECONDS + stopped + backlog / 5_000)


def test_too_few_never_catch_up() -> None:
    assert lose(Fleet(40_000, 1_000_000, 2, 16), 1, SPEEDS).caught_up_seconds == float("inf")
