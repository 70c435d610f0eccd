"""Two definitions side by side."""

import pytest

from cjstream.core.analysis import Fold
from cjstream.core.comparison import COUNT, SECONDS, SECTIONS, SHARE, Row, compare, merged
from cjstream.core.definition import JourneyDefinition
from cjstream.core.figures import JourneyReport
from tests.core.builders import fields, journey, parsed

A = journey(stages="abc", goal={"on": "c"})
B = journey(
    stages="axc",
    goal={"on": "c"},
    window="1h",
    rules=[{"on": "a", "to": "a"}, {"on": "b", "to": "x"}, {"on": "c", "to": "c"}],
)
LOG = [fields("1", "a", 0), fields("2", "b", 60), fields("3", "c", 180), fields("4", "a", 200)]
LOG += [fields("5", "a", 0, customer_id="budi"), fields("6", "z", 9_000, customer_id="budi")]


@pytest.fixture
def rows() -> dict[str, list[Row]]:
    return {section.name: section.rows for section in compare(*(report(each) for each in (A, B)))}


def report(definition: JourneyDefinition) -> JourneyReport:
    fold = Fold([definition])
    for each in LOG:
        fold.feed(parsed(each))
    [found] = fold.finish().journeys.values()
    return found


def test_every_figure_has_a_b_and_the_difference(rows: dict[str, list[Row]]) -> None:
    outcomes = {row.label: row for row in rows["outcomes"]}
    assert outcomes["dropped"] == Row("dropped", COUNT, 0, 1, 1)
    assert outcomes["in progress"] == Row("in progress", COUNT, 1, 0, -1)
    assert outcomes["converted, of those not in progress"] == Row(
        "converted, of those not in progress", SHARE, 1.0, 0.5, -0.5
    )
    assert outcomes["time to convert, median"] == Row("time to convert, median", SECONDS, 180.0, 180.0, 0)


def test_stages_are_matched_by_id_and_one_that_a_side_lacks_has_no_figure_there(rows: dict[str, list[Row]]) -> None:
    assert rows["reached"] == [
        Row("a", COUNT, 2, 2, 0),
        Row("x", COUNT, None, 1, None),
        Row("b", COUNT, 1, None, None),
        Row("c", COUNT, 1, 1, 0),
    ]
    assert rows["population"][-1] == Row("(outside)", COUNT, 0, 0, 0)
    assert rows["left"][0] == Row("a", COUNT, 0, 1, 1)
    assert [row.label for row in rows["dwell_median"]] == ["a", "x", "b"]


def test_moves_and_refusals_are_told_by_name(rows: dict[str, list[Row]]) -> None:
    assert rows["moves"][0] == Row("(outside) -> a, entry", COUNT, 2, 2, 0)
    assert rows["refused"] == [Row("backward", COUNT, 1, 1, 0)]
    assert list(rows) == [name for name in SECTIONS if name in rows]


def test_names_of_both_are_merged_in_order() -> None:
    assert merged("abc", "abc") == ["a", "b", "c"]
    assert merged("abc", "xby") == ["x", "a", "b", "y", "c"]
    assert merged("", "ab") == ["a", "b"]
