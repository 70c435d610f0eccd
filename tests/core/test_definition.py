"""Journey definitions: what they compile to, and every fault at once with its path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import (
    EXIT,
    GOAL,
    MAX_RULES,
    MAX_STAGES,
    MOVE,
    OUTSIDE,
    SNOOZE,
    JourneyDefinition,
    Stall,
    compile_definition,
    title_of,
)
from cjstream.core.limits import MAX_MS
from cjstream.core.reading import MAX_DURATION_MS
from cjstream.errors import DefinitionError
from tests.core.builders import START_MS, touchpoint
from tests.core.languages import ABSENT, SMALL, WHOLE, Object, changed
from tests.core.languages import faults as messages

DAY_MS = 86_400_000


def faults(data: Any) -> list[str]:
    return list(messages(data))


def compiled() -> JourneyDefinition:
    return compile_definition(SMALL)


def matching(found: JourneyDefinition, rule_kind: str, kind: str, **fields: Any) -> list[str]:
    """Return the ids of the rules of a kind that a touchpoint matches, in the order in which they are asked."""
    rules = [found.table[place] for place in found.matches(touchpoint("t", kind, 0, **fields))]
    return [rule.id for rule in rules if rule.kind == rule_kind]


def test_a_definition_compiles() -> None:
    found = compiled()
    assert [(stage.id, stage.weight, stage.group) for stage in found.stages] == [
        ("awareness", 10, "before"),
        ("purchase", 30, None),
    ]
    assert (found.journey, found.owner, found.lateness_ms, found.goal_stage) == ("shop", "marketing", 600_000, None)


def test_the_smallest_definition_has_no_goal_and_takes_nothing_late() -> None:
    found = compile_definition({key: SMALL[key] for key in ("journey", "stages", "rules")})
    assert (found.lateness_ms, found.goal_stage, found.goal_rule, found.owner) == (0, None, None, None)


def test_its_data_compiles_to_itself_again_also_after_json() -> None:
    again = compile_definition(json.loads(json.dumps(compiled().data)))
    assert (again.hash, again.stages, again.data) == (compiled().hash, compiled().stages, compiled().data)


def test_the_first_rule_that_matches_wins() -> None:
    rules = [
        {"id": "big", "on": "purchase", "when": {"value": {"gte": 100}}, "to": "purchase"},
        {"id": "any", "on": ["purchase", "page_view"], "to": "awareness"},
        {"id": "never", "on": "purchase", "to": "purchase"},
    ]
    found = compile_definition(changed(rules=rules))
    assert matching(found, MOVE, "purchase", value=100)[0] == "big"
    assert matching(found, MOVE, "purchase", value=99)[0] == "any"
    assert matching(found, MOVE, "page_view") == ["any"]
    assert matching(found, MOVE, "error") == []


def test_a_rule_without_an_id_is_named_by_its_place() -> None:
    assert matching(compiled(), MOVE, "page_view") == ["rule-1"]


def test_a_goal_can_be_a_condition_on_a_touchpoint() -> None:
    found = compiled()
    assert matching(found, GOAL, "purchase", value=1) == ["goal"]
    assert matching(found, GOAL, "purchase", value=0) == []
    assert matching(found, GOAL, "page_view", value=1) == []


def test_every_key_of_the_language_compiles() -> None:
    found = compile_definition(WHOLE)
    assert (found.moves, found.backward, found.entry) == ("listed", frozenset({(2, 0), (1, 0)}), "closed")
    assert (found.window_ms, found.reentry, found.cooldown_ms) == (90 * DAY_MS, "every", 30 * DAY_MS)
    assert (found.instance_field, found.instance_limit) == (("properties", "contract", "id"), 5)
    assert found.stages[0].window_ms == 30 * DAY_MS
    assert [stage.stall for stage in found.stages] == [
        Stall(14 * DAY_MS, 7 * DAY_MS, OUTSIDE),
        Stall(None, 60 * DAY_MS, 2),
        Stall(90 * DAY_MS, None, None),
    ]
    assert found.counted == ("demo", "meeting", "offer")
    assert found.count_by == {"channel": ("email", "website"), "device": (), "persona": ("enterprise",)}
    assert found.replaces == {"0123456789abcdef": {"lead": "prospect"}}
    assert [(each.persona, each.rule.id) for each in found.personas] == [("enterprise", "persona-1")]
    assert [rule.id for rule in found.ignores] == ["ignore-1"]


def test_what_is_left_out_has_its_default() -> None:
    found = compiled()
    assert (found.moves, found.backward, found.entry, found.window_ms) == ("forward_only", frozenset(), "open", None)
    assert (found.reentry, found.cooldown_ms) == ("after_exit", 0)
    assert (found.instance_field, found.instance_limit) == (None, 25)
    assert (found.counted, found.ignores, found.personas, found.replaces) == ((), (), (), {})
    assert found.count_by == {"channel": (), "device": (), "persona": ()}
    assert [(stage.window_ms, stage.stall) for stage in found.stages] == [(None, None)] * 2


def test_the_table_has_exits_rules_goal_and_snoozes_in_this_order() -> None:
    found = compile_definition(WHOLE)
    assert [(rule.id, rule.kind, rule.to) for rule in found.table] == [
        ("exit-1", EXIT, OUTSIDE),
        ("bad", EXIT, OUTSIDE),
        ("rule-1", MOVE, 0),
        ("paid", MOVE, 1),
        ("rule-3", MOVE, 2),
        ("goal", GOAL, OUTSIDE),
        ("snooze-1", SNOOZE, OUTSIDE),
        ("later", SNOOZE, OUTSIDE),
    ]
    assert {kind: found.table_by_type[kind] for kind in ("signed", "paid", "call_back")} == {
        "signed": (3, 5), "paid": (3,), "call_back": (7,),
    }  # fmt: skip
    assert found.goal_rule is found.table[5]


def test_matches_are_the_places_of_the_rules_whose_condition_on_the_touchpoint_holds() -> None:
    found = compile_definition(WHOLE)
    assert found.matches(touchpoint("t", "signed", 0, value=1)) == (3, 5)
    assert found.matches(touchpoint("t", "signed", 0, value=0)) == (5,)
    assert found.matches(touchpoint("t", "demo", 0)) == (2,), "the past is not asked"
    assert found.matches(touchpoint("t", "page_view", 0)) == ()


def test_a_touchpoint_is_ignored_by_type_and_condition() -> None:
    found = compile_definition(WHOLE)
    assert found.ignores_it(touchpoint("t", "demo", 0, channel="bot"))
    assert not found.ignores_it(touchpoint("t", "demo", 0, channel="email"))
    assert not found.ignores_it(touchpoint("t", "signed", 0, channel="bot"))
    assert not compiled().ignores_it(touchpoint("t", "demo", 0, channel="bot"))


@pytest.mark.parametrize(
    ("contract", "key"),
    [
        ({"id": "c-1"}, "c-1"),
        ({"id": 17}, "17"),
        ({"id": 0}, "0"),
        ({"id": "x" * 128}, "x" * 128),
        ({"id": "x" * 129}, None),
        ({"id": ""}, None),
        ({"id": "c 1"}, None),
        ({"id": 1.5}, None),
        ({"id": True}, None),
        ({"id": None}, None),
        ({"id": ["c-1"]}, None),
        ({}, None),
        ("c-1", None),
    ],
)
def test_the_key_of_an_instance_is_a_text_that_could_be_an_id_or_a_whole_number(contract: Any, key: str | None) -> None:
    found = touchpoint("t", "demo", 0, properties={"contract": contract})
    assert compile_definition(WHOLE).key_of(found) == key


def test_a_journey_with_one_instance_per_customer_has_the_empty_key() -> None:
    assert compiled().key_of(touchpoint("t", "demo", 0)) == ""


def test_a_field_of_the_touchpoint_can_be_the_key() -> None:
    found = compile_definition(changed(instance="session_id"))
    assert found.key_of(touchpoint("t", "demo", 0, session_id="s-1")) == "s-1"
    assert found.key_of(touchpoint("t", "demo", 0)) is None


def test_an_origin_is_one_small_number_that_gives_the_labels_back() -> None:
    labels = {"channel": ["website", "email"], "device": ["smartphone"], "persona": ["hunter", "gatherer"]}
    found = compile_definition(changed(count_by=labels))
    seen = {}
    for channel in ("website", "email", "print", None):
        for device in ("smartphone", "desktop", None):
            for persona in ("hunter", "gatherer", "x", None):
                each = {"channel": channel, "device": device, "persona": persona}
                origin = found.origin_of(touchpoint("t", "demo", 0, **each))
                expected = {name: each[name] if each[name] in labels[name] else "other" for name in labels}
                assert found.origin_values(origin) == expected
                seen[origin] = expected
    assert sorted(seen) == list(range(3 * 2 * 3))


def test_without_count_by_every_origin_is_0_and_other() -> None:
    found = compiled()
    assert found.origin_of(touchpoint("t", "demo", 0, channel="website", device="smartphone")) == 0
    assert found.origin_values(0) == {"channel": "other", "device": "other", "persona": "other"}


def test_an_origin_does_not_depend_on_the_order_in_the_file() -> None:
    """It is in the state, and the order is not in the hash."""
    one, other = (compile_definition(changed(count_by={"channel": order})) for order in (["a", "b"], ["b", "a"]))
    origins = [each.origin_of(touchpoint("t", "demo", 0, channel="b")) for each in (one, other)]
    assert (one.hash, origins[0]) == (other.hash, origins[1])


def test_a_snooze_holds_for_a_time_or_until_one_that_the_touchpoint_names() -> None:
    rest, later = compile_definition(WHOLE).table[-2:]
    assert rest.hold is not None
    assert later.hold is not None
    assert rest.hold(touchpoint("t", "meeting", 60)) == START_MS + 60_000 + 7 * DAY_MS
    assert rest.hold(touchpoint("t", "meeting", 0, occurred_at=MAX_MS)) == MAX_MS
    said = [START_MS + 1, "2026-01-01T00:00:00.001Z", "tomorrow", None, 1.5]
    held = [later.hold(touchpoint("t", "call_back", 0, properties={"when": each})) for each in said]
    assert held == [START_MS + 1, START_MS + 1, None, None, None]
    assert later.hold(touchpoint("t", "call_back", 0)) is None


def test_a_rule_asks_the_past_apart_from_the_touchpoint() -> None:
    rule = compile_definition(WHOLE).table[2]
    assert rule.past is not None
    assert rule.holds(touchpoint("t", "demo", 0))
    assert rule.past(0, [2, 0, 0], 0.0)
    assert not rule.past(1, [2, 0, 0], 0.0)
    assert not rule.past(0, [1, 0, 0], 0.0)


@pytest.mark.parametrize(
    ("change", "is_free"),
    [
        ({}, True),
        ({"entry": "infer"}, True),
        ({"window": "14d"}, True),
        ({"reentry": "never"}, True),
        ({"reentry": {"cooldown": "1d"}}, True),
        ({"ignore": [{"on": "x"}]}, True),
        ({"personas": [{"on": "x", "persona": "y"}]}, True),
        ({"count_by": {"channel": ["email"]}}, True),
        ({"moves": "any"}, False),
        ({"moves": {"listed": [["purchase", "awareness"]]}}, False),
        ({"entry": "closed"}, False),
        ({"instance": "session_id"}, False),
        ({"reentry": "every"}, False),
        ({"exits": [{"on": "x"}]}, False),
        ({"snooze": [{"on": "x", "for": "1d"}]}, False),
        ({"goal": {"on": "x", "when": {"seen": "y"}}}, False),
        ({"rules": [{"on": "x", "when": {"stage": "purchase"}, "to": "awareness"}]}, False),
        ({"stages": [{"id": "awareness", "weight": 1, "stall": {"since_entered": "1d"}}, SMALL["stages"][1]]}, False),
    ],
)
def test_a_journey_is_order_free_if_the_earliest_touchpoint_per_stage_tells_all(change: Object, is_free: bool) -> None:
    assert compile_definition(changed(**change)).order_free == is_free


def test_deadlines_come_from_windows_and_stalls() -> None:
    def told(**limits: Any) -> tuple[bool, bool, bool]:
        stages = [{**SMALL["stages"][0], **limits}, SMALL["stages"][1]]
        found = compile_definition(changed(stages=stages))
        return found.has_windows, found.has_deadlines, found.touches_matter

    assert told() == (False, False, False)
    assert told(window="7d") == (True, True, False)
    assert told(stall={"since_entered": "7d"}) == (False, True, False)
    assert told(stall={"since_last_touch": "7d"}) == (False, True, True)
    assert compile_definition(changed(window="7d")).has_windows


def test_the_first_stage_is_the_one_of_lowest_weight_and_stages_have_names() -> None:
    found = compile_definition(changed(stages=SMALL["stages"][::-1]))
    assert (found.first, found.stage_name(found.first), found.stage_name(OUTSIDE)) == (1, "awareness", None)


@pytest.mark.parametrize(
    ("title", "language", "told"),
    [
        (None, "en", None),
        ("Purchase", "id", "Purchase"),
        ({"en": "Purchase", "id": "Pembelian"}, "id", "Pembelian"),
        ({"en": "Purchase", "id": "Pembelian"}, "id-ID", "Pembelian"),
        ({"en": "Purchase", "pt-BR": "Compra"}, "pt-br", "Compra"),
        ({"id": "Pembelian", "en": "Purchase"}, "fr", "Purchase"),
        ({"id": "Pembelian"}, "fr", "Pembelian"),
    ],
)
def test_a_title_is_told_in_the_language_or_the_next_best(title: Any, language: str, told: str | None) -> None:
    compile_definition(changed(title=title))
    assert title_of({"title": title}, language) == told
    assert title_of({}, language) is None


def test_a_goal_can_be_a_stage() -> None:
    found = compile_definition(changed(goal="purchase"))
    assert found.goal_stage == 1
    assert matching(found, GOAL, "purchase", value=1) == []


@pytest.mark.parametrize("goal", [ABSENT, None])
def test_a_window_without_a_goal_is_a_fault_since_it_drops_everybody(goal: Any) -> None:
    stages = [SMALL["stages"][0], {**SMALL["stages"][1], "window": "7d"}]
    found = messages(changed(goal=goal, window="14d", stages=stages))
    assert list(found) == ["window", "stages[1].window"]
    assert all(message.endswith("add a `goal`") for message in found.values())
    for with_goal in ("purchase", {"on": "x"}):
        assert compile_definition(changed(goal=with_goal, window="14d", stages=stages)).has_windows


@pytest.mark.parametrize("key", ["lateness", "window"])
@pytest.mark.parametrize(("most", "beyond"), [("36500d", "36501d"), ("876000h", "876001h"), ("52560000m", "52560001m")])
def test_a_duration_is_at_most_100_years(key: str, most: str, beyond: str) -> None:
    legal, long = ({**changed(), key: text} for text in (most, beyond))
    found = compile_definition(legal)
    assert {"lateness": found.lateness_ms, "window": found.window_ms}[key] == MAX_DURATION_MS
    assert messages(long) == {key: f"must be at most 36500d, which is 100 years, not {beyond!r}"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"reentry": {"cooldown": "36501d"}}, "reentry.cooldown"),
        ({"snooze": [{"on": "x", "for": "36501d"}]}, "snooze[0].for"),
        ({"stages": [{**SMALL["stages"][0], "stall": {"since_entered": "36501d"}}, SMALL["stages"][1]]},
         "stages[0].stall.since_entered"),
    ],
)  # fmt: skip
def test_every_duration_longer_than_100_years_is_a_fault(change: Object, path: str) -> None:
    assert faults(changed(**change)) == [path]


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"journey": None}, ["journey"]),
        ({"journey": "my shop"}, ["journey"]),
        ({"colour": "red"}, ["colour"]),
        ({"title": ["Shop"]}, ["title"]),
        ({"owner": ""}, ["owner"]),
        ({"owner": "x" * 129}, ["owner"]),
        ({"title": {}}, ["title"]),
        (
            {"title": {"english": "Shop", "en_US": "Shop", "en": "", 5: "x"}},
            ["title.english", "title.en_US", "title.en", "title.5"],
        ),
        ({"title": {"id": "x" * 129}}, ["title.id"]),
        ({"review_by": "30.06.2027"}, ["review_by"]),
        ({"review_by": "2027-02-30"}, ["review_by"]),
        ({"review_by": "20270630"}, ["review_by"]),
        ({"review_by": 2027}, ["review_by"]),
        ({"lateness": 10}, ["lateness"]),
        ({"lateness": "10 minutes"}, ["lateness"]),
        ({"stages": None, "rules": None}, ["stages", "rules"]),
        ({"rules": []}, ["rules"]),
        ({"rules": {"on": "x", "to": "awareness"}}, ["rules"]),
        ({"rules": ["page_view"]}, ["rules[0]"]),
        ({"rules": [{"on": "x", "to": "checkout"}]}, ["rules[0].to"]),
        ({"rules": [{"on": "x"}]}, ["rules[0].to"]),
        ({"rules": [{"to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": [], "to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": ["x", 1], "to": "awareness"}]}, ["rules[0].on"]),
        ({"rules": [{"on": "x", "to": "awareness", "if": {}}]}, ["rules[0].if"]),
        ({"rules": [{"on": "x", "to": "awareness", "when": None}]}, ["rules[0].when"]),
        ({"rules": [{"on": "x", "to": "awareness", "when": {"valu": 1}}]}, ["rules[0].when.valu"]),
        ({"rules": [{"id": "a b", "on": "x", "to": "awareness"}]}, ["rules[0].id"]),
        ({"rules": [{"id": "r", "on": "x", "to": "awareness"}] * 2}, ["rules[1].id"]),
        ({"rules": [{"id": "rule-2", "on": "x", "to": "awareness"}, {"on": "x", "to": "awareness"}]}, ["rules[1].id"]),
        ({"rules": [{"on": "x", "to": "awareness"}] * (MAX_RULES + 1)}, ["rules"]),
        ({"goal": "checkout"}, ["goal"]),
        ({"goal": ["purchase"]}, ["goal"]),
        ({"goal": {}}, ["goal.on"]),
        ({"goal": {"on": "purchase", "to": "purchase"}}, ["goal.to"]),
        ({"goal": {"on": "purchase", "when": {"value": {"gt": "x"}}}}, ["goal.when.value.gt"]),
    ],
)
def test_a_fault_is_reported_at_its_path(change: Object, paths: list[str]) -> None:
    assert faults(changed(**change)) == paths


@pytest.mark.parametrize(
    ("stages", "paths"),
    [
        ([{"id": "a", "weight": 1}, {"id": "a", "weight": 2}], ["stages[1].id"]),
        ([{"id": "a", "weight": 1}, {"id": "b", "weight": 1.0}], ["stages[1].weight"]),
        ([{"id": "a"}, {"id": "b"}], ["stages[0].weight", "stages[1].weight"]),
        ([{"id": "a", "weight": True}], ["stages[0].weight"]),
        ([{"id": "a", "weight": "1"}], ["stages[0].weight"]),
        ([{"id": "a", "weight": float("nan")}], ["stages[0].weight"]),
        ([{"id": "a", "weight": 1e10}], ["stages[0].weight"]),
        ([{"weight": 1}, {"id": "", "weight": 2}, {"id": "a", "weight": 3}], ["stages[0].id", "stages[1].id"]),
        ([{"id": "a", "weight": 1, "color": 1}], ["stages[0].color"]),
        ([{"id": "a", "weight": 1, "group": 5, "title": 6}], ["stages[0].title", "stages[0].group"]),
        (["b", {"id": "a", "weight": 1}], ["stages[0]"]),
        ([{"id": f"s{n}", "weight": n} for n in range(MAX_STAGES + 1)], ["stages", "rules[0].to"]),
    ],
)
def test_a_fault_of_a_stage_is_told_once(stages: list[Any], paths: list[str]) -> None:
    to = stages[-1].get("id")
    assert faults({"journey": "j", "stages": stages, "rules": [{"on": "x", "to": to}]}) == paths


@pytest.mark.parametrize("data", [None, [], "journey: shop", 5])
def test_what_is_no_mapping_is_refused(data: Any) -> None:
    assert faults(data) == [""]


def test_all_faults_are_reported_at_once() -> None:
    data = changed(journey="", lateness="soon", goal="gone", extra=1)
    data["rules"][1] = {"on": 5, "when": {"value": {"near": 1}}, "to": "nowhere"}
    data["stages"][0]["stall"] = {"since_entered": "soon"}
    data |= {"moves": "down", "entry": "ajar", "window": 0, "instance": "cart", "reentry": "often", "exits": []}
    data |= {"ignore": [{}], "personas": [{"on": "x"}], "snooze": [{"on": "x"}], "count_by": [], "replaces": {}}
    assert set(faults(data)) == {
        "stages[0].stall.since_entered", "moves", "entry", "window", "instance", "reentry", "exits", "ignore[0].on",
        "personas[0].persona", "snooze[0]", "count_by", "replaces", "extra",
        "journey", "rules[1].to", "rules[1].when.value.near", "rules[1].on", "goal", "lateness",
    }  # fmt: skip


def test_the_message_says_what_to_write_instead() -> None:
    with pytest.raises(DefinitionError, match=r"here: rules\[0\]\.to: must be one of the stages awareness, purchase"):
        compile_definition(changed(rules=[{"on": "x", "to": "buy"}]), "here")


WORDS = [
    "id", "on", "to", "when", "weight", "value", "gte", "eq", "odd", "seen", "count", "stage", "at_least", "listed",
    "key", "limit", "policy", "cooldown", "channel", "definition", "stages", "for", "until", "persona", "en",
]  # fmt: skip
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["purchase", "prospect", "x", "", "7d", "any"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(WHOLE)), json_values)
def test_any_data_compiles_or_is_refused_with_paths(key: str, value: Any) -> None:
    try:
        found = compile_definition(changed(WHOLE, **{key: value}))
    except DefinitionError as error:
        assert error.problems  # noqa: PT017, either way is right
    else:
        assert compile_definition(json.loads(json.dumps(found.data))).hash == found.hash


def test_half_a_surrogate_pair_is_refused_since_no_record_can_carry_it() -> None:
    stages = [{"id": "a", "weight": 1, "group": "\ud800"}]
    with pytest.raises(DefinitionError, match="surrogate"):
        compile_definition({"journey": "j", "stages": stages, "rules": [{"on": "x", "to": "a"}]})
