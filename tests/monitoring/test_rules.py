"""promtool and amtool accept the files; unit tests pass, and fail where a rule or an alert is broken."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.monitoring.tools import tool
from tests.rule_files import ALERTS, MONITORING, PROMETHEUS, RECORDINGS
from tools import debian

FILES = [*sorted(PROMETHEUS.glob("rules/*.yml")), *sorted(PROMETHEUS.glob("alerts/*.yml"))]
TESTS = sorted(path.relative_to(PROMETHEUS) for path in PROMETHEUS.glob("tests/*.yml"))


def run(*command: str | Path, folder: Path = PROMETHEUS) -> tuple[int, str]:
    """Return the exit code and all that was said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_rules_and_alerts_are_valid_and_lint_finds_nothing(promtool: Path) -> None:
    code, said = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *FILES)
    assert code == 0, said


def test_the_configuration_is_valid(promtool: Path) -> None:
    code, said = run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")
    assert code == 0, said


def test_the_configuration_of_alertmanager_is_valid() -> None:
    code, said = run(tool("amtool"), "check-config", MONITORING / "alertmanager" / "alertmanager.yml")
    assert code == 0, said


@pytest.mark.parametrize(
    ("labels", "receiver"), [("severity=page", "page"), ("severity=ticket", "ticket"), ("", "ticket")]
)
def test_alerts_reach_their_receivers(labels: str, receiver: str) -> None:
    config = MONITORING / "alertmanager" / "alertmanager.yml"
    command: list[str | Path] = [
        tool("amtool"),
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={receiver}",
    ]
    code, said = run(*command, *labels.split())
    assert code == 0, said


def test_tools_are_new_enough() -> None:
    for name, each in debian.TOOLS.items():
        assert (debian.version(str(tool(name))) or (0, 0)) >= each.oldest


@pytest.mark.parametrize("path", TESTS, ids=str)
def test_unit_tests_pass(promtool: Path, path: Path) -> None:
    code, said = run(promtool, "test", "rules", path)
    assert code == 0, said


def failures(promtool: Path, folder: Path, change: Callable[[str], str]) -> str:
    """Return what promtool says where `change` was made to every expression of a copy; the tests must fail."""
    copy = folder / "prometheus"
    shutil.copytree(PROMETHEUS, copy)
    for path in [*copy.glob("rules/*.yml"), *copy.glob("alerts/*.yml")]:
        path.write_text(change(path.read_text("utf-8")), "utf-8")
    code, said = run(promtool, "test", "rules", *TESTS, folder=copy)
    assert code == 1, said
    return said


def expressions_of(kind: str, new: str) -> Callable[[str], str]:
    """Return a change of what is under `expr` of each rule of a kind; `OLD` in `new` is what was there."""
    rule = re.compile(rf"(- {kind}: .*\n\s+expr:) (>-\n(?: {{10}}.*\n)+|.*\n)")

    def changed(text: str) -> str:
        return rule.sub(lambda found: f"{found[1]} {new.replace('OLD', one_line(found[2]))}\n", text)

    return changed


def one_line(text: str) -> str:
    return " ".join(text.removeprefix(">-").split())


def test_every_alert_has_a_case_that_fails_if_it_never_fires(promtool: Path, tmp_path: Path) -> None:
    said = failures(promtool, tmp_path, expressions_of("alert", "vector(0) > 1"))
    missed = {*re.findall(r"alertname: (\w+), time: .*\n\s+exp:\[\s+0:", said)}
    assert missed == {*ALERTS}


def test_every_alert_has_a_case_that_fails_if_it_always_fires(promtool: Path, tmp_path: Path) -> None:
    said = failures(promtool, tmp_path, expressions_of("alert", "vector(1)"))
    wrong = set()
    for expected, got in re.findall(r"^\s+exp: (.*)\n\s+got: (.*)$", said, re.MULTILINE):
        wrong |= {*re.findall(r'alertname="(\w+)"', got)} - {*re.findall(r'alertname="(\w+)"', expected)}
    assert wrong == {*ALERTS}


def test_every_rule_has_a_case_that_fails_if_its_value_is_another(promtool: Path, tmp_path: Path) -> None:
    said = failures(promtool, tmp_path, expressions_of("record", '"(OLD) * 2 + 1"'.replace('"', "")))
    wrong = {name for name in RECORDINGS if re.search(rf'expr: "(?:round\()?{name}\b', said)}
    assert wrong == {*RECORDINGS}
