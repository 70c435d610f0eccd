"""Many workers on paper: who gets how much of the load, and what the loss of some of them costs. No Kafka, no clock.

Partitions get customers by chance, as a hash deals them, far more than there are partitions, and workers get partitions
in turn. A fluid model: touchpoints come and go evenly within a second.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil, log, sqrt
from random import Random
from typing import NamedTuple

DEALT = 400_000  # of unlike customers, the first so many are dealt out one by one; what others add is even
SEED = 7
WORKERS_PER_MACHINE = 8  # one per core
MACHINES = 3  # at least, if there are workers for them: with two, half of all is lost with one
PARTITIONS_PER_WORKER = 8  # at least: so shares are even, and the fleet can grow without a new topic
LEAST_WORKERS = 2  # one may be lost
LOAD = 0.6  # of a worker's speed that is planned with
LOAD_LEFT = 0.8  # the same when a machine is lost: the rest works off what came meanwhile
SESSION_SECONDS = 10.0  # the default of CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS
REJOIN_SECONDS = 4.0  # a heartbeat of 2 s that tells of it, the drain, the group's answer; inferred


class Speeds(NamedTuple):
    """What one worker process does a second: touchpoints, and changelog records restored."""

    touchpoints: float
    restored: float


class Fleet(NamedTuple):
    """How many of what, for a rate of touchpoints a second and so many customers."""

    rate: float
    customers: int
    workers: int
    partitions: int

    @property
    def machines(self) -> int:
        """Return on how many machines the workers are."""
        return max(min(self.workers, MACHINES), ceil(self.workers / WORKERS_PER_MACHINE))

    @property
    def per_machine(self) -> int:
        """Return how many workers the fullest machine has."""
        return ceil(self.workers / self.machines)


class Loss(NamedTuple):
    """After some workers are lost: the survivors' greatest load, when all is read again, when nobody is behind."""

    load: float
    resumed_seconds: float
    caught_up_seconds: float


def plan(rate: float, customers: int, speed: float) -> Fleet:
    """Return the smallest fleet whose workers do LOAD of their `speed`, and LOAD_LEFT when a machine is lost."""
    workers = max(LEAST_WORKERS, ceil(rate / (speed * LOAD)))
    while rate > speed * LOAD_LEFT * (workers - Fleet(rate, customers, workers, 0).per_machine):
        workers += 1
    partitions = 1 << (workers * PARTITIONS_PER_WORKER - 1).bit_length()
    return Fleet(rate, customers, workers, partitions)


@cache
def shares(partitions: int, customers: int, hot: bool) -> list[float]:
    """Return the share of the touchpoints of each partition: of customers all alike, or `hot`, by Zipf's law."""
    found = _zipf(partitions, customers) if hot else _alike(partitions, customers)
    total = sum(found)
    return [each / total for each in found]


def _alike(partitions: int, customers: int) -> list[float]:
    """Return how many customers each partition gets: near enough to a normal distribution."""
    mean, dice = customers / partitions, Random(SEED)
    return [dice.gauss(mean, sqrt(mean)) for _ in range(partitions)]


def _zipf(partitions: int, customers: int) -> list[float]:
    dealt, dice = min(customers, DEALT), Random(SEED)
    found = [log((customers + 1) / (dealt + 1)) / partitions] * partitions
    for rank in range(1, dealt + 1):
        found[dice.randrange(partitions)] += log(1 + 1 / rank)
    return found


def by_worker(each: Sequence[float], workers: int) -> list[float]:
    """Return the shares of workers that take the partitions in turn."""
    return [sum(each[number::workers]) for number in range(workers)]


def skew(found: Sequence[float]) -> float:
    """Return the greatest share over the mean."""
    return max(found) * len(found) / sum(found)


def lose(fleet: Fleet, lost: int, speeds: Speeds) -> Loss:
    """Lose the last `lost` workers for good, and let the others take over; load is even.

    The lost partitions stand still until the session is over. Then all stop for the rebalance, and each worker until it
    has restored what it was given. What came meanwhile is worked off with what is left of its speed.
    """
    each = shares(fleet.partitions, fleet.customers, hot=False)
    old, new = by_worker(each, fleet.workers), by_worker(each, fleet.workers - lost)
    resumed, caught_up = 0.0, 0.0
    for number, share in enumerate(new):
        gained = max(0.0, share - old[number])
        stopped = REJOIN_SECONDS + gained * fleet.customers / speeds.restored
        backlog = fleet.rate * (gained * SESSION_SECONDS + share * stopped)
        spare = speeds.touchpoints - fleet.rate * share
        resumed = max(resumed, SESSION_SECONDS + stopped)
        caught_up = max(caught_up, SESSION_SECONDS + stopped + backlog / spare if spare > 0 else float("inf"))
    return Loss(fleet.rate * max(new) / speeds.touchpoints, resumed, caught_up)
