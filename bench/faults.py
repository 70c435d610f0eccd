"""The tables of docs/explanation/guarantees.md: every kept run of the fault suite, and what each kind of fault led to.

    python bench/faults.py [--write]

Prints them; `--write` puts them into the page. Nothing is run here: `make faults KEEP=yes` does, and appends its run to
bench/results/faults.json.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pages import Page, read, show, table

PAGE = Page("guarantees.md", "faults.py")
COUNTS = ("injected", "repeats", "lost", "wrong", "unexpected")
HEAD = ("faults", "repeats", "lost", "wrong states", "unexpected", "work went on after, median", "worst")


def runs(found: Sequence[Any]) -> str:
    """Return the table of the runs, oldest first, and of all of them together."""
    rows = [[str(each["seed"]), each["date"], *_cells([each["totals"]]), str(each["failed"])] for each in found]
    failed = sum(each["failed"] for each in found)
    all_of_them = ["all", f"{len(found)} runs", *_cells([each["totals"] for each in found]), str(failed)]
    return table(("seed", "day", *HEAD, "failed tests"), [*rows, all_of_them])


def kinds(found: Sequence[Any]) -> str:
    """Return the table of all kinds of faults, over all runs."""
    by_kind: dict[str, list[Any]] = {}
    for row in (row for run in found for row in run["rows"]):
        by_kind.setdefault(row["kind"], []).append(row)
    return table(("fault", *HEAD), [[kind, *_cells(rows)] for kind, rows in sorted(by_kind.items())])


def _cells(rows: Sequence[Any]) -> list[str]:
    injected, repeats, *wrong = (f"{sum(row[name] for row in rows):,}" for name in COUNTS)
    seconds = [each for row in rows for each in row["resumed_seconds"]]
    times = (f"{median(seconds):.1f} s", f"{max(seconds):.1f} s") if seconds else ("-", "-")
    return [injected, repeats, *wrong, *times]


def page() -> str:
    """Return what is made of the page."""
    found = read("faults.json")["runs"]
    return f"Runs of the whole suite (`make faults`):\n\n{runs(found)}\nBy fault, over all runs:\n\n{kinds(found)}"


if __name__ == "__main__":
    sys.exit(show(PAGE, page, __doc__))
