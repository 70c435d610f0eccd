"""Runs what a page tells an operator to type: bash, the real `cjstream`, and stand-ins for what a test has not.

A block runs if `<!-- run by ... -->` stands before it. Names and numbers that every test needs for itself are put in.
As a program this file is `kafka-topics.sh --delete`.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from types import TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
RUN = re.compile(r"<!-- run by tests/kafka/test_how_to\.py -->\n( *)```console\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
RUN_SECONDS = 180  # of one block, on a busy machine; some 15 on a quiet one
STAND_INS = {
    "cjstream": f'exec {sys.executable} -m cjstream.cli "$@"',
    "kafka-topics.sh": f'exec {sys.executable} {__file__} "$@"',
    # A worker instead of a service. It is gone when it is no more than a zombie that nobody has asked for.
    "systemctl": """
        file=$PIDS/$CJSTREAM_APP_ID
        gone() { while [ -d /proc/$1 ] && ! grep -q '^State:.Z' /proc/$1/status; do sleep 0.05; done; }
        case $1 in
            start) cjstream worker < /dev/null >> $file.log 2>&1 & echo $! > $file ;;
            stop) kill -TERM $(cat $file); gone $(cat $file); rm $file ;;
            kill) kill -KILL $(cat $file); gone $(cat $file); rm $file ;;
            restart) systemctl stop cjstream; systemctl start cjstream ;;
        esac""",
}
IF_MISSING = {  # small machines have none
    "curl": f'exec {sys.executable} {Path(__file__).with_name("curl.py")} "$@"',
    "openssl": f'exec {sys.executable} -c "import secrets; print(secrets.token_hex(32))"',
}


def blocks(page: str) -> list[str]:
    """Return the console blocks of a page that say that they are run, in order."""
    text = (HOW_TO / f"{page}.md").read_text("utf-8")
    return [dedent(code) for _, code in RUN.findall(text)]


class Shell:
    """Runs blocks in one folder under one environment; a context manager that leaves no worker behind."""

    def __init__(self, folder: Path, env: Mapping[str, str], replaced: Mapping[str, str]) -> None:
        self._folder, self._replaced, self._pids = folder, replaced, folder / "pids"
        self._pids.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        missing = {name: script for name, script in IF_MISSING.items() if shutil.which(name) is None}
        for name, script in (STAND_INS | missing).items():
            (tools / name).write_text(f"#!/bin/bash\n{dedent(script)}\n")
            (tools / name).chmod(0o700)
        self._env = {**env, "PATH": f"{tools}:{os.environ['PATH']}", "PIDS": str(self._pids), "NO_COLOR": "1"}

    def run(self, block: str, before: str = "") -> str:
        """Return what a block printed; an AssertionError shows it if one of its commands failed."""
        for word, other in self._replaced.items():
            block = block.replace(word, other)
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", f"{before}\n{block}"], cwd=self._folder, env=self._env,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout.decode()}\n{done.stderr.decode()}\n{self.logs()}"
        return done.stdout.decode()

    def logs(self) -> str:
        """Return the ends of the workers' logs."""
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(self._pids.glob("*.log")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._pids.iterdir():
            if file.suffix != ".log":
                with suppress(ProcessLookupError):
                    os.kill(int(file.read_text()), signal.SIGKILL)


async def delete(servers: str, topic: str) -> None:
    """Delete a topic; raises if Kafka does not."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        [(_, code)] = (await admin.delete_topics([topic])).topic_error_codes
        assert code == 0, code
    finally:
        await admin.close()


if __name__ == "__main__":
    _, bootstrap, to, what, named, name = sys.argv
    assert (bootstrap, what, named) == ("--bootstrap-server", "--delete", "--topic")
    asyncio.run(delete(to, name))
