"""monitoring/queries.md: every query of the boards, with what a real Prometheus answered. `--keep` writes it."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from tests.monitoring.prometheus import Series
from tests.rule_files import MONITORING
from tools.docs import code, table

PAGE = MONITORING / "queries.md"
HEAD = """# Queries of the boards, and what they returned

<!-- Made by `pytest --monitoring --keep tests/monitoring/test_series.py`. Change the boards in tools/boards. -->

No Grafana was at hand to draw the boards, so each query of each panel was asked of a real Prometheus 2.42. It scraped
three workers on a real broker, one by itself and two under a supervisor, under the load of `cjstream generate` and of
records that are odd on purpose. Variables were replaced, `offset 1w` was asked as `offset 4s`, and `> 0` at the end,
which shows only what should not happen, was left out. The table has the number of series that came, and one of them.
"""
JOURNEY = "shop"
ROW = re.compile(r"^\| (.+?) \| `(.+)` \| \d+ \| .+ \|$", re.MULTILINE)


class Answer(NamedTuple):
    """What came of one query of a panel."""

    board: str
    panel: str
    expr: str
    series: Sequence[Series]


def page(answers: Iterable[Answer]) -> str:
    """Return the page."""
    sections = [
        f"\n## {board}\n\n{table(('panel', 'query', 'series', 'one of them'), map(_row, found))}"
        for board, found in groupby(answers, key=lambda answer: answer.board)
    ]
    return HEAD + "".join(sections)


def _row(answer: Answer) -> tuple[str, str, str, str]:
    return answer.panel, code(one_line(answer.expr)), str(len(answer.series)), _sample(answer.series)


def one_line(expr: str) -> str:
    """Return an expression without line breaks."""
    return " ".join(expr.split())


def _sample(series: Sequence[Series]) -> str:
    """Return the series with the largest value: it tells most."""
    if not series:
        return "none"
    labels, value = max(series, key=lambda each: (each.value == each.value, each.value))
    shown = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name not in {"__name__", "job"})
    return f"{code('{' + shown + '}')} {value:.6g}"


def listed(text: str) -> list[tuple[str, str]]:
    """Return (panel, query) of each row of a page, in order."""
    return [(panel, query.replace("\\|", "|")) for panel, query in ROW.findall(text)]
