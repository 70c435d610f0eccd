"""The Helm chart, rendered without a cluster by Helm's own code, for several sets of values."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import helm_python as helm
from ruamel.yaml import YAML

from tests.deployed import ROOT, examples

CHART = ROOT / "deploy" / "helm" / "cjstream"

Values = Mapping[str, Any]
LEAST: Values = {"settings": {"CJSTREAM_KAFKA__BOOTSTRAP_SERVERS": "kafka-1:9093,kafka-2:9093"}}
SECURED: Values = {
    "settings": {
        **LEAST["settings"],
        "CJSTREAM_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "CJSTREAM_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "CJSTREAM_KAFKA__SASL_USERNAME": "journeys",
    },
    "files": {
        "CJSTREAM_KAFKA__SSL_CA_LOCATION": {"secret": "kafka", "key": "ca.pem"},
        "CJSTREAM_KAFKA__SASL_PASSWORD_FILE": {"secret": "kafka", "key": "password"},
        "CJSTREAM_METRICS_TOKEN_FILE": {"secret": "scrape", "key": "token"},
    },
    "store": {"kind": "rocksdb", "size": "20Gi"},
}
ALL: Values = {
    **SECURED,
    "settings": {
        **SECURED["settings"],
        "CJSTREAM_APP_ID": "journeys",
        "CJSTREAM_TOPICS__PREFIX": "shop.",
        "CJSTREAM_MAX_PENDING_BYTES": "134217728",
        "CJSTREAM_DRAIN_TIMEOUT_SECONDS": "20.5",
    },
    "replicas": 3,
    "journeys": {"shop.yaml": "journey: shop\n", "service.yaml": "journey: service\n"},
    "topics": {"partitions": 24},
    "store": {"kind": "rocksdb", "size": "20Gi", "storageClass": "fast"},
    "pod": {"nodeSelector": {"disk": "ssd"}},
    "podAnnotations": {"team": "journeys"},
    "serviceAccount": {"annotations": {"team": "journeys"}},
    "monitoring": {
        "podMonitor": True,
        "rules": True,
        "dashboards": True,
        "labels": {"release": "prometheus"},
        "grafanaUrl": "https://grafana.example.com",
    },
    "autoscaling": {"enabled": True, "maxReplicas": 24, "lagThreshold": 2_000_000, "authentication": "kafka"},
}
[DOCUMENTED] = examples("run-on-kubernetes.md")
CASES: dict[str, Values] = {"least": LEAST, "secured": SECURED, "all": ALL, "documented": DOCUMENTED}


def render(values: Values, name: str = "shop") -> dict[tuple[str, str], Any]:
    """Return what the chart makes of values, by kind and name. Many tests look at the same, so nobody changes it."""
    return _render(json.dumps(values), name)


@cache
def _render(text: str, name: str) -> dict[tuple[str, str], Any]:
    values = json.loads(text)
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        made = chart.render(values, name=name, namespace="journeys")
    documents = [
        document
        for path, text in made.items()
        if path.endswith(".yaml")
        for document in YAML(typ="safe").load_all(text)
        if document
    ]
    found = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    assert len(found) == len(documents)
    return found


def one(made: Mapping[tuple[str, str], Any], kind: str) -> Any:
    [found] = [each for (of, _), each in made.items() if of == kind]
    return found


def pods(made: Mapping[tuple[str, str], Any]) -> list[Any]:
    """Return the pods' templates: of the workers, and of the job that makes the topics."""
    return [one(made, "StatefulSet")["spec"]["template"], one(made, "Job")["spec"]["template"]]


def environment(template: Any) -> dict[str, str]:
    [container] = template["spec"]["containers"]
    assert len({each["name"] for each in container["env"]}) == len(container["env"])
    return {each["name"]: each["value"] for each in container["env"]}
