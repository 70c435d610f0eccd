"""The Helm chart: what comes out is valid Kubernetes, and equals the image, settings and commands behind it."""

import json
from collections.abc import Mapping
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest

from cjstream import settings
from cjstream.supervisor import plan
from tests import containers
from tests.deployed import PORT, ROWS, START_SECONDS, STOP_SECONDS, command, documented_exit_codes, yaml
from tests.monitoring.chart import ALL, CASES, CHART, LEAST, Values, environment, one, pods, render

OLDEST = yaml(CHART / "Chart.yaml")["kubeVersion"].removeprefix(">=").removesuffix(".0-0")
KUBERNETES = (OLDEST, kubernetes_validate.latest_version())
CUSTOM = {"PodMonitor", "PrometheusRule", "ScaledObject"}  # no schema of these ships with anything here
OF_FILES = {name for name in ROWS if name.endswith(("_FILE", "_LOCATION"))}
SET_BY_IMAGE_OR_CHART = {"CJSTREAM_STORE", "CJSTREAM_DATA_DIR", "CJSTREAM_METRICS_HOST", "CJSTREAM_METRICS_PORT"}


def test_the_chart_is_without_fault() -> None:
    report = helm.lint(str(CHART), dict(LEAST), strict=True)
    assert report["errors"] == []
    assert [each["error"] for each in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_all_of_it(case: str, version: str) -> None:
    made = render(CASES[case])
    for (kind, _), each in made.items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(each, version, strict=True)
    broken = one(made, "StatefulSet") | {"spec": one(made, "StatefulSet")["spec"] | {"replicaz": 1}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replicaz"):
        kubernetes_validate.validate(broken, version, strict=True)


def test_default_and_whole_have_the_parts_that_they_say() -> None:
    assert {kind for kind, _ in render(LEAST)} == {
        "StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget", "Job",
    }  # fmt: skip
    assert {kind for kind, _ in render(ALL)} == {kind for kind, _ in render(LEAST)} | CUSTOM | {"ConfigMap"}
    assert "Job" not in {kind for kind, _ in render({**LEAST, "topics": {"create": False}})}


def test_the_schema_knows_every_setting_that_may_be_given() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    given = schema["properties"]
    assert given.keys() == {*yaml(CHART / "values.yaml"), "global"}
    secrets = {name for name, row in ROWS.items() if row.is_secret}
    assert set(given["settings"]["propertyNames"]["enum"]) == {*ROWS} - secrets - OF_FILES - SET_BY_IMAGE_OR_CHART
    assert set(given["files"]["propertyNames"]["enum"]) == OF_FILES


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": 0}, "replicas"),
        ({"settings": {**LEAST["settings"], "CJSTREAM_APPID": "x"}}, "CJSTREAM_APPID"),
        ({"settings": {**LEAST["settings"], "CJSTREAM_KAFKA__SASL_PASSWORD": "x"}}, "SASL_PASSWORD"),
        ({"settings": {**LEAST["settings"], "CJSTREAM_MAX_PENDING_BYTES": 134217728}}, "MAX_PENDING_BYTES"),
        ({"store": {"kind": "disk"}}, "kind"),
        ({"files": {"CJSTREAM_KAFKA__SASL_PASSWORD_FILE": {"secret": "kafka"}}}, "key"),
        ({"journeys": {"shop": "journey: shop"}}, "shop"),
        ({"monitoring": {"grafanaUrl": "grafana.example.com"}}, "grafanaUrl"),
        ({"settings": {}}, r"set settings\.CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"),
        ({"replicas": 9}, "replicas is more than topics.partitions"),
        ({"autoscaling": {"enabled": True, "maxReplicas": 9}}, r"maxReplicas is more than"),
        (
            {"settings": {**LEAST["settings"], "CJSTREAM_JOURNEYS": "shop"}, "journeys": {"a.yaml": "journey: a"}},
            "keep one",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(wrong: Values, why: str) -> None:
    with pytest.raises(helm.HelmError, match=why):
        render({**LEAST, **wrong})


@pytest.mark.parametrize("case", CASES)
def test_workers_and_job_get_settings_that_load(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the image has them, with the chart's on top; the files' content stands for itself here."""
    monkeypatch.setattr("cjstream.settings.source.read_secret", lambda key, path: settings.Secret(path))
    for template in pods(render(CASES[case])):
        given = environment(template)
        loaded = settings.load(containers.environment() | given)
        assert loaded.kafka_bootstrap_servers == LEAST["settings"]["CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"]
        assert loaded.max_pending_bytes == int(given.get("CJSTREAM_MAX_PENDING_BYTES", loaded.max_pending_bytes))
        assert loaded.store in {given.get("CJSTREAM_STORE"), "memory"}
        assert loaded.metrics_port == PORT


@pytest.mark.parametrize("case", CASES)
def test_each_file_that_a_setting_names_is_mounted_from_its_secret(case: str) -> None:
    made = render(CASES[case])
    for template in pods(made):
        [container] = template["spec"]["containers"]
        mounts = {each["name"]: each["mountPath"] for each in container.get("volumeMounts", ())}
        volumes = {each["name"]: each for each in template["spec"].get("volumes", ())}
        volumes |= {each["metadata"]["name"]: each for each in claims(made)}
        assert mounts.keys() <= volumes.keys()
        items = [
            (item["path"], source["secret"]["name"], item["key"])
            for source in volumes.get("files", {}).get("projected", {}).get("sources", ())
            for item in source["secret"]["items"]
        ]
        asked = CASES[case].get("files", {})
        assert items == [(name, asked[name]["secret"], asked[name]["key"]) for name in sorted(asked)]
        given = environment(template)
        assert {name: given[name] for name in asked} == {name: f"{mounts['files']}/{name}" for name in asked}


def claims(made: Mapping[tuple[str, str], Any]) -> list[Any]:
    return list(one(made, "StatefulSet")["spec"].get("volumeClaimTemplates", ()))


def test_the_state_is_on_a_volume_of_each_worker_with_rocksdb_alone() -> None:
    memory, rocks = render(LEAST), render(ALL)
    [data] = one(memory, "StatefulSet")["spec"]["template"]["spec"]["volumes"]
    assert data == {"name": "data", "emptyDir": {}}
    assert claims(memory) == []
    [claim] = claims(rocks)
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert environment(pods(rocks)[0])["CJSTREAM_STORE"] == "rocksdb"
    for made in (memory, rocks):
        [container] = one(made, "StatefulSet")["spec"]["template"]["spec"]["containers"]
        paths = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "data"]
        assert paths == [containers.environment()["CJSTREAM_DATA_DIR"]]


def test_pods_run_as_the_image_does_and_see_no_variables_of_services() -> None:
    for template in pods(render(ALL)):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        ids = {spec["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")}
        assert ids == {int(containers.user())}
        [container] = spec["containers"]
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["nodeSelector"] == {"disk": "ssd"}
        command(container.get("args", ["worker"]))


def test_probes_ask_the_pages_and_give_a_start_and_a_stop_their_time() -> None:
    spec = one(render(LEAST), "StatefulSet")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": PORT}]
    start, live, ready = (container[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))
    assert [each["httpGet"] for each in (start, live, ready)] == [
        {"path": "/livez", "port": "metrics"},  # a restore, of which /readyz tells, may take as long as it needs
        {"path": "/livez", "port": "metrics"},
        {"path": "/readyz", "port": "metrics"},
    ]
    assert start["periodSeconds"] * start["failureThreshold"] >= START_SECONDS
    assert spec["terminationGracePeriodSeconds"] > STOP_SECONDS
    longer = one(render(ALL), "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert longer - 20.5 >= spec["terminationGracePeriodSeconds"] - settings.load({}).drain_timeout_seconds


def test_selectors_meet_the_workers_and_not_the_job() -> None:
    made = render(ALL)
    workers, job = (template["metadata"]["labels"] for template in pods(made))
    selectors = [
        one(made, "StatefulSet")["spec"]["selector"]["matchLabels"],
        one(made, "Service")["spec"]["selector"],
        one(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(made, "PodMonitor")["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= workers.items()
        assert not selector.items() <= job.items()
    assert one(made, "StatefulSet")["spec"]["serviceName"] == one(made, "Service")["metadata"]["name"]
    assert one(made, "Service")["spec"]["ports"][0]["port"] == PORT
    other = one(render(ALL, name="other"), "StatefulSet")["spec"]["selector"]["matchLabels"]
    assert other != selectors[0]


def test_the_job_may_be_repeated_and_gives_up_where_a_restart_does_not_help() -> None:
    job = one(render(ALL), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    [rule] = job["spec"]["podFailurePolicy"]["rules"]
    todo = documented_exit_codes()
    assert rule["onExitCodes"]["values"] == sorted(plan.HOPELESS)
    assert "a restart does not help" in todo[4]
    assert "the message names" in todo[2]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["topics", "create", "--partitions", "24"]
    assert rule["onExitCodes"]["containerName"] == container["name"]


def test_journeys_are_mounted_where_the_setting_says() -> None:
    made = render(ALL)
    config = made["ConfigMap", "shop-cjstream-journeys"]
    assert config["data"] == ALL["journeys"]
    template = pods(made)[0]
    paths = environment(template)["CJSTREAM_JOURNEYS"].split(":")
    assert paths == [f"/etc/cjstream/journeys/{name}" for name in sorted(ALL["journeys"])]
    changed = {**ALL, "journeys": {"shop.yaml": "journey: other\n"}}
    assert template["metadata"]["annotations"] != pods(render(changed))[0]["metadata"]["annotations"]
