"""Stage metrics: what the touchpoints of each stage count as, and what the customers came to.

`measures.metrics` of a definition says which types of touchpoints are visits, sales and so on. Amounts are counted
here, exactly, and can be merged; metric_figures makes rates of them where they are read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

from cjstream.core.fields import Fields
from cjstream.core.limits import MAX_LABEL, MAX_NUMBER
from cjstream.core.measures import labels
from cjstream.core.measures.customer_log import CustomerLog
from cjstream.core.measures.metric_types import GOOD_REVIEWS, NAMES, PRICES, SALES, TOLD_BY_ANYONE, Spec, read
from cjstream.core.measures.sentiment import BANDS, POSITIVE
from cjstream.core.outputs import OUTCOMES
from cjstream.core.touchpoint import Touchpoint

__all__ = ["ALL", "GOOD_REVIEWS", "MICROS", "NAMES", "OUT_OF_SCALE", "SALES", "Spec", "StageMetrics", "read"]

CONVERTED = OUTCOMES[1]
MICROS = 1_000_000  # money is summed in whole millionths: exact, and the same in any order

ALL = ""  # all stages, and outside; no stage has this id

OUT_OF_SCALE = "ratings_out_of_scale"

Key = TypeVar("Key")
Place = str | None  # the id of a stage, None: outside


@dataclass(slots=True)
class CustomerCounts:
    """How many customers came to what. A visitor is a customer with a session; referred: see CustomerLog.is_referred.

    `advocates`: converted customers who praised or recommended the business. `ms_on_site`: of all sessions.
    """

    customers: int = 0
    entered: int = 0
    converted: int = 0
    buyers: int = 0
    repeat_buyers: int = 0
    visitors: int = 0
    returning_visitors: int = 0
    sessions: int = 0
    ms_on_site: int = 0
    referred_entries: int = 0
    referred_conversions: int = 0
    advocates: int = 0

    def merge(self, other: "CustomerCounts") -> None:
        """Add other customers."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class Ratings(NamedTuple):
    """Ratings on one scale: their number, sum in millionths, and how many are positive and negative (BANDS)."""

    number: int = 0
    micros: int = 0
    positive: int = 0
    negative: int = 0


REST = (0, False)  # the place of types that count as nothing but a touchpoint


class StageMetrics:
    """Counts by stage, and of customers. A plain value: it can be pickled, and merged with one of the same spec.

    `touch` every touchpoint that was no duplicate, in any order, and in the end every `customer`.
    """

    __slots__ = ("_columns", "_counts", "_labelled", "_ratings", "_rows", "customers", "spec")

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.customers = CustomerCounts()
        self._columns = spec.columns
        self._rows: dict[Place, list[int]] = {}  # touchpoints of the customers, by type
        self._counts: Counter[tuple[Place, str]] = Counter()
        self._labelled: dict[tuple[Place, str], Counter[str]] = {}  # micros by currency; payments by method
        self._ratings: dict[tuple[Place, str], list[int]] = {}  # by scale: as in Ratings

    def touch(self, touchpoint: Touchpoint, stage: str | None) -> None:
        """Count a touchpoint, with its derived sentiment; `stage`: where the customer was after it, None: outside."""
        fields = touchpoint.fields
        if fields.cost is not None:
            self._add_money(stage, "cost", fields, fields.cost)
        if not touchpoint.by_customer:
            self._touch_by_business(touchpoint, stage)
            return
        row = self._rows.get(stage)
        if row is None:
            row = self._rows[stage] = [0] * (len(self._columns) + 1)
        column, is_looked_into = self._columns.get(touchpoint.type, REST)
        row[column] += 1
        if is_looked_into:
            self._look_into(touchpoint, stage)
        if fields.rating is not None:
            self._rate(fields.rating, fields.scale or "stars", stage)

    def _touch_by_business(self, touchpoint: Touchpoint, stage: Place) -> None:
        for name in self.spec.names_of.get(touchpoint.type, ()):
            if name in TOLD_BY_ANYONE:
                self._counts[stage, name] += 1
        if touchpoint.type in self.spec.types[SALES]:
            self._sell(touchpoint.fields, stage)

    def _look_into(self, touchpoint: Touchpoint, stage: Place) -> None:
        types, fields = self.spec.types, touchpoint.fields
        if touchpoint.type in types[GOOD_REVIEWS] and fields.sentiment == POSITIVE:
            self._counts[stage, GOOD_REVIEWS] += 1
        if touchpoint.type in types[SALES]:
            self._sell(fields, stage)
        elif touchpoint.type in types[PRICES]:
            self._negotiate(fields, stage)

    def _sell(self, fields: Fields, stage: Place) -> None:
        if fields.value is not None:
            self._add_money(stage, "revenue", fields, fields.value)
        method = (fields.properties or {}).get("payment_method")
        if isinstance(method, str) and 0 < len(method) <= MAX_LABEL:
            self._label(stage, "payment_methods", method, 1)
        self._negotiate(fields, stage)

    def _negotiate(self, fields: Fields, stage: Place) -> None:
        price = (fields.properties or {}).get("negotiated_price")
        if isinstance(price, int | float) and not isinstance(price, bool) and abs(price) <= MAX_NUMBER:
            self._add_money(stage, "negotiated", fields, price)
            self._label(stage, "negotiated_prices", fields.currency or "", 1)

    def _add_money(self, stage: Place, name: str, fields: Fields, amount: float) -> None:
        self._label(stage, name, fields.currency or "", round(amount * MICROS))

    def _label(self, stage: Place, name: str, label: str, amount: int) -> None:
        amounts = self._labelled.get((stage, name))
        if amounts is None:
            amounts = self._labelled[stage, name] = Counter()
        labels.add(amounts, label, amount)

    def _rate(self, rating: float, scale: str, stage: Place) -> None:
        band = BANDS[scale]
        if not band.low <= rating <= band.high:
            self._counts[stage, OUT_OF_SCALE] += 1
            return
        scale = "csat" if scale == "stars" else scale  # a star is a point of satisfaction
        counts = self._ratings.get((stage, scale))
        if counts is None:
            counts = self._ratings[stage, scale] = [0] * len(Ratings._fields)
        counts[0] += 1
        counts[1] += round(rating * MICROS)
        counts[2] += rating >= band.positive
        counts[3] += rating <= band.negative

    def customer(self, log: CustomerLog, outcome: str | None) -> None:
        """Count a customer whose touchpoints are all in. `outcome`: the best one of the runs; None: never entered."""
        counts, is_entered, is_converted = self.customers, outcome is not None, outcome == CONVERTED
        number, length_ms = log.sessions()
        counts.customers += 1
        counts.entered += is_entered
        counts.converted += is_converted
        counts.buyers += log.sales > 0
        counts.repeat_buyers += log.sales > 1
        counts.visitors += number > 0
        counts.returning_visitors += number > 1
        counts.sessions += number
        counts.ms_on_site += length_ms
        counts.advocates += is_converted and log.is_advocate
        if log.is_referred:
            counts.referred_entries += is_entered
            counts.referred_conversions += is_converted

    def merge(self, other: "StageMetrics") -> None:
        """Add what others counted under the same spec."""
        self.customers.merge(other.customers)
        self._counts.update(other._counts)
        _add_up(self._rows, other._rows)
        _add_up(self._ratings, other._ratings)
        for key, amounts in other._labelled.items():
            labels.merge(self._labelled.setdefault(key, Counter()), amounts)

    @property
    def stages(self) -> set[Place]:
        """Where something was counted; None: outside of the journey."""
        keyed = (*self._counts, *self._labelled, *self._ratings)
        return {*self._rows, *(stage for stage, _ in keyed)}

    def touchpoints(self, stage: Place = ALL) -> int:
        """Return how many touchpoints of the customers there were in a stage."""
        return sum(map(sum, self._in(stage)))

    def count(self, name: str, stage: Place = ALL) -> int:
        """Return how many touchpoints count as one of NAMES, or are OUT_OF_SCALE, in a stage."""
        types = () if name in (GOOD_REVIEWS, OUT_OF_SCALE) else self.spec.types[name]
        columns = [self._columns[kind][0] for kind in types]
        others = sum(count for (place, each), count in self._counts.items() if each == name and stage in (ALL, place))
        return sum(row[column] for row in self._in(stage) for column in columns) + others

    def ratings(self, scale: str, stage: Place = ALL) -> Ratings:
        """Return the ratings on `csat` (stars among them), `nps` or `ces` in a stage."""
        found = [row for (place, each), row in self._ratings.items() if each == scale and stage in (ALL, place)]
        return Ratings(*map(sum, zip(*found, strict=True)))

    def labelled(self, name: str, stage: Place = ALL) -> Counter[str]:
        """Return amounts by label: `revenue`, `cost`, `negotiated` in millionths by currency, "" where none is told."""
        found = Counter[str]()
        for (place, each), amounts in self._labelled.items():
            if each == name and stage in (ALL, place):
                labels.merge(found, amounts)
        return found

    def _in(self, stage: Place) -> Iterable[list[int]]:
        return self._rows.values() if stage == ALL else [self._rows[stage]] if stage in self._rows else []


def _add_up(mine: dict[Key, list[int]], others: Mapping[Key, list[int]]) -> None:
    for key, row in others.items():
        mine[key] = [here + there for here, there in zip(mine.get(key, [0] * len(row)), row, strict=True)]
