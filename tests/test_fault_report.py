"""The fault suite's table adds up, and what the page of guarantees says of its runs is what was kept of them."""

from bench import faults
from tests.faults.report import HEAD, Row, cells, merged, run_record, table, total, totals_line

ROWS = [
    Row("kill -9", injected=3, repeats=1_500, resumed_seconds=[1.0, 4.0]),
    Row("SIGTERM", resumed_seconds=(2.0,), wrong=1),  # type: ignore[arg-type]
    Row("kill -9", injected=2, resumed_seconds=[2.25], lost=4, unexpected=5),
]


def test_rows_of_one_kind_are_one() -> None:
    assert merged(ROWS) == [
        Row("SIGTERM", 1, 0, [2.0], 0, 1, 0),
        Row("kill -9", 5, 1_500, [1.0, 4.0, 2.25], 4, 0, 5),
    ]
    assert ROWS[0].injected == 3, "the rows stay as they are"


def test_the_table_has_a_line_for_each_kind_and_the_totals() -> None:
    rows = merged(ROWS)
    lines = table(rows)
    assert [line.split()[0] for line in lines] == ["fault", "SIGTERM", "kill", "all"]
    assert cells(total(rows)) == ("all", "6", "1,500", "2.1", "4.0", "4", "1", "5")
    assert cells(Row("none"))[3:5] == ("-", "-")
    assert len(HEAD) == len(cells(rows[0]))


def test_the_last_line_says_what_to_repeat_and_what_is_wrong() -> None:
    assert totals_line(7, ROWS, 2) == (
        "seed 7: 6 faults injected, 1500 repeats; lost 4, wrong state 1, unexpected transitions 5; failed tests: 2"
    )


def test_a_run_is_kept_with_its_totals_and_told_in_the_tables() -> None:
    kept = [run_record(seed, "2026-01-02", merged(ROWS), 1) for seed in (7, 8)]
    assert "| 7 | 2026-01-02 | 6 | 1,500 | 4 | 1 | 5 | 2.1 s | 4.0 s | 1 |" in faults.runs(kept)
    assert "| all | 2 runs | 12 | 3,000 | 8 | 2 | 10 | 2.1 s | 4.0 s | 2 |" in faults.runs(kept)
    assert "| kill -9 | 10 | 3,000 | 8 | 0 | 10 | 2.2 s | 4.0 s |" in faults.kinds(kept)


def test_the_page_is_made_of_the_kept_runs() -> None:
    assert faults.PAGE.made() == faults.page().strip(), "run bench/faults.py --write"
