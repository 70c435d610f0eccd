"""Outputs: always as the contract says, and an id is the same for the same parts for ever."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import compile_definition
from cjstream.core.limits import MAX_MS
from cjstream.core.outputs import JourneyCurrent, Signal, StageCurrent, StageTransition, stable_id
from cjstream.ingest.codec import dumps, loads, to_json
from tests.core.builders import Customer, journey, parsed
from tests.core.journeys import definitions, touchpoints

SCHEMAS = Path(__file__).parents[2] / "schemas"


VALIDATORS: dict[type[object], jsonschema_rs.Draft202012Validator] = {
    kind: jsonschema_rs.Draft202012Validator(json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text()))
    for kind, name in ((StageTransition, "stage-transition"), (StageCurrent, "stage-current"), (Signal, "signal"))
}

labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=128)
identities = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128)
contexts = st.fixed_dictionaries(
    {}, optional={"account_id": identities, **dict.fromkeys(("channel", "device", "persona", "campaign"), labels)}
)


@st.composite
def customers(draw: st.DrawFn) -> Customer:
    """Return a customer of two journeys who was fed up to six touchpoints, and was silent for long after."""
    one, two = draw(definitions(name="one")), journey("two", goal={"on": "a"})
    customer = Customer.of(compile_definition(one), two)
    for fields in draw(touchpoints(most=6)):
        customer.feed(parsed({**fields, "id": draw(identities), **draw(contexts)}))
    if customer.state is not None:
        customer.expire(86_400)
    return customer


@given(customers())
def test_whatever_comes_in_what_leaves_keeps_the_contract(customer: Customer) -> None:
    for output in customer.outputs:
        value = loads(to_json(output))
        assert [error.message for error in VALIDATORS[type(output)].iter_errors(value)] == []


@given(customers())
def test_outputs_are_the_bytes_that_orjson_writes(customer: Customer) -> None:
    for output in customer.outputs:
        assert to_json(output) == dumps(output)


@given(st.integers(0, MAX_MS))
def test_every_number_of_seconds_is_the_bytes_that_orjson_writes(ms: int) -> None:
    assert msgspec.json.encode(ms / 1000) == dumps(ms / 1000)


@pytest.mark.parametrize("kind", [StageTransition, JourneyCurrent, StageCurrent, Signal])
def test_an_output_cannot_be_changed_and_has_no_defaults(kind: Any) -> None:
    assert kind.__struct_config__.frozen
    assert not kind.__struct_defaults__


def test_a_stable_id_is_the_same_on_every_machine_and_release() -> None:
    assert stable_id("transition", "ani", "shop", 1) == "8e1dcd64ecf058e0a0b32cb2b4d25dee"


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_a_stable_id_is_32_hex_digits(parts: list[str]) -> None:
    found = stable_id(*parts)
    assert len(found) == 32
    assert int(found, 16) >= 0


def test_a_stable_id_tells_where_one_part_ends() -> None:
    assert len({stable_id("ab", "c"), stable_id("a", "bc"), stable_id("abc"), stable_id("ab", "c", "")}) == 4
