"""monitoring/queries.md lists exactly the queries of the boards, each with series that a real Prometheus returned."""

import re

from tests.monitoring.queries import JOURNEY, PAGE, listed, one_line
from tools.boards import queries

NO_SERIES = {"cjstream_scrape_errors_total"}  # only once a source of metrics has failed


def test_the_page_lists_exactly_the_queries_of_the_boards() -> None:
    asked = [(panel, one_line(expr)) for _, panel, expr in queries(journey=JOURNEY)]
    assert listed(PAGE.read_text("utf-8")) == asked, "run pytest --monitoring --keep tests/monitoring/test_series.py"


def test_all_but_one_returned_series() -> None:
    without = re.findall(r"^\| .+ \| `(.+)` \| 0 \| none \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [{name for name in NO_SERIES if name in expr} for expr in without] == [NO_SERIES]
