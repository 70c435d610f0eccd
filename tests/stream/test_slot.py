"""take_slot: the first free directory from a number on."""

from contextlib import ExitStack
from pathlib import Path

from cjstream.stream.slot import MAX_SLOTS, take_slot


def taken(folder: Path, *firsts: int) -> list[str]:
    """Take slots one after another and return the names of their directories."""
    with ExitStack() as stack:
        slots = [take_slot(folder, "app", first) for first in firsts]
        for slot in slots:
            stack.enter_context(slot.lock)
        assert [slot.member_id.rpartition("-")[2] for slot in slots] == [slot.path.name for slot in slots]
        return [slot.path.name for slot in slots]


def test_each_takes_the_first_free_one(tmp_path: Path) -> None:
    assert taken(tmp_path, 0, 0, 0) == ["0", "1", "2"]
    assert taken(tmp_path, 0) == ["0"]


def test_numbered_workers_take_their_own_in_any_order_and_after_any_restart(tmp_path: Path) -> None:
    assert taken(tmp_path, 2, 0, 1) == ["2", "0", "1"]


def test_one_whose_own_is_taken_takes_a_later_one_or_an_earlier_one_after_the_last(tmp_path: Path) -> None:
    assert taken(tmp_path, 1, 1) == ["1", "2"]
    assert taken(tmp_path, MAX_SLOTS - 1, MAX_SLOTS - 1) == [str(MAX_SLOTS - 1), "0"]
