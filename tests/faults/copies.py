"""O6: the copies of the state agree: a worker's own, what a replay of the changelog gives, and the files of a store."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from cjstream.core.state import DEFINITION_PREFIX, POSITION_KEY, decode_state, encode, fence_of, is_reserved
from cjstream.settings import Settings
from cjstream.stream.rocks import Pool, open_store
from tests.faults.harness import read_all

Copy = dict[bytes, bytes]
CACHE_BYTES, BUFFER_BYTES = 8 << 20, 4 << 20


def replay(settings: Settings, up_to: Mapping[int, int] | None = None, *, all_count: bool = False) -> dict[int, Copy]:
    """Return the rows by partition that the changelog adds up to, or its records up to these offsets.

    What a zombie wrote, below the fence of the value before, does not count, as in a restore; but to compaction
    `all_count`, and the last is what stays.
    """
    copies: dict[int, Copy] = {}
    for record in read_all(settings, settings.state_changelog):
        copy = copies.setdefault(record.partition, {})
        key, value = record.key or b"", record.value
        if up_to is not None and record.offset > up_to.get(record.partition, -1):
            continue
        if value is None:
            copy.pop(key, None)
        elif (
            all_count or key.startswith(DEFINITION_PREFIX) or key not in copy or fence_of(value) >= fence_of(copy[key])
        ):
            copy[key] = value
    return copies


def on_disk(settings: Settings, slot: int = 0) -> tuple[dict[int, Copy], dict[int, int]]:
    """Return the rows in the files of a worker that has ended, and up to which changelog offset, by partition."""
    copies, offsets = {}, {}
    root = Path(settings.data_dir) / settings.app_id / str(slot) / "rocksdb"
    for path in root.iterdir():
        store, discarded = open_store(path, Pool(CACHE_BYTES, BUFFER_BYTES))
        assert discarded is None, discarded
        copies[int(path.name)], offsets[int(path.name)] = dict(store.items()), store.changelog_offset
        store.close()
    return copies, offsets


def disagreements(one: Mapping[int, Copy], other: Mapping[int, Copy]) -> Iterator[str]:
    """Yield the rows that differ. Outputs that are sent may still stand in the changelog, and only there."""
    for number in sorted(one.keys() | other.keys()):
        left, right = one.get(number, {}), other.get(number, {})
        for key in sorted(left.keys() | right.keys()):
            if _plain(key, left.get(key)) != _plain(key, right.get(key)):
                yield f"partition {number}: {key!r} is {left.get(key)!r} in one copy, {right.get(key)!r} in another"


def _plain(key: bytes, value: bytes | None) -> object:
    if value is None:
        return None
    if key == POSITION_KEY:
        return fence_of(value)
    return value if is_reserved(key) else encode(msgspec.structs.replace(decode_state(value), pending=()))
