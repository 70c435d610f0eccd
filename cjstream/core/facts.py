"""Fact v1: a number that belongs to no customer, such as a day's ad impressions; and all those known, one per key.

The wire contract is schemas/facts.v1.schema.json; FIELDS is tested equal to it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from cjstream.core import touchpoint
from cjstream.core.touchpoint import Check, Rejection

IMPRESSIONS, CLICKS, SPEND, SEARCH_RANK = "impressions", "clicks", "spend", "search_rank"
NAMES = (IMPRESSIONS, CLICKS, SPEND, SEARCH_RANK)  # those with a meaning; facts of other names are kept all the same
AVERAGED = frozenset({SEARCH_RANK})  # a rank is no amount: its total is the mean
MICROS = 1_000_000  # sums are whole millionths: exact, and the same in any order
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
DAY = re.compile(r"(19[7-9]\d|[2-9]\d{3})-\d\d-\d\d", re.ASCII)


class Fact(NamedTuple):
    """A valid fact: what `name` counts came to `value` on `day` (`2026-11-22`, as its sender cuts days).

    `channel`, `campaign` and `currency` (of `value`, if it is money) are empty where none was given.
    """

    name: str
    channel: str
    campaign: str
    day: str
    value: float
    currency: str

    @property
    def micros(self) -> int:
        """The value in whole millionths."""
        return self.value * MICROS if isinstance(self.value, int) else round(self.value * MICROS)


class Withdrawal(NamedTuple):
    """A null value under a fact's key: the fact of this key is no longer known."""

    key: str


def _day(value: Any) -> str | None:
    if type(value) is not str or not DAY.fullmatch(value):
        return "bad_timestamp"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "bad_timestamp"
    return None


REQUIRED = ("name", "day", "value")
FIELDS: Mapping[str, Check | None] = {
    "name": touchpoint.FIELDS["type"],
    "channel": touchpoint.FIELDS["channel"],
    "campaign": touchpoint.FIELDS["campaign"],
    "day": _day,
    "value": touchpoint.FIELDS["value"],
    "currency": touchpoint.FIELDS["currency"],
}
KEY_FIELDS = ("name", "channel", "campaign", "day")


def parse_fact(fields: Mapping[str, Any]) -> Fact | Rejection:
    """Return the fact that a JSON object is, or why it is none.

    A null field counts as absent, an unknown one is ignored. Never raises.
    """
    for name, check in FIELDS.items():
        value = fields.get(name)
        if value is None:
            if name in REQUIRED:
                return Rejection("missing_field", name)
        elif check is not None and (reason := check(value)) is not None:
            return Rejection(reason, name)
    return Fact(
        fields["name"], fields.get("channel") or "", fields.get("campaign") or "", fields["day"], fields["value"],
        fields.get("currency") or "",
    )  # fmt: skip


def key_of(fact: Fact) -> str:
    """Return the key of a fact: name, channel, campaign and day as a JSON array without spaces.

    `["clicks","search","","2026-11-22"]`; only what JSON must escape is escaped, as JavaScript's JSON.stringify does.
    """
    return _to_json(fact[: len(KEY_FIELDS)])


class Facts(Mapping[str, Fact]):
    """Facts by key; of those with one key, the last one taken. A plain value: it can be pickled and merged."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}
        self._records: Counter[tuple[str, str, str]] = Counter()  # by name, channel, currency
        self._micros: Counter[tuple[str, str, str]] = Counter()

    def __getitem__(self, key: str) -> Fact:
        return self._facts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def take(self, fact: Fact) -> None:
        """Keep this fact, in place of what its key had."""
        key = key_of(fact)
        self.forget(key)
        self._facts[key] = fact
        self._book(fact, 1)

    def forget(self, key: str) -> None:
        """Know no fact of this key any more; none may have been known."""
        fact = self._facts.pop(key, None)
        if fact is not None:
            self._book(fact, -1)

    def _book(self, fact: Fact, sign: int) -> None:
        series = fact.name, fact.channel, fact.currency
        self._records[series] += sign
        self._micros[series] += sign * fact.micros
        if not self._records[series]:
            del self._records[series], self._micros[series]

    def merge(self, other: "Facts") -> None:
        """Take all facts of `other`, such as another partition's; where both have a key, that of `other` holds."""
        for fact in other.values():
            self.take(fact)

    def sums(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Return (facts, sum of their values in millionths) by (name, channel, currency). O(series), not O(facts).

        Safe to call from another thread; what is taken meanwhile may be in half.
        """
        micros = self._micros.copy()
        return {series: (records, micros[series]) for series, records in self._records.copy().items()}

    def total(
        self, name: str, channel: str | None = None, since_day: str | None = None, until_day: str | None = None
    ) -> float | None:
        """Return the sum of a name's values, of `search_rank` their mean; None if no fact is known.

        Of one `channel` ("": facts without one), or of all; of since_day <= day < until_day, each `YYYY-MM-DD`. All
        currencies are added up as if they were one: of money ask `by_currency`.
        """
        micros = [fact.micros for fact in self._matching(name, channel, since_day, until_day)]
        return _total(name, micros) if micros else None

    def by_currency(
        self, name: str, channel: str | None = None, since_day: str | None = None, until_day: str | None = None
    ) -> dict[str, float]:
        """Return `total` by currency, "" where none was given; of the same facts, in the order of their codes."""
        found: dict[str, list[int]] = {}
        for fact in self._matching(name, channel, since_day, until_day):
            found.setdefault(fact.currency, []).append(fact.micros)
        return {currency: _total(name, found[currency]) for currency in sorted(found)}

    def _matching(self, name: str, channel: str | None, since_day: str | None, until_day: str | None) -> Iterator[Fact]:
        for fact in self._facts.values():
            if (
                fact.name == name
                and (channel is None or fact.channel == channel)
                and (since_day is None or fact.day >= since_day)
                and (until_day is None or fact.day < until_day)
            ):
                yield fact


def _total(name: str, micros: list[int]) -> float:
    return sum(micros) / (MICROS * len(micros) if name in AVERAGED else MICROS)
