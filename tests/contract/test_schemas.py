"""schemas/ is the wire contract: sound in itself, its examples filed rightly, and equal to the code."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core import condition, definition, outputs, past, policies, rules, stages, touchpoint
from cjstream.core.engine import Journeys, advance
from cjstream.core.limits import MAX_MS
from cjstream.core.measures import (
    compiled,
    expected,
    feedback_spec,
    feedback_threads,
    journey_score,
    leaving,
    metric_types,
    opening_hours,
    score_rules,
    sentiment,
    watches,
)
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Rejection, Touchpoint
from cjstream.definitions import names, shipped
from cjstream.errors import DefinitionError
from cjstream.ingest.codec import WireRecord, decode, encode, loads
from cjstream.ingest.letters import dead_letter
from tests.core import languages

FOLDER = Path(__file__).parents[2] / "schemas"
SUFFIX = ".schema.json"
NAMES = sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob("*.json"))
STRUCTS: dict[str, type[msgspec.Struct]] = {
    "stage-transition.v1": outputs.StageTransition,
    "stage-current.v1": outputs.StageCurrent,
    "signal.v1": outputs.Signal,
}
VALUES_OUT = sorted(STRUCTS)  # a dead letter's value is whatever came in
EXAMPLES = sorted(FOLDER.glob("examples/*/*/*"))
CLOSED = {*VALUES_OUT, "journey-definition.v1"}  # their objects have no other fields
TOUCHPOINTS = [path for path in EXAMPLES if path.parts[-3] == "touchpoint.v1"]


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = loads((FOLDER / f"{name}{SUFFIX}").read_bytes())
    return loaded


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(name), validate_formats=True)


VALIDATORS = {name: validator(name) for name in NAMES}


def accepts(name: str, value: bytes) -> bool:
    """Return whether bytes are JSON that the schema accepts."""
    try:
        return VALIDATORS[name].is_valid(loads(value))
    except ValueError:
        return False


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def objects(name: str) -> Iterator[dict[str, Any]]:
    """Yield every part of a schema that describes an object: those under `if` and `then` only narrow one."""
    return (node for node in nodes(schema(name)) if node.get("type") == "object" and "properties" in node)


def example_id(path: Path) -> str:
    return "/".join(path.parts[-3:])


@pytest.mark.parametrize("name", NAMES)
class TestEverySchema:
    def test_is_valid_2020_12_and_says_so(self, name: str) -> None:
        assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema_rs.meta.validate(schema(name))

    def test_has_its_name_and_version_in_id_and_title(self, name: str) -> None:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.v[1-9][0-9]*", name)
        assert schema(name)["$id"] == f"urn:cjstream:schemas:{name}"
        words, _, version = name.rpartition(".")
        assert schema(name)["title"].lower().replace(" ", "") == f"{words.replace('-', '')}{version}"

    def test_describes_itself_and_every_field(self, name: str) -> None:
        parts = [schema(name), *(part for each in objects(name) for part in each["properties"].values())]
        assert [part for part in parts if not part.get("description", "").endswith(".")] == []

    def test_says_what_null_means_wherever_it_may_be_sent(self, name: str) -> None:
        if name in VALUES_OUT:
            fields = {key: part for each in objects(name) for key, part in each["properties"].items()}
            silent = [key for key, part in fields.items() if _nullable(name, part) and not _tells_null(part)]
            assert silent == []

    def test_declares_what_it_does_with_other_fields(self, name: str) -> None:
        assert {each["additionalProperties"] for each in objects(name)} == {name not in CLOSED}

    def test_has_examples_of_both_kinds(self, name: str) -> None:
        kinds = [path.parent.name for path in EXAMPLES if path.parts[-3] == name]
        assert min(kinds.count("valid"), kinds.count("invalid")) >= 3


def _nullable(name: str, part: dict[str, Any]) -> bool:
    target = part | schema(name).get("$defs", {}).get(part.get("$ref", "").rpartition("/")[2], {})
    return "null" in target.get("type", ()) or None in target.get("enum", ())


def _tells_null(part: dict[str, Any]) -> bool:
    return "null" in part["description"]


def test_every_example_lies_under_a_schema_and_has_a_telling_name() -> None:
    for path in EXAMPLES:
        assert path.parts[-3] in NAMES
        assert path.parts[-2] in {"valid", "invalid"}
        assert re.fullmatch(r"([a-z_]+\.)?[a-z0-9]+(-[a-z0-9]+)*\.json", path.name), path.name


@pytest.mark.parametrize("path", EXAMPLES, ids=example_id)
def test_an_example_is_accepted_or_rejected_as_filed(path: Path) -> None:
    assert accepts(path.parts[-3], path.read_bytes()) == (path.parts[-2] == "valid")


@pytest.mark.parametrize("path", TOUCHPOINTS, ids=example_id)
def test_the_decoder_gives_a_touchpoint_example_the_reason_in_its_name(path: Path) -> None:
    found = decode(*record(path), timestamp_ms=None, max_skew_ms=0)
    reason = found.reason if isinstance(found, Rejection) else None
    assert reason == (path.name.split(".")[0] if path.parts[-2] == "invalid" else None)


def record(path: Path) -> tuple[bytes, bytes]:
    """Return key and value of an example; the key is the customer id where there is one."""
    value = path.read_bytes()
    try:
        fields = loads(value)
        return fields["customer_id"].encode(), value
    except (ValueError, TypeError, KeyError, AttributeError):
        return b"customer-1", value


def test_every_reason_that_a_value_alone_can_give_has_an_example() -> None:
    filed = {path.name.split(".")[0] for path in TOUCHPOINTS if path.parts[-2] == "invalid"}
    # too_deep is beyond JSON Schema; the others depend on key or timestamp, or are our own fault
    assert filed == {*touchpoint.REASONS} - {"too_deep", "future", "no_key", "key_mismatch", "internal_error"}


def test_schema_and_decoder_agree_on_every_field_for_every_sort_of_value() -> None:
    smallest = loads((FOLDER / "examples/touchpoint.v1/valid/smallest.json").read_bytes())
    numbers = [0, 1, -1, 1.5, -1.5, 2**53, 2**53 + 1, 10**15, 10**15 + 1, MAX_MS, MAX_MS + 1]
    texts = [
        "",
        "a",
        " ",
        "a b",
        "a\n",
        "\u00ad",
        "é",
        *("x" * length for length in (128, 129, 10_000, 10_001)),
    ]
    times = [
        "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+23:59", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60", "2026-13-01T00:00:00Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z",
    ]  # fmt: skip
    probes = [
        None,
        True,
        False,
        *numbers,
        *texts,
        "customer",
        "stars",
        "neutral",
        *times,
        [],
        {},
        [1],
        {"a": 1},
    ]
    differ = []
    for field in touchpoint.FIELDS:
        for value in probes:
            fields = {**smallest, field: value}
            parsed = touchpoint.parse(fields, 0, None, 0)
            if isinstance(parsed, Touchpoint) != VALIDATORS["touchpoint.v1"].is_valid(fields):
                differ.append((field, value, parsed))
    assert differ == []


def test_the_touchpoint_schema_has_the_fields_of_the_core_in_order() -> None:
    assert [*schema("touchpoint.v1")["properties"]] == [*touchpoint.FIELDS]
    assert schema("touchpoint.v1")["required"] == [*touchpoint.REQUIRED]


@pytest.mark.parametrize("name", VALUES_OUT)
class TestEverySchemaOfAnOutput:
    def test_has_the_fields_of_its_struct_in_order(self, name: str) -> None:
        assert tuple(schema(name)["properties"]) == STRUCTS[name].__struct_fields__

    def test_requires_all_of_its_fields(self, name: str) -> None:
        for each in objects(name):
            assert each["required"] == [*each["properties"]]

    def test_writes_every_time_in_utc_with_milliseconds(self, name: str) -> None:
        times = [node for node in nodes(schema(name)) if node.get("format") == "date-time"]
        assert times
        assert {node["pattern"] for node in times} == {
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"
        }
        assert all(re.fullmatch(node["pattern"], format_time(0)) for node in times)


def test_the_journeys_of_stage_current_have_the_fields_of_their_struct_in_order() -> None:
    journey = schema("stage-current.v1")["$defs"]["journey"]
    assert tuple(journey["properties"]) == outputs.JourneyCurrent.__struct_fields__


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("stage-transition.v1", ("properties", "kind"), outputs.TRANSITION_KINDS),
        ("signal.v1", ("properties", "kind"), outputs.SIGNAL_KINDS),
        ("signal.v1", ("properties", "severity"), outputs.SEVERITIES),
        ("stage-current.v1", ("$defs", "journey", "properties", "outcome"), outputs.OUTCOMES),
        ("dead-letter-headers.v1", ("properties", "cjstream-reason"), touchpoint.REASONS),
    ],
)
def test_a_closed_list_is_that_of_the_core(name: str, path: tuple[str, ...], words: tuple[str, ...]) -> None:
    part = schema(name)
    for step in path:
        part = part[step]
    assert tuple(part["enum"]) == words


def test_what_the_engine_sends_keeps_the_contract() -> None:
    sent = list(records_of_a_journey())
    assert {wire.topic for wire in sent} == {"transitions", "stage_current", "signals"}
    names = {
        "transitions": "stage-transition.v1",
        "stage_current": "stage-current.v1",
        "signals": "signal.v1",
    }
    for wire in sent:
        assert wire.value is not None
        assert [error.message for error in VALIDATORS[names[wire.topic]].iter_errors(loads(wire.value))] == []
    kinds = {loads(wire.value or b"")["kind"] for wire in sent if wire.topic != "stage_current"}
    assert kinds >= {"entry", "forward", "correction", "converted"}


def records_of_a_journey() -> Iterator[WireRecord]:
    """Yield all that leaves for a customer who buys and then turns out to have compared before."""
    journeys, state = Journeys.of([shipped("shop")]), None
    happened = [("page_view", 0), ("purchase", 120_000), ("product_view", 60_000)]
    for offset, (kind, at_ms) in enumerate(happened):
        fields = {"id": f"tp-{offset}", "customer_id": "customer-1", "type": kind, "occurred_at": at_ms}
        parsed = touchpoint.parse(fields, offset, None, 0)
        assert isinstance(parsed, Touchpoint)
        step = advance(state, parsed, (0, offset), journeys)
        state = step.state
        yield from (encode(output, "cjstream") for output in step.outputs)


@pytest.mark.parametrize("rejection", [Rejection("not_json"), Rejection("bad_id", "customer_id")])
def test_a_dead_letter_has_the_headers_of_the_contract(rejection: Rejection) -> None:
    wire = dead_letter(rejection, ("touchpoints", 3, 120_042), b"k", b"v", [("own", b"x")], 0, limit_bytes=100)
    headers = {name: text.decode() for name, text in wire.headers}
    assert [*headers] == ["own", *schema("dead-letter-headers.v1")["properties"]]
    assert VALIDATORS["dead-letter-headers.v1"].is_valid(headers)


DEFINITIONS = [path for path in EXAMPLES if path.parts[-3] == "journey-definition.v1"]


def compiles(data: Any) -> bool:
    try:
        definition.compile_definition(data)
    except DefinitionError:
        return False
    return True


@pytest.mark.parametrize("path", DEFINITIONS, ids=example_id)
def test_the_compiler_takes_a_definition_or_refuses_it_as_filed(path: Path) -> None:
    assert compiles(loads(path.read_bytes())) == (path.parts[-2] == "valid")


@pytest.mark.parametrize("name", names())
def test_a_shipped_journey_keeps_the_schema(name: str) -> None:
    assert [error.message for error in VALIDATORS["journey-definition.v1"].iter_errors(shipped(name).data)] == []


@pytest.mark.parametrize(
    ("name", "data"), [("every-key", languages.WHOLE), ("score-that-moves", languages.SCORED)], ids=["whole", "scored"]
)
def test_an_example_is_the_one_that_the_core_is_tested_with(name: str, data: languages.Object) -> None:
    path = FOLDER / f"examples/journey-definition.v1/valid/{name}.json"
    assert loads(path.read_bytes()) == data


def test_the_example_of_every_key_has_every_key() -> None:
    assert {*languages.WHOLE} == {*definition.KEYS}
    assert [*languages.WHOLE["measures"]] == [*compiled.READERS]


@pytest.mark.parametrize(
    ("part", "keys"),
    [
        ("stage", stages.STAGE_KEYS),
        ("stall", stages.STALL_KEYS),
        ("rule", rules.RULE_KEYS),
        ("goal", rules.GOAL_KEYS),
        ("exit", rules.PLAIN_KEYS),
        ("ignored", rules.PLAIN_KEYS),
        ("persona", rules.PERSONA_KEYS),
        ("snooze", rules.SNOOZE_KEYS),
        ("instance", policies.INSTANCE_KEYS),
        ("reentry", policies.REENTRY_KEYS),
        ("replaced", policies.REPLACES_KEYS),
        ("listed", (policies.LISTED,)),
        ("when", (*past.PAST_KEYS, *touchpoint.FIELDS)),
        ("fields", touchpoint.FIELDS),
        ("operators", condition.OPERATORS),
        ("place", past.STAGE_OPERATORS),
        ("counts", past.COUNT_OPERATORS),
        ("score_numbers", past.COUNT_OPERATORS),
        ("measures", compiled.READERS),
        ("sentiment", sentiment.KEYS),
        ("feedback", feedback_spec.FEEDBACK_KEYS),
        ("calendar", opening_hours.CALENDAR_KEYS),
        ("target", ("when", *feedback_threads.CLOCKS)),
        ("score", score_rules.KEYS),
        ("decay", score_rules.DECAYS),
        ("score_rule", score_rules.RULE_KEYS),
        ("threshold", score_rules.THRESHOLD_KEYS),
        ("expected", expected.KEYS),
        ("step", expected.STEP_KEYS),
        ("persona_path", expected.PERSONA_KEYS),
        ("expectation", watches.KEYS),
        ("leaving", leaving.KEYS),
        ("metrics", metric_types.KEYS),
        ("journey_score", journey_score.PARTS),
        ("share_part", journey_score.PART_KEYS),
        ("time_part", journey_score.PART_KEYS),
        ("satisfaction_part", journey_score.SATISFACTION_KEYS),
    ],
)
def test_the_schema_of_definitions_has_the_keys_of_the_compiler_in_order(part: str, keys: Iterable[str]) -> None:
    assert [*schema("journey-definition.v1")["$defs"][part]["properties"]] == [*keys]


def test_a_condition_reads_the_defaults_of_the_touchpoint_schema() -> None:
    defaults = {name: part.get("default") for name, part in schema("touchpoint.v1")["properties"].items()}
    assert {name: default for name, default in defaults.items() if isinstance(default, str)} == condition.DEFAULTS


def test_schema_and_compiler_agree_on_the_longest_duration() -> None:
    longest = {"d": 36_500, "h": 876_000, "m": 52_560_000}
    numbers = {n + by * 10**digit for n in longest.values() for digit in range(9) for by in (-1, 0, 1)}
    texts = [f"{n:0{width}}{unit}" for n in numbers for unit in ("ms", "s", *longest) for width in (1, 9)]
    texts += [f"{n}{unit}" for unit in longest for n in (0, 1, 999_999_999, 1_000_000_000)]
    for text in texts:
        data = languages.changed(lateness=text)
        assert VALIDATORS["journey-definition.v1"].is_valid(data) == compiles(data), text


@pytest.mark.parametrize("goal", [None, languages.ABSENT, "purchase", {"on": "x"}])
@pytest.mark.parametrize("path", ["journey", "window", "stages.1.window"])
def test_schema_and_compiler_agree_that_a_window_needs_a_goal(path: str, goal: Any) -> None:
    value = "shop" if path == "journey" else "7d"  # the name: no window at all
    data = languages.varied(languages.changed(goal=goal), path, value)
    allowed = path == "journey" or goal not in (None, languages.ABSENT)
    assert VALIDATORS["journey-definition.v1"].is_valid(data) == compiles(data) == allowed


def test_the_schema_of_definitions_has_the_other_keys_and_words_of_the_compiler() -> None:
    whole = schema("journey-definition.v1")
    parts, defs = whole["properties"], whole["$defs"]
    assert [*parts] == [*definition.KEYS]
    assert [*parts["count_by"]["properties"]] == [*policies.DIMENSIONS]
    assert [*defs["stage"]["properties"]["behind"]["properties"]] == [*stages.BEHIND_KEYS]
    assert parts["entry"]["enum"] == [*policies.ENTRIES]
    assert defs["reentry_policy"]["enum"] == [*policies.REENTRIES]
    assert defs["instance_key"]["anyOf"][1]["enum"] == [*policies.INSTANCE_FIELDS]
    assert (parts["stages"]["maxItems"], parts["rules"]["maxItems"]) == (stages.MAX_STAGES, rules.MAX_RULES)
    assert defs["instance"]["properties"]["limit"]["default"] == policies.INSTANCE_LIMIT


@pytest.mark.parametrize(
    ("part", "key", "most"),
    [
        ("feedback", "targets", feedback_spec.MAX_TARGETS),
        ("calendar", "holidays", opening_hours.MAX_HOLIDAYS),
        ("score", "groups", score_rules.MAX_GROUPS),
        ("score", "rules", score_rules.MAX_RULES),
        ("score", "thresholds", score_rules.MAX_THRESHOLDS),
        ("expected", "personas", expected.MAX_PERSONAS),
        ("expected", "rules", watches.MAX_RULES),
    ],
)
def test_a_list_in_the_measures_may_be_as_long_as_the_compiler_says(part: str, key: str, most: int) -> None:
    found = schema("journey-definition.v1")["$defs"][part]["properties"][key]
    assert found.get("maxItems", found.get("maxProperties")) == most


def test_the_other_limits_and_words_of_the_measures_are_those_of_the_compiler() -> None:
    defs = schema("journey-definition.v1")["$defs"]
    assert defs["path"]["maxItems"] == stages.MAX_STAGES
    assert defs["intervals"]["anyOf"][1]["maxItems"] == opening_hours.MAX_INTERVALS
    assert (defs["points"]["minimum"], defs["points"]["maximum"]) == (-score_rules.MAX_POINTS, score_rules.MAX_POINTS)
    assert defs["satisfaction_part"]["properties"]["by"]["enum"] == [*journey_score.SATISFACTION_BY]
    days = defs["calendar"]["properties"]["hours"]["propertyNames"]["pattern"]
    assert {*re.findall("[a-z]{3}", days)} == {*opening_hours.DAYS}


def test_the_schema_tells_the_defaults_of_the_measures() -> None:
    parts = {name: schema("journey-definition.v1")["$defs"][name]["properties"] for name in DEFAULTS}
    told = {name: {key: part["default"] for key, part in of.items() if "default" in part} for name, of in parts.items()}
    assert {name: {key: _sorted(value) for key, value in of.items()} for name, of in told.items()} == DEFAULTS
    for of in parts.values():
        for part in of.values():
            words = part.get("default", [])
            text = ", ".join(words) if isinstance(words, list) else str(words)
            assert (
                not text
                or part["description"].endswith(f"Default: {text}.")
                or f"Default {text}." in part["description"]
            )


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


METRICS = {name: sorted(kinds) for name, kinds in metric_types.DEFAULTS.items()}
DEFAULTS = {
    "feedback": {
        "on": sorted(feedback_spec.ON),
        "resolved_by": sorted(feedback_spec.RESOLVED_BY),
        "edited_by": sorted(feedback_spec.EDITED_BY),
        "due_soon": feedback_spec.DUE_SOON,
    },
    "leaving": {"pains": sorted(leaving.PAINS), "asks": sorted(leaving.ASKS)},
    "metrics": {**METRICS, "site": ["website"]},
    "satisfaction_part": {"weight": 1, "by": journey_score.CSAT},
    "calendar": {"time_zone": "UTC"},
}


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 200) | st.sampled_from(["", "won", "7d", "0d", "any", "properties.x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["en", "to", "eq", "x"]), inner),
    max_leaves=4,
)


leaf = st.sampled_from(
    [(data, path) for data in (languages.WHOLE, languages.SCORED) for path in languages.leaves(data)]
)


@given(leaf, st.integers(0, 4), odd)
def test_the_schema_of_definitions_is_no_stricter_than_the_compiler(
    of: tuple[languages.Object, str], up: int, value: Any
) -> None:
    whole, path = of
    keys = path.split(".")
    data = languages.varied(whole, ".".join(keys[: max(len(keys) - up, 1)]), value)
    if compiles(data):
        assert [error.message for error in VALIDATORS["journey-definition.v1"].iter_errors(data)] == []
