"""Write requirements/*.txt: every package that an installation takes, with its version and the hashes of its files.

Versions stay as they are where they still fit. `--upgrade` takes the newest of all; other words go to uv as well,
`--upgrade-package NAME` for one.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import Marker

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
OLDEST_PYTHON = "3.11"
UV = (sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON,
      "--generate-hashes", "--no-annotate", "--custom-compile-command", "make lock")  # fmt: skip


class Lock(NamedTuple):
    """What a lock file is for: extras of cjstream beside its own dependencies, and whether what builds it too."""

    extras: tuple[str, ...] = ()
    has_build: bool = False
    has_project: bool = True


class Pin(NamedTuple):
    """A locked package: version, SHA-256 of each of its files, and whether this machine and Python install it."""

    version: str
    hashes: frozenset[str]
    is_for_here: bool


# The first is the largest; the others take its versions where they share a package.
LOCKS = {
    "dev": Lock(("local", "rocksdb", "dev"), has_build=True),  # `make install`
    "run": Lock(("rocksdb",)),  # the container
    "users": Lock(("local", "rocksdb")),  # all that somebody who uses cjstream can install
    "build": Lock(has_build=True, has_project=False),
    "bench": Lock(("bench",)),
    "monitoring": Lock(("monitoring",)),  # the tools of `make monitoring`
    "supply": Lock(("supply",)),  # the tools of `make lock` and `make audit`
}


def pyproject() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def path_of(name: str) -> Path:
    """Return the lock file of that name."""
    return REQUIREMENTS / f"{name}.txt"


def pins(name: str) -> dict[str, Pin]:
    """Return what a lock file holds, by normal name."""
    found = {}
    for entry in re.split(r"\n(?=\w)", path_of(name).read_text("utf-8")):
        if pinned := re.match(r"([a-z0-9-]+)==([^ ;\\]+)(?: ; ([^\\]+))?", entry):
            package, version, marker = pinned.groups()
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
            found[package] = Pin(version, hashes, marker is None or Marker(marker).evaluate())
    return found


def command(name: str, options: Sequence[str]) -> list[str]:
    """Return the command that writes a lock file; what builds cjstream comes by its standard input."""
    lock = LOCKS[name]
    largest = next(iter(LOCKS))
    sources = ["pyproject.toml"] * lock.has_project + ["-"] * lock.has_build
    extras = [f"--extra={extra}" for extra in lock.extras]
    if name != largest:
        extras.append(f"--constraint={path_of(largest).relative_to(ROOT)}")
    return [*UV, *sources, *extras, *options, f"--output-file={path_of(name).relative_to(ROOT)}"]


def main(options: Sequence[str]) -> None:
    """Write all lock files, each from the one before it."""
    REQUIREMENTS.mkdir(exist_ok=True)
    build = "\n".join(pyproject()["build-system"]["requires"])
    for name in LOCKS:
        subprocess.run(command(name, options), cwd=ROOT, input=build, text=True, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
