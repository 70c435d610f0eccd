"""What touchpoints count as: `measures.metrics` of a definition, compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cjstream.core.reading import Reader
from cjstream.core.stages import Stage

DEFAULTS: Mapping[str, tuple[str, ...]] = {  # touchpoint types by what they count as
    "visits": ("page_view",),
    "sign_ups": ("sign_up",),
    "demos": ("demo_requested",),
    "subscriptions": ("subscription",),
    "social_engagement": ("social_view", "social_like", "social_comment", "social_share", "social_follow"),
    "impressions": ("ad_view",),
    "clicks": ("ad_click",),
    "leads": ("lead", "demo_requested", "offer_requested"),
    "price_negotiated": ("price_negotiated",),
    "sales": ("purchase", "repeat_purchase", "contract_signed", "renewal_signed"),
    "feedback": ("review", "complaint", "question", "survey_answered"),
    "good_reviews": ("review", "testimonial"),  # those that are positive
    "referrals": ("referral",),
    "guest_posts": ("guest_post",),
}
NAMES = tuple(DEFAULTS)
SITE = "site"  # the channels on which time is time on site; a touchpoint without a channel is taken to be there
KEYS = (*NAMES, SITE)
SALES, GOOD_REVIEWS, PRICES = "sales", "good_reviews", "price_negotiated"
TOLD_BY_ANYONE = (SALES, "leads")  # count also where the business is the initiator; nothing else does, but its cost


@dataclass(frozen=True, slots=True)
class Spec:
    """Which types count as what. A type may count as several."""

    types: Mapping[str, frozenset[str]]  # by NAMES
    site: frozenset[str]
    columns: Mapping[str, tuple[int, bool]]  # by type: its place in a row of counts; whether there is more to look at
    names_of: Mapping[str, tuple[str, ...]]  # by type


def read(reader: Reader, value: Any, path: str, _: Sequence[Stage]) -> Spec:
    """Return the compiled form of `measures.metrics`; faults go to the reader."""
    item = reader.mapping(value, path, KEYS)
    types = {
        name: reader.types(item[name], f"{path}.{name}") if name in item else frozenset(DEFAULTS[name])
        for name in NAMES
    }
    site = reader.types(item[SITE], f"{path}.{SITE}") if SITE in item else frozenset({"website"})
    looked_into = types[SALES] | types[GOOD_REVIEWS] | types[PRICES]
    known = sorted(frozenset[str]().union(*types.values()))
    columns = {kind: (column, kind in looked_into) for column, kind in enumerate(known, 1)}
    names_of = {kind: tuple(name for name in NAMES if kind in types[name]) for kind in known}
    return Spec(types, site, columns, names_of)
