"""The tables of docs/explanation/performance.md are those of the kept figures."""

import pytest

from bench.figures import PAGE, _target, page


def test_the_page_is_made_of_the_kept_figures() -> None:
    assert PAGE.made() == page().strip(), "run bench/figures.py --write"


@pytest.mark.parametrize(
    ("value", "bound", "at_most", "verdict"),
    [
        (2.0, 4, False, "**not met**, by a factor of 2.0"),
        (4.0, 4, False, "met"),
        (150.0, 100, True, "**not met**, by a factor of 1.5"),
        (100.0, 100, True, "met"),
    ],
)
def test_what_is_not_met_is_told_with_its_gap(value: float, bound: float, at_most: bool, verdict: str) -> None:
    found = {"name": "it", "value": value, "bound": bound, "at_most": at_most}
    found["met"] = value <= bound if at_most else value >= bound
    assert _target("latency", found)[3] == verdict
