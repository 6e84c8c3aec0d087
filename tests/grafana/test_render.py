"""`argus-otel grafana render`: what is committed is its default; options, thresholds and what it never overwrites."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from argus_otel.errors import ConfigError
from argus_otel.grafana.alerting import read_rules
from argus_otel.grafana.alerts import thresholds
from argus_otel.grafana.alerts.rules import RULES
from argus_otel.grafana.commands import grafana_app
from argus_otel.grafana.render import CONFIGMAP_BYTES_MAX, HEADER, Grafana, changes, configmaps, render, write

COMMITTED = Path(__file__).parents[2] / "grafana-dashboards"


def _run(*arguments: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(grafana_app, list(arguments), input=typed)
    return done.exit_code, done.output


def _parsed(files: dict[str, str], name: str) -> Any:
    return yaml.safe_load(files[f"provisioning/{name}.yaml"])


def test_what_is_committed_is_the_default() -> None:
    rendered = render(Grafana())
    assert not changes(rendered, COMMITTED), "run argus-otel grafana render --out grafana-dashboards"
    folders = [path for path in (COMMITTED / "provisioning").rglob("*") if path.is_file()]
    assert {path.relative_to(COMMITTED).as_posix() for path in folders} <= rendered.keys()


def test_the_command_writes_it(tmp_path: Path) -> None:
    code, said = _run("render", "--out", str(tmp_path / "out"))
    assert code == 0, said
    for path, text in render(Grafana()).items():
        assert (tmp_path / "out" / path).read_text() == text


def test_a_grafana_of_ones_own() -> None:
    grafana = Grafana(
        datasource_uid="ch-1",
        content_datasource_uid="ch-2",
        url="https://g.example.com/grafana",
        folder="AI agents",
        clickhouse="https://numbers@ch.example.com",
        content_clickhouse="https://reader@ch.example.com:9443",
        database="telemetry",
        runbooks="https://wiki.example.com/runbooks",
    )
    files = render(grafana)
    first, second = _parsed(files, "datasources/argus")["datasources"]
    assert (first["uid"], second["uid"]) == ("ch-1", "ch-2")
    assert (first["jsonData"]["username"], first["jsonData"]["port"], first["jsonData"]["secure"]) == (
        "numbers",
        8443,
        True,
    )
    assert (second["jsonData"]["username"], second["jsonData"]["port"]) == ("reader", 9443)
    (provider,) = _parsed(files, "dashboards/argus")["providers"]
    assert (provider["folder"], provider["folderUid"]) == ("AI agents", "ai-agents")
    for name in ("pages", "tickets", "health"):
        (group,) = _parsed(files, f"alerting/argus-{name}")["groups"]
        assert group["folder"] == "AI agents"
        for rule in group["rules"]:
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/runbooks#{rule['labels']['rule']}"
            if "sessions" in rule["annotations"]:
                assert rule["annotations"]["sessions"].startswith("https://g.example.com/grafana/d/argus-sessions?")
                assert "&var-datasource=ch-1&var-content=ch-2" in rule["annotations"]["sessions"]
            queries = [part for part in rule["data"] if part["datasourceUid"] != "__expr__"]
            assert {part["datasourceUid"] for part in queries} == {"ch-1"}
            assert all("telemetry." in part["model"]["rawSql"] for part in queries)
            assert not any("argus." in line for part in queries for line in _code(part["model"]["rawSql"]))
    for path, text in files.items():
        if path.startswith("dashboards/"):
            chosen = {one["name"]: one.get("current") for one in json.loads(text)["templating"]["list"]}
            assert chosen["datasource"] == {"text": "ch-1", "value": "ch-1"}
            assert chosen["content"] == {"text": "ch-2", "value": "ch-2"}
            assert not re.search(r"\b(FROM|JOIN|IN) \(?argus\.", text)


def _code(sql: str) -> list[str]:
    return [line for line in sql.splitlines() if not line.lstrip().startswith("--")]


@pytest.mark.parametrize("url", ["ch.example.com:8123", "clickhouse://ch.example.com", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="http://user@host:8123"):
        render(Grafana(clickhouse=url))


def test_a_password_in_an_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="ARGUS_OTEL_GRAFANA_PASSWORD") as refused:
        render(Grafana(clickhouse="http://numbers:s3cret@ch.example.com"))
    assert "s3cret" not in str(refused.value)


def test_thresholds_go_into_the_statements_and_the_summaries(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("[session-price]\nusd_max = 12.5\n[silence]\npaused = true\n")
    files = render(Grafana(settings=thresholds.read(file, RULES)))
    rules = {
        rule.labels["rule"]: rule
        for text in files.values()
        if text.startswith(HEADER) and "groups:" in text
        for rule in read_rules(text)
    }
    assert "12.5 AS usd_max" in rules["session-price"].data[0]["model"]["rawSql"]
    assert "more than 12.5 USD" in rules["session-price"].annotations["summary"]
    (tickets,) = _parsed(files, "alerting/argus-tickets")["groups"]
    assert [rule["labels"]["rule"] for rule in tickets["rules"] if rule["isPaused"]] == ["silence"]


def test_the_file_of_defaults_changes_nothing(tmp_path: Path) -> None:
    code, text = _run("thresholds")
    assert code == 0
    file = tmp_path / "limits.toml"
    file.write_text(text)
    assert {name: set(table) for name, table in tomllib.loads(text).items()} == {
        rule.name: {one.name for one in rule.thresholds} for rule in RULES
    }
    assert render(Grafana(settings=thresholds.read(file, RULES))) == render(Grafana())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[sesion-price]\nusd_max = 1", "no rule 'sesion-price', only cost-anomaly, "),
        ("[session-price]\nusd = 1", "no 'usd', only usd_max, paused"),
        ("[session-price]\nusd_max = '1'", "session-price.usd_max is a number from 0 on, not '1'"),
        ("[session-price]\nusd_max = -1", "number from 0 on"),
        ("[session-price]\nusd_max = true", "number from 0 on"),
        ("[session-price]\nusd_max = inf", "number from 0 on"),
        ("[session-price]\nusd_max = nan", "number from 0 on"),
        ("[tool-failures]\nshare_min = 20", "number from 0 to 1"),
        ("[tool-failures]\nrecent_hours = 1.5", "whole number from 1 to 24"),
        ("[tool-failures]\nrecent_hours = 0", "whole number from 1 to 24"),
        ("[silence]\npaused = 1", "true or false"),
        ("session-price = 1", "is a table, written [session-price]"),
        ("[session-price", "is not TOML"),
    ],
)
def test_what_cannot_be_set_says_what_can(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(text)
    code, said = _run("render", "--out", str(tmp_path / "out"), "--thresholds", str(file))
    assert code == 2
    assert complaint in " ".join(said.split())
    assert not (tmp_path / "out").exists()


def test_configmaps_are_what_the_side_car_looks_for() -> None:
    maps = {name: yaml.safe_load(text) for name, text in configmaps(Grafana(folder="AI")).items()}
    files = {
        path: text
        for path, text in render(Grafana(folder="AI")).items()
        if path != "provisioning/dashboards/argus.yaml"
    }
    data = {}
    for name, made in maps.items():
        assert (made["apiVersion"], made["kind"], f"{made['metadata']['name']}.yaml") == ("v1", "ConfigMap", name)
        labels = made["metadata"]["labels"].keys() & {"grafana_dashboard", "grafana_alert", "grafana_datasource"}
        ((file, text),) = made["data"].items()
        data[file] = text
        if labels == {"grafana_dashboard"}:
            assert json.loads(text)["uid"] == Path(file).stem
            assert made["metadata"]["annotations"] == {"grafana_folder": "AI"}
        else:
            key = {"grafana_alert": "groups", "grafana_datasource": "datasources"}[labels.pop()]
            assert key in yaml.safe_load(text)
    assert data == {Path(path).name: text for path, text in files.items()}


def test_a_configmap_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(len(text.encode()) < CONFIGMAP_BYTES_MAX for text in configmaps(Grafana()).values())
    monkeypatch.setattr("argus_otel.grafana.render.CONFIGMAP_BYTES_MAX", 1000)
    with pytest.raises(ConfigError, match="--format files"):
        configmaps(Grafana())


def test_parts(tmp_path: Path) -> None:
    code, said = _run("render", "--out", str(tmp_path), "--part", "alerting")
    assert code == 0, said
    assert {path.parent.name for path in tmp_path.rglob("*") if path.is_file()} == {"alerting"}


def test_it_asks_before_it_writes_over_its_own_files(tmp_path: Path) -> None:
    out = ("render", "--out", str(tmp_path), "--part", "datasources")
    file = tmp_path / "provisioning/datasources/argus.yaml"
    assert _run(*out)[0] == 0
    assert _run(*out)[0] == 0  # the same again is no change
    assert _run(*out, "--datasource-uid", "other", typed="n\n")[0] != 0
    assert "uid: argus-clickhouse" in file.read_text()
    assert _run(*out, "--datasource-uid", "other", "--yes")[0] == 0
    assert "uid: other" in file.read_text()


def test_a_file_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    theirs = tmp_path / "provisioning/datasources/argus.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("apiVersion: 1\n")
    board = tmp_path / "dashboards/argus-cost.json"
    board.parent.mkdir()
    board.write_text('{"uid": "finance"}')
    with pytest.raises(ConfigError, match=r"argus-cost\.json"):
        write(render(Grafana(), ("dashboards",)), tmp_path)
    code, said = _run("render", "--out", str(tmp_path), "--part", "datasources", "--yes")
    assert code == 2
    assert "was not written by argus-otel" in " ".join(said.split())
    assert theirs.read_text() == "apiVersion: 1\n"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["argus-cost.json", "argus.yaml"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "grafana.example.com"}, "https://"),
        ({"database": "argus; DROP"}, "letters"),
        ({"database": r"\1"}, "letters"),
    ],
)
def test_what_can_be_no_address_or_name_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Grafana(**given)  # type: ignore[arg-type] # fields of text
