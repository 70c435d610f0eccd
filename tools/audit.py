"""Ask a source of advisories, by pip-audit, for known vulnerabilities of all that is locked.

Exit codes: 0 all were looked up and none is known to be vulnerable, 1 some are, 3 the lookup cannot be trusted: some
could not be looked up, or an old version that is known to be vulnerable was not reported.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tools.lock import LOCKS, pins

CANARY = ("requests", "2.19.0")  # PYSEC-2018-28: a source that does not tell of it knows nothing
NOT_AUDITED = 3
LONGEST_SECONDS = 300


class Found(NamedTuple):
    """What the source said: vulnerabilities by package, how many it knew, and which it could not look up."""

    vulnerable: Mapping[str, list[str]]
    known: int
    skipped: Sequence[str]


def ask(requirements: Iterable[str]) -> Found:
    """Return what pip-audit finds out about exact requirements. It says nothing of those that it cannot look up."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{each}\n" for each in requirements)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
        done = subprocess.run(
            [*command, "--format=json", f"--requirement={file.name}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
    return read(done.stdout)


def read(text: str) -> Found:
    """Return what pip-audit's JSON says; nothing is known if there is none."""
    packages: list[dict[str, Any]] = json.loads(text)["dependencies"] if text.strip() else []
    return Found(
        {
            f"{each['name']} {each['version']}": [advisory["id"] for advisory in each["vulns"]]
            for each in packages
            if each.get("vulns")
        },
        sum("vulns" in each for each in packages),
        [each["name"] for each in packages if "skip_reason" in each],
    )


def verdict(locked: int, found: Found, canary: Found) -> tuple[int, str]:
    """Return exit code and sentence, of so many locked packages."""
    if found.vulnerable:
        told = "; ".join(f"{name}: {', '.join(ids)}" for name, ids in sorted(found.vulnerable.items()))
        return 1, f"vulnerable: {told}"
    if found.known < locked or not canary.vulnerable:
        told = "" if canary.vulnerable else f", and {' '.join(CANARY)} is not known to be vulnerable, which it is"
        return NOT_AUDITED, (
            f"NOT AUDITED: {found.known} of {locked} packages could be looked up{told}: "
            "no source of advisories can be reached from here, or it knows too little"
        )
    return 0, f"audited: {locked} packages, none known to be vulnerable"


def main() -> int:
    """Print the verdict and return the exit code."""
    locked = sorted({f"{name}=={pin.version}" for lock in LOCKS for name, pin in pins(lock).items()})
    code, sentence = verdict(len(locked), ask(locked), ask(["==".join(CANARY)]))
    print(sentence)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
