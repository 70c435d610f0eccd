"""What stage metrics come to: rates made of counts where they are read, None where there is nothing to divide by."""

from collections.abc import Mapping
from typing import NamedTuple

from cjstream.core.facts import CLICKS, IMPRESSIONS, SEARCH_RANK, SPEND, Facts
from cjstream.core.figures import share_of
from cjstream.core.measures import labels
from cjstream.core.measures.metrics import ALL, MICROS, NAMES, OUT_OF_SCALE, Place, StageMetrics


class StageFigures(NamedTuple):
    """One stage (None: outside, ALL: everywhere). Money is by currency, "" where the touchpoints tell none.

    `touchpoints`: of the customers. `counts`: by NAMES of metrics, all of them. `csat`: share of ratings of 4 and 5,
    in stars or on csat. `nps`: promoters (9, 10) less detractors (0 to 6) in percent of the ratings, -100 to 100.
    `ces`: mean, 1 to 7. `negotiated_price`: mean. `payment_methods`: sales by method, the commonest and `other`.
    """

    stage: Place
    touchpoints: int
    counts: Mapping[str, int]
    revenue: Mapping[str, float]
    cost: Mapping[str, float]
    csat: float | None
    csat_ratings: int
    nps: float | None
    nps_ratings: int
    ces: float | None
    ces_ratings: int
    ratings_out_of_scale: int
    payment_methods: Mapping[str, int]
    negotiated_price: Mapping[str, float]


class CustomerFigures(NamedTuple):
    """What the customers came to. A visitor is a customer with a session (core.measures.sessions).

    `repeat_purchase_rate`: customers with two sales or more, of those with a sale. `return_visits`: sessions that were
    not the customer's first. `referred_*`: customers whom somebody recommended, by referred_by, before they bought.
    `advocacy_rate`: converted customers who gave a good review, recommended or wrote a guest post, of all converted.
    """

    customers: int
    entered: int
    converted: int
    conversion_rate: float | None
    buyers: int
    repeat_buyers: int
    repeat_purchase_rate: float | None
    visitors: int
    sessions: int
    return_visits: int
    returning_share: float | None
    seconds_on_site: float
    mean_session_seconds: float | None
    referred_entries: int
    referred_conversions: int
    advocates: int
    advocacy_rate: float | None


class Advertising(NamedTuple):
    """What was spent to reach customers, and what it brought. Money is by currency, "" where none is told.

    Impressions, and the clicks on them, come from the facts; of what these do not tell, from the touchpoints
    (`from_facts`: the impressions are theirs). Clicks of facts are no share of impressions of touchpoints. `spend` is
    that of the facts; `cost_per_click` is spend by click. The cost of a conversion is spend and the cost of all
    touchpoints, by converted customer: what is told as a fact must not be told by touchpoints too. `search_rank`: mean
    of the facts.
    """

    impressions: int
    clicks: int
    from_facts: bool
    click_through_rate: float | None
    spend: Mapping[str, float]
    cost_per_click: Mapping[str, float]
    cost_per_conversion: Mapping[str, float]
    search_rank: float | None


def stage_figures(metrics: StageMetrics, stage: Place = ALL) -> StageFigures:
    """Return the figures of one stage, or of all of them."""
    csat, nps, ces = (metrics.ratings(scale, stage) for scale in ("csat", "nps", "ces"))
    prices = metrics.labelled("negotiated_prices", stage)
    return StageFigures(
        stage,
        metrics.touchpoints(stage),
        {name: metrics.count(name, stage) for name in NAMES},
        _money(metrics.labelled("revenue", stage)),
        _money(metrics.labelled("cost", stage)),
        share_of(csat.positive, csat.number), csat.number,
        share_of(100 * (nps.positive - nps.negative), nps.number), nps.number,
        share_of(ces.micros, MICROS * ces.number), ces.number,
        metrics.count(OUT_OF_SCALE, stage),
        labels.shown(metrics.labelled("payment_methods", stage)),
        {name: sum_ / (MICROS * prices[name]) for name, sum_ in sorted(metrics.labelled("negotiated", stage).items())},
    )  # fmt: skip


def customer_figures(metrics: StageMetrics) -> CustomerFigures:
    """Return what the customers came to who are counted so far."""
    of = metrics.customers
    return CustomerFigures(
        of.customers, of.entered, of.converted, share_of(of.converted, of.entered),
        of.buyers, of.repeat_buyers, share_of(of.repeat_buyers, of.buyers),
        of.visitors, of.sessions, of.sessions - of.visitors, share_of(of.returning_visitors, of.visitors),
        of.ms_on_site / 1000, share_of(of.ms_on_site, 1000 * of.sessions),
        of.referred_entries, of.referred_conversions, of.advocates, share_of(of.advocates, of.converted),
    )  # fmt: skip


def advertising(
    metrics: StageMetrics,
    facts: Facts,
    channel: str | None = None,
    since_day: str | None = None,
    until_day: str | None = None,
) -> Advertising:
    """Return what these facts, and these touchpoints and customers, give together; the range as in Facts.total."""
    which = channel, since_day, until_day
    told_impressions, told_clicks = facts.total(IMPRESSIONS, *which), facts.total(CLICKS, *which)
    impressions = metrics.count("impressions") if told_impressions is None else round(told_impressions)
    clicks = metrics.count("clicks") if told_clicks is None else round(told_clicks)
    spend, cost = facts.by_currency(SPEND, *which), _money(metrics.labelled("cost"))
    total = {currency: spend.get(currency, 0) + cost.get(currency, 0) for currency in sorted({*spend, *cost})}
    return Advertising(
        impressions,
        clicks,
        told_impressions is not None,
        None if told_impressions is None and told_clicks is not None else share_of(clicks, impressions),
        spend,
        _each(spend, clicks),
        _each(total, metrics.customers.converted),
        facts.total(SEARCH_RANK, *which),
    )


def _money(micros: Mapping[str, int]) -> dict[str, float]:
    return {currency: amount / MICROS for currency, amount in sorted(micros.items())}


def _each(money: Mapping[str, float], number: int) -> dict[str, float]:
    return {currency: amount / number for currency, amount in money.items()} if number else {}
