"""Whether what a store holds from an earlier process may be taken up, given what the changelog holds now."""

from typing import NamedTuple

TRUSTED_SHARE = 0.8  # of the time that deletions stay in the changelog: clocks differ, and a restore takes its time


class Held(NamedTuple):
    """What a store says of itself: whose it is, the newest changelog record in it, and when that was the last one."""

    home: bytes
    offset: int
    content: bytes
    used_ms: int


class Log(NamedTuple):
    """What the changelog holds: offsets from `start` to before `end`; a hash of the record at the store's, if any."""

    home: bytes
    start: int
    end: int
    content: bytes | None
    retention_ms: int


def why_stale(held: Held, log: Log, now_ms: int) -> str | None:
    """Return why the store must be discarded, or None if all that it lacks is in the changelog after its offset.

    What cannot be told is not trusted: a restore costs time only. A deletion older than the retention may be gone from
    the changelog, so a store that has not seen it would bring back somebody who was erased.
    """
    if held.home != log.home:
        return "it is of another app, topic, partition or form"
    if held.offset >= log.end:
        return f"it ends at offset {held.offset}, but the changelog before {log.end}"
    if held.offset < log.start - 1:
        return f"it ends at offset {held.offset}, but the changelog begins at {log.start}"
    if log.content is None:
        return f"the changelog's record at offset {held.offset} is gone, so nothing shows that it is of this changelog"
    if held.content != log.content:
        return f"the changelog has another record at offset {held.offset}: the topic was made anew"
    is_behind = held.offset < log.end - 1
    if is_behind and not 0 <= now_ms - held.used_ms < TRUSTED_SHARE * log.retention_ms:
        return "it was away for longer than the changelog keeps deletions"
    return None
