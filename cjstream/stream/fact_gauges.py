"""What a worker shows of its facts at scrape time; read from other threads, so it copies first."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.core.facts import MICROS, NAMES
from cjstream.core.policies import OTHER
from cjstream.metrics import Labels, Value
from cjstream.stream.tally import channels_of

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

MAX_CURRENCIES = 10  # as labels; the money of any more goes together under `other`


def register(app: "JourneyApp") -> None:
    """Let `app.metrics` ask for these at every scrape."""

    def facts() -> Iterator[Value]:
        yield "cjstream_facts_lag_records", (), sum(_lag(app, number) for number in app.facts.owned())
        parts = [part.sums() for part in app.facts.parts()]
        yield from samples(parts, channels_of(app.partitions.active))

    app.metrics.add_source(facts)


def _lag(app: "JourneyApp", number: int) -> int:
    return int(app.consumer.lag(TP(app.settings.facts, number)))


def samples(parts: Iterable[dict[tuple[str, str, str], tuple[int, int]]], channels: set[str]) -> Iterator[Value]:
    """Yield facts known, and the sums of those with a meaning, from the `Facts.sums()` of each partition.

    Labels come from closed lists; a channel that is not in `channels`, and any other name, is `other`. No currency is
    the empty one.
    """
    known: Counter[Labels] = Counter({(name, OTHER): 0 for name in NAMES})
    micros: Counter[Labels] = Counter()
    for part in parts:
        for (name, channel, currency), (records, amount) in part.items():
            labels = (name if name in NAMES else OTHER, channel if channel in channels else OTHER)
            known[labels] += records
            if name in NAMES:
                micros[*labels, currency] += amount
    currencies = set(sorted({currency for _, _, currency in micros})[:MAX_CURRENCIES])
    sums: Counter[Labels] = Counter()
    for (name, channel, currency), amount in micros.items():
        sums[name, channel, currency if currency in currencies else OTHER] += amount
    yield from (("cjstream_facts", labels, records) for labels, records in known.items())
    yield from (("cjstream_fact_value", labels, amount / MICROS) for labels, amount in sums.items())
