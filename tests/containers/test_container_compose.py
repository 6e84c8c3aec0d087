"""The compose files: what they name is there, listens there, and has the same name at both ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from container_files import COMPOSES, DOCKER, ROOT, compose, example_environment, needs, run

from argus_otel.config import NOT_SETTINGS, Config
from argus_otel.grafana.render import DATASOURCE_UID

SETTINGS = {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields} | NOT_SETTINGS
LISTENING = {"argus-otel": {4317, 4318}, "grafana": {3000}, "collector": {4317, 4318}, "prometheus": {9090}}
"""The ports at which each image listens."""
USERS_XML = DOCKER / "clickhouse" / "users.xml"


def services(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose(name)["services"]
    return found


def logins() -> dict[str, str]:
    """Return the variable with the password of each login of users.xml."""
    found = ET.parse(USERS_XML).getroot().find("users")
    assert found is not None
    variables = {login.tag: login.find("password") for login in found}
    return {name: password.get("from_env", "") for name, password in variables.items() if password is not None}


@pytest.mark.parametrize("name", COMPOSES)
def test_images_are_pinned(name: str) -> None:
    for service, made in services(name).items():
        tag = made["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+", tag) or made["image"] == "argus-otel:server", f"{service}: {made['image']}"


@pytest.mark.parametrize("name", COMPOSES)
def test_only_loopback_is_published_and_somebody_listens(name: str) -> None:
    for service, made in services(name).items():
        for port in made.get("ports", []):
            address, _, inside = port.rsplit(":", 2)
            assert address == "127.0.0.1", f"{service} publishes {port}"
            assert int(inside) in LISTENING[service]


@pytest.mark.parametrize("name", COMPOSES)
def test_what_is_mounted_is_there(name: str) -> None:
    volumes = compose(name)["volumes"]
    for made in services(name).values():
        for mount in made.get("volumes", []):
            source = mount.split(":")[0]
            made_by_us = source == "./grafana-files"
            assert made_by_us or ((DOCKER / source).is_file() if source[0] == "." else source in volumes), mount


def test_the_folder_of_the_files_is_made_before_by_its_owner() -> None:
    """A folder that is not there the engine makes as root, and the container, which is not root, cannot write into it."""
    name = "compose.existing.yaml"
    files = services(name)["grafana-files"]
    assert any(mount.startswith("./grafana-files:") for mount in files["volumes"])
    owner = re.findall(r"\$\{(\w+):-(\d+)\}", files["user"])
    assert len(owner) == 2
    assert [example_environment()[variable] for variable, _ in owner] == [value for _, value in owner]
    for text in ((DOCKER / name).read_text(), (ROOT / "docs/containers.md").read_text()):
        assert 0 < text.find("mkdir -p grafana-files") < text.find("run --rm grafana-files")


@pytest.mark.parametrize("name", COMPOSES)
def test_the_example_sets_all_that_is_asked_and_no_secret_stands_in_the_file(name: str) -> None:
    text = (DOCKER / name).read_text()
    asked = set(re.findall(r"(?<!\$)\$\{(\w+):\?\}", text))
    assert asked <= set(example_environment())
    for variable in re.findall(r"^\s+(\w*(?:PASSWORD|TOKEN)): (.+)$", text, re.MULTILINE):
        assert variable[1].startswith("${"), variable


def test_the_example_sets_nothing_that_nobody_reads() -> None:
    text = "".join((DOCKER / name).read_text() for name in COMPOSES)
    assert [name for name in example_environment() if f"${{{name}" not in text] == []


@pytest.mark.parametrize("name", COMPOSES)
def test_variables_are_settings_and_commands_exist(name: str) -> None:
    for service, made in services(name).items():
        if made["image"] != "argus-otel:server":
            continue
        assert {key for key in made.get("environment", {}) if key.startswith("ARGUS_OTEL_")} <= SETTINGS, service
        words = [word for word in made.get("command", ["serve"]) if not word.startswith("-")]
        told = subprocess.run([sys.executable, "-m", "argus_otel", *words, "--help"], capture_output=True, timeout=60)
        assert told.returncode == 0, words
        assert (made["read_only"], made["cap_drop"]) == (True, ["ALL"])


def test_the_token_s_file_is_what_senders_have(tmp_path: Path) -> None:
    made = services("compose.yaml")["argus-otel"]
    *shell, script = made["entrypoint"]
    script = script.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("exec argus-otel serve", "true")
    subprocess.run([*shell, script], env={"ARGUS_OTEL_TOKEN": "a b%s"}, check=True, timeout=30)
    file = tmp_path / Path(made["environment"]["ARGUS_OTEL_TOKEN_FILE"]).name
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a b%s\n", 0o600)


def test_grafana_finds_what_is_rendered_for_it(tmp_path: Path) -> None:
    made = services("compose.yaml")
    grafana, files = made["grafana"], made["grafana-files"]
    [mounted] = [mount.split(":")[1] for mount in files["volumes"]]
    assert any(mount.split(":")[:2] == ["grafana-files", mounted] for mount in grafana["volumes"])
    filled = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word) for word in files["command"]]
    filled = [word.replace(f"--out={mounted}", f"--out={tmp_path}") for word in filled]
    subprocess.run([sys.executable, "-m", "argus_otel", *filled], check=True, capture_output=True, timeout=60)
    assert grafana["environment"]["GF_PATHS_PROVISIONING"] == f"{mounted}/provisioning"
    [provider] = yaml.safe_load((tmp_path / "provisioning/dashboards/argus.yaml").read_text())["providers"]
    assert provider["options"]["path"] == f"{mounted}/dashboards"
    [source] = yaml.safe_load((tmp_path / "provisioning/datasources/argus.yaml").read_text())["datasources"]
    assert (source["uid"], source["jsonData"]["host"]) == (DATASOURCE_UID, "clickhouse")
    password = source["secureJsonData"]["password"].removeprefix("$")
    variable = logins()[source["jsonData"]["username"]]
    assert grafana["environment"][password] == f"${{{variable}:?}}"
    assert grafana["environment"]["GF_PLUGINS_PREINSTALL_SYNC"].split("@")[0] == source["type"]


def test_the_service_s_logins_are_those_of_clickhouse() -> None:
    made = services("compose.yaml")
    assert set(logins().values()) <= set(made["clickhouse"]["environment"])
    for service, login in {"migrate": "argus_migrator", "argus-otel": "argus_service"}.items():
        url = made[service]["environment"]["ARGUS_OTEL_CLICKHOUSE"]
        assert url == f"http://{login}:${{{logins()[login]}:?}}@clickhouse:8123"


def test_the_logins_have_the_rights_that_the_schema_says() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts/clickhouse_users.py", "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_the_engine_reads_the_logins(tmp_path: Path) -> None:
    # Embedded, the engine itself is the user `default`, has no server's profile, and no constraint that a query may change.
    default = (
        "<default><password/><profile>default</profile><quota>default</quota>"
        "<access_management>1</access_management></default>"
    )
    text = USERS_XML.read_text().replace('<default remove="remove"/>', default)
    text = text.replace("<profiles>", "<profiles><default/>").replace("<users>", "<quotas><default/></quotas><users>")
    text = re.sub(r"<constraints>.*</constraints>", "", text, flags=re.DOTALL)
    (tmp_path / "users.xml").write_text(text)
    (tmp_path / "config.xml").write_text(f"<clickhouse><users_config>{tmp_path}/users.xml</users_config></clickhouse>")
    script = (
        "import chdb, sys; handle = chdb.connect(sys.argv[1]);"
        "print(handle.query('SELECT name FROM system.users ORDER BY name', 'TSV'));"
        "print(handle.query('SHOW GRANTS FOR argus_service', 'TSV')); handle.close()"
    )
    engine = f"{tmp_path / 'engine'}?config-file={tmp_path / 'config.xml'}"
    environment = dict.fromkeys(logins().values(), "secret")
    told = subprocess.run(
        [sys.executable, "-c", script, engine], capture_output=True, text=True, env=environment, timeout=120
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert {"argus_migrator", "argus_service", "argus_grafana"} <= set(told.stdout.split())
    assert "INSERT ON otel.otlp_logs TO argus_service" in told.stdout


def test_prometheus_has_the_rules_and_the_job_they_ask_for() -> None:
    made = services("compose.yaml")["prometheus"]
    mounted = {mount.split(":")[1]: DOCKER / mount.split(":")[0] for mount in made["volumes"] if mount[0] == "."}
    config = yaml.safe_load((DOCKER / "prometheus.yaml").read_text())
    [rules] = config["rule_files"]
    [job] = config["scrape_configs"]
    assert f'job="{job["job_name"]}"' in mounted[rules].read_text()
    assert job["static_configs"] == [{"targets": ["argus-otel:4318"]}]


@needs("container-files")
@pytest.mark.parametrize("name", COMPOSES)
def test_compose_loads_it(name: str) -> None:
    loaded = json.loads(run("container-files", "compose", DOCKER / name, **example_environment()))
    assert set(loaded["services"]) == set(services(name))
    assert loaded["services"]["argus-otel"]["environment"]["ARGUS_OTEL_TOKEN"] == "change-me-token"
    assert loaded["services"]["argus-otel"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
