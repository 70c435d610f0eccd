"""What watches the workers of the Helm chart: rules and boards are those of monitoring/, and scrapes fit to them."""

import json

from ruamel.yaml import YAML

from cjstream import settings
from tests.deployed import ROOT
from tests.monitoring.chart import ALL, LEAST, one, pods, render

MONITORING = ROOT / "monitoring"


def test_rules_are_those_of_the_files_with_links_to_the_grafana_that_is_named() -> None:
    made = one(render(ALL), "PrometheusRule")["spec"]["groups"]
    url = ALL["monitoring"]["grafanaUrl"]
    expected = []
    for folder in ("rules", "alerts"):
        for path in sorted((MONITORING / "prometheus" / folder).glob("*.yml")):
            text = path.read_text("utf-8").replace("http://localhost:3000", url)
            expected += YAML(typ="safe").load(text)["groups"]
    assert expected
    assert made == expected
    assert len({group["name"] for group in made}) == len(made)
    plain = one(render({**LEAST, "monitoring": {"rules": True}}), "PrometheusRule")
    assert "http://localhost:3000/d/cjstream-runbooks/" in json.dumps(plain)


def test_boards_are_those_of_the_files() -> None:
    made = render({**LEAST, "monitoring": {"dashboards": True}})
    boards = {
        name: text for (kind, _), each in made.items() if kind == "ConfigMap" for name, text in each["data"].items()
    }
    files = {path.name: path.read_text("utf-8") for path in (MONITORING / "grafana" / "dashboards").glob("*.json")}
    assert files
    assert boards == files
    assert max(map(len, files.values())) < 1_000_000  # a ConfigMap takes 1 MiB


def test_scrapes_bear_the_job_of_the_rules_and_the_token_of_the_workers() -> None:
    found = one(render(ALL), "PodMonitor")
    monitor = found["spec"]
    assert "jobLabel" not in monitor  # then the operator's job is <namespace>/<name>: one for each release
    alerts = "".join(path.read_text("utf-8") for path in (MONITORING / "prometheus" / "alerts").glob("*.yml"))
    assert 'job=~"(.*/)?[^/]*cjstream[^/]*"' in alerts
    assert "cjstream" in found["metadata"]["name"]
    workers = pods(render(ALL))[0]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= workers.items()
    [endpoint] = monitor["podMetricsEndpoints"]
    assert endpoint == {
        "port": "metrics",
        "path": "/metrics",
        "authorization": {"credentials": {"name": "scrape", "key": "token"}},
    }


def test_scaling_follows_the_lag_of_our_group_on_our_topic() -> None:
    made = render(ALL)
    scaled = one(made, "ScaledObject")["spec"]
    assert "replicas" not in one(made, "StatefulSet")["spec"]  # else each upgrade would undo what was scaled
    assert scaled["scaleTargetRef"]["name"] == one(made, "StatefulSet")["metadata"]["name"]
    loaded = settings.load({name: ALL["settings"][name] for name in ("CJSTREAM_APP_ID", "CJSTREAM_TOPICS__PREFIX")})
    [trigger] = scaled["triggers"]
    assert trigger["metadata"] == {
        "bootstrapServers": ALL["settings"]["CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"],
        "consumerGroup": loaded.app_id,
        "topic": loaded.touchpoints,
        "lagThreshold": "2000000",
    }
    assert scaled["minReplicaCount"] >= 1
    defaults = one(render({**LEAST, "autoscaling": {"enabled": True}}), "ScaledObject")["spec"]["triggers"][0]
    unset = settings.load({})
    assert (defaults["metadata"]["consumerGroup"], defaults["metadata"]["topic"]) == (unset.app_id, unset.touchpoints)
