"""No bytes raise, and each record becomes one of six things: tools/fuzz.py looks further."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.corpus.cases import START_MS, Case, Sent, cases
from tests.fuzz.framing import framed, own_key, record_of
from tests.fuzz.target import OUTCOMES, REPLAYED, Customer, known, outcome

SMALL = [case for case in cases() if len(case.record.value or b"") < 20_000]
SNIPPETS = [b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b'"', b"{", b"[" * 40, b"1e400", b"null", b"9" * 30, b","]

timestamps = st.none() | st.sampled_from([-1, 0, START_MS, 2**53]) | st.integers(-1, 2**63 - 1)
header = st.tuples(
    st.text(max_size=8) | st.sampled_from(["cjstream-reason", "Faust-Ag-ReplyTo"]), st.none() | st.binary()
)
headers = st.lists(header, max_size=4)
patches = st.binary(max_size=6) | st.sampled_from(SNIPPETS) | st.text('{}[]":,\\u019eE+-', max_size=6).map(str.encode)


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(), headers, timestamps, st.booleans())
@example(b"ani", b"[" * 100_000, [], 0, False)
def test_any_record(key: Any, value: Any, own: Any, timestamp_ms: Any, is_known: bool) -> None:
    customer = known(SMALL[0]) if is_known else Customer()
    assert outcome(Sent(key, value, own, timestamp_ms), customer, 9) in OUTCOMES


@given(st.sampled_from(SMALL), st.data(), headers, timestamps, st.booleans())
def test_any_damage_to_a_record_of_the_corpus(
    case: Case, data: st.DataObject, own: Any, timestamp_ms: Any, is_known: bool
) -> None:
    value = case.record.value or b""
    at = data.draw(st.integers(0, len(value)))
    damaged = value[:at] + data.draw(patches) + value[at + data.draw(st.integers(0, 20)) :]
    customer = known(case) if is_known else Customer()
    sent = Sent(own_key(damaged), damaged, own, timestamp_ms)
    assert outcome(sent, customer, 9) in OUTCOMES
    assert outcome(sent, customer, 9) in {*OUTCOMES, REPLAYED}, "and once more"


@given(st.lists(st.sampled_from(SMALL), min_size=2, max_size=6))
def test_any_records_of_the_corpus_about_one_customer(several: list[Case]) -> None:
    customer = Customer()
    for offset, case in enumerate(several):
        value = case.record.value
        if value is not None:
            value = value.replace(case.name.encode(), b"ani")
        assert outcome(Sent(b"ani", value, case.record.headers, START_MS), customer, offset) in OUTCOMES


@pytest.mark.parametrize("case", SMALL[::20], ids=lambda case: case.name)
def test_the_fuzzer_starts_from_the_corpus(case: Case) -> None:
    sent, _ = record_of(framed(case))
    assert sent.value == case.record.value
