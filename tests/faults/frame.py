"""The frame of the fault suite, a pytest plugin: its options, the seed of each test, and the table at the end.

A test marked `thorough` runs with `--thorough` only. `--seed N` repeats a run: each test draws from its own seed, made
of N and its name. `fault(kind, ...)` notes a row of the table, see `Row`; `--keep` appends the run to FILE.
"""

import json
from collections.abc import Callable, Generator
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from secrets import randbelow
from typing import Any

import pytest

from tests.faults.report import Row, merged, run_record, table, totals_line

FILE = Path(__file__).parents[2] / "bench" / "results" / "faults.json"
OUTCOMES = ("passed", "failed")

NoteFault = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("faults", "the fault suite")
    group.addoption("--thorough", action="store_true", help="run also the tests that are marked `thorough`")
    group.addoption("--seed", type=int, default=None, metavar="N", help="repeat a run of the fault suite")
    group.addoption("--keep", action="store_true", help=f"append what the faults led to to {FILE.name}")
    group.addoption("--mix-seconds", type=int, default=30, metavar="S", help="length of the mix of faults, each store")


def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed of the run; a process of pytest-xdist takes the one of its controller."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if config.option.seed is None:
        config.option.seed = given.get("fault_seed", randbelow(10**6))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the seed to a process of pytest-xdist."""
    node.workerinput["fault_seed"] = node.config.option.seed


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is thorough, unless it is asked for."""
    if config.option.thorough:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The test's own seed: another one for each test, the same for the same `--seed`."""
    name = f"{request.config.option.seed} {request.node.nodeid}"
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest())


@pytest.fixture
def fault(record_property: Callable[[str, object], None]) -> NoteFault:
    """Notes faults of one kind for the table: `fault("kill -9", injected=5, repeats=2, resumed_seconds=[1.5], lost=0)`.

    Call it before what it tells is asserted, so that the table shows what failed.
    """
    return lambda kind, **found: record_property("fault", asdict(Row(kind, **found)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Say with a failure how to repeat it."""
    report: Any = yield
    if report.failed and "seed" in getattr(item, "fixturenames", ()):
        again = f"pytest '{item.nodeid}' --thorough --seed {item.config.option.seed}"
        report.sections.append(("the same faults again", again))
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table, and keep it if that is asked for."""
    stats = terminalreporter.stats
    told = [
        Row(**value)
        for report in (report for outcome in OUTCOMES for report in stats.get(outcome, ()))
        for name, value in report.user_properties
        if name == "fault" and report.when == "call"
    ]
    if not told:
        return
    rows, failed = merged(told), len(stats.get("failed", ())) + len(stats.get("error", ()))
    terminalreporter.section("faults")
    for line in (*table(rows), totals_line(config.option.seed, rows, failed)):
        terminalreporter.write_line(line)
    if config.option.keep and not hasattr(config, "workerinput"):  # the processes of a run know a part of it each
        _keep(run_record(config.option.seed, datetime.now(UTC).date().isoformat(), rows, failed))


def _keep(run: dict[str, Any]) -> None:
    runs = json.loads(FILE.read_text("utf-8"))["runs"] if FILE.exists() else []
    lines = ",\n".join(map(json.dumps, [*runs, run]))
    FILE.write_text(f'{{"runs": [\n{lines}\n]}}\n', "utf-8")
