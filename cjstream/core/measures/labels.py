"""Amounts by label, where the labels come from customers' data: their number is bounded."""

from collections import Counter
from collections.abc import Mapping

MAX_LABELS = 1_000  # kept of one kind; what comes after them is counted as OTHER, so then order and parts matter
SHOWN = 32  # of one kind, in a figure
OTHER = "other"


def add(amounts: Counter[str], label: str, amount: int = 1) -> None:
    """Add to the amount of a label."""
    amounts[label if label in amounts or len(amounts) < MAX_LABELS else OTHER] += amount


def merge(amounts: Counter[str], others: Mapping[str, int]) -> None:
    """Add the amounts that others have."""
    for label, amount in others.items():
        add(amounts, label, amount)


def shown(amounts: Mapping[str, int]) -> dict[str, int]:
    """Return the SHOWN labels with the most, most first and by name where they are equal; all the rest as OTHER."""
    by_amount = sorted(amounts.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    found = dict(by_amount[:SHOWN])
    rest = sum(amount for _, amount in by_amount[SHOWN:])
    if rest:
        found[OTHER] = rest
    return found
