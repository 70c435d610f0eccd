"""Pages of docs/explanation/ with tables made of the kept figures in bench/results/, between two marks."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.common import ROOT
from cjstream.ingest.codec import loads

RESULTS = ROOT / "bench" / "results"
END = "<!-- End of what is made. -->\n"


def read(name: str) -> Any:
    """Return a file of measured figures."""
    return loads((RESULTS / name).read_bytes())


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class Page:
    """A page whose tables `script` makes."""

    def __init__(self, name: str, script: str) -> None:
        self._path: Path = ROOT / "docs" / "explanation" / name
        self._begin = f"<!-- Made by `python bench/{script} --write`. -->\n"

    def made(self) -> str:
        """Return what stands between the marks."""
        return self._path.read_text("utf-8").partition(self._begin)[2].partition(END)[0].strip()

    def write(self, made: str) -> None:
        """Put it there."""
        before, _, rest = self._path.read_text("utf-8").partition(self._begin)
        self._path.write_text(f"{before}{self._begin}\n{made.strip()}\n\n{END}{rest.partition(END)[2]}", "utf-8")


def show(page: Page, make: Callable[[], str], description: str | None) -> int:
    """Print what `make` returns, and with `--write` put it into the page; return the exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args()
    made = make()
    print(made)
    if options.write:
        page.write(made)
    return 0
