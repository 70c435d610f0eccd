"""What the logs of a journey's customers look for, by its measures."""

from cjstream.core.measures.compiled import Measures
from cjstream.core.measures.customer_log import Watch
from cjstream.core.measures.leaving import Spec as LeavingSpec
from cjstream.core.measures.metrics import GOOD_REVIEWS, SALES
from cjstream.core.measures.metrics import Spec as MetricsSpec

NOTHING = frozenset[str]()


def watch_of(measures: Measures | None) -> Watch | None:
    """Return what to look for; None if no measure asks what a customer's touchpoints come to."""
    if measures is None or (measures.metrics is None and measures.leaving is None):
        return None
    return watch(measures.metrics, measures.leaving)


def watch(metrics: MetricsSpec | None, leaving: LeavingSpec | None) -> Watch:
    """Return what to look for, for either measure."""
    types = {} if metrics is None else metrics.types
    return Watch(
        sales=types.get(SALES, NOTHING),
        advocates=types.get("referrals", NOTHING) | types.get("guest_posts", NOTHING),
        praises=types.get(GOOD_REVIEWS, NOTHING),
        site=NOTHING if metrics is None else metrics.site | {None},
        pains=NOTHING if leaving is None else leaving.pains,
        asks=NOTHING if leaving is None else leaving.asks,
        keeps_moments=leaving is not None,
    )
