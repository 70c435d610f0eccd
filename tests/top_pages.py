"""Pages of metrics as workers and supervisors serve them, made by the same code, for the tests of `cjstream top`."""

from collections.abc import Mapping

from cjstream.cli.top_data import Shown, shown
from cjstream.cli.top_history import Answer, History
from cjstream.cli.top_series import by_worker
from cjstream.metrics import METRICS, SUPERVISOR_METRICS, Metrics, read_samples
from cjstream.supervisor.merge import merge

URL = "http://127.0.0.1:9464/metrics"
AT = "2026-11-22T17:30:00.000Z"
STAGES = ("awareness", "consideration", "purchase", "retention", "advocacy")

Values = Mapping[str, float]  # `name label,label` -> value


def fill(metrics: Metrics, values: Values) -> Metrics:
    """Set gauges and add to counters, by name and label values as in `cjstream_customers shop,purchase,converted`."""
    for key, value in values.items():
        name, _, labels = key.partition(" ")
        texts = tuple(labels.split(",")) if labels else ()
        if METRICS[name].kind == "gauge":
            metrics.set(name, value, texts)
        else:
            metrics.inc(name, texts, value)
    return metrics


def page(values: Values, started_seconds: float = 1000.0, cpu_seconds: float = 5.0) -> str:
    """Return the page of a worker; what the library says of the process of the test is replaced."""
    text = fill(Metrics(), values).render()[1].decode()
    ours = [line for line in text.splitlines() if "process_" not in line and "python_" not in line]
    ours += [
        f"process_start_time_seconds {started_seconds}",
        f"process_cpu_seconds_total {cpu_seconds}",
        "process_resident_memory_bytes 8.8080384e+07",
    ]
    return "".join(f"{line}\n" for line in ours)


def supervised(pages: Mapping[int, str], workers: int, restarts: Values | None = None) -> str:
    """Return the page of a supervisor of so many workers, of which `pages` have answered."""
    own = Metrics(SUPERVISOR_METRICS)
    for number in range(workers):
        own.set("cjstream_worker_up", number in pages, (str(number),))
        own.inc("cjstream_worker_restarts_total", (str(number),), (restarts or {}).get(str(number), 0))
    texts = [(str(number), text) for number, text in pages.items()]
    return merge([*texts, ("supervisor", own.render()[1].decode())])


def answer(text: str, at_seconds: float, ready: str = "", url: str = URL) -> Answer:
    """Return what a look makes of a page."""
    return Answer(url, by_worker(read_samples(text), at_seconds), ready)


def look(*looks: tuple[float, list[Answer]]) -> Shown:
    """Return what is shown after these looks: of each the monotonic time, and the answers."""
    history, before = History(), None
    for now_seconds, answers in looks:
        found = shown(history.take(answers, now_seconds), AT, None if before is None else now_seconds - before)
        before = now_seconds
    return found


def healthy(partitions: int = 4, of: int = 8) -> dict[str, float]:
    """Return the gauges of a worker that is well."""
    return {
        "cjstream_ready": 1,
        "cjstream_assigned_partitions": partitions,
        "cjstream_input_partitions": of,
        "cjstream_restoring_partitions": 0,
        "cjstream_restore_remaining_records": 0,
        "cjstream_stalled_seconds": 0.3,
        "cjstream_commit_age_seconds": 0.2,
        **{f"cjstream_lag_records {number}": 100 for number in range(partitions)},
        **{f"cjstream_lag_seconds {number}": 0.5 * number for number in range(partitions)},
    }


def funnel(journey: str, *customers: tuple[int, int, int], stages: tuple[str, ...] = STAGES) -> dict[str, float]:
    """Return the customers of a journey: of each stage how many are in progress, converted and dropped."""
    here = dict(zip(stages, customers, strict=True))
    came = {stage: tuple(map(sum, zip(*customers[place:], strict=True))) for place, stage in enumerate(stages)}
    return {
        f"{name} {journey},{stage},{outcome}": number
        for name, counts in (("cjstream_customers", here), ("cjstream_reached_customers", came))
        for stage, numbers in counts.items()
        for outcome, number in zip(("in_progress", "converted", "dropped"), numbers, strict=True)
    }
