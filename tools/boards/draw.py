"""One panel of a board as Grafana's JSON model has it, by kind."""

from collections.abc import Callable, Iterator

from grafana_foundation_sdk.builders import barchart, bargauge, dashboard, heatmap, stat, table, text, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.text import TextMode

from tools.boards import charts, frames
from tools.boards.ids import runbook_path
from tools.boards.model import Panel
from tools.boards.parts import SOURCE

AnyPanel = (
    barchart.Panel | bargauge.Panel | heatmap.Panel | stat.Panel | table.Panel | text.Panel | timeseries.Panel
)  # fmt: skip


def draw(panel: Panel, number: int) -> model.Panel:
    """Return the panel, without a place on the grid. `number` is its id."""
    builder = DRAW[panel.kind](panel)
    builder.id(number).title(panel.title).description(panel.description)
    if panel.kind != "text":
        builder.datasource(SOURCE).unit(panel.unit).no_value(panel.empty)
        if panel.decimals is not None:
            builder.decimals(panel.decimals)
    builder.links([*_links(panel)])
    return builder.build()


def _links(panel: Panel) -> Iterator[dashboard.DashboardLink]:
    paths = {f"Runbook: {alert}": runbook_path(alert) for alert in panel.runbooks} | dict(panel.links)
    for title, path in paths.items():
        yield dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(path)


def _text(panel: Panel) -> text.Panel:
    return text.Panel().mode(TextMode.MARKDOWN).content(panel.text)


DRAW: dict[str, Callable[[Panel], AnyPanel]] = {
    "stat": charts.stat_panel,
    "graph": charts.graph_panel,
    "columns": charts.columns_panel,
    "bars": frames.bars_panel,
    "meters": charts.meters_panel,
    "table": frames.table_panel,
    "heatmap": charts.heatmap_panel,
    "text": _text,
}
