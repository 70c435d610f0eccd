"""A scorer that others wrote must not stop a worker: what fails is no score."""

from collections.abc import Callable

from cjstream.core.measures.sentiment import SENTIMENTS
from cjstream.logs import tell

PLAIN = {sentiment: sentiment for sentiment in SENTIMENTS}


class Guarded:
    """A scorer that never raises and returns one of SENTIMENTS or None.

    If the scorer within raises, or returns anything else, that text has no score. `failures` counts it, and the first
    one is told as a warning: which type, not which text, as texts are private. `name` is the scorer's.
    """

    def __init__(self, name: str, scorer: Callable[[str, str | None], object]) -> None:
        self.name, self.failures = name, 0
        self._scorer = scorer

    def __call__(self, text: str, language: str | None) -> str | None:
        """Return the sentiment of a text; `language` as its field tells, None: not told."""
        try:
            found = self._scorer(text, language)
            sentiment = PLAIN.get(found) if isinstance(found, str) else None
        except Exception as error:
            self._fail(f"raised {type(error).__name__}")
            return None
        if sentiment is None and found is not None:
            self._fail(f"returned {_described(found)}")
        return sentiment

    def _fail(self, what: str) -> None:
        self.failures += 1
        if self.failures == 1:
            tell("scorer_failed", scorer=self.name, why=what)


def _described(found: object) -> str:
    return f"text that is none of {', '.join(SENTIMENTS)}" if isinstance(found, str) else type(found).__name__
