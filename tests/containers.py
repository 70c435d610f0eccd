"""The Dockerfile, read; and a command run as its image would be, by the kernel alone: no engine is needed, root is.

The image's layers are not built here: the environment of the tests is bound, read-only, in their place.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# A root of what Python and cjstream need, made read-only; then the user of the image, who can gain nothing.
SCRIPT = r"""
root=$1 data=$2 user=$3; shift 3
mount -t tmpfs -o mode=0755,size=1m tmpfs "$root"
while [ "$1" != -- ]; do
    mkdir -p "$root${1%/*}"
    if [ -L "$1" ]; then cp -P "$1" "$root$1"
    else
        if [ -d "$1" ]; then mkdir -p "$root$1"; else touch "$root$1"; fi
        mount --bind "$1" "$root$1"
        mount -o remount,bind,ro "$root$1"
    fi
    shift
done
shift
mkdir "$root/proc" "$root$data"
mount --rbind /proc "$root/proc"
mount -t tmpfs -o "mode=0700,uid=$user,gid=$user,nosuid,nodev,noexec" tmpfs "$root$data"
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid="$user" --regid="$user" --clear-groups --bounding-set=-all --inh-caps=-all \
    --no-new-privs -- env --chdir="$data" "$@"
"""


class Instruction(NamedTuple):
    """One of the Dockerfile: its word, and what follows."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows as a list, if it is in the form that no shell reads. Raises ValueError if it is in another."""
        found = re.search(r"\[.*\]$", self.rest)
        if found is None:
            raise ValueError(f"{self.word} {self.rest}: not a list")
        return list(json.loads(found[0]))


def instructions() -> list[Instruction]:
    """Return the Dockerfile's instructions."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [Instruction(*re.split(r"\s+", line, maxsplit=1)) for line in text.splitlines() if line.strip()]


def final(word: str) -> Iterator[Instruction]:
    """Yield the instructions of this word in the last stage."""
    found = instructions()
    last = max(at for at, each in enumerate(found) if each.word == "FROM")
    yield from (each for each in found[last:] if each.word == word)


def environment() -> dict[str, str]:
    """Return what the image sets, but PATH."""
    pairs = [pair.partition("=") for each in final("ENV") for pair in shlex.split(each.rest)]
    return {name: value for name, _, value in pairs if name != "PATH"}


def user() -> str:
    """Return the number of the image's user."""
    [instruction] = final("USER")
    return instruction.rest.partition(":")[0]


def missing() -> str:
    """Return why no container can be run here, or nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a container needs root, on Linux"
    done = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True, text=True)
    return f"this machine allows no mounts: {done.stderr.strip()}" if done.returncode else ""


def within(root: Path, command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` as the image would, with `root`, an empty folder, as its root."""
    [volume] = final("VOLUME")
    system = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/dev/null", "/dev/urandom"]
    python = [sys.base_prefix, sys.prefix, str(ROOT / "cjstream"), str(ROOT / "agents")]
    bound = [path for path in system if Path(path).exists()]
    bound += [path for path in python if not path.startswith("/usr")]
    unshare = ["unshare", "--mount", "--propagation=private", "bash", "-euc", SCRIPT, "bash"]
    return [*unshare, str(root), volume.words[0], user(), *bound, "--", *command]
