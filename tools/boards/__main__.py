"""Write the boards of monitoring/grafana/dashboards anew; `--check` only compares."""

import sys
from pathlib import Path

from tools.boards import boards
from tools.boards.assemble import render

DASHBOARDS = Path(__file__).parents[2] / "monitoring" / "grafana" / "dashboards"


def files() -> dict[Path, str]:
    """Return what each file of a board should say."""
    return {DASHBOARDS / f"{board.uid}.json": render(board) for board in boards()}


def stale() -> list[Path]:
    """Return the files that are missing, differ, or should not be there."""
    wanted = files()
    differ = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return sorted({*differ, *DASHBOARDS.glob("*.json")} - (wanted.keys() - {*differ}))


def main() -> int:
    """Run the command; return its exit code."""
    found = stale()
    if "--check" in sys.argv[1:]:
        for path in found:
            print(f"error: {path.name} is not what tools/boards makes; run `python -m tools.boards`", file=sys.stderr)
        return bool(found)
    DASHBOARDS.mkdir(parents=True, exist_ok=True)
    wanted = files()
    for path in found:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
        print(f"wrote {path.name}" if path in wanted else f"removed {path.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
