"""Grafana's boards of cjstream: tables of panels in Python, and the JSON that is made of them.

`python -m tools.boards` writes monitoring/grafana/dashboards; with `--check` it only compares.
"""

from collections.abc import Sequence

from tools.boards import experience, journeys, pipeline, runbooks, worker
from tools.boards.ids import panel_id, panel_path, runbook_id, runbook_path
from tools.boards.model import Board

__all__ = ["boards", "panel_id", "panel_path", "queries", "runbook_id", "runbook_path", "substitute"]

VALUES = {  # of variables, where a query is run without Grafana
    "job": "cjstream", "journey": ".+", "instance": ".+", "dimension": "channel", "interval": "1m",
    "__interval": "1m", "__rate_interval": "1m", "__range": "10m",
}  # fmt: skip


def boards() -> Sequence[Board]:
    """Return all boards; that of the runbooks is read from their pages."""
    return journeys.BOARD, experience.BOARD, pipeline.BOARD, worker.BOARD, runbooks.board()


def queries(**values: str) -> list[tuple[str, str, str]]:
    """Return (uid of the board, title of the panel, expression) of every query; `values` replace those in VALUES."""
    return [
        (board.uid, panel.title, substitute(query.promql, **values))
        for board in boards()
        for panel in board.panels
        for query in panel.queries
    ]


def substitute(expr: str, **values: str) -> str:
    """Return an expression with Grafana's variables replaced, the longest names first."""
    known = VALUES | values
    for name in sorted(known, key=len, reverse=True):
        expr = expr.replace(f"${name}", known[name])
    return expr
