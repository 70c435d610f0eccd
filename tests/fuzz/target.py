"""What a record may do, and nothing else: the property in which Hypothesis and the fuzzer look for holes."""

from functools import cache

from cjstream.core.engine import VERDICTS, Journeys, advance
from cjstream.core.forgetting import erase, returning
from cjstream.core.limits import DEAD_LETTER_BYTES
from cjstream.core.state import CustomerState, Marker, decode_marker, decode_state
from cjstream.core.state import encode as encode_state
from cjstream.core.touchpoint import REASONS, Erasure, Rejection
from cjstream.definitions import names, shipped
from cjstream.ingest.codec import decode, encode, loads
from cjstream.ingest.letters import dead_letter, read_letter, read_note, replay_headers
from tests.corpus.cases import START_MS, Case, Sent, cases
from tests.fuzz.framing import FRAME_BYTES, record_of

ALL = Journeys.of([shipped(name) for name in names()])
SKEW_MS = 300_000
REJECTED, REPLAYED = "rejected", "replayed"
OUTCOMES = {*VERDICTS, REJECTED}
PLACE = ("touchpoints", 0, 7)


class Customer:
    """What is known of one: a state, or after an erasure a marker."""

    def __init__(self, state: CustomerState | None = None, marker: Marker | None = None) -> None:
        self.state, self.marker = state, marker


def outcome(sent: Sent, customer: Customer, offset: int) -> str:
    """Return what becomes of a record of this customer at an offset; asserts all that has to hold of it."""
    found = decode(sent.key, sent.value, sent.timestamp_ms, SKEW_MS)
    if isinstance(found, Rejection):
        check_letter(found, sent)
        return REJECTED
    if isinstance(found, Erasure):
        erased = erase(customer.state, customer.marker, found, (0, offset))
        if erased is not None:
            assert decode_marker(encode_state(erased.marker)) == erased.marker
            customer.state, customer.marker = None, erased.marker
        return "erased"
    before = customer.state or (returning(customer.marker) if customer.marker else None)
    step = advance(before, found, (0, offset), ALL)
    assert step.verdict in {*VERDICTS, REPLAYED}, step.verdict
    for output in step.outputs:
        assert isinstance(loads(encode(output, "fuzz").value or b"{}"), dict)
    if step.state is not None:
        assert decode_state(encode_state(step.state)) == step.state
        customer.state = step.state
    return step.verdict


def check_letter(rejection: Rejection, sent: Sent) -> None:
    """Assert that a rejected record has a dead letter that can be held, told from others, and sent again."""
    assert rejection.reason in REASONS
    made = dead_letter(rejection, PLACE, sent.key, sent.value, sent.headers, sent.timestamp_ms)
    letter = read_letter(made.headers)
    assert letter is not None
    assert read_note(made.headers) is None
    assert (letter.origin, letter.reason) == (PLACE, rejection.reason)
    assert len(made.key or b"") + len(made.value or b"") <= DEAD_LETTER_BYTES
    if letter.is_whole:
        assert (made.key, made.value, list(letter.own)) == (sent.key, sent.value, list(sent.headers))
        assert replay_headers(letter)[: len(sent.headers)] == list(sent.headers)


def known(case: Case) -> Customer:
    """Return the customer of a case as its neighbours leave one."""
    return Customer(_known(case.name))


@cache
def _known(name: str) -> CustomerState | None:
    customer, case = Customer(), next(each for each in cases() if each.name == name)
    for offset, sent in enumerate((case.before(), case.after())):
        assert outcome(sent._replace(timestamp_ms=START_MS), customer, offset) == "applied"
    return customer.state


def check(data: bytes) -> None:
    """Take what a fuzzer made: nothing may raise."""
    if len(data) >= FRAME_BYTES:
        sent, is_known = record_of(data)
        assert outcome(sent, known(cases()[0]) if is_known else Customer(), 9) in OUTCOMES
