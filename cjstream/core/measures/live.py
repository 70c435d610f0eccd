"""What a touchpoint adds to the counters that monitoring reads, in a journey with `measures.metrics`.

Labels come from the definition and from closed lists, never from customers' data as it is.
"""

from collections.abc import Sequence
from functools import lru_cache

from cjstream.core.definition import JourneyDefinition
from cjstream.core.measures.metric_types import GOOD_REVIEWS, SALES, TOLD_BY_ANYONE
from cjstream.core.measures.sentiment import BANDS, NEGATIVE, NEUTRAL, POSITIVE
from cjstream.core.touchpoint import Touchpoint

TOUCHPOINTS = "cjstream_stage_touchpoints_total"  # journey, stage, metric
VALUE = "cjstream_stage_value_total"  # journey, stage, currency
SENTIMENT = "cjstream_sentiment_total"  # journey, stage, sentiment
RATINGS = "cjstream_ratings_total"  # journey, scale, judgement
NONE, OTHER = "none", "other"  # outside of the journey, or no currency told; a currency that is not on the list
ISO_4217 = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
    WST XAF XCD XOF XPF YER ZAR ZMW
"""  # the codes in use as money
KNOWN = frozenset({*ISO_4217.split(), NONE})

Count = tuple[str, tuple[str, str, str], float]


def is_counted(touchpoint: Touchpoint, definition: JourneyDefinition) -> bool:
    """Return whether a touchpoint may add anything; a quick look, as most do not and their stage need not be found."""
    spec = None if definition.measures is None else definition.measures.metrics
    fields = touchpoint.fields
    return spec is not None and (
        touchpoint.type in spec.names_of or fields.sentiment is not None or fields.rating is not None
    )


def counts(touchpoint: Touchpoint, stage: str | None, definition: JourneyDefinition) -> Sequence[Count]:
    """Return (metric, labels, amount) of a touchpoint, with its derived sentiment; amounts are above 0.

    `stage`: where the customer is after it, None: outside. Nothing without `measures.metrics`. A sale of less than
    0, which is a refund, adds no value: counters do not fall.
    """
    spec = None if definition.measures is None else definition.measures.metrics
    if spec is None:
        return ()
    fields, names = touchpoint.fields, spec.names_of.get(touchpoint.type, ())
    sentiment = fields.sentiment
    found = _touchpoints(definition.journey, stage, names, touchpoint.by_customer, sentiment == POSITIVE)
    if SALES in names and (value := fields.value) is not None and value > 0:
        currency = fields.currency or NONE
        found = *found, (VALUE, (definition.journey, stage or NONE, currency if currency in KNOWN else OTHER), value)
    if sentiment is not None:
        found = *found, (SENTIMENT, (definition.journey, stage or NONE, sentiment), 1)
    if fields.rating is not None and touchpoint.by_customer:
        found = *found, *_rating(definition.journey, fields.rating, fields.scale or "stars")
    return found


def _rating(journey: str, rating: float, scale: str) -> tuple[Count, ...]:
    """Return how a rating counts: not at all if it is off its scale."""
    band = BANDS[scale]
    if not band.low <= rating <= band.high:
        return ()
    judgement = POSITIVE if rating >= band.positive else NEGATIVE if rating <= band.negative else NEUTRAL
    return ((RATINGS, (journey, scale, judgement), 1),)


@lru_cache(maxsize=4096)  # nearly every touchpoint is like many others
def _touchpoints(
    journey: str, stage: str | None, names: tuple[str, ...], by_customer: bool, is_good: bool
) -> tuple[Count, ...]:
    return tuple(
        (TOUCHPOINTS, (journey, stage or NONE, name), 1)
        for name in names
        if (by_customer or name in TOLD_BY_ANYONE) and (is_good or name != GOOD_REVIEWS)
    )
