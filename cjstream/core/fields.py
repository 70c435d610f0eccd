"""The fields of Touchpoint v1 as types, so that C code reads and checks them in one pass.

They refuse nothing by themselves: what does not fit goes the long way, field by field, which alone gives reasons and
takes what only a few send, such as fields of their own (cjstream.core.touchpoint). tests/core/test_fields.py holds the
two ways equal.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cjstream.core.limits import MAX_ID, MAX_LABEL, MAX_NUMBER, MAX_SAFE_INTEGER, MAX_TEXT

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Label = Annotated[str, Meta(max_length=MAX_LABEL)]
Type = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Natural = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Whole = Annotated[int, Meta(ge=-int(MAX_NUMBER), le=int(MAX_NUMBER))]
Number = Whole | Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Plain = str | bool | Number | None  # numbers in these bounds are the same to every JSON reader
Inner = Plain | list[Plain] | dict[str, Plain]
Middle = Plain | list[Inner] | dict[str, Inner]
Property = Plain | list[Middle] | dict[str, Middle]


class Fields(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """All that a touchpoint told; None: nothing, or null."""

    id: Id
    customer_id: Id
    type: Type
    occurred_at: str | int
    account_id: Id | None = None
    anonymous_id: Id | None = None
    previous_id: Id | None = None
    initiator: Literal["customer", "business"] | None = None
    channel: Label | None = None
    device: Label | None = None
    persona: Label | None = None
    campaign: Label | None = None
    session_id: Id | None = None
    duration_ms: Natural | None = None
    rating: Number | None = None
    scale: Literal["stars", "csat", "ces", "nps"] | None = None
    expected_rating: Number | None = None
    sentiment: Literal["positive", "neutral", "negative"] | None = None
    emotion: Label | None = None
    thought: Text | None = None
    topic: Label | None = None
    text: Text | None = None
    language: Label | None = None
    value: Number | None = None
    cost: Number | None = None
    currency: Label | None = None
    reply_to: Id | None = None
    referred_by: Id | None = None
    exit_reason: Label | None = None
    sequence: Natural | None = None
    properties: dict[str, Property] | None = None
