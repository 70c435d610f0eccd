"""A worker's slot: the first free numbered directory of the data directory, locked while the process lives."""

import fcntl
import socket
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

MAX_SLOTS = 256


class Slot(NamedTuple):
    """A locked directory, and the static member id that goes with it: the same after a restart in the same place."""

    path: Path
    member_id: str
    lock: IO[str]


def take_slot(data_dir: Path, app_id: str, first: int = 0) -> Slot:
    """Lock the first free `<data dir>/<app id>/<n>` from `first` on, then of those before, and return it.

    Raises OSError if none can be made or locked. The kernel frees the lock when the process ends, however it ends.
    """
    root = (data_dir / app_id).resolve()
    place = blake2b(str(root).encode(), digest_size=4).hexdigest()
    for number in (*range(first, MAX_SLOTS), *range(first)):
        path = root / str(number)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return Slot(path, f"{socket.gethostname()}-{place}-{number}", lock)
    raise OSError(f"all {MAX_SLOTS} slots of {root} are taken")
