"""Fetch promtool, prometheus and amtool from Debian's packages into .cache/tools, without root and without a service.

A program that is there already is taken: the one that PROMTOOL, PROMETHEUS or AMTOOL names, one fetched before, or one
on PATH. The packages come by apt, which checks their signatures.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

FETCHED = Path(__file__).parents[1] / ".cache" / "tools"
TODO = "install Prometheus and Alertmanager, or set PROMTOOL, PROMETHEUS and AMTOOL to where they are"


class Tool(NamedTuple):
    """Debian's package with it, and the oldest version that will do."""

    package: str
    oldest: tuple[int, int]


KEEP_FIRING_FOR = (2, 42)  # the first Prometheus that knows it
TOOLS: Mapping[str, Tool] = {
    "promtool": Tool("prometheus", KEEP_FIRING_FOR),
    "prometheus": Tool("prometheus", KEEP_FIRING_FOR),
    "amtool": Tool("prometheus-alertmanager", (0, 22)),  # the first with `matchers` in inhibitions
}


class NotFetchedError(Exception):
    """A tool is not there and cannot be fetched; the text says what to do."""


def where(name: str) -> str | None:
    """Return the path of a tool, None if there is none. Raises NotFetchedError if the environment names a wrong one."""
    given = os.environ.get(name.upper())
    found = shutil.which(given or name, path=None if given else str(FETCHED / "usr" / "bin")) or (
        None if given else shutil.which(name)
    )
    if given and found is None:
        raise NotFetchedError(f"{name.upper()}={given} is no program")
    return found


def version(path: str) -> tuple[int, int] | None:
    """Return the first two numbers that a tool tells of its version, None if it tells none."""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    return (int(found[1]), int(found[2])) if found else None


def will_do(name: str) -> str | None:
    """Return the path of a tool that is new enough, None if there is none."""
    path = where(name)
    return path if path and (version(path) or (0, 0)) >= TOOLS[name].oldest else None


def fetch(package: str) -> None:
    """Unpack a package into the folder. Raises NotFetchedError."""
    missing = [each for each in ("apt-get", "dpkg-deb") if shutil.which(each) is None]
    if missing:
        raise NotFetchedError(f"this is no Debian ({missing[0]} is missing): {TODO}")
    own = _own_lists(FETCHED / "apt")
    with TemporaryDirectory(dir=FETCHED) as folder:
        fault = _fault(["apt-get", "download", package], folder)
        if fault:  # the system's lists may be old, or not there
            fault = _fault(["apt-get", *own, "update"], folder) or _fault(
                ["apt-get", *own, "download", package], folder
            )
        for archive in Path(folder).glob("*.deb"):
            fault = _fault(["dpkg-deb", "-x", str(archive), str(FETCHED)], folder)
    if fault:
        raise NotFetchedError(f"apt-get gives no package {package} (is there a network?): {TODO}\n{fault}")


def _own_lists(folder: Path) -> Sequence[str]:
    """Return options by which apt-get keeps its lists in a folder of ours, as no root is needed for that."""
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = {"Dir::State::Lists": folder / "lists", "Dir::Cache": folder / "cache", "APT::Sandbox::User": ""}
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _fault(command: Sequence[str], folder: str) -> str:
    """Run it; return what it says if it fails, which is never nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}" if done.returncode else ""


def main(say: Callable[[str], object] = print) -> int:
    """Fetch what is missing and say where all are; return the exit code."""
    try:
        for name, tool in TOOLS.items():
            if will_do(name) is None:
                fetch(tool.package)
            path = will_do(name)
            if path is None:
                oldest = ".".join(map(str, tool.oldest))
                raise NotFetchedError(f"no {name} of version {oldest} or newer comes from here: {TODO}")
            say(f"{name}: {path}")
    except NotFetchedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
