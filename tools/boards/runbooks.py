"""The board *Runbooks*: the pages of monitoring/runbooks, so that the link of an alert opens without another host."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tools.boards.ids import RUNBOOKS, runbook_path
from tools.boards.model import Board, Panel, Row

PAGES = Path(__file__).parents[2] / "monitoring" / "runbooks"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
WRAP = 105  # letters in a line of half the board's width


def board(pages: Path = PAGES) -> Board:
    """Return the board of all pages, by name. Raises ValueError on one whose heading is not its alert's name."""
    panels = [_panel(path) for path in sorted(pages.glob("cjstream-*.md"))]
    return Board(
        uid=RUNBOOKS,
        title="cjstream · Runbooks",
        description="What to do about each alert: the cause, its signs, and when it is over.",
        variables=(),
        since="now-1h",
        refresh="",
        rows=[Row("Runbooks", [_contents(panels), *_even(panels)])],
    )


def file_of(alert: str) -> str:
    """Return the name of an alert's page: CjstreamNoWorker is in cjstream-no-worker.md."""
    return "-".join(re.findall("[A-Z][a-z0-9]*", alert)).lower() + ".md"


def _panel(path: Path) -> Panel:
    heading, _, body = path.read_text(encoding="utf-8").partition("\n")
    alert = heading.removeprefix("# ").strip()
    if file_of(alert) != path.name:
        raise ValueError(
            f"{path.name} starts with {heading!r}: it must be '# ' and the alert that the file is named after"
        )
    text = LINK.sub(_link, body.strip())
    return Panel(title=alert, kind="text", width=12, height=_height(text), means=_first_sentence(text), text=text)


def _link(match: re.Match[str]) -> str:
    """Return a link as it works in Grafana: to another runbook's panel, to the web, or no link but the file's name."""
    title, target = match.groups()
    name = Path(target).name.partition("#")[0]
    if "://" in target:
        return match[0]
    if (PAGES / name).is_file() and name.startswith("cjstream-"):
        alert = (PAGES / name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").strip()
        return f"[{title}]({runbook_path(alert)})"
    return f"{title} (`{target.removeprefix('../../')}`)"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0].strip()


def _height(text: str) -> int:
    """A paragraph, heading or row of a table takes one unit of the grid; what does not fit can be scrolled."""
    return 3 + sum(1 + len(line) // WRAP for line in text.splitlines() if line)


def _even(panels: list[Panel]) -> list[Panel]:
    """Two that stand side by side get the height of the higher one."""
    pairs = [panels[start : start + 2] for start in range(0, len(panels), 2)]
    return [replace(panel, height=max(each.height for each in pair)) for pair in pairs for panel in pair]


def _contents(panels: list[Panel]) -> Panel:
    text = "\n".join(["Click an alert's name. The first command of each page shows the cause.", *_lists(panels)])
    height = 5 + len(panels) * 2 // 3  # lines of a list are close to each other
    return Panel(title="All alerts", kind="text", width=24, height=height, means="Every alert of cjstream.", text=text)


def _lists(panels: list[Panel]) -> Iterator[str]:
    """Yield the lines of one list per severity; a page's text names its own in bold type."""
    for severity, heading in (("page", "Act now (page)"), ("ticket", "Today (ticket)")):
        yield f"\n**{heading}**\n"
        for panel in panels:
            if f"**{severity}**" in panel.text:
                yield f"- [{panel.title}]({runbook_path(panel.title)}): {panel.means}"
