"""The boards are what their tables make, and each panel tells what it is: our own lint, as no Grafana is at hand."""

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard, units

from tools.boards import __main__ as command
from tools.boards import panel_id, runbook_id

Object = dict[str, Any]

MONITORING = Path(__file__).parents[1] / "monitoring"
FILES = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
BOARDS: dict[str, Object] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
PANELS = [(uid, panel) for uid, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
CHARTS = [(uid, panel) for uid, panel in PANELS if panel["type"] != "text"]
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999"}
SIGNS = "✔▲✖■"
VARIABLE = re.compile(r"\$\{?(\w+)")
GRAFANAS_OWN = {"__all", "__interval", "__rate_interval", "__range"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def named(cases: list[tuple[str, Object]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("uid", "panel"), cases, ids=[f"{uid}/{panel['title']}" for uid, panel in cases])


every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def values(item: Any, key: str) -> Iterator[Any]:
    """Yield every value under a key, however deep."""
    children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    for child in children:
        yield from values(child, key)
    if isinstance(item, dict) and key in item:
        yield item[key]


def test_the_five_boards_are_there() -> None:
    names = ("experience", "journeys", "pipeline", "runbooks", "worker")
    assert [*BOARDS] == [f"cjstream-{name}" for name in names]


class TestFresh:
    @pytest.fixture
    def copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(command, "DASHBOARDS", tmp_path / "boards")
        shutil.copytree(FILES[0].parent, tmp_path / "boards")
        return tmp_path / "boards"

    def test_the_files_are_what_the_tables_make(self) -> None:
        assert command.stale() == [], "run `python -m tools.boards`"

    @pytest.mark.parametrize("change", ["edited", "missing", "foreign"])
    def test_a_file_that_differs_is_found_and_mended(
        self, copy: Path, change: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = copy / ("other.json" if change == "foreign" else "cjstream-worker.json")
        path.unlink() if change == "missing" else path.write_text("{}")
        monkeypatch.setattr("sys.argv", ["boards", "--check"])
        assert command.main() == 1
        assert path.name in capsys.readouterr().err
        monkeypatch.setattr("sys.argv", ["boards"])
        assert command.main() == 0
        assert command.stale() == []


@every_board
class TestEveryBoard:
    def test_is_of_the_classic_model_with_a_fixed_uid_and_not_editable(self, board: Object) -> None:
        assert board["schemaVersion"] == 39  # of Grafana 11.0: what is newer can read it
        assert board["editable"] is False
        assert board["tags"] == ["cjstream"]
        assert board["description"].endswith(".")
        assert "id" not in board

    def test_is_read_by_the_model_without_a_loss(self, board: Object) -> None:
        """A key that the model does not know is left out when read; Grafana does the same, and says nothing."""
        plugins.register_default_plugins()
        model = dashboard.Dashboard.from_json(json.loads(json.dumps(board)))
        assert json.loads(json.dumps(model, cls=JSONEncoder)) == board

    def test_has_ids_by_the_rule_and_no_two_alike(self, board: Object) -> None:
        ids = [panel["id"] for panel in board["panels"]]
        assert len({*ids}) == len(ids)
        assert 0 not in ids
        for panel in board["panels"]:
            name = f"row {panel['title']}" if panel["type"] == "row" else panel["title"]
            is_runbook = name.startswith("Cjstream")
            assert panel["id"] == (runbook_id(name) if is_runbook else panel_id(board["uid"], name))

    def test_fills_the_grid_without_overlaps_or_gaps(self, board: Object) -> None:
        cells: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            mine = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert not cells & mine, panel["title"]
            cells |= mine
        bottom = max(y for _, y in cells) + 1
        missing = {(x, y) for x in range(24) for y in range(bottom)} - cells
        assert not missing or board["uid"] == "cjstream-runbooks"  # whose last line may have one page
        assert {x for x, _ in cells} == {*range(24)}

    def test_defines_the_variables_that_it_uses_and_uses_them(self, board: Object) -> None:
        variables = board.get("templating", {}).get("list", [])
        charts = [panel for panel in board["panels"] if panel["type"] != "text"]
        used = {*VARIABLE.findall(json.dumps([charts, board.get("annotations"), board["links"], variables]))}
        assert {name for name in used if not name.startswith("__")} == {each["name"] for each in variables}
        assert {name for name in used if name.startswith("__")} <= GRAFANAS_OWN

    def test_starts_with_all_or_with_a_choice_that_there_is(self, board: Object) -> None:
        for each in board.get("templating", {}).get("list", []):
            if each.get("includeAll"):
                assert each["current"]["value"] == ["$__all"]
            elif "options" in each:
                assert each["current"] in each["options"]
                assert [option["selected"] for option in each["options"]].count(True) == 1

    def test_links_to_the_other_boards_and_marks_alerts(self, board: Object) -> None:
        links = [each["url"].split("/")[2] for each in board["links"]]
        assert {*links} == BOARDS.keys() - {board["uid"]}
        charts = [each["url"] for each in board["links"] if "runbooks" not in board["uid"] + each["url"]]
        assert all("${job:queryparam}" in url for url in charts)
        alerts = [each["name"] for each in board.get("annotations", {}).get("list", [])]
        assert alerts == ([] if board["uid"] == "cjstream-runbooks" else ["Alerts"])

    def test_links_to_panels_that_exist(self, board: Object) -> None:
        for path in [each for each in values(board, "url") if each]:
            assert exists(path), path

    def test_has_colours_that_all_tell_apart(self, board: Object) -> None:
        colours = {*values(board, "fixedColor"), *values(board, "iconColor")}
        colours |= {each for each in values(board, "color") if isinstance(each, str)}
        assert colours - {"transparent"} <= OKABE_ITO


def exists(path: str) -> bool:
    """Whether a path in Grafana names a board, and a panel that is on it."""
    uid, _, query = path.partition("&var-")[0].removeprefix("/d/").partition("/")
    if not query.startswith("?viewPanel="):
        return uid in BOARDS
    return int(query.removeprefix("?viewPanel=")) in [panel["id"] for panel in BOARDS[uid]["panels"]]


@named(CHARTS)
class TestEveryChart:
    def test_tells_what_it_means_what_is_normal_and_what_to_do(self, uid: str, panel: Object) -> None:
        assert panel["title"].strip()
        means, normal, *do = panel["description"].split("\n\n")
        assert means.endswith(".")
        assert normal.startswith("**Normal:** ")
        assert all(each.startswith("**What to do:** ") for each in do)
        assert len(means) > 20

    def test_has_a_unit_and_a_word_for_no_data(self, uid: str, panel: Object) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in UNITS or defaults["unit"].startswith("suffix:")
        assert defaults["noValue"].strip()

    def test_reads_from_the_data_source_that_is_chosen(self, uid: str, panel: Object) -> None:
        assert panel["datasource"] == SOURCE
        assert all(target["datasource"] == SOURCE for target in panel["targets"])

    def test_hides_no_query(self, uid: str, panel: Object) -> None:
        assert panel["targets"]
        assert not any(target.get("hide") for target in panel["targets"])
        letters = [target["refId"] for target in panel["targets"]]
        assert len({*letters}) == len(letters)

    def test_tells_nothing_by_colour_alone(self, uid: str, panel: Object) -> None:
        """Words have a sign, limits stand in the title, and lines of one colour each have a dash of their own."""
        defaults = panel["fieldConfig"]["defaults"]
        words = [word["text"] for mapping in defaults.get("mappings", []) for word in mapping["options"].values()]
        assert all(word[0] in SIGNS for word in words)
        limits = len(defaults.get("thresholds", {}).get("steps", []))
        if panel["type"] in {"stat", "bargauge"} and limits > 1:
            assert words or "(" in panel["title"]
        if defaults.get("custom", {}).get("drawStyle") == "line":
            styles = [each["value"]["fill"] for each in values(panel, "properties") for each in each[1:]]
            assert all(one != next_one for one, next_one in pairwise(styles))
            assert len(styles) == len(panel["fieldConfig"]["overrides"])
