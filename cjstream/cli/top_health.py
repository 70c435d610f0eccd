"""What is wrong in what `cjstream top` shows, in words that say where to look. Pure."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from cjstream.cli.tables import duration
from cjstream.cli.top_data import DOWN, READY, Shown, Worker
from cjstream.ops import NO_PARTITION

STALLED_SECONDS = 10.0  # from 60 on the worker ends; what is well moves within one
BEHIND_SECONDS = 30.0  # less comes and goes with every rebalance

Verdict = Literal["ok", "look", "act"]


class Problem(NamedTuple):
    """Something to look at, or to act on: work stands still, or soon does."""

    verdict: Verdict
    text: str


def problems(shown: Shown) -> list[Problem]:
    """Return what is wrong, what has to be acted on first."""
    found = [*_of_workers(shown), *_of_partitions(shown), *_of_work(shown)]
    return sorted(found, key=lambda problem: problem.verdict != "act")


def verdict(found: list[Problem]) -> Verdict:
    """Return the worst of them; `ok` if there are none."""
    return found[0].verdict if found else "ok"


def name_of(worker: Worker, shown: Shown) -> str:
    """Return what a worker is called: by address and number, as far as they tell it from the others."""
    is_one_place = len({each.address for each in shown.workers}) == 1
    place = worker.address.partition("://")[2].removesuffix("/metrics")
    if not worker.worker:
        return place
    return f"worker {worker.worker}" if is_one_place else f"{place} {worker.worker}"


def _of_workers(shown: Shown) -> Iterator[Problem]:
    is_any_ready = shown.pipeline.workers_ready > 0
    for worker in shown.workers:
        if worker.state == READY or _is_spare(worker):
            continue
        since = f" for {duration(round(worker.down_seconds))}" if worker.state == DOWN and worker.down_seconds else ""
        why = f": {worker.why}" if worker.why else ""
        yield Problem("look" if is_any_ready else "act", f"{name_of(worker, shown)} {worker.state}{since}{why}")


def _is_spare(worker: Worker) -> bool:
    """Whether a worker has nothing to do: no fault of its own; partitions that nobody has are told of apart."""
    return worker.assigned_partitions == 0 and worker.why in {"", NO_PARTITION}


def _of_partitions(shown: Shown) -> Iterator[Problem]:
    pipeline = shown.pipeline
    restoring, assigned = pipeline.restoring_partitions or 0, pipeline.assigned_partitions
    if restoring:
        to_go = f"{pipeline.restore_remaining_records or 0:,.0f} records to go"
        yield Problem(
            "look", f"{restoring:.0f} partitions are being restored, {to_go}; their customers are missing here"
        )
    if pipeline.input_partitions is None or assigned is None:
        return
    missing = pipeline.input_partitions - assigned - restoring
    if missing > 0:
        what = f"{missing:.0f} of {pipeline.input_partitions:.0f} partitions are with none of these workers"
        todo = "run `cjstream status`; their customers are not counted here"
        yield Problem("look" if assigned else "act", f"{what}: {todo}")


def _of_work(shown: Shown) -> Iterator[Problem]:
    pipeline = shown.pipeline
    stalled, lag = pipeline.stalled_seconds or 0, pipeline.lag_seconds or 0
    if stalled >= STALLED_SECONDS:
        yield Problem(
            "act", f"work has not moved for {duration(round(stalled))}; at 1 min the worker ends to start anew"
        )
    if lag >= BEHIND_SECONDS and (pipeline.lag_records_change_per_second or 0) > 0:
        yield Problem("look", f"{duration(round(lag))} behind, and falling back: more workers, or less input")
    dead = sum((pipeline.dead_letters_per_second or {}).values())
    if dead:
        yield Problem("look", "records go to the dead-letter topic: run `cjstream dead-letter ls`")
