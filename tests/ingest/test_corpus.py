"""Every line of the corpus becomes what its file name says; tests/faults/test_corpus.py says so of a real worker."""

import re
from collections import Counter

import pytest

from cjstream.core.engine import Journeys, advance
from cjstream.core.forgetting import erase, returning
from cjstream.core.state import CustomerState, Marker
from cjstream.core.touchpoint import REASONS, Erasure, Rejection
from cjstream.definitions import shipped
from cjstream.ingest.codec import decode
from tests.corpus.cases import FOLDER, START_MS, TAKEN, Case, Sent, cases

SHOP = Journeys.of([shipped("shop")])
SENT_MS = START_MS + 60_000
SKEW_MS = 300_000


class World:
    """Customers by key, as a partition has them, each record at the next offset."""

    def __init__(self) -> None:
        self.states: dict[bytes, CustomerState | None] = {}
        self.markers: dict[bytes, Marker] = {}
        self.offset = -1

    def take(self, sent: Sent) -> str:
        """Apply a record; return what became of it."""
        self.offset += 1
        found = decode(sent.key, sent.value, SENT_MS if sent.timestamp_ms is None else sent.timestamp_ms, SKEW_MS)
        if isinstance(found, Rejection):
            return found.reason
        assert sent.key is not None
        state, marker = self.states.get(sent.key), self.markers.get(sent.key)
        if isinstance(found, Erasure):
            erased = erase(state, marker, found, (0, self.offset))
            assert erased is not None
            self.markers[sent.key], self.states[sent.key] = erased.marker, None
            return "erased"
        before = state or (returning(marker) if marker else None)
        step = advance(before, found, (0, self.offset), SHOP)
        self.states[sent.key] = step.state or state
        return "conflict" if step.conflict else step.verdict


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.name}.{case.outcome}")
def test_a_record_becomes_what_its_name_says_and_its_neighbours_are_applied(case: Case) -> None:
    world = World()
    assert world.take(case.before()) == "applied"
    for sent in case.first:
        world.take(sent)
    assert world.take(case.record) == case.outcome
    assert world.take(case.after()) == "applied"


def test_every_outcome_has_a_case() -> None:
    counts = Counter(case.outcome for case in cases())
    assert set(counts) == {*TAKEN, *REASONS} - {"internal_error"}


def test_every_file_has_a_telling_name_and_none_is_left_out() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py"} - {
        "README.md",
        ".gitattributes",
    }
    assert [name for name in files if not re.fullmatch(r"[a-z0-9_]+\.[a-z_]+(\.record)?\.json", name)] == []
    assert len({case.name for case in cases()}) == len(cases()) == len(files)
