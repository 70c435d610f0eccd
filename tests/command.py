"""Runs `cjstream` as scripts do: as a process."""

import os
import subprocess
import sys

from cjstream.settings import Settings, environment

COMMAND = [sys.executable, "-m", "cjstream.cli"]
WIDE = {"COLUMNS": "200", "NO_COLOR": "1"}


def run(
    *args: str, settings: Settings | None = None, env: dict[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Return the ended process; `settings` are given to it, `env` on top."""
    base = environment(settings) if settings else dict(os.environ)
    return subprocess.run(
        [*COMMAND, *args], input=stdin, env=base | WIDE | (env or {}), capture_output=True, check=False, timeout=60
    )
