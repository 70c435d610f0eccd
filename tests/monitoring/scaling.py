"""Rules and alerts with all times divided by one factor, so that a test sees in seconds what takes minutes.

Divided are intervals of groups, `for`, `keep_firing_for`, ranges and offsets, and numbers that a `cjstream_..._seconds`
metric is compared with. Names stay, also such as `rate5m`.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
PART = re.compile(r"(\d+)(ms|[smhdwy])")
RANGE = re.compile(rf"\[\s*({DURATION})\s*(?::\s*({DURATION})?\s*)?\]")
OFFSET = re.compile(rf"\b(offset\s+-?)({DURATION})")
COMPARED = r"[^<>=!]*(?:\{[^}]*\}[^<>=!]*)?(?:>=|<=|>|<|==)\s*"  # labels may have the signs of comparisons in them
BOUND = re.compile(rf"(cjstream_\w*seconds\b{COMPARED})(\d+(?:\.\d+)?)")
HURRIED = "4s"
DURATIONS = ("for", "keep_firing_for", "interval")


def duration(text: str, factor: float) -> str:
    """Return a duration such as `1h30m` divided by `factor`, in whole milliseconds, at least one unless it is 0."""
    whole_ms = sum(int(number) * UNITS_MS[unit] for number, unit in PART.findall(text))
    return f"{max(1, round(whole_ms / factor)) if whole_ms else 0}ms"


def expression(text: str, factor: float) -> str:
    """Return a PromQL expression with its times divided."""

    def ranged(found: re.Match[str]) -> str:
        step = "" if ":" not in found[0] else ":" + (duration(found[2], factor) if found[2] else "")
        return f"[{duration(found[1], factor)}{step}]"

    text = RANGE.sub(ranged, text)
    text = OFFSET.sub(lambda found: found[1] + duration(found[2], factor), text)
    return BOUND.sub(lambda found: f"{found[1]}{float(found[2]) / factor:g}", text)


def hurried(text: str) -> str:
    """Return a PromQL expression that looks back by seconds where it would look back by days or a week; ranges stay."""
    return OFFSET.sub(lambda found: found[1] + HURRIED, text)


def unfiltered(text: str) -> str:
    """Return an expression without the `> 0` at its end that leaves nothing to see while all is well."""
    return re.sub(r"\s*> 0$", "", text)


def scaled(files: Sequence[Path], home: Path, factor: float) -> list[Path]:
    """Write files of rules anew under `home`, with times divided; return where."""

    def change(fields: dict[str, Any]) -> None:
        fields |= {name: duration(fields[name], factor) for name in DURATIONS if name in fields}
        if "expr" in fields:
            fields["expr"] = expression(str(fields["expr"]), factor)

    return _rewritten(files, home, change)


def without_waits(files: Sequence[Path], home: Path) -> list[Path]:
    """Write files of rules anew under `home`: evaluated at once, and hurried as `hurried`; return where."""

    def change(fields: dict[str, Any]) -> None:
        for name in DURATIONS:
            fields.pop(name, None)
        if "expr" in fields:
            fields["expr"] = hurried(str(fields["expr"]))

    return _rewritten(files, home, change)


def _rewritten(files: Sequence[Path], home: Path, change: Callable[[dict[str, Any]], None]) -> list[Path]:
    home.mkdir(parents=True, exist_ok=True)
    written = []
    for file in files:
        content = YAML(typ="safe").load(file)
        for group in content["groups"]:
            change(group)
            for rule in group["rules"]:
                change(rule)
        written.append(home / f"{file.parent.name}-{file.name}")
        written[-1].write_text(json.dumps(content, indent=1), "utf-8")  # JSON is YAML
    return written
