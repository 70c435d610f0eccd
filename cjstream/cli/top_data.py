"""What `cjstream top` shows of the workers, of what they said at two times. Pure: no clock, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cjstream.cli.top_journeys import Journey, journeys_of
from cjstream.cli.top_series import Growth, Seen, quantile, rates, totals

READY, WAITING, DOWN = "ready", "not ready", "down"
END_TO_END = "cjstream_end_to_end_seconds_bucket"
SHARES = {"p50": 0.5, "p99": 0.99}


class Process(NamedTuple):
    """One worker, as far as it is known: where it is, what it said last, and what is wrong with it."""

    address: str
    worker: str  # its number under a supervisor, else empty
    seen: Seen | None  # None: it has never answered
    growth: Growth | None  # None: it has not answered at two times
    down_seconds: float | None  # None: it has answered now
    why: str  # it is not ready; empty: nothing was said

    @property
    def now(self) -> Seen | None:
        """What it has said now."""
        return self.seen if self.down_seconds is None else None


@dataclass(frozen=True)
class Worker:
    """One row of the workers. What is not known is None; rates are means over the interval."""

    address: str
    worker: str
    state: str
    why: str
    down_seconds: float | None
    assigned_partitions: float | None
    lag_records: float | None
    lag_seconds: float | None
    touchpoints_per_second: float | None
    cpu_cores: float | None
    resident_bytes: float | None
    restarts: float | None


@dataclass(frozen=True)
class Pipeline:
    """All workers that answer, together. What is not known is None; rates are means over the interval."""

    workers: int
    workers_ready: int
    input_partitions: float | None
    assigned_partitions: float | None
    restoring_partitions: float | None
    restore_remaining_records: float | None
    lag_records: float | None
    lag_records_change_per_second: float | None
    lag_seconds: float | None
    touchpoints_per_second: Mapping[str, float] | None
    dead_letters: Mapping[str, float] | None
    dead_letters_per_second: Mapping[str, float] | None
    end_to_end_seconds: Mapping[str, float | None]
    commit_age_seconds: float | None
    stalled_seconds: float | None


@dataclass(frozen=True)
class Shown:
    """Everything of one screen. `interval_seconds` is None at the first look: there are no rates yet."""

    at: str
    interval_seconds: float | None
    pipeline: Pipeline
    workers: list[Worker]
    journeys: list[Journey]


def shown(processes: Sequence[Process], at: str, interval_seconds: float | None) -> Shown:
    """Return what there is to show of these processes; `at` is when they were asked."""
    workers = [_worker(process) for process in processes]
    here = [process for process in processes if process.now is not None]
    seen = [process.now for process in here if process.now is not None]
    growths = [process.growth for process in here if process.growth is not None]
    pipeline = _pipeline(workers, seen, growths)
    return Shown(at, interval_seconds, pipeline, workers, journeys_of(seen, growths))


def _worker(process: Process) -> Worker:
    seen, growth = process.now, process.growth if process.now else None
    is_ready = seen is not None and seen.value("cjstream_ready") == 1
    restarts = process.seen and process.seen.value("cjstream_worker_restarts_total")
    return Worker(
        process.address,
        process.worker,
        state=DOWN if seen is None else READY if is_ready else WAITING,
        why="" if is_ready else process.why,
        down_seconds=process.down_seconds,
        assigned_partitions=seen and seen.value("cjstream_assigned_partitions"),
        lag_records=seen and seen.value("cjstream_lag_records"),
        lag_seconds=seen and seen.most("cjstream_lag_seconds"),
        touchpoints_per_second=growth.rate("cjstream_touchpoints_total") if growth else None,
        cpu_cores=growth.rate("process_cpu_seconds_total") if growth else None,
        resident_bytes=seen and seen.value("process_resident_memory_bytes"),
        restarts=restarts,
    )


def _pipeline(workers: Sequence[Worker], seen: Sequence[Seen], growths: Sequence[Growth]) -> Pipeline:
    is_all = len(growths) == len(workers)  # else partitions may have come from where nobody answers
    return Pipeline(
        workers=len(workers),
        workers_ready=sum(worker.state == READY for worker in workers),
        input_partitions=_most(seen, "cjstream_input_partitions"),
        assigned_partitions=_sum(seen, "cjstream_assigned_partitions"),
        restoring_partitions=_sum(seen, "cjstream_restoring_partitions"),
        restore_remaining_records=_sum(seen, "cjstream_restore_remaining_records"),
        lag_records=_sum(seen, "cjstream_lag_records"),
        lag_records_change_per_second=_change(growths, "cjstream_lag_records") if is_all else None,
        lag_seconds=_most(seen, "cjstream_lag_seconds"),
        touchpoints_per_second=_rates(growths, "cjstream_touchpoints_total", "outcome"),
        dead_letters=_flat(totals(seen, "cjstream_dead_letters_total", "reason")) or None,
        dead_letters_per_second=_rates(growths, "cjstream_dead_letters_total", "reason"),
        end_to_end_seconds=_end_to_end(growths),
        commit_age_seconds=_most(seen, "cjstream_commit_age_seconds"),
        stalled_seconds=_most(seen, "cjstream_stalled_seconds"),
    )


def _sum(seen: Sequence[Seen], name: str) -> float | None:
    found = [value for each in seen if (value := each.value(name)) is not None]
    return sum(found) if found else None


def _most(seen: Sequence[Seen], name: str) -> float | None:
    return max((value for each in seen if (value := each.most(name)) is not None), default=None)


def _change(growths: Sequence[Growth], name: str) -> float | None:
    found = [change for each in growths if (change := each.change(name)) is not None]
    return sum(found) if found else None


def _rates(growths: Sequence[Growth], name: str, label: str) -> Mapping[str, float] | None:
    return _flat(rates(growths, name, label)) if growths else None


def _flat(counts: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    return {key: count for (key,), count in counts.items()}


def _end_to_end(growths: Sequence[Growth]) -> dict[str, float | None]:
    """Return quantiles of the interval, as far as the buckets tell; None if nothing became durable in it."""
    buckets = _flat(rates(growths, END_TO_END, "le"))
    return {name: quantile(share, buckets) for name, share in SHARES.items()}
