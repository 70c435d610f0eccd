"""`cjstream inspect` of a customer whose journey keeps a score, with a model that a report made from the topic."""

import json
from pathlib import Path
from time import time

from cjstream.settings import Settings
from tests.broker import Cli, StartWorker
from tests.faults.harness import wait_done
from tests.test_inspect_measures import blocks, commands

PAGES = ("score-customers.md", "predict.md")


def test_inspect_shows_score_and_what_is_ahead(
    cli: Cli, settings: Settings, start_worker: StartWorker, tmp_path: Path
) -> None:
    files = {"scored.yaml": blocks("score-customers.md", "yaml")[0], "touchpoints.jsonl": "\n".join(log())}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    scored = str(tmp_path / "scored.yaml")
    worker = start_worker("--journey", scored)
    assert cli("send", str(tmp_path / "touchpoints.jsonl")).returncode == 0
    wait_done(settings, worker)
    for words in [words for page in PAGES for words in commands(page)]:
        line = [scored if word == "shop" else str(tmp_path / word) if "." in word else word for word in words]
        done = cli(*line)
        assert done.returncode == 0, done.stderr
    text = cli("inspect", "ana", "--model", str(tmp_path / "model.json")).stdout.decode()
    assert "score: " in text
    assert "ahead, from entering awareness" in text
    measures = json.loads(cli("inspect", "ana", "--json").stdout)["measures"]
    assert [each["rule"] for each in measures["journeys"]["shop"]["score"]["contributions"]] == ["looks"]


def log() -> list[str]:
    """Return the page view of ana, and 40 others who looked, half of whom bought."""
    rows = [{"id": "a", "customer_id": "ana", "type": "page_view"}]
    for n in range(40):
        rows.append({"id": f"v{n}", "customer_id": f"c{n}", "type": "page_view"})
        if n % 2:
            rows.append({"id": f"b{n}", "customer_id": f"c{n}", "type": "purchase"})
    first_ms = int(time() * 1000) - 3_600_000  # points fade: of an hour ago they are all there
    return [json.dumps(row | {"occurred_at": first_ms + at * 60_000}) for at, row in enumerate(rows[:60])]
