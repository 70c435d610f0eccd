"""The schema of facts is equal to what the decoder takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from cjstream.core import facts
from cjstream.core.facts import Fact, key_of, parse_fact
from cjstream.core.touchpoint import Rejection
from cjstream.ingest.codec import loads
from cjstream.ingest.facts import read_fact
from tests.contract.test_schemas import EXAMPLES, VALIDATORS, example_id, schema

FACTS = [path for path in EXAMPLES if path.parts[-3] == "facts.v1"]
SMALLEST = {"name": "clicks", "day": "2026-11-22", "value": 31}


@pytest.mark.parametrize("path", FACTS, ids=example_id)
def test_the_decoder_gives_an_example_the_reason_in_its_name(path: Path) -> None:
    found = read_fact(path.read_bytes())
    reason = found.reason if isinstance(found, Rejection) else None
    assert reason == (path.name.split(".")[0] if path.parts[-2] == "invalid" else None)


def test_the_fields_are_those_of_the_core_in_order() -> None:
    properties = schema("facts.v1")["properties"]
    assert tuple(properties) == tuple(facts.FIELDS) == Fact._fields
    assert schema("facts.v1")["required"] == [*facts.REQUIRED]


def test_the_key_in_the_description_is_the_key_of_such_a_fact() -> None:
    key = key_of(Fact("clicks", "search", "", "2026-11-22", 31, ""))
    assert key in schema("facts.v1")["description"]
    assert json.loads(key) == ["clicks", "search", "", "2026-11-22"]


def test_the_known_names_are_told() -> None:
    told = schema("facts.v1")["properties"]["name"]["description"]
    assert [name for name in facts.NAMES if name not in told] == []


@pytest.mark.parametrize("field", facts.FIELDS)
def test_schema_and_decoder_agree_on_a_field_for_every_sort_of_value(field: str) -> None:
    texts = ["", "a", " ", "a\n", "é", "x" * 128, "x" * 129]
    days = ["2026-11-22", "2026-11-31", "2000-02-29", "1900-02-29", "2026-1-1", "10000-01-01", "2026-11-22Z"]
    numbers = [0, 1, -1, 0.5, 10**15, 10**15 + 1, -(10**15), -(10**15) - 1, 1e300]
    probes: list[Any] = [None, True, False, *texts, *days, *numbers, [], {}, [1]]
    differ = []
    for value in probes:
        fields = loads(json.dumps({**SMALLEST, field: value}))
        if isinstance(parse_fact(fields), Fact) != VALIDATORS["facts.v1"].is_valid(fields):
            differ.append(value)
    assert differ == []
