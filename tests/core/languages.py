"""Definitions as plain data, for the tests of what compiles them: a small one, and two that have every key there is."""

from copy import deepcopy
from typing import Any

import pytest

from cjstream.core.definition import compile_definition
from cjstream.errors import DefinitionError

Object = dict[str, Any]
ABSENT = object()

SMALL: Object = {
    "journey": "shop",
    "title": "Shop",
    "owner": "marketing",
    "goal": {"on": "purchase", "when": {"value": {"gt": 0}}},
    "lateness": "10m",
    "stages": [
        {"id": "awareness", "weight": 10, "group": "before", "title": "Awareness"},
        {"id": "purchase", "weight": 30},
    ],
    "rules": [
        {"on": "page_view", "to": "awareness"},
        {"id": "paid", "on": ["purchase", "order_paid"], "when": {"value": {"gte": 1}}, "to": "purchase"},
    ],
}
WHOLE: Object = {
    "journey": "contracts",
    "title": {"en": "Contracts", "id": "Kontrak"},
    "owner": "sales",
    "review_by": "2027-05-31",
    "goal": {"on": "signed", "when": {"seen": ["offer", "meeting"]}},
    "lateness": "1h",
    "moves": {"listed": [["renewal", "prospect"], ["won", "prospect"]]},
    "entry": "closed",
    "window": "90d",
    "instance": {"key": "properties.contract.id", "limit": 5},
    "reentry": {"policy": "every", "cooldown": "30d"},
    "stages": [
        {
            "id": "prospect",
            "weight": 10,
            "group": "before",
            "title": {"en": "Prospect"},
            "window": "30d",
            "stall": {"since_entered": "14d", "since_last_touch": "7d", "exit": True},
            "behind": {"people": "sales", "policy": ["answer in 4 h", "no price by mail"], "technology": "CRM"},
        },
        {"id": "won", "weight": 20, "stall": {"since_last_touch": "60d", "to": "renewal"}},
        {"id": "renewal", "weight": 30, "stall": {"since_entered": "90d"}},
    ],
    "rules": [
        {"on": "demo", "when": {"stage": {"below": "won"}, "count": {"demo": {"gte": 2}}}, "to": "prospect"},
        {"id": "paid", "on": ["signed", "paid"], "when": {"value": {"gte": 1}}, "to": "won"},
        {"on": "renewed", "to": "renewal"},
    ],
    "exits": [{"on": "cancelled"}, {"id": "bad", "on": "blocked", "when": {"stage": ["won", "renewal"]}}],
    "ignore": [{"on": ["demo", "bot_view"], "when": {"channel": "bot"}}],
    "personas": [{"on": "demo", "when": {"value": {"gte": 1000}}, "persona": "enterprise"}],
    "snooze": [{"on": "meeting", "for": "7d"}, {"id": "later", "on": "call_back", "until": "properties.when"}],
    "count_by": {"channel": ["website", "email"], "persona": ["enterprise"]},
    "replaces": [{"definition": "0123456789abcdef", "stages": {"lead": "prospect", "won": "won"}}],
    "measures": {
        "sentiment": {"at_risk": "won"},
        "feedback": {
            "on": ["complaint", "question"],
            "resolved_by": ["ticket_closed", "solved"],
            "edited_by": "complaint_edited",
            "due_soon": 0.5,
            "calendar": {
                "time_zone": "Asia/Jakarta",
                "hours": {"mon-fri": ["09:00-12:00", "13:00-17:00"], "sat": "09:00-12:00"},
                "holidays": ["2026-12-25"],
            },
            "targets": [
                {
                    "when": {"sentiment": "negative", "rating": {"lte": 2}},
                    "first_response": "1h",
                    "next_response": "2h",
                    "resolution": "1d",
                },
                {"first_response": "4h"},
            ],
        },
        "score": {
            "cap": 100,
            "decay": {"half_life": "30d"},
            "groups": {"talks": {"cap": 20}},
            "rules": [
                {"id": "demos", "on": ["demo", "call"], "when": {"channel": "web"}, "points": 5, "group": "talks"},
                {"on": "cancelled", "points": -40},
            ],
            "thresholds": [{"id": "hot", "at": 50, "below": 40}],
        },
        "expected": {
            "path": ["prospect", {"stage": "won", "within": "60d"}, "renewal"],
            "personas": [{"persona": "enterprise", "path": ["prospect", "renewal"]}],
            "rules": [
                {"id": "delivered", "response": ["paid", ["delivered", "collected"]], "within": "5d"},
                {"precedence": ["demo", "signed"]},
                {"absence": "payment_error"},
            ],
        },
        "leaving": {"pains": ["payment_error", "complaint"], "asks": "question"},
        "metrics": {
            "visits": "page_view",
            "sign_ups": ["sign_up"],
            "demos": "demo",
            "subscriptions": "subscription",
            "social_engagement": ["like", "share"],
            "impressions": "ad_view",
            "clicks": "ad_click",
            "leads": "lead",
            "price_negotiated": "haggle",
            "sales": ["paid", "renewed"],
            "feedback": ["complaint"],
            "good_reviews": "review",
            "referrals": "referral",
            "guest_posts": "guest_post",
            "site": ["web"],
        },
        "journey_score": {
            "conversion": {"weight": 3, "target": 0.2},
            "drop_off": {"weight": 2, "target": 0.5},
            "time_to_convert": {"weight": 0.5, "target": "7d"},
            "satisfaction": {"weight": 2, "by": "nps", "target": 30},
            "sla_met": {"target": 0.9},
            "advocacy": {"target": 0.1},
        },
    },
}
SCORED: Object = {  # the score moves customers, so it is behaviour
    "journey": "leads",
    "goal": "bought",
    "stages": [{"id": "looks", "weight": 10}, {"id": "warm", "weight": 20}, {"id": "bought", "weight": 30}],
    "rules": [
        {"on": "page_view", "to": "looks"},
        {"on": "call", "when": {"score": {"gte": 20, "lt": 90.5}}, "to": "warm"},
        {"on": "call", "when": {"score": 100}, "to": "bought"},
        {"on": "purchase", "to": "bought"},
    ],
    "measures": {
        "score": {
            "decay": {"window": "30d"},
            "rules": [
                {"id": "sees", "on": "page_view", "points": 1},
                {"on": "purchase", "when": {"value": {"gte": 50}}, "points": 40.5},
            ],
            "thresholds": [{"at": 50, "to": "warm"}],
        }
    },
}


def changed(data: Object = SMALL, **change: Any) -> Object:
    """Return a copy with other values under these keys; ABSENT takes a key out."""
    return {key: value for key, value in {**deepcopy(data), **change}.items() if value is not ABSENT}


def varied(data: Object, path: str, value: Any) -> Object:
    """Return a copy with another value at a path such as `stages.0.id`; ABSENT takes it out."""
    *keys, last = path.split(".")
    copy = deepcopy(data)
    node: Any = copy
    for key in keys:
        node = _child(node, key)
    if value is ABSENT:
        del node[last]
    elif isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return copy


def at(data: Object, path: str) -> Any:
    """Return the value at a path."""
    node: Any = data
    for key in path.split("."):
        node = _child(node, key)
    return node


def _child(node: Any, key: str) -> Any:
    return node[int(key)] if isinstance(node, list) else node[key]


def leaves(node: Any, path: str = "") -> list[str]:
    """Return the path of every plain value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if pairs is None:
        return [path]
    return [leaf for key, value in pairs for leaf in leaves(value, f"{path}.{key}" if path else str(key))]


def faults(data: Any) -> dict[str, str]:
    """Return the messages of a definition that is refused, by path."""
    with pytest.raises(DefinitionError) as caught:
        compile_definition(data, "here.yaml")
    assert caught.value.source == "here.yaml"
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), caught.value.problems
    return found
