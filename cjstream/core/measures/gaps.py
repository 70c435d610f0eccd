"""What customers expected against what they received: `expected_rating` beside `rating`, on the scale of both.

A gap is the expected rating less the given one: above 0 the customer expected more than there was, below 0 less.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cjstream.core.measures.labels import OTHER
from cjstream.core.measures.sentiment import BANDS, Place
from cjstream.core.touchpoint import Touchpoint

DEFAULT_SCALE = "stars"
MAX_PLACES = 10_000  # kept apart; what comes after them is counted under channel and persona `other`
UNITS = 1_000_000  # gaps are added up in whole millionths, so that their order does not matter


class Gap(NamedTuple):
    """How many touchpoints tell both ratings on a scale, and the sum of expected less given, in millionths."""

    number: int = 0
    millionths: int = 0

    @property
    def mean(self) -> float | None:
        """Expected less given rating, in points of the scale; None of none."""
        return self.millionths / UNITS / self.number if self.number else None


@dataclass
class Gaps:
    """Adds up gaps by place and scale: stars and csat 1 to 5, ces 1 to 7, nps 0 to 10. Scales are never mixed."""

    counts: Counter[tuple[Place, str]] = field(default_factory=Counter)
    sums: Counter[tuple[Place, str]] = field(default_factory=Counter)

    def touch(self, touchpoint: Touchpoint, stage: str | None) -> None:
        """Count a touchpoint; `stage` is where the customer was after it. Without both ratings it counts nowhere.

        Nor does one of the business, or with a rating out of the scale.
        """
        fields = touchpoint.fields
        wanted = fields.expected_rating
        given = fields.rating
        if wanted is None or given is None or not touchpoint.by_customer:
            return
        scale = fields.scale or DEFAULT_SCALE
        band = BANDS[scale]
        if band.low <= wanted <= band.high and band.low <= given <= band.high:
            place = stage, fields.channel, fields.persona
            self._add((place, scale), 1, round(wanted * UNITS) - round(given * UNITS))

    def merge(self, other: "Gaps") -> None:
        """Add what another one counted."""
        for key, count in other.counts.items():
            self._add(key, count, other.sums[key])

    def _add(self, key: tuple[Place, str], count: int, millionths: int) -> None:
        if key not in self.counts and len(self.counts) >= MAX_PLACES:
            (stage, _, _), scale = key
            key = (stage, OTHER, OTHER), scale
        self.counts[key] += count
        self.sums[key] += millionths

    def total(self) -> Mapping[str, Gap]:
        """Return the gaps by scale."""
        found = dict[str, Gap]()
        for key, gap in self._items():
            found[key[1]] = _sum(found.get(key[1], Gap()), gap)
        return found

    def by_stage(self) -> Mapping[tuple[str | None, str], Gap]:
        """Return the gaps by (stage after the touchpoint, scale); None: outside."""
        return self._by(0)

    def by_channel(self) -> Mapping[tuple[str | None, str], Gap]:
        """Return the gaps by (channel, scale); None: not told."""
        return self._by(1)

    def by_persona(self) -> Mapping[tuple[str | None, str], Gap]:
        """Return the gaps by (persona, scale); None: not told."""
        return self._by(2)

    def _by(self, part: int) -> dict[tuple[str | None, str], Gap]:
        found = dict[tuple[str | None, str], Gap]()
        for (place, scale), gap in self._items():
            found[place[part], scale] = _sum(found.get((place[part], scale), Gap()), gap)
        return found

    def _items(self) -> list[tuple[tuple[Place, str], Gap]]:
        return [(key, Gap(count, self.sums[key])) for key, count in self.counts.items()]


def _sum(one: Gap, other: Gap) -> Gap:
    return Gap(one.number + other.number, one.millionths + other.millionths)
