"""The block `measures.feedback`: what is read, and which faults are named where."""

from typing import Any

import pytest

from cjstream.core.measures.calendar import ALWAYS
from cjstream.core.measures.feedback import Spec, read
from cjstream.core.measures.feedback_spec import MAX_TARGETS
from cjstream.core.reading import Reader

HOUR_MS = 3_600_000


def read_block(value: Any) -> tuple[Spec, list[str]]:
    reader = Reader()
    return read(reader, value, "measures.feedback", ()), [problem.path for problem in reader.problems]


def test_an_empty_block_has_the_usual_types_and_no_targets() -> None:
    spec, faults = read_block({})
    assert not faults
    assert spec == Spec()
    assert spec.on == {"review", "complaint", "question", "survey_answered"}
    assert (spec.calendar, spec.due_soon, spec.targets) == (ALWAYS, 0.75, ())


def test_types_share_calendar_and_targets_are_read() -> None:
    spec, faults = read_block(
        {
            "on": "complaint",
            "resolved_by": ["closed"],
            "edited_by": "complaint_changed",
            "due_soon": 0.5,
            "calendar": {"hours": {"mon-fri": "09:00-17:00"}},
            "targets": [
                {"when": {"sentiment": "negative"}, "first_response": "1h", "next_response": "2h", "resolution": "3h"},
                {"resolution": "4h"},
            ],
        }
    )
    assert not faults
    assert [list(types) for types in (spec.on, spec.resolved_by, spec.edited_by)] == [
        ["complaint"], ["closed"], ["complaint_changed"],
    ]  # fmt: skip
    assert spec.due_soon == 0.5
    assert spec.calendar.hours[5] == ()
    assert [target.times_ms for target in spec.targets] == [(HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS), (0, 0, 4 * HOUR_MS)]
    assert [target.when is None for target in spec.targets] == [False, True]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [""]),
        ({"types": "review"}, [".types"]),
        ({"on": []}, [".on"]),
        ({"resolved_by": None}, [".resolved_by"]),
        ({"edited_by": [7]}, [".edited_by"]),
        *[({"due_soon": wrong}, [".due_soon"]) for wrong in (0, 1, -0.1, 1.5, True, "75%", None)],
        ({"calendar": {"hours": {}}}, [".calendar.hours"]),
        ({"targets": []}, [".targets"]),
        ({"targets": [{"first_response": "1h"}] * (MAX_TARGETS + 1)}, [".targets"]),
        ({"targets": ["1h"]}, [".targets[0]"]),
        ({"targets": [{}]}, [".targets[0]"]),
        ({"targets": [{"first_response": "1h"}, {"first_response": "soon"}]}, [".targets[1].first_response"]),
        ({"targets": [{"resolution": 0}]}, [".targets[0].resolution"]),
        ({"targets": [{"first_response": "1h", "second_response": "1h"}]}, [".targets[0].second_response"]),
        ({"targets": [{"first_response": "1h", "when": "always"}]}, [".targets[0].when"]),
        ({"targets": [{"first_response": "1h", "when": {"mood": "bad"}}]}, [".targets[0].when.mood"]),
        ({"targets": [{"first_response": "1h", "when": {"seen": "purchase"}}]}, [".targets[0].when.seen"]),
    ],
)
def test_a_fault_is_named_by_its_path(value: Any, expected: list[str]) -> None:
    assert read_block(value)[1] == [f"measures.feedback{path}" for path in expected]
