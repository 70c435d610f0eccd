"""What a run of the fault suite found: one row for each kind of fault, their totals, and the table of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

HEAD = ("fault", "injected", "repeats", "resumed after s, median", "worst", "lost", "wrong state", "unexpected")


@dataclass
class Row:
    """Faults of one kind: how many, and what they led to.

    `repeats`: transitions and signals sent again, with the same bytes. `resumed_seconds`: from each restart, or the end
    of the fault, until work went on. `lost`: effects of input that are not there. `wrong`: customers in a wrong state.
    `unexpected`: transitions that nothing caused, or with other bytes than the first of their id.
    """

    kind: str
    injected: int = 1
    repeats: int = 0
    resumed_seconds: list[float] = field(default_factory=list)
    lost: int = 0
    wrong: int = 0
    unexpected: int = 0

    def __post_init__(self) -> None:
        self.resumed_seconds = list(self.resumed_seconds)  # any sequence will do

    def add(self, other: "Row") -> None:
        """Take in a row of the same kind."""
        for name in ("injected", "repeats", "resumed_seconds", "lost", "wrong", "unexpected"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def merged(rows: Iterable[Row]) -> list[Row]:
    """Return one row for each kind, in the order of the alphabet."""
    by_kind: dict[str, Row] = {}
    for row in rows:
        by_kind.setdefault(row.kind, Row(row.kind, injected=0)).add(row)
    return [by_kind[kind] for kind in sorted(by_kind)]


def total(rows: Iterable[Row]) -> Row:
    """Return what the rows add up to."""
    found = Row("all", injected=0)
    for row in rows:
        found.add(row)
    return found


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as texts, under `HEAD`."""
    seconds = row.resumed_seconds
    times = (f"{median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("-", "-")
    return (row.kind, f"{row.injected:,}", f"{row.repeats:,}", *times, *map(str, (row.lost, row.wrong, row.unexpected)))


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table with the totals below."""
    lines = [HEAD, *map(cells, rows), cells(total(rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(_aligned(line, widths)).rstrip() for line in lines]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    first, *others = zip(line, widths, strict=True)
    return (first[0].ljust(first[1]), *(text.rjust(width) for text, width in others))


def totals_line(seed: int, rows: Sequence[Row], failed: int) -> str:
    """Return the sentence that says it all."""
    found = total(rows)
    return (
        f"seed {seed}: {found.injected} faults injected, {found.repeats} repeats; lost {found.lost}, "
        f"wrong state {found.wrong}, unexpected transitions {found.unexpected}; failed tests: {failed}"
    )


def run_record(seed: int, date: str, rows: Sequence[Row], failed: int) -> dict[str, Any]:
    """Return a run as it is kept."""
    return {
        "seed": seed, "date": date, "failed": failed,
        "totals": _rounded(asdict(total(rows))), "rows": [_rounded(asdict(row)) for row in rows],
    }  # fmt: skip


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "resumed_seconds": [round(each, 2) for each in row["resumed_seconds"]]}
