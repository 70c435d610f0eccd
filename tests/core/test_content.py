"""The content hash: another for what behaves otherwise, the same for what does not, and never changed for the old."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition, content_hash
from tests.core.builders import SHOP
from tests.core.languages import ABSENT, SCORED, SMALL, WHOLE, Object, at, changed, leaves, varied


def test_the_hash_of_a_released_definition_never_changes() -> None:
    """Customers are pinned to it: another hash for the same text would make them strangers."""
    assert compile_definition(SMALL).hash == "fa52f272832c494e"
    assert SHOP.hash == "63866e703bad041c"
    assert compile_definition(WHOLE).hash == "2f90b34330444a69"
    assert compile_definition(SCORED).hash == "e86226b669ad9edd"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "The shop"),
        ("title", {"en": "The shop"}),
        ("owner", "sales"),
        ("review_by", "2027-05-31"),
        ("stages.0.title", "First"),
        ("stages.0.group", "elsewhere"),
        ("stages.0.behind", {"people": "two"}),
        ("stages.1.weight", 30.0),
        ("lateness", "600s"),
        ("rules.0.on", ["page_view"]),
        ("rules.0.id", "rule-1"),
        ("rules.0.when", {}),
        ("rules.1.on", ["order_paid", "purchase", "purchase"]),
        ("rules.1.when", {"value": {"gte": 1.0}}),
        ("goal.on", ["purchase"]),
        ("moves", "forward_only"),
        ("entry", "open"),
        ("reentry", "after_exit"),
        ("reentry", {"cooldown": 0}),
        ("reentry", {"policy": "after_exit"}),
        ("count_by", {}),
    ],
)
def test_it_is_the_same_for_what_behaves_the_same(path: str, value: Any) -> None:
    assert compile_definition(varied(SMALL, path, value)).hash == compile_definition(SMALL).hash


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("journey", "store"),
        ("lateness", "11m"),
        ("goal", "purchase"),
        ("goal", None),
        ("goal.on", "order_paid"),
        ("goal.when", {"value": {"gt": 1}}),
        ("stages.1.weight", 31),
        ("rules.0.to", "purchase"),
        ("rules.0.on", "search"),
        ("rules.0.when", {"channel": "email"}),
        ("rules.1.when", {"value": {"gte": 2}}),
        ("rules.1.when", {"value": {"gt": 1}}),
        ("rules.1.id", "bought"),
        ("moves", "any"),
        ("entry", "infer"),
        ("window", "14d"),
        ("reentry", "never"),
        ("instance", "session_id"),
        ("stages.0.window", "7d"),
        ("stages.0.stall", {"since_entered": "7d"}),
        ("rules.0.when", {"seen": "purchase"}),
        ("count_by", {"device": ["smartphone"]}),
    ],
)
def test_it_is_another_for_what_behaves_otherwise(path: str, value: Any) -> None:
    assert compile_definition(varied(SMALL, path, value)).hash != compile_definition(SMALL).hash


def test_the_order_of_rules_is_behaviour() -> None:
    rules = [{"id": "one", "on": "x", "to": "awareness"}, {"id": "two", "on": "x", "to": "purchase"}]
    assert len({compile_definition(changed(rules=order)).hash for order in (rules, rules[::-1])}) == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("owner", ABSENT),
        ("stages.0.behind", ABSENT),
        ("stages.2.stall.exit", False),
        ("moves.listed", [["won", "prospect"], ["renewal", "prospect"], ["won", "prospect"]]),
        ("window", "2160h"),
        ("stages.0.window", "720h"),
        ("stages.0.stall.since_entered", "336h"),
        ("reentry.cooldown", "720h"),
        ("exits.0.id", "exit-1"),
        ("exits.0.on", ["cancelled"]),
        ("exits.1.when.stage", ["renewal", "won", "won"]),
        ("ignore.0.id", "ignore-1"),
        ("ignore.0.on", ["bot_view", "demo"]),
        ("personas.0.id", "persona-1"),
        ("snooze.0.id", "snooze-1"),
        ("snooze.0.for", "168h"),
        ("goal.when.seen", ["meeting", "offer", "meeting"]),
        ("count_by.channel", ["email", "website"]),
        ("replaces.0.stages", {"lead": "prospect"}),
    ],
)
def test_another_spelling_of_any_key_leaves_it_as_it_is(path: str, value: Any) -> None:
    assert compile_definition(varied(WHOLE, path, value)).hash == compile_definition(WHOLE).hash


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("instance", "properties.cart", {"key": "properties.cart", "limit": 25}),
        ("reentry", "never", {"policy": "never", "cooldown": "0s"}),
        ("goal", {"on": "x", "when": {"seen": "x"}}, {"on": "x", "when": {"seen": ["x", "x"]}}),
        ("goal", {"on": "x", "when": {"stage": "purchase"}}, {"on": "x", "when": {"stage": ["purchase"]}}),
        ("goal", {"on": "x", "when": {"count": {"x": 2}}}, {"on": "x", "when": {"count": {"x": {"eq": 2}}}}),
    ],
)
def test_short_and_long_forms_have_one_hash(key: str, one: Any, other: Any) -> None:
    short, long = (compile_definition(changed(**{key: value})).hash for value in (one, other))
    assert short == long != compile_definition(SMALL).hash


# Another value for every plain value in WHOLE but the measures.
DESCRIPTIVE: Object = {
    "title.en": "Deals", "title.id": "Perjanjian", "owner": "support", "review_by": "2030-01-01",
    "stages.0.group": "early", "stages.0.title.en": "Lead", "stages.0.behind.people": "support",
    "stages.0.behind.policy.0": "answer in 2 h", "stages.0.behind.policy.1": "smile",
    "stages.0.behind.technology": "ERP",
}  # fmt: skip
BEHAVIOURAL: Object = {
    "journey": "deals", "goal.on": "paid", "goal.when.seen.0": "quote", "goal.when.seen.1": "call", "lateness": "2h",
    "moves.listed.0.1": "won", "moves.listed.1.0": "renewal", "entry": "infer", "window": "91d",
    "instance.key": "session_id", "instance.limit": 6, "reentry.policy": "after_exit", "reentry.cooldown": "31d",
    "stages.0.weight": 11, "stages.0.window": "31d", "stages.0.stall.since_entered": "15d",
    "stages.0.stall.since_last_touch": "8d", "stages.0.stall.exit": False, "stages.1.weight": 21,
    "stages.1.stall.since_last_touch": "61d", "stages.1.stall.to": "prospect", "stages.2.weight": 31,
    "stages.2.stall.since_entered": "91d", "rules.0.on": "trial", "rules.0.when.stage.below": "renewal",
    "rules.0.when.count.demo.gte": 3, "rules.0.to": "won", "rules.1.id": "money", "rules.1.on.0": "agreed",
    "rules.1.on.1": "received", "rules.1.when.value.gte": 2, "rules.1.to": "renewal", "rules.2.on": "prolonged",
    "rules.2.to": "won", "exits.0.on": "ended", "exits.1.id": "worse", "exits.1.on": "barred",
    "exits.1.when.stage.0": "prospect", "exits.1.when.stage.1": "prospect", "ignore.0.on.0": "trial",
    "ignore.0.on.1": "probe", "ignore.0.when.channel": "test", "personas.0.on": "trial",
    "personas.0.when.value.gte": 1001, "personas.0.persona": "large", "snooze.0.on": "visit", "snooze.0.for": "8d",
    "snooze.1.id": "soon", "snooze.1.on": "reminder", "snooze.1.until": "properties.then",
    "count_by.channel.0": "search", "count_by.channel.1": "print", "count_by.persona.0": "large",
    "replaces.0.definition": "fedcba9876543210", "replaces.0.stages.lead": "won", "replaces.0.stages.won": "renewal",
}  # fmt: skip
NAMES = {"moves.listed.0.0", "stages.0.id", "stages.1.id", "stages.2.id", "moves.listed.1.1"}  # others refer to them
EDITS = {**DESCRIPTIVE, **BEHAVIOURAL}


def test_every_value_of_the_language_is_edited_below() -> None:
    assert {*leaves(changed(WHOLE, measures=ABSENT))} - NAMES == {*EDITS}
    assert [path for path, value in EDITS.items() if at(WHOLE, path) == value] == []


def edited(paths: set[str]) -> str:
    data = WHOLE
    for path in paths:
        data = varied(data, path, EDITS[path])
    return compile_definition(data).hash


behavioural, descriptive = (st.sets(st.sampled_from(sorted(edits)), max_size=3) for edits in (BEHAVIOURAL, DESCRIPTIVE))


@given(behavioural, behavioural, descriptive)
def test_edits_change_it_if_and_only_if_they_change_behaviour(one: set[str], two: set[str], told: set[str]) -> None:
    assert edited(one | told) == edited(one)
    assert (edited(one) == edited(two)) == (one == two)


@pytest.mark.parametrize("stage", ["prospect", "won", "renewal"])
def test_the_names_of_stages_are_behaviour(stage: str) -> None:
    renamed = json.loads(json.dumps(WHOLE).replace(f'"{stage}"', '"another"'))
    assert content_hash(renamed) != content_hash(WHOLE)


@pytest.mark.parametrize("key", sorted({*WHOLE} - {"journey", "stages", "rules"}))
def test_every_other_key_can_be_left_out_and_is_in_it_unless_descriptive(key: str) -> None:
    whole = changed(WHOLE)
    if key == "goal":  # a window needs one
        whole = varied(changed(WHOLE, window=ABSENT), "stages.0.window", ABSENT)
    less = compile_definition(changed(whole, **{key: ABSENT})).hash
    assert (less == compile_definition(whole).hash) == (key in {"title", "owner", "review_by", "measures"})


@pytest.mark.parametrize("measure", sorted(WHOLE["measures"]))
def test_a_measure_that_moves_nobody_is_no_behaviour(measure: str) -> None:
    less = changed(WHOLE["measures"], **{measure: ABSENT})
    assert compile_definition(changed(WHOLE, measures=less)).hash == compile_definition(WHOLE).hash


SCORES: Object = {  # another value for every plain value in the score of SCORED
    "decay.window": "31d", "rules.0.id": "looks", "rules.0.on": "search", "rules.0.points": 2, "rules.1.on": "bought",
    "rules.1.when.value.gte": 51, "rules.1.points": 40, "thresholds.0.at": 51, "thresholds.0.to": "bought",
}  # fmt: skip


def test_a_score_that_moves_customers_is_behaviour_each_value_of_it() -> None:
    assert {*leaves(SCORED["measures"]["score"])} == {*SCORES}
    others = {
        compile_definition(varied(SCORED, f"measures.score.{path}", value)).hash for path, value in SCORES.items()
    }
    assert len(others - {compile_definition(SCORED).hash}) == len(SCORES)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rules.1.when.score", {"lt": 90.5, "gte": 20.0}),
        ("rules.2.when.score", {"eq": 100.0}),
        ("measures.score.decay.window", "720h"),
        ("measures.score.rules.0.on", ["page_view"]),
        ("measures.score.rules.0.points", 1.0),
        ("measures.score.rules.0.group", None),
        ("measures.score.rules.1.id", "score-2"),
        ("measures.score.rules.1.when", {"value": {"gte": 50.0}}),
        ("measures.score.thresholds.0.id", "threshold-1"),
        ("measures.score.thresholds.0.below", 50),
        ("measures.sentiment", {}),
    ],
)
def test_another_spelling_of_a_score_leaves_it_as_it_is(path: str, value: Any) -> None:
    assert compile_definition(varied(SCORED, path, value)).hash == compile_definition(SCORED).hash


@pytest.mark.parametrize("path", ["rules.1.when", "measures.score.thresholds.0.to"])
def test_either_a_rule_or_a_threshold_makes_the_score_behaviour(path: str) -> None:
    still = varied(varied(SCORED, "rules.2.when", ABSENT), path, ABSENT)
    other = varied(still, "measures.score.rules.0.points", 2)
    assert compile_definition(other).hash != compile_definition(still).hash


def test_a_score_that_leads_nowhere_and_is_not_asked_for_is_no_behaviour() -> None:
    still = SCORED
    for path in ("rules.1.when", "rules.2.when", "measures.score.thresholds.0.to"):
        still = varied(still, path, ABSENT)
    for other in (changed(still, measures=ABSENT), varied(still, "measures.score.thresholds.0.to", None)):
        assert compile_definition(other).hash == compile_definition(still).hash
