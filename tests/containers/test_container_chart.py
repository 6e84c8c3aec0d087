"""The chart, as Helm renders it and Kubernetes' own types read it."""

from __future__ import annotations

import subprocess
import tomllib
from typing import Any

import pytest
import yaml
from container_files import BUILT, CHART, ROOT, manifests, needs

from argus_otel.config import NOT_SETTINGS, Config, load_config

pytestmark = needs("helm")

SERVER = ("--set", "clickhouse.secret.name=clickhouse", "--set", "token.secret.name=token")
EMBEDDED = ("--set", "embedded.enabled=true,replicas=1,embedded.passwordSecret.name=endpoint,token.anySender=true")
ALL_VALUES = (
    "tls.secret.name=tls,workspaceTokens.secret.name=tokens,clickhouse.ca.name=ca,networkPolicy.enabled=true,serviceMonitor.enabled=true,"
    "prometheusRule.enabled=true,spool.storageClassName=fast,spool.whenScaled=Delete,config.spool_bytes_max=4294967296,"
    "config.redaction_enable={email_address},config.log_level=debug,config.migrate=false"
)
EVERYTHING = (*SERVER, "--set", ALL_VALUES)
SETTINGS = {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields} | NOT_SETTINGS


def one(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    [found] = [document for document in documents if document["kind"] == kind]
    return found


def pod(documents: list[dict[str, Any]], kind: str = "StatefulSet") -> dict[str, Any]:
    spec: dict[str, Any] = one(documents, kind)["spec"]["template"]["spec"]
    return spec


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILT / "helm", *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("options", [SERVER, EMBEDDED, EVERYTHING])
def test_helm_lints_it(options: tuple[str, ...]) -> None:
    told = helm("lint", "--strict", str(CHART), "--kube-version", "1.34.0", *options)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("options", [SERVER, EMBEDDED, EVERYTHING])
def test_what_a_pod_runs(options: tuple[str, ...]) -> None:
    documents = manifests(*options)
    for kind in {"StatefulSet", "Job"} & {document["kind"] for document in documents}:
        spec = pod(documents, kind)
        [container] = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        # A Service named argus-otel would put ARGUS_OTEL_PORT into the pod, which is refused as an unknown setting.
        assert spec["enableServiceLinks"] is False
        variables = {variable["name"]: variable for variable in container["env"]}
        assert set(variables) <= SETTINGS
        volumes = {volume["name"] for volume in spec["volumes"]} | {"spool"}
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert set(mounted.values()) <= volumes
        for variable in variables.values():
            if (path := variable.get("value", "")).startswith("/"):
                assert any(path.startswith(mount) for mount in mounted), f"{path} is not mounted"


def test_a_pod_that_goes_has_the_time_to_drain() -> None:
    spec = pod(manifests(*SERVER, "--set", "drainSeconds=45"))
    command = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["argus-otel", "drain", "--timeout", "45"]
    assert spec["terminationGracePeriodSeconds"] > 45 + 15


def test_services_and_budget_select_the_receivers_and_nothing_else() -> None:
    documents = manifests(*EVERYTHING)
    labels = one(documents, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    job = one(documents, "Job")["spec"]["template"]["metadata"]["labels"]
    selectors = [document["spec"]["selector"] for document in documents if document["kind"] == "Service"]
    selectors += [one(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    assert len(selectors) == 3
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= job.items()
    names = {port["name"] for port in pod(documents)["containers"][0]["ports"]}
    for service in documents:
        if service["kind"] == "Service":
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    names_of_services = {document["metadata"]["name"] for document in documents if document["kind"] == "Service"}
    assert one(documents, "StatefulSet")["spec"]["serviceName"] in names_of_services


def test_prometheus_finds_one_service_and_the_rules_are_the_repository_s() -> None:
    documents = manifests(*EVERYTHING)
    monitor = one(documents, "ServiceMonitor")["spec"]
    selected = [
        document
        for document in documents
        if document["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= document["metadata"]["labels"].items()
    ]
    assert len(selected) == 1, "each pod is scraped once"
    rules = ROOT / "grafana-dashboards" / "prometheus" / "argus-otel.rules.yaml"
    assert one(documents, "PrometheusRule")["spec"] == yaml.safe_load(rules.read_text())
    assert f'job="{selected[0]["metadata"]["labels"][monitor["jobLabel"]]}"' in rules.read_text()


def test_the_configuration_is_one_that_the_service_takes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGUS_OTEL_DATA_DIR", raising=False)
    text = one(manifests(*EVERYTHING), "ConfigMap")["data"]["argus-otel.toml"]
    assert tomllib.loads(text)["spool_bytes_max"] == 4_294_967_296
    (tmp_path / "argus-otel.toml").write_text(text)
    config = load_config({}, tmp_path / "argus-otel.toml")
    assert (config.spool_bytes_max, config.redaction_enable) == (4_294_967_296, ("email_address",))


def test_the_job_migrates_to_the_schema_that_the_pods_expect() -> None:
    job = pod(manifests(*EVERYTHING, "--set", "config.argus_database=costs"), "Job")["containers"][0]
    told = {variable["name"]: variable.get("value") for variable in job["env"]}
    assert job["args"] == ["migrate"]
    assert told["ARGUS_OTEL_ARGUS_DATABASE"] == "costs"
    assert told["ARGUS_OTEL_REDACTION_ENABLE"] == "email_address"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "clickhouse.secret.name is empty"),
        (("--set", "clickhouse.secret.name=clickhouse"), "token.secret.name is empty"),
        (("--set", "embedded.enabled=true", "--set", "token.anySender=true"), "set replicas to 1"),
        ((*SERVER, "--set", "replica=3"), "replica"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(options: tuple[str, ...], said: str) -> None:
    told = helm("template", "release", str(CHART), "--kube-version", "1.34.0", *options)
    assert told.returncode != 0
    assert said in told.stderr
