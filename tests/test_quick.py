"""The guard against regressions fails when a ratio has halved, and only then."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import quick
from bench.cells import BARE, MEMORY, TUNED, Cell
from bench.progress import Speed
from cjstream.ingest.codec import dumps

FASTER, BARE_SHARE = quick.PEERS


@pytest.mark.parametrize(("faster", "is_met"), [(16.0, True), (4.1, True), (3.9, False)])
def test_a_ratio_is_judged_by_the_kept_one(
    faster: float, is_met: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quick, "BASELINE", tmp_path / "quick.json")
    quick.BASELINE.write_bytes(dumps({"ratios": {FASTER: 8.0, BARE_SHARE: 0.1}}))
    [lead, share] = quick.targets({FASTER: faster, BARE_SHARE: 0.1})
    assert (lead.is_met(), share.is_met()) == (is_met, True)


def test_without_a_kept_run_nothing_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quick, "BASELINE", tmp_path / "none.json")
    assert quick.targets({FASTER: 1.0}) == []


def test_ratios_are_within_a_repetition() -> None:
    figures = {MEMORY: [10.0, 30.0, 20.0], TUNED: [1.0, 2.0, 4.0], BARE: [100.0, 100.0, 100.0]}
    assert quick.ratios(figures) == {FASTER: 10.0, BARE_SHARE: 0.2}
    assert quick.ratios({name: [] for name in figures}) == {}


class Fake:
    """In the place of Runs: all work, but for the cells of `broken`, and those of `late`, which time out."""

    broken: str = ""
    late: str = ""

    def __init__(self, *_: object) -> None:
        self.inputs: dict[str, object] = {}
        self.failed: dict[str, str] = {}

    def speed(self, cell: Cell, *_: float) -> Speed:
        if cell.name == self.late:
            raise TimeoutError
        return Speed(0.0 if cell.name == self.broken else 10.0, 1.0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    async def load(*_: object) -> int:
        return 1

    made = type("Made", (Fake,), {})
    monkeypatch.setattr(quick, "new_app", lambda *_: SimpleNamespace(touchpoints="input"))
    monkeypatch.setattr(quick, "load", load)
    monkeypatch.setattr(quick, "Runs", made)
    return made


@pytest.mark.parametrize(("broken", "is_broken"), [(MEMORY, True), (BARE, False)])
def test_only_a_failing_worker_is_a_failure(broken: str, is_broken: bool, fake: type[Fake], tmp_path: Path) -> None:
    fake.broken = broken
    figures, found = quick.run("", tmp_path, 1)
    assert found is is_broken
    assert quick.ratios(figures) == {}


def test_the_end_of_the_time_is_no_failure(fake: type[Fake], tmp_path: Path) -> None:
    fake.late = TUNED
    assert quick.run("", tmp_path, 1) == ({name: [] for name in quick.NAMES}, False)
