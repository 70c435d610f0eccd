"""What surrounds the boards: alerts that lead to them, runbooks that are one, and how Grafana is told of them."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.test_boards import MONITORING, Object, exists
from tools.boards import panel_path, runbook_id, runbook_path, runbooks

BASE = "http://localhost:3000"


class TestLinksOfAlerts:
    @pytest.fixture
    def alerts(self) -> list[Object]:
        files = [YAML(typ="safe").load(path) for path in sorted((MONITORING / "prometheus" / "alerts").glob("*.yml"))]
        return [rule for file in files for group in file["groups"] for rule in group["rules"]]

    def test_every_alert_leads_to_a_panel(self, alerts: list[Object]) -> None:
        for alert in alerts:
            url = alert["annotations"]["dashboard_url"]
            assert url.startswith(BASE), alert["alert"]
            assert "viewPanel=" in url
            assert exists(url.removeprefix(BASE)), alert["alert"]

    def test_every_alert_leads_to_its_runbook(self, alerts: list[Object]) -> None:
        for alert in alerts:
            url = alert["annotations"]["runbook_url"]
            assert url == BASE + runbook_path(alert["alert"])
            assert exists(url.removeprefix(BASE)), alert["alert"]


class TestRunbooks:
    @pytest.fixture
    def pages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(runbooks, "PAGES", tmp_path)
        (tmp_path / "cjstream-down.md").write_text(
            "# CjstreamDown\n\nIt is down. **ticket**\n\n[x](cjstream-up.md#a) [m](../../docs/m.md)"
        )
        (tmp_path / "cjstream-up.md").write_text("# CjstreamUp\n\nUp. **page**\n\n[web](https://example.org/a)")
        return tmp_path

    def test_each_page_is_a_panel_under_its_alert(self, pages: Path) -> None:
        contents, down, up = runbooks.board(pages).panels
        assert (down.title, up.title) == ("CjstreamDown", "CjstreamUp")
        assert down.means == "It is down."
        assert f"- [CjstreamUp]({runbook_path('CjstreamUp')}): Up." in contents.text

    def test_the_contents_name_every_page_those_to_act_on_first(self, pages: Path) -> None:
        text = runbooks.board(pages).panels[0].text
        assert re.findall(r"\[(\w+)\]", text) == ["CjstreamUp", "CjstreamDown"]
        real = runbooks.board().panels
        assert sorted(re.findall(r"\[(\w+)\]", real[0].text)) == sorted(each.title for each in real[1:])

    def test_links_lead_to_panels_or_name_the_file(self, pages: Path) -> None:
        _, down, up = runbooks.board(pages).panels
        assert f"[x]({runbook_path('CjstreamUp')})" in down.text
        assert "m (`docs/m.md`)" in down.text
        assert "[web](https://example.org/a)" in up.text

    def test_a_page_under_another_name_is_refused(self, pages: Path) -> None:
        (pages / "cjstream-down.md").rename(pages / "cjstream-away.md")
        with pytest.raises(ValueError, match=r"cjstream-away\.md starts with '# CjstreamDown'"):
            runbooks.board(pages)


class TestProvisioning:
    @pytest.fixture
    def source(self) -> Object:
        text = (MONITORING / "grafana" / "provisioning" / "datasources" / "cjstream.yaml").read_text(encoding="utf-8")
        [found] = YAML(typ="safe").load(text)["datasources"]
        return dict(found)

    def test_rates_look_back_as_far_as_the_scrapes_ask_for(self, source: Object) -> None:
        prometheus = YAML(typ="safe").load(MONITORING / "prometheus" / "prometheus.yml")
        assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
        assert source["uid"] == "cjstream-prometheus"

    def test_boards_are_read_from_their_folder_and_not_editable(self) -> None:
        text = (MONITORING / "grafana" / "provisioning" / "dashboards" / "cjstream.yaml").read_text(encoding="utf-8")
        [provider] = YAML(typ="safe").load(text)["providers"]
        assert provider["options"] == {"path": "/etc/grafana/dashboards"}
        assert provider["allowUiUpdates"] is False


def test_an_id_is_stable() -> None:
    """Alerts that are out there have these numbers in their links."""
    assert panel_path("cjstream-pipeline", "Alerts now") == "/d/cjstream-pipeline/?viewPanel=892937"
    assert runbook_id("CjstreamDown") == 721508
