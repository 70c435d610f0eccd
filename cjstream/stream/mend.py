"""What to write again where somebody else wrote into our changelog: a worker that was cut off, and does not know it.

A key's newest record is what compaction leaves of it, so ours must be the newest of each key. Pure.
"""

from collections.abc import Callable, Iterable, Sequence

from aiokafka import ConsumerRecord

from cjstream.core.state import DEFINITION_PREFIX, Fence, fence_of

Own = Callable[[bytes], bytes | None]  # the newest value of a key that is ours, or None


def is_behind(records: Iterable[ConsumerRecord], own: Own, applied: Fence) -> bool:
    """Return whether one of the records tells of input after `applied`, and after what we hold of its key.

    Whoever wrote it has read on where we have not come yet: it is we who were cut off.
    """
    for record in records:
        if record.value is None or record.key.startswith(DEFINITION_PREFIX):
            continue
        held = own(record.key)
        if fence_of(record.value) > max(applied, applied if held is None else fence_of(held)):
            return True
    return False


def to_mend(records: Sequence[ConsumerRecord], own: Own) -> dict[bytes, bytes | None]:
    """Return what must be written again: our value of each key whose newest record among these is another.

    None where we have none, but for a definition: one too many harms nobody, and a state may need it. Markers come
    before deletions, and definitions before states.
    """
    newest = {record.key: record.value for record in records}
    ours = {key: own(key) for key in sorted(newest)}
    return {
        key: value
        for key, value in ours.items()
        if value != newest[key] and not (value is None and key.startswith(DEFINITION_PREFIX))
    }
