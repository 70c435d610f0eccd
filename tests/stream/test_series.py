"""The series of a scrape: no more than definitions and closed lists allow, and of open partitions only."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cjstream.core.facts import Fact, key_of
from cjstream.definitions import find, parse
from cjstream.ingest.codec import dumps
from cjstream.kafka import partition_of
from cjstream.supervisor.merge import merge
from tests.core.builders import START_MS
from tests.stream.scraped import PARTITIONS, Scraped, Series

NOW = datetime(2026, 11, 1, tzinfo=UTC).isoformat()
MEASURED = (
    (Path(__file__).parents[2] / "bench" / "measured.yaml").read_text("utf-8")
    + """
count_by: {channel: [website, mail], device: [phone], persona: [hunter]}
"""
)
JOURNEYS = parse(MEASURED, "measured.yaml"), find("loyal_customers"), find("b2b_cooperation")
TYPES = (
    "page_view", "search", "product_view", "cart_add", "checkout", "purchase", "delivered", "review", "complaint",
    "question", "survey_answered", "referral", "contract_signed", "renewal_signed", "payment_error", "sign_up",
)  # fmt: skip
STRANGER = "stranger"  # in every value that no definition knows

OPENMETRICS = "application/openmetrics-text"
FAR_MS = 2**41  # after all deadlines

Do = Callable[[Scraped], Coroutine[Any, Any, None]]


def run(tmp_path: Path, do: Do) -> None:
    async def main() -> None:
        worker = Scraped(tmp_path, *JOURNEYS)
        try:
            await do(worker)
        finally:
            await worker.partitions.close()

    asyncio.run(main())


def honest(customers: int) -> Iterator[dict[str, Any]]:
    """Yield touchpoints of customers who do all that there is to do, with all that touchpoints tell."""
    for customer in range(customers):
        for number, kind in enumerate(TYPES):
            yield {
                "id": f"{customer}-{number}", "customer_id": f"c{customer}", "type": kind, "occurred_at": NOW,
                "channel": "website", "device": "phone", "persona": "hunter", "value": 5, "currency": "EUR",
                "sentiment": ("positive", "neutral", "negative")[customer % 3], "rating": 4, "campaign": "spring",
            }  # fmt: skip


def flood(seed: int, many: int) -> Iterator[dict[str, Any] | bytes]:
    """Yield touchpoints full of values that nobody knows, and records that are no touchpoints."""
    for number in range(many):
        name = f"{STRANGER}-{seed}-{number}"
        yield {
            "id": f"{name}-type", "customer_id": name, "type": f"{name}-type", "occurred_at": NOW,
            "channel": f"{name}-channel", "device": f"{name}-device", "persona": f"{name}-persona",
            "sentiment": "negative", "stage": f"{name}-stage", "topic": name, "language": "xx",
        }  # fmt: skip
        for kind in ("page_view", "purchase", "review"):
            yield {
                "id": f"{name}-{kind}", "customer_id": name, "type": kind, "occurred_at": NOW, "account_id": name,
                "channel": f"{name}-channel", "device": f"{name}-device", "persona": f"{name}-persona",
                "campaign": name, "value": number, "currency": _currency(seed, number), "rating": number % 9,
                "scale": ("stars", "csat", "ces", "nps")[number % 4], "score": number, "session_id": name,
            }  # fmt: skip
        yield f'{{"{name}": '.encode()
        yield dumps({"id": name, "customer_id": name, "type": 1, "occurred_at": name})


def _currency(seed: int, number: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"Q{letters[(number // 26 + seed) % 26]}{letters[number % 26]}"


def flood_of_facts(seed: int, many: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(many):
        name = f"{STRANGER}-{seed}-{number}"
        for fact in (
            Fact(name, name, name, "2026-11-01", 1, ""),
            Fact("spend", name, name, "2026-11-01", 2.5, _currency(seed, number)),
        ):
            yield key_of(fact).encode(), dumps({key: value for key, value in fact._asdict().items() if value != ""})


def test_a_flood_of_what_nobody_knows_adds_no_series(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(*range(PARTITIONS))
        await worker.take(honest(12))
        await worker.take(flood(0, 30))
        await worker.take_facts(flood_of_facts(0, 30))
        before = worker.page()
        for seed in (1, 2):
            await worker.take(flood(seed, 100))
            await worker.take_facts(flood_of_facts(seed, 100))
        after = worker.page()
        assert worker.sum_by("cjstream_touchpoints_total")[()] > 12 * len(TYPES) + 4 * 200, "it was taken"
        assert worker.sum_by("cjstream_dead_letters_total")[()] == 2 * 230
        assert worker.sum_by("cjstream_channel_touchpoints_total", "channel")["other",] > 200
        assert without_currencies(after) == without_currencies(before)
        assert len(after) == len(before)
        assert not [series for series in after if STRANGER in str(series)]

    run(tmp_path, do)


def without_currencies(page: dict[Series, float]) -> set[Series]:
    """Return the series but those of money in facts: which of its currencies are shown changes, how many does not."""
    return {series for series in page if series[0] != "cjstream_fact_value"}


def test_the_labels_of_journeys_are_those_of_their_definitions(tmp_path: Path) -> None:
    stages = {each.journey: {stage.id for stage in each.stages} | {"none"} for each in JOURNEYS}

    async def do(worker: Scraped) -> None:
        await worker.own(*range(PARTITIONS))
        await worker.take(honest(12))
        await worker.take(flood(0, 30))
        for name, labels in worker.page():
            found = dict(labels)
            if name.startswith("cjstream") and "journey" in found:
                told = {found[label] for label in ("stage", "from", "to") if label in found}
                assert told <= stages[found["journey"]], name

    run(tmp_path, do)


LEFT_OUT = ("cjstream_transitions_total", "cjstream_refused_moves_total", "cjstream_stage_value_total")  # see zeros.py


def test_what_journeys_count_is_there_at_0_before_it_is_counted(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(*range(PARTITIONS))
        before = worker.page()
        await worker.take(honest(12))
        await worker.take(flood(0, 12))
        after = worker.page()
        journeys = {series: value for series, value in after.items() if {"journey", "channel"} & {*dict(series[1])}}
        assert {name for name, _ in journeys.keys() - before.keys()} <= {*LEFT_OUT}
        grown = {name for (name, labels), value in journeys.items() if value > before.get((name, labels), value)}
        assert grown >= {
            "cjstream_signals_total", "cjstream_score_thresholds_total", "cjstream_deviations_total",
            "cjstream_channel_touchpoints_total", "cjstream_sentiment_total", "cjstream_ratings_total",
            "cjstream_stage_touchpoints_total", "cjstream_dwell_seconds_count",
        }  # fmt: skip
        assert all(before[series] == 0 for series in journeys.keys() & before.keys() if "weight" not in series[0])

    run(tmp_path, do)


def test_a_clock_that_runs_out_counts_in_series_that_were_there(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(*range(PARTITIONS))
        await worker.take(honest(12))
        lookers = (each | {"customer_id": f"looker-{each['id']}"} for each in honest(6) if each["type"] == "page_view")
        await worker.take(lookers)
        before = worker.page()
        for partition in worker.partitions.opened():
            partition.fire(FAR_MS, lambda: True)
        await worker.partitions.drain()
        after = worker.page()
        assert {name for name, _ in after.keys() - before.keys()} <= {*LEFT_OUT}
        assert worker.sum_by("cjstream_sla_total", "result")["breached",]
        dropped = worker.sum_by("cjstream_signals_total", "kind")["dropped",]
        assert worker.sum_by("cjstream_drops_total")[()] == dropped > 0

    run(tmp_path, do)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_the_page_and_that_of_a_supervisor_parse(tmp_path: Path, accept: str) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(*range(PARTITIONS))
        await worker.take(honest(12))
        page = worker.metrics.render(accept)[1].decode()
        both = merge([("0", page), ("1", page)])
        parse = parse_openmetrics if accept else parse_text
        one, two = ([sample for family in parse(text) for sample in family.samples] for text in (page, both))
        assert len(two) == 2 * len(one)
        buckets = Counter(sample.labels["worker"] for sample in two if sample.name == "cjstream_dwell_seconds_bucket")
        assert buckets["0"] == buckets["1"] > 0

    run(tmp_path, do)


def test_series_of_a_partition_and_its_customers_go_when_it_is_revoked(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(0, 1, 2)
        assert worker.sum_by("cjstream_assigned_partitions") == {(): 3}
        await worker.take(honest(20))
        all_of_them = worker.sum_by("cjstream_customers", "journey")["shop",]
        mine = sum(partition_of(f"c{number}".encode(), PARTITIONS) == 1 for number in range(20))
        assert 0 < mine < all_of_them
        assert numbers(worker) == {"0", "1", "2"}
        await worker.own(1)
        assert numbers(worker) == {"1"}
        assert worker.sum_by("cjstream_customers", "journey")["shop",] == mine
        await worker.own()
        assert numbers(worker) == set()
        assert not worker.sum_by("cjstream_customers", "journey")
        assert not worker.sum_by("cjstream_reached_customers", "journey")

    run(tmp_path, do)


def numbers(worker: Scraped) -> set[str]:
    return {dict(labels)["partition"] for _, labels in worker.page() if "partition" in dict(labels)}


@pytest.mark.parametrize("name", ["cjstream_customers", "cjstream_furthest_customers", "cjstream_reached_customers"])
def test_two_workers_together_count_each_customer_once(tmp_path: Path, name: str) -> None:
    async def do(alone: Scraped) -> None:
        first, second = (Scraped(tmp_path, *JOURNEYS) for _ in range(2))
        for worker, owned in ((alone, range(PARTITIONS)), (first, (0, 2)), (second, (1, 3))):
            await worker.own(*owned)
            await worker.take(honest(20))
        labels = ("journey", "stage", "outcome")
        assert first.sum_by(name, *labels)
        assert first.sum_by(name, *labels) + second.sum_by(name, *labels) == alone.sum_by(name, *labels)
        for worker in (first, second):
            await worker.partitions.close()

    run(tmp_path, do)


def test_the_newest_event_time_rises_only_and_begins_anew_with_the_partition(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.own(0)
        (partition,) = worker.partitions.opened()
        customer = next(f"c{number}" for number in count() if partition_of(f"c{number}".encode(), PARTITIONS) == 0)
        for number, (second, newest) in enumerate(((5, 5), (9, 9), (7, 9))):
            at_ms = START_MS + second * 1000
            await worker.take([{"id": str(number), "customer_id": customer, "type": "search", "occurred_at": at_ms}])
            assert partition.newest_event_ms == START_MS + newest * 1000
        await worker.take([b"no touchpoint"])
        assert partition.newest_event_ms == START_MS + 9000
        await worker.own()
        await worker.own(0)
        assert [each.newest_event_ms for each in worker.partitions.opened()] == [None]

    run(tmp_path, do)


def test_partitions_in_restore_are_told_and_their_customers_are_not_counted(tmp_path: Path) -> None:
    async def do(worker: Scraped) -> None:
        await worker.partitions.keep({0, 1, 2})
        assert worker.sum_by("cjstream_restoring_partitions") == {(): 3}
        assert worker.sum_by("cjstream_input_partitions") == {(): PARTITIONS}
        assert not worker.sum_by("cjstream_assigned_partitions")
        await worker.partitions.open([0, 2])
        assert worker.sum_by("cjstream_restoring_partitions") == {(): 1}
        assert worker.sum_by("cjstream_assigned_partitions") == {(): 2}
        assert numbers(worker) == {"0", "2"}

    run(tmp_path, do)
