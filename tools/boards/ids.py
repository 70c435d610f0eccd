"""Numbers of panels, so that an alert can link to one before the boards are made."""

from zlib import crc32

RUNBOOKS = "cjstream-runbooks"


def panel_id(board: str, title: str) -> int:
    """Return the id of the panel of that title on the board of that uid."""
    return _number(f"{board}/{title}")


def runbook_id(alert: str) -> int:
    """Return the id of the panel of an alert's runbook on the board `cjstream-runbooks`."""
    return _number(alert)


def panel_path(board: str, title: str) -> str:
    """Return the path of one panel, from the root of a Grafana."""
    return f"/d/{board}/?viewPanel={panel_id(board, title)}"


def runbook_path(alert: str) -> str:
    """Return the path of an alert's runbook, from the root of a Grafana."""
    return f"/d/{RUNBOOKS}/?viewPanel={runbook_id(alert)}"


def _number(text: str) -> int:
    return crc32(text.encode()) % 1_000_000
