"""What a report leaves out of a definition while the log runs: what no section needs before the end."""

from dataclasses import replace

from cjstream.core.definition import JourneyDefinition


def lean(definition: JourneyDefinition) -> JourneyDefinition:
    """Return a definition that moves customers alike, and whose measures tell no more than sections are made from.

    Those are the clocks of feedback and the declared rules over types. Runs are compared with the expected path when
    they are over, judgements are in the touchpoints, and the score is kept only if a rule asks for it.
    """
    measures = definition.measures
    if measures is None:
        return definition
    expected = measures.expected
    if expected is not None:
        expected = replace(expected, path=None, personas={}, limits_ms=()) if expected.rules.by_id else None
    kept = replace(
        measures,
        sentiment=None,
        leaving=None,
        metrics=None,
        expected=expected,
        score=measures.score if definition.asks_score else None,
    )
    return replace(definition, measures=kept, keeps_mood=False)
