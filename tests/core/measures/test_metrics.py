"""Stage metrics, and the figures made of them."""

import gzip
import json
import pickle
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.facts import Fact, Facts
from cjstream.core.figures import CONVERTED, DROPPED, IN_PROGRESS, JourneyReport
from cjstream.core.measures import labels
from cjstream.core.measures.customer_log import CustomerLog
from cjstream.core.measures.journey_score import Inputs
from cjstream.core.measures.metric_figures import advertising, customer_figures, stage_figures
from cjstream.core.measures.metric_types import DEFAULTS
from cjstream.core.measures.metrics import ALL, NAMES, Spec, StageMetrics, read
from cjstream.core.measures.score_inputs import inputs_of
from cjstream.core.measures.watching import watch
from cjstream.core.reading import Reader
from cjstream.core.touchpoint import Touchpoint
from tests.core.builders import Object, journey, parsed, touchpoint

DATA = Path(__file__).parents[4] / "shared" / "data"
CDNOW = DATA / "cdnow.touchpoints.jsonl.gz"
Touched = tuple[str, str | None, Object]  # type, stage, more fields


def compiled(value: object) -> tuple[Spec, list[str]]:
    """Return what `measures.metrics` compiles to, and the faults."""
    reader = Reader()
    return read(reader, value, "measures.metrics", ()), [f"{each.path} {each.message}" for each in reader.problems]


DEFAULT, _ = compiled({})


def counted(*touched: Touched, spec: Spec = DEFAULT) -> StageMetrics:
    metrics = StageMetrics(spec)
    for number, (kind, stage, more) in enumerate(touched):
        metrics.touch(touchpoint(f"t{number}", kind, number, **more), stage)
    return metrics


def with_customers(*customers: tuple[list[Touchpoint], str | None]) -> StageMetrics:
    """Return the metrics of customers: their touchpoints, and the best outcome."""
    metrics, looks = StageMetrics(DEFAULT), watch(DEFAULT, None)
    for touchpoints, outcome in customers:
        log = CustomerLog(looks)
        for each in touchpoints:
            log.touch(each)
        metrics.customer(log, outcome)
    return metrics


def figures_of(metrics: StageMetrics) -> list[object]:
    """Return all that metrics tell, in any order of their stages."""
    stages = sorted(metrics.stages, key=str)
    return [*(stage_figures(metrics, stage) for stage in (ALL, *stages)), customer_figures(metrics)]


# What counts as what


def test_each_metric_has_types_by_default_and_each_can_be_given_others() -> None:
    assert DEFAULT.types == {name: frozenset(types) for name, types in DEFAULTS.items()}
    spec, faults = compiled({"visits": ["page_view", "product_view"], "sales": "deal", "site": ["website", "app"]})
    assert not faults
    assert spec.types["visits"] == {"page_view", "product_view"}
    assert spec.types["sales"] == {"deal"}
    assert spec.types["clicks"] == {"ad_click"}
    assert spec.site == {"website", "app"}
    assert spec.names_of["deal"] == ("sales",)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"vists": ["page_view"]}, "measures.metrics.vists is not known here; use visits, sign_ups"),
        ({"visits": []}, "measures.metrics.visits must be a touchpoint type"),
        ({"site": [1]}, "measures.metrics.site must be a touchpoint type"),
        (None, "measures.metrics must be a mapping of visits"),
    ],
)
def test_faults_are_told_with_their_path(value: object, fault: str) -> None:
    _, faults = compiled(value)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "good_reviews"])
def test_every_type_of_a_metric_counts(name: str) -> None:
    metrics = counted(*((kind, "a", {}) for kind in sorted(DEFAULT.types[name])))
    assert metrics.count(name) == len(DEFAULTS[name])


def test_counts_are_by_stage_and_in_all() -> None:
    metrics = counted(("page_view", "a", {}), ("page_view", "b", {}), ("page_view", "b", {}), ("page_view", None, {}))
    assert [metrics.count("visits", stage) for stage in ("a", "b", None, "c", ALL)] == [1, 2, 1, 0, 4]
    assert metrics.stages == {"a", "b", None}


def test_a_type_may_count_as_several_things() -> None:
    metrics = counted(("demo_requested", "a", {}))
    assert {name for name in NAMES if metrics.count(name)} == {"demos", "leads"}


def test_touchpoints_that_count_as_nothing_are_touchpoints_all_the_same() -> None:
    figures = stage_figures(counted(("unknown", "a", {}), ("page_view", "a", {})), "a")
    assert (figures.touchpoints, sum(figures.counts.values())) == (2, 1)


def test_of_what_the_business_does_sales_leads_and_costs_count() -> None:
    by = {"initiator": "business"}
    metrics = counted(
        ("page_view", "a", by),
        ("lead", "a", by),
        ("contract_signed", "a", {**by, "value": 5}),
        ("mail_sent", "a", {**by, "cost": 0.5, "rating": 5}),
    )
    figures = stage_figures(metrics, "a")
    assert {name: count for name, count in figures.counts.items() if count} == {"leads": 1, "sales": 1}
    assert (figures.touchpoints, figures.revenue, figures.cost, figures.csat_ratings) == (0, {"": 5}, {"": 0.5}, 0)


def test_a_review_is_good_if_it_is_positive() -> None:
    moods = ("positive", "neutral", "negative", None)
    metrics = counted(
        *(("review", "a", {"sentiment": mood}) for mood in moods), ("page_view", "a", {"sentiment": "positive"})
    )
    assert (metrics.count("good_reviews"), metrics.count("feedback")) == (1, 4)


# Money


def test_revenue_is_the_value_of_sales_by_currency() -> None:
    metrics = counted(
        ("purchase", "a", {"value": 10.1, "currency": "USD"}),
        ("purchase", "a", {"value": 0.2, "currency": "USD"}),
        ("purchase", "b", {"value": 150_000, "currency": "IDR"}),
        ("purchase", "a", {"value": 3}),
        ("purchase", "a", {"value": None}),
        ("cart_add", "a", {"value": 99}),
    )
    assert stage_figures(metrics, "a").revenue == {"": 3, "USD": 10.3}
    assert stage_figures(metrics).revenue == {"": 3, "IDR": 150_000, "USD": 10.3}


def test_a_refund_takes_revenue_away() -> None:
    assert stage_figures(counted(("purchase", "a", {"value": 10}), ("purchase", "a", {"value": -4.5}))).revenue == {
        "": 5.5
    }


@given(st.lists(st.decimals(0, 1000, places=2), max_size=30))
def test_revenue_is_exact_whatever_the_number_of_sales(values: list[Decimal]) -> None:
    metrics = counted(*(("purchase", "a", {"value": float(value)}) for value in values))
    assert stage_figures(metrics).revenue.get("", 0.0) == float(sum(values))


def test_the_cost_of_every_touchpoint_counts() -> None:
    metrics = counted(
        ("ad_click", "a", {"cost": 0.25, "currency": "EUR"}), ("call", None, {"cost": 2, "currency": "EUR"})
    )
    assert stage_figures(metrics).cost == {"EUR": 2.25}
    assert stage_figures(metrics, None).cost == {"EUR": 2}
    assert stage_figures(counted(("call", "a", {"cost": None}))).cost == {}


def sale(**properties: object) -> Touched:
    return "purchase", "a", {"currency": "IDR", "properties": properties}


def test_payment_methods_of_sales_are_counted() -> None:
    metrics = counted(
        *(sale(payment_method=method) for method in ("card", "qris", "qris", "", None, 7, "x" * 129)),
        ("page_view", "a", {"properties": {"payment_method": "cash"}}),
    )
    assert stage_figures(metrics).payment_methods == {"qris": 2, "card": 1}


def test_the_negotiated_price_is_a_mean_by_currency() -> None:
    negotiated = ("price_negotiated", "a", {"currency": "IDR", "properties": {"negotiated_price": 5}})
    metrics = counted(sale(negotiated_price=10), negotiated, sale(negotiated_price=True), sale(negotiated_price=1e300))
    assert stage_figures(metrics).negotiated_price == {"IDR": 7.5}


def test_only_the_commonest_labels_are_shown_and_few_are_kept() -> None:
    metrics = counted(*(sale(payment_method=f"m{n % 40:02}") for n in range(60)))
    shown = stage_figures(metrics).payment_methods
    assert list(shown)[:21] == [*(f"m{n:02}" for n in range(21))]
    assert (len(shown), shown["other"], sum(shown.values())) == (labels.SHOWN + 1, 8, 60)
    told = counted(*(sale(payment_method=method) for method in ("other", *(f"m{n}" for n in range(labels.SHOWN)))))
    assert stage_figures(told).payment_methods["other"] == 1
    many = counted(*(sale(payment_method=f"m{n}") for n in range(labels.MAX_LABELS + 5)))
    kept = many.labelled("payment_methods")
    assert (len(kept), kept["other"], kept.total()) == (labels.MAX_LABELS + 1, 5, labels.MAX_LABELS + 5)


# Ratings


def rated(scale: str | None, *ratings: float) -> StageMetrics:
    return counted(*(("survey_answered", "a", {"rating": rating, "scale": scale}) for rating in ratings))


def test_csat_is_the_share_of_ratings_of_4_and_5_stars_among_them() -> None:
    metrics = rated(None, 5, 4, 3.5, 1)
    metrics.merge(rated("csat", 4))
    figures = stage_figures(metrics, "a")
    assert (figures.csat, figures.csat_ratings) == (0.6, 5)


def test_nps_is_promoters_less_detractors_in_percent() -> None:
    figures = stage_figures(rated("nps", 10, 9, 8, 7, 6.5, 6, 0, 9))
    assert (figures.nps, figures.nps_ratings) == (100 * (3 - 2) / 8, 8)
    assert (stage_figures(rated("nps", 10)).nps, stage_figures(rated("nps", 3)).nps) == (100, -100)


def test_ces_is_a_mean() -> None:
    figures = stage_figures(rated("ces", 7, 2, 4.5))
    assert (figures.ces, figures.ces_ratings) == (4.5, 3)


def test_ratings_out_of_their_scale_count_for_nothing_and_are_told() -> None:
    figures = stage_figures(rated("stars", 0, 6, 10))
    assert (figures.csat, figures.csat_ratings, figures.ratings_out_of_scale) == (None, 0, 3)


def test_without_ratings_there_is_no_figure() -> None:
    figures = stage_figures(counted(("review", "a", {"rating": None})))
    assert (figures.csat, figures.nps, figures.ces, figures.csat_ratings) == (None, None, None, 0)


# Customers


def bought(*seconds: float) -> list[Touchpoint]:
    return [touchpoint(f"p{second}", "purchase", second) for second in seconds]


def test_the_repeat_purchase_rate_is_of_those_who_bought() -> None:
    metrics = with_customers((bought(0), None), (bought(0, 1), None), (bought(0, 1, 2), None), ([], None))
    figures = customer_figures(metrics)
    assert (figures.customers, figures.buyers, figures.repeat_buyers) == (4, 3, 2)
    assert figures.repeat_purchase_rate == 2 / 3


def test_the_conversion_rate_is_of_those_who_entered() -> None:
    outcomes = (CONVERTED, DROPPED, IN_PROGRESS, CONVERTED, None)
    figures = customer_figures(with_customers(*(([], outcome) for outcome in outcomes)))
    assert (figures.entered, figures.converted, figures.conversion_rate) == (4, 2, 0.5)


def test_return_visits_are_the_sessions_after_the_first() -> None:
    views = [touchpoint(f"v{second}", "page_view", second) for second in (0, 60, 7200, 7260, 20_000)]
    figures = customer_figures(with_customers((views, None), (views[:2], None), ([], None)))
    assert (figures.visitors, figures.sessions, figures.return_visits) == (2, 4, 2)
    assert (figures.returning_share, figures.seconds_on_site, figures.mean_session_seconds) == (0.5, 180, 45)


def test_referred_entries_and_conversions_are_those_of_customers_whom_somebody_recommended() -> None:
    named = [touchpoint("s", "sign_up", 0, referred_by="budi")]
    figures = customer_figures(
        with_customers((named, CONVERTED), (named, DROPPED), (named, None), (bought(0), CONVERTED))
    )
    assert (figures.referred_entries, figures.referred_conversions) == (2, 1)


def test_the_advocacy_rate_is_of_those_who_converted() -> None:
    praise = [touchpoint("r", "review", 0, sentiment="positive")]
    metrics = with_customers((praise, CONVERTED), (praise, IN_PROGRESS), ([], CONVERTED), ([], CONVERTED))
    figures = customer_figures(metrics)
    assert (figures.advocates, figures.advocacy_rate) == (1, 1 / 3)


def test_of_nobody_there_are_no_rates() -> None:
    figures = customer_figures(StageMetrics(DEFAULT))
    assert {figures.conversion_rate, figures.repeat_purchase_rate, figures.returning_share} == {None}
    assert {figures.mean_session_seconds, figures.advocacy_rate} == {None}


# Advertising


def known(*facts: tuple[str, float]) -> Facts:
    found = Facts()
    for name, value in facts:
        found.take(Fact(name, "search", "", "2026-11-22", value, "USD" if name == "spend" else ""))
    return found


def test_ratios_of_advertising_come_from_the_facts() -> None:
    metrics = with_customers(([], CONVERTED), ([], CONVERTED))
    metrics.merge(counted(("ad_click", "a", {"cost": 1, "currency": "USD"}), ("call", "a", {"cost": 8})))
    told = advertising(metrics, known(("impressions", 1000), ("clicks", 20), ("spend", 5), ("search_rank", 3)))
    assert (told.impressions, told.clicks, told.from_facts, told.click_through_rate) == (1000, 20, True, 0.02)
    assert (told.spend, told.cost_per_click) == ({"USD": 5}, {"USD": 0.25})
    assert (told.cost_per_conversion, told.search_rank) == ({"": 4, "USD": 3}, 3)


def test_without_facts_impressions_and_clicks_are_those_of_the_touchpoints() -> None:
    metrics = counted(*[("ad_view", "a", {})] * 4, ("ad_click", "a", {}))
    told = advertising(metrics, Facts())
    assert (told.impressions, told.clicks, told.from_facts, told.click_through_rate) == (4, 1, False, 0.25)
    assert (told.spend, told.cost_per_click, told.cost_per_conversion, told.search_rank) == ({}, {}, {}, None)


def test_clicks_of_facts_are_no_share_of_impressions_of_touchpoints() -> None:
    told = advertising(counted(("ad_view", "a", {})), known(("clicks", 50)))
    assert (told.impressions, told.clicks, told.click_through_rate) == (1, 50, None)


def test_nothing_is_divided_by_no_clicks_and_no_conversions() -> None:
    told = advertising(StageMetrics(DEFAULT), known(("impressions", 0), ("spend", 5)))
    assert (told.click_through_rate, told.cost_per_click, told.cost_per_conversion) == (None, {}, {})


def test_facts_are_those_of_the_channel_and_the_days_asked_for() -> None:
    facts = known(("clicks", 20))
    assert advertising(StageMetrics(DEFAULT), facts, "search", "2026-11-22", "2026-11-23").clicks == 20
    assert advertising(StageMetrics(DEFAULT), facts, "search", "2026-11-23").clicks == 0


# Merging

KINDS = st.sampled_from(["page_view", "purchase", "review", "ad_click", "unknown"])
MORE = st.fixed_dictionaries(
    {},
    optional={
        "rating": st.integers(0, 11),
        "scale": st.sampled_from(["stars", "nps", "ces"]),
        "value": st.integers(-5, 500),
        "cost": st.floats(0, 3),
        "currency": st.sampled_from(["IDR", "USD"]),
        "sentiment": st.sampled_from(["positive", "negative"]),
        "initiator": st.sampled_from(["customer", "business"]),
        "properties": st.fixed_dictionaries({"payment_method": st.sampled_from(["card", "cash"])}),
    },
)
TOUCHED = st.tuples(KINDS, st.sampled_from(["a", "b", None]), MORE)


@given(st.lists(TOUCHED, max_size=8), st.integers(0, 8), st.randoms(use_true_random=False))
def test_parts_merged_in_any_order_are_the_whole(touched: list[Touched], cut: int, dice: object) -> None:
    customers = [(bought(*range(number)), CONVERTED) for number in range(4)]
    whole, one, other = counted(*touched), counted(*touched[:cut]), counted(*touched[cut:])
    whole.merge(with_customers(*customers))
    one.merge(with_customers(*customers[:1]))
    other.merge(with_customers(*customers[1:]))
    other = pickle.loads(pickle.dumps(other))
    other.merge(one)
    assert figures_of(other) == figures_of(whole)


def test_the_order_of_touchpoints_makes_no_difference() -> None:
    touched: list[Touched] = [
        ("purchase", "a", {"value": 0.1}),
        ("purchase", "a", {"value": 0.2}),
        ("review", "b", {"rating": 5, "sentiment": "positive"}),
    ]
    assert len({repr(figures_of(counted(*order))) for order in permutations(touched)}) == 1


# The figures of the journey score


def test_the_figures_of_a_score_are_those_of_its_journey() -> None:
    report = JourneyReport.of(journey())
    for outcome, times in ((CONVERTED, 2), (DROPPED, 1), (IN_PROGRESS, 5)):
        report.runs["a", outcome] = times
    report.to_convert_ms.extend([1000, 3000])
    metrics = rated("stars", 5, 1)
    metrics.merge(rated("nps", 10))
    metrics.merge(with_customers(([touchpoint("r", "referral", 0)], CONVERTED)))
    found = inputs_of(report, metrics, sentiment=0.25, sla=0.75)
    assert found == Inputs(0.25, 1 / 3, 2.0, 0.5, 100, 0.25, 0.75, 1.0)


def test_a_journey_without_runs_has_no_figures() -> None:
    found = inputs_of(JourneyReport.of(journey()), StageMetrics(DEFAULT), sentiment=None, sla=None)
    assert found == Inputs()


# Real purchases


@cache
def cdnow() -> dict[str, list[Touchpoint]]:
    found: dict[str, list[Touchpoint]] = {}
    with gzip.open(CDNOW) as lines:
        for line in lines:
            each = parsed(json.loads(line))
            found.setdefault(each.customer_id, []).append(each)
    return found


def folded(customers: Iterable[list[Touchpoint]]) -> StageMetrics:
    metrics = with_customers(*((each, CONVERTED) for each in customers))
    for touchpoints in customers:
        for each in touchpoints:
            metrics.touch(each, "purchase")
    return metrics


@pytest.mark.skipif(not CDNOW.exists(), reason=f"shared/data is absent: no {CDNOW.name}")
def test_repeat_purchases_and_revenue_of_real_customers_are_those_that_others_computed() -> None:
    expected = json.loads((DATA / "expected.json").read_bytes())["cdnow"]
    customers = list(cdnow().values())
    metrics = folded(customers[::2])
    metrics.merge(folded(customers[1::2]))
    figures = customer_figures(metrics)
    assert stage_figures(metrics).revenue == {"": expected["value_total"]} == {"": 2_500_315.63}
    assert (figures.buyers, metrics.count("sales")) == (expected["customers"], expected["touchpoints"])
    assert figures.repeat_purchase_rate is not None
    assert round(figures.repeat_purchase_rate, 4) == expected["customers_with_more_than_one_purchase_share"] == 0.4948
