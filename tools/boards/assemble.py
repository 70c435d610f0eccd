"""A board as the JSON that Grafana provisions: the classic model, which Grafana 11 to 13 read."""

import json
from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from tools.boards import boards
from tools.boards.draw import draw
from tools.boards.ids import RUNBOOKS, panel_id, runbook_id
from tools.boards.model import RED, Board, Panel, Row
from tools.boards.parts import SOURCE
from tools.boards.variables import variable

SCHEMA = 39  # of Grafana 11.0; a newer one lifts it by itself when it reads the file
WIDTH = 24
TAG = "cjstream"
FIRING = 'ALERTS{alertname=~"Cjstream.*", alertstate="firing", job=~"$job|"}'


def render(board: Board) -> str:
    """Return the text of the board's file."""
    return json.dumps(assemble(board), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def assemble(board: Board) -> model.Dashboard:
    """Return the board as the model of the SDK."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .readonly()
        .time(board.since, "now")
        .timezone("browser")
        .refresh(board.refresh)
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables([variable(name, board.steps) for name in board.variables])
        .links([*_other_boards(board)])
    )
    if "job" in board.variables:
        builder.annotation(_alerts())
    built = builder.build()
    built.schema_version = SCHEMA
    built.panels = [*place(board)]
    return built


def place(board: Board) -> Iterator[model.Panel | model.RowPanel]:
    """Yield rows and panels with their places: from left to right, and a new line where one is full."""
    y = 0
    for row in board.rows:
        yield _heading(board, row, y)
        y += 1
        for line in _lines(row.panels):
            x = 0
            for panel in line:
                drawn = draw(panel, number_of(board, panel))
                drawn.grid_pos = model.GridPos(h=panel.height, w=panel.width, x=x, y=y)
                yield drawn
                x += panel.width
            y += max(panel.height for panel in line)


def _heading(board: Board, row: Row, y: int) -> model.RowPanel:
    built = dashboard.Row(row.title).id(panel_id(board.uid, f"row {row.title}")).build()
    built.grid_pos = model.GridPos(h=1, w=WIDTH, x=0, y=y)
    built.panels = []
    return built


def _lines(panels: Sequence[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if sum(each.width for each in line) + panel.width > WIDTH:
            yield line
            line = []
        line.append(panel)
    yield line


def number_of(board: Board, panel: Panel) -> int:
    """Return a panel's id: of the alert on the board of runbooks, of board and title elsewhere."""
    is_runbook = board.uid == RUNBOOKS and panel.title.startswith("Cjstream")
    return runbook_id(panel.title) if is_runbook else panel_id(board.uid, panel.title)


def _other_boards(board: Board) -> Iterator[dashboard.DashboardLink]:
    """Yield links to the other boards, with what is chosen here, but for time and step: each board has its own."""
    for other in boards():
        if other.uid == board.uid:
            continue
        kept = [name for name in other.variables if name in board.variables and name != "interval"]
        query = "&".join(f"${{{name}:queryparam}}" for name in kept)
        link = dashboard.DashboardLink(other.title.removeprefix("cjstream · ")).type(model.DashboardLinkType.LINK)
        yield link.icon("dashboard").url(f"/d/{other.uid}/?{query}")


def _alerts() -> dashboard.AnnotationQuery:
    """Mark the times at which an alert of cjstream fired. Both old and new fields, as versions read different ones."""
    query = Dataquery().datasource(SOURCE).ref_id("Anno").expr(FIRING).interval("1m")
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color(RED)
        .target(query)
        .expr(FIRING)
        .step("1m")
        .title_format("{{alertname}}")
        .text_format("{{severity}} {{journey}} {{stage}} {{channel}} {{instance}}")
        .tag_keys("alertname,severity")
    )
