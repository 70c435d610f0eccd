"""Who may import what, and where the import contracts of pyproject.toml cannot look: environment, clock."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("cjstream/**/*.py"), *ROOT.glob("agents/**/*.py")])

# Who may import it: files, or folders ending in "/".
IMPORTERS = {
    "faust": ["cjstream/stream/"],
    "mode": ["cjstream/stream/"],
    "aiokafka": ["cjstream/stream/", "cjstream/kafka/"],
    "orjson": ["cjstream/ingest/codec.py"],
    "prometheus_client": ["cjstream/metrics.py"],
    "vaderSentiment": ["cjstream/sentiment/english.py"],
}
# What the core may import besides itself. None of these does I/O; datetime has a clock, see CLOCKS.
CORE_IMPORTS = {
    "array", "bisect", "collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "functools",
    "hashlib", "heapq", "hmac", "itertools", "json", "math", "msgspec", "operator", "re", "types", "typing",
    "unicodedata",
    "zoneinfo",  # reads its tables when a calendar is compiled; they are part of the installation, as code is
    "cjstream.core", "cjstream.errors",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, also inside functions; relative imports are refused by ruff."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def offenders(package: str, allowed: list[str]) -> list[str]:
    return [
        name(path)
        for path in SOURCES
        if not any(name(path) == ok or (ok.endswith("/") and name(path).startswith(ok)) for ok in allowed)
        and any(within(module, package) for module in imported(path))
    ]


@pytest.mark.parametrize("package", IMPORTERS)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    assert offenders(package, IMPORTERS[package]) == []


def test_agents_have_one_import_name() -> None:
    """Under the name `agents` a second copy would register its agents twice."""
    everything = [*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]
    assert [name(path) for path in everything if any(within(m, "agents") for m in imported(path))] == []


def test_only_settings_reads_the_environment() -> None:
    def reads(path: Path) -> bool:
        return any(
            (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
            or (isinstance(node, ast.ImportFrom) and any(alias.name in ENVIRONMENT for alias in node.names))
            for node in ast.walk(tree(path))
        )

    assert [name(path) for path in SOURCES if reads(path)] == ["cjstream/settings/source.py"]


CORE = [path for path in SOURCES if name(path).startswith("cjstream/core/")]


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_imports_only_what_is_pure(path: Path) -> None:
    assert [m for m in imported(path) if not any(within(m, ok) for ok in CORE_IMPORTS)] == []


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_reads_no_clock_and_does_no_io(path: Path) -> None:
    called = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    clocks = [(f.lineno, f.attr) for f in called if isinstance(f, ast.Attribute) and f.attr in CLOCKS]
    impure = [(f.lineno, f.id) for f in called if isinstance(f, ast.Name) and f.id in IMPURE_CALLS]
    assert clocks + impure == []


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    command = [str(linter), "--no-logo"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_package_is_shipped() -> None:
    """pyproject.toml lists packages by hand; one it lacks works from a checkout and not from a wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in SOURCES}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert sorted(listed) == sorted({"cjstream.agents" if f == "agents" else f for f in found})
