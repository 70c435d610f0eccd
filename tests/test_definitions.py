"""Definition files: YAML 1.2, every fault with its path and line, and the journeys that are shipped."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.core.definition import JourneyDefinition
from cjstream.definitions import DEFAULT, find, load, names, parse, shipped
from cjstream.errors import DefinitionError, Problem

SHOP = """\
journey: shop
goal: {on: purchase}
lateness: 10m
stages:
  - {id: awareness, weight: 10, group: pre-purchase}
  - {id: purchase, weight: 30, group: purchase}
rules:
  - {on: page_view, to: awareness}
  - {on: [purchase, order_paid], when: {value: {gte: 1}}, to: purchase}
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        parse(text, "here.yaml")
    assert caught.value.source == "here.yaml"
    return caught.value.problems


def test_the_smallest_definition_of_the_issue_loads(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    for found in (load(path), load(str(path))):
        assert (found.journey, found.lateness_ms, len(found.stages)) == ("shop", 600_000, 2)


def test_the_shipped_shop_loads() -> None:
    found = shipped()
    assert found.journey == "shop"
    assert [stage.id for stage in found.stages] == ["awareness", "consideration", "purchase", "retention", "advocacy"]
    assert found.goal_rule is not None


def test_every_row_of_the_models_is_shipped_the_default_first() -> None:
    assert names() == ["shop", "b2b_cooperation", "customer_experience", "five_phases", "loyal_customers"]
    assert names()[0] == DEFAULT
    assert [shipped(name).journey for name in names()] == names()


def test_a_name_or_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "five_phases").write_text(SHOP)
    (tmp_path / "mine.yaml").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    assert find("five_phases").journey == "five_phases", "a shipped name goes before a file"
    assert find("./five_phases").journey == find("mine.yaml").journey == "shop"
    with pytest.raises(DefinitionError, match="five: definition: is neither a file nor one of the shipped shop, b2b"):
        find("five")


@pytest.mark.parametrize("day", ["2027-06-30", "'2027-06-30'"])
def test_a_date_is_a_text_as_it_is_in_json(day: str) -> None:
    assert parse(f"{SHOP}review_by: {day}\n", "").data["review_by"] == "2027-06-30"


@pytest.mark.parametrize("day", ["2027-02-30", "2027-6-3", "2027-06-30T00:00:00Z", "20270630", "soon"])
def test_what_is_no_date_is_told_with_its_line(day: str) -> None:
    (problem,) = problems(f"{SHOP}review_by: {day}\n")
    assert (problem.path, problem.line) == ("review_by", 10)
    assert problem.message.startswith("must be a date such as 2027-06-30")


def test_the_hash_of_an_old_definition_has_to_be_quoted_if_it_looks_like_a_number() -> None:
    for old in ("1234567890123456", "123456789012e456"):
        (problem,) = problems(f"{SHOP}replaces:\n  - {{definition: {old}}}\n")
        assert (problem.line, "in quotes" in problem.message) == (11, True)
        quoted = parse(f"{SHOP}replaces:\n  - {{definition: '{old}'}}\n", "")
        assert quoted.replaces == {old: {}}


def test_on_is_a_text_and_so_are_yes_no_and_off() -> None:
    """In YAML 1.1 they are booleans, `on` as a key too."""
    found = parse(SHOP + "  - {on: [on, off, yes, no], to: purchase}\n", "")
    assert {*found.table_by_type} == {"page_view", "purchase", "order_paid", "on", "off", "yes", "no"}


def test_true_and_numbers_are_what_they_look_like_also_behind_an_anchor() -> None:
    text = SHOP + "  - {on: x, when: {properties.a: true, value: {exists: &yes true}, cost: &cost 1.5}, to: purchase}\n"
    when = parse(text, "").data["rules"][2]["when"]
    assert when == {"properties.a": True, "value": {"exists": True}, "cost": 1.5}
    assert [type(value) for value in (when["properties.a"], when["value"]["exists"], when["cost"])] == [
        bool,
        bool,
        float,
    ]


def test_a_file_that_is_absent_or_no_utf8_is_a_fault(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"journey: \xff")
    for path, why in ((tmp_path / "absent.yaml", "No such file"), (tmp_path, "Is a directory"), (binary, "UTF-8")):
        with pytest.raises(DefinitionError, match=f"cannot be read: .*{why}"):
            load(path)


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ("journey: shop", "journey: my shop", "journey", 1),
        ("lateness: 10m", "lateness: soon", "lateness", 3),
        ("lateness: 10m", "latenes: 10m", "latenes", 3),
        ("goal: {on: purchase}", "goal: sold", "goal", 2),
        ("goal: {on: purchase}", "goal: {if: purchase, on: purchase}", "goal.if", 2),
        ("weight: 30", "weight: 10", "stages[1].weight", 6),
        ("weight: 30", "wieght: 30, weight: 30", "stages[1].wieght", 6),
        ("to: awareness", "to: nowhere", "rules[0].to", 8),
        ("{on: page_view, to: awareness}", "awareness", "rules[0]", 8),
        ("{gte: 1}", "{gte: one}", "rules[1].when.value.gte", 9),
        ("{gte: 1}", "{gte: .nan}", "rules[1].when.value.gte", 9),
        ("on: page_view, ", "", "rules[0].on", 8),
        ("value:", "properties.:", "rules[1].when.properties.", 9),
    ],
)
def test_a_fault_is_told_with_its_path_and_line(old: str, new: str, path: str, line: int) -> None:
    assert [(each.path, each.line) for each in problems(SHOP.replace(old, new, 1))] == [(path, line)]


def test_a_missing_part_is_told_with_the_line_of_what_lacks_it() -> None:
    assert [(each.path, each.line) for each in problems("journey: shop\nrules:\n  - {on: x, to: y}\n")] == [
        ("stages", 1),
        ("rules[0].to", 3),
    ]


def test_all_faults_are_told_at_once() -> None:
    text = SHOP.replace("10m", "later").replace("weight: 30", "weight: heavy").replace("gte", "near")
    assert [each.line for each in problems(text)] == [6, 9, 3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("journey: [", 1),
        ("journey: shop\njourney: store\n", 2),
        ("journey: a: b", 1),
        ("journey: shop\n---\njourney: store\n", 2),
        ("journey: *unknown", 1),
        ("journey: sho\x00p", None),
        ("&a {journey: *a}", None),
        ("stages: " + "[" * 5_000, None),
        ("weight: " + "9" * 5_000, None),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, line: int | None) -> None:
    (problem,) = problems(text)
    assert problem.line == line
    assert "is no YAML" in problem.message


@pytest.mark.parametrize("text", ["", "# nothing\n", "shop", "- journey", "!!python/name:os.system x", "5"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    assert problems(text)[0].message.startswith("must be a mapping")


def variant(old: str, new: str) -> JourneyDefinition:
    assert old in SHOP
    return parse(SHOP.replace(old, new), "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("journey: shop", "# my shop\njourney: 'shop'\ntitle: My shop\nowner: sales"),
        ("10m", "600s"),
        ("group: purchase", "group: sold"),
        ("weight: 30", "weight: 30.0"),
        ("weight: 30", "weight: 0x1E"),
        ("on: page_view", "on: [page_view]"),
        ("{gte: 1}", "{'gte':\n      1.0}"),
    ],
)
def test_the_hash_depends_on_behaviour_not_on_spelling(old: str, new: str) -> None:
    assert variant(old, new).hash == parse(SHOP, "").hash


@given(st.integers(0, len(SHOP)), st.integers(0, 12), st.text("{}[]:,-&*!|>'\"%@`#\n ae10~?", max_size=6))
def test_no_damage_to_a_file_gives_anything_but_a_definition_or_its_faults(start: int, length: int, patch: str) -> None:
    try:
        parse(SHOP[:start] + patch + SHOP[start + length :], "here")
    except DefinitionError as error:
        assert error.problems  # noqa: PT017, either way is right
