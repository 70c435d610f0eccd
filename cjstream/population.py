"""A made-up shop's customers and its advertising: realistic touchpoints and facts by seed. No clock, no I/O.

Each customer walks from finding the shop to recommending it, and leaves where dice and persona say so.
A walk is a generator on a heap ordered by its next event time: memory holds the customers on their way only.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush, heapreplace
from random import Random
from typing import Any, TypeVar

from cjstream.core.facts import CLICKS, IMPRESSIONS, SEARCH_RANK, SPEND, Fact
from cjstream.personas import (
    BITTER_STARS,
    CAMPAIGNS,
    FIRST_TYPES,
    MARKETS,
    PERSONAS,
    PRODUCTS,
    STARS,
    TEXTS,
    WEIGHING_TYPES,
)

Touchpoint = dict[str, Any]
Step = tuple[int, Touchpoint]  # with the event time in ms since the epoch
Walk = Iterator[Step]
Part = Generator[Step, None, bool]  # a part of a walk; returns whether the customer is still content
T = TypeVar("T")

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
TYPICAL_DAYS = 30  # pauses between visits are given for such a period; others stretch or shrink them
ADVOCATES_KEPT = 100
ANSWERED = 0.7  # share of questions and complaints that the shop answers
AD_CHANNELS = ("search", "social_media", "email")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def population(
    customers: int, seed: int, start_ms: int, days: int, arrival_days: float | None = None
) -> Iterator[Touchpoint]:
    """Yield the Touchpoint v1 dicts of `customers` customers in event-time order, about 10 each.

    Times lie from `start_ms` (since the epoch) until `days` later; a walk still under way then ends there. Customers
    come evenly over all the days, or over the first `arrival_days` of them.
    The same arguments give the same dicts; ids are unique, also between seeds. Memory grows with the
    customers on their way at one time, a fraction of all.
    """
    dice = Random(seed)  # noqa: S311 - made-up customers keep no secrets
    shop = _Shop(dice, f"c{seed}", days / TYPICAL_DAYS)
    walks: list[tuple[int, int, Touchpoint, Walk]] = []
    arrivals_ms = DAY * (days if arrival_days is None else arrival_days)
    for number in range(customers):
        # One arrival in each equal slice of the period: random, yet in order without keeping any.
        arrival_ms = start_ms + int(arrivals_ms * (number + shop.random()) / customers)
        yield from _advance(walks, arrival_ms)
        walk = _Customer(shop, number, arrival_ms).walk()
        at_ms, touchpoint = next(walk)
        heappush(walks, (at_ms, number, touchpoint, walk))
    yield from _advance(walks, start_ms + days * DAY)


def _advance(walks: list[tuple[int, int, Touchpoint, Walk]], end_ms: int) -> Iterator[Touchpoint]:
    """Yield what happens before `end_ms`, oldest first, and take the walks on as far."""
    while walks and walks[0][0] < end_ms:
        _, number, touchpoint, walk = walks[0]
        yield touchpoint
        following = next(walk, None)
        if following is None:
            heappop(walks)
        else:
            heapreplace(walks, (following[0], number, following[1], walk))


def advertising(customers: int, seed: int, start_ms: int, days: int) -> Iterator[Fact]:
    """Yield what the shop's ads did on each UTC day of the period: a campaign a day, in each of AD_CHANNELS.

    As much as brings `customers` customers in `days`; some of 100 impressions lead to a click. Money is in US dollars.
    """
    dice = Random(seed)  # noqa: S311 - made-up numbers keep no secrets
    for number in range(days + 1):
        day = (EPOCH + timedelta(milliseconds=start_ms, days=number)).date().isoformat()
        campaign = dice.choice(CAMPAIGNS)
        for channel in AD_CHANNELS:
            clicks = round(customers / days * dice.uniform(0.2, 0.6))
            yield Fact(IMPRESSIONS, channel, campaign, day, round(clicks * dice.uniform(15, 60)), "")
            yield Fact(CLICKS, channel, campaign, day, clicks, "")
            yield Fact(SPEND, channel, campaign, day, round(clicks * dice.uniform(0.1, 0.5), 2), "USD")
        yield Fact(SEARCH_RANK, "search", "", day, dice.randint(2, 9), "")


class _Shop:
    """What all customers share: the dice, the pace of pauses, and who has recommended the shop lately."""

    def __init__(self, dice: Random, prefix: str, pace: float) -> None:
        self.random = dice.random
        self.prefix = prefix
        self.pace = pace
        self.advocates: deque[str] = deque(maxlen=ADVOCATES_KEPT)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.random() * len(choices))]

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def between(self, low: int, high: int) -> int:
        return low + int(self.random() * (high - low))


class _Customer:
    """One customer on its way. `walk` is the whole of it; the other methods are its parts."""

    __slots__ = ("at_ms", "id", "market", "persona", "price", "product", "shop", "touches", "visit", "visits")

    def __init__(self, shop: _Shop, number: int, arrival_ms: int) -> None:
        self.shop = shop
        self.id = f"{shop.prefix}-{number:07d}"
        self.persona = shop.pick(PERSONAS)
        self.market = shop.pick(MARKETS)
        self.at_ms = arrival_ms
        self.touches = self.visits = 0
        self._choose()
        self.visit: Touchpoint = {}  # the fields that all touchpoints of the present visit share

    def walk(self) -> Walk:
        """Yield the touchpoints up to where this customer leaves."""
        chance, persona = self.shop.chance, self.persona
        yield from self._find()
        if not chance(persona.considers):
            return
        content = yield from self._weigh()
        if not chance(persona.buys if content else persona.buys / 2):
            return
        yield from self._buy()
        if self.visit["channel"] == "in_person" or chance(0.05):
            return  # carried home, or cancelled: nothing is delivered
        content = yield from self._receive()
        if chance(persona.reviews):
            content = yield from self._review(content)
        if content and chance(persona.repeats):
            yield from self._buy_again()
        if content and chance(persona.refers):
            yield from self._refer()

    def _find(self) -> Walk:
        shop = self.shop
        channel = shop.pick(self.persona.channels)
        recommended = shop.chance(0.1) and len(shop.advocates) > 0
        self._enter("word_of_mouth" if recommended else channel)
        if recommended:
            yield self._touch("page_view", referred_by=shop.pick(shop.advocates))
        else:
            yield self._touch_first(shop.pick(FIRST_TYPES.get(channel, ("page_view",))))
        for _ in range(shop.between(0, 5)):
            self._pause(5 * SECOND, 2 * MINUTE)
            yield self._touch("page_view", duration_ms=shop.between(2 * SECOND, MINUTE))

    def _touch_first(self, kind: str) -> Step:
        if kind == "ad_click":
            self.visit["campaign"] = self.shop.pick(CAMPAIGNS)
            cost = self.market.price(self.shop.between(5, 40) / 100)
            return self._touch(kind, cost=cost, currency=self.market.currency)
        return self._touch(kind)

    def _weigh(self) -> Part:
        """Look, compare and ask, over one to three visits. Content unless a question had no answer."""
        shop = self.shop
        for visit in range(shop.between(1, 4)):
            if visit:
                self._leave(HOUR, 3 * DAY)
                self._enter(shop.pick(self.persona.channels))
            for _ in range(1 + shop.between(0, self.persona.looks) // 2):
                self._pause(5 * SECOND, 3 * MINUTE)
                yield self._look(shop.pick(WEIGHING_TYPES))
        if shop.chance(0.15):
            self._pause(10 * SECOND, 2 * MINUTE)
            return (yield from self._say("question", "question", "reply", topic=self.product.name))
        return True

    def _look(self, kind: str) -> Step:
        shop = self.shop
        fields: Touchpoint = {"properties": {"product": self.product.name}}
        if kind == "wishlist":
            fields["thought"] = self._words("thought")
        elif kind != "product_view":
            fields["duration_ms"] = shop.between(10 * SECOND, 5 * MINUTE)
        return self._touch(kind, **fields)

    def _buy(self) -> Walk:
        shop = self.shop
        for kind in ("cart_add", "checkout"):
            self._pause(10 * SECOND, 5 * MINUTE)
            yield self._touch(kind, **self.price)
        while shop.chance(0.06):
            self._pause(5 * SECOND, MINUTE)
            yield self._touch(shop.pick(("payment_error", "payment_error", "error")))
        self._pause(20 * SECOND, 4 * MINUTE)
        yield self._touch("purchase", **self.price)
        if shop.chance(0.3):
            self._pause(SECOND, 20 * SECOND)
            yield self._act("thank_you", "email")

    def _receive(self) -> Part:
        """Get the parcel, perhaps complain, fill in a survey. Content unless a complaint had no answer."""
        shop, content = self.shop, True
        self._leave(DAY, 5 * DAY)
        yield self._act("delivered", "in_person", properties={"product": self.product.name})
        if shop.chance(self.persona.complains):
            self._leave(HOUR, DAY)
            self._enter(shop.pick(("website", "email", "social_media")))
            mood = {"topic": "delivery", "sentiment": "negative", "emotion": "angry"}
            content = yield from self._say("support_contact", "complaint", "apology", **mood)
        if shop.chance(0.15):
            self._leave(HOUR, DAY)
            self._enter("email")
            rating = shop.between(4, 6) if content else shop.between(1, 4)
            yield self._touch("survey", scale="csat", rating=rating, expected_rating=shop.between(3, 6))
        return content

    def _buy_again(self) -> Walk:
        self._leave(2 * DAY, 8 * DAY)
        self._enter(self.shop.pick(self.persona.channels))
        self._choose()
        yield self._touch("page_view", duration_ms=self.shop.between(2 * SECOND, MINUTE))
        self._pause(MINUTE, 10 * MINUTE)
        yield self._touch("repeat_purchase", **self.price)

    def _review(self, content: bool) -> Part:
        """Rate the purchase, perhaps get an answer. Content if the rating is good."""
        shop = self.shop
        rating = shop.pick(STARS if content else BITTER_STARS)
        words = "good" if rating >= 4 else "fair" if rating == 3 else "bad"
        self._leave(4 * HOUR, 3 * DAY)
        self._enter(shop.pick(("marketplace", "website", "social_media")))
        answer = "thanks" if rating >= 4 else "apology"
        yield from self._say("review", words, answer, rating=rating, topic=self.product.name)
        return rating >= 4

    def _refer(self) -> Walk:
        self._leave(HOUR, 4 * DAY)
        self._enter("word_of_mouth")
        yield self._touch("referral")
        self.shop.advocates.append(self.id)

    def _say(self, kind: str, words: str, answer: str, **fields: Any) -> Part:
        """Write something to the shop, which answers most of the time. Content if it did."""
        said = self._touch(kind, text=self._words(words), language=self.market.language, **fields)
        yield said
        if not self.shop.chance(ANSWERED):
            return False
        self._leave(10 * MINUTE, DAY)
        text, reply_to = self._words(answer), said[1]["id"]
        yield self._act("answer", "email", text=text, language=self.market.language, reply_to=reply_to)
        return True

    def _words(self, about: str) -> str:
        return self.shop.pick(TEXTS[self.market.language][about])

    def _choose(self) -> None:
        self.product = self.shop.pick(PRODUCTS)
        dollars = self.product.price * self.shop.between(80, 121) / 100
        self.price = {"value": self.market.price(dollars), "currency": self.market.currency}

    def _pause(self, low_ms: int, high_ms: int) -> None:
        self.at_ms += self.shop.between(low_ms, high_ms)

    def _leave(self, low_ms: int, high_ms: int) -> None:
        self.at_ms += int(self.shop.between(low_ms, high_ms) * self.shop.pace)

    def _enter(self, channel: str) -> None:
        self.visits += 1
        device = self.shop.pick(self.persona.devices)
        self.visit = {"channel": channel, "device": device, "session_id": f"{self.id}-s{self.visits}"}

    def _touch(self, kind: str, **fields: Any) -> Step:
        """The customer does something, on its present visit."""
        return self._record(kind, self.visit, fields)

    def _act(self, kind: str, channel: str, **fields: Any) -> Step:
        """The shop does something for this customer."""
        return self._record(kind, {"initiator": "business", "channel": channel}, fields)

    def _record(self, kind: str, circumstances: Touchpoint, fields: Touchpoint) -> Step:
        self.touches += 1
        time = (EPOCH + timedelta(milliseconds=self.at_ms)).isoformat(timespec="milliseconds")
        return self.at_ms, {
            "id": f"{self.id}-{self.touches}",
            "customer_id": self.id,
            "type": kind,
            "occurred_at": f"{time[:-6]}Z",
            "persona": self.persona.name,
            **circumstances,
            **fields,
        }
