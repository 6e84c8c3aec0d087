"""`argus-otel doctor`: each check where it holds, and where it fails for real."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from native import S_NS, T0_NS, api_request, content
from services import Service, serving

from argus_otel import __version__
from argus_otel.config import Config
from argus_otel.doctor import examine
from argus_otel.doctor.addresses import check_answers
from argus_otel.doctor.certificates import check_certificate
from argus_otel.doctor.clickhouse import check_clickhouse
from argus_otel.doctor.folder import check_disk, check_folder, check_spool
from argus_otel.doctor.secrets import check_door
from argus_otel.doctor.service import check_status
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from argus_otel.doctor import Finding

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("doctor") / "data") as running:
        yield running


def said(findings: list[Finding], check: str) -> list[tuple[str, str]]:
    return [(item.state, item.finding) for item in findings if item.check == check]


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "argus_otel", "doctor", "--format", "json", *arguments],
        capture_output=True,
        env=ENVIRONMENT,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    config = Config(data_dir=folder)
    assert check_folder(config).state == "warning", "there is none yet"
    folder.mkdir(mode=0o755)
    assert (check_folder(config).state, check_folder(config).advice) == ("warning", f"chmod 700 {folder}")
    folder.chmod(0o700)
    assert check_folder(config).state == "ok"
    if os.geteuid() == 0:
        (folder / "spool").mkdir()
        os.chown(folder / "spool", 12345, 12345)
        assert (check_folder(config).state, "spool in" in check_folder(config).finding) == ("failed", True)
    else:
        folder.chmod(0o500)
        assert (check_folder(config).state, "cannot be written" in check_folder(config).finding) == ("failed", True)
    (tmp_path / "file").write_text("")
    assert "no folder" in check_folder(Config(data_dir=tmp_path / "file")).finding


def test_the_disk_and_the_spool(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert check_disk(Config(data_dir=tmp_path, spool_bytes_max=16 << 20)).state == "ok"
    assert check_disk(Config(data_dir=tmp_path / "not" / "yet", spool_bytes_max=free * 2)).state == "warning"
    config = Config(data_dir=tmp_path, spool_bytes_max=16 << 20)
    assert check_spool(config).state == "ok", "there is none"
    (tmp_path / "spool").mkdir()
    with (tmp_path / "spool" / "1.seg").open("wb") as segment:
        segment.truncate(15 << 20)
    assert (check_spool(config).state, check_spool(config).finding) == ("failed", "15.0 MiB of at most 16")
    (tmp_path / "spool" / "2.seg.damaged").write_bytes(b"x")
    assert (check_spool(config).state, "2.seg.damaged" in check_spool(config).finding) == ("warning", True)


def test_who_may_send(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    token.chmod(0o600)
    everywhere = {"otlp_grpc": "0.0.0.0:4317"}
    assert [item.state for item in check_door(Config())] == ["ok"]
    [open_door] = check_door(Config(**everywhere))
    assert (open_door.state, open_door.finding) == ("warning", "whoever reaches 0.0.0.0:4317 may send")
    [clear] = check_door(Config(**everywhere, token_file=token))
    assert (clear.state, "in the clear" in clear.finding) == ("warning", True)
    tls = {"tls_certificate": tmp_path / "c", "tls_key": tmp_path / "k"}
    assert [item.state for item in check_door(Config(**everywhere, **tls, token_file=token))] == ["ok"]
    token.chmod(0o644)
    assert [item.advice for item in check_door(Config(token_file=token))] == ["", f"chmod 600 {token}"]
    to_clickhouse = {"clickhouse_password_file": token, "clickhouse_certificate": token, "clickhouse_key": token}
    assert [item.advice for item in check_door(Config(**to_clickhouse))] == ["", *2 * [f"chmod 600 {token}"]]
    assert [item.state for item in check_door(Config(**{**to_clickhouse, "clickhouse_key": tmp_path / "no"}))][-1:] == [
        "failed"
    ]
    token.write_text("")
    assert [item.state for item in check_door(Config(token_file=token))] == ["failed"]
    assert [item.state for item in check_door(Config(token_file=tmp_path / "nowhere"))] == ["failed"]


@pytest.fixture(scope="module")
def openssl() -> str:
    found = shutil.which("openssl")
    if not found:
        pytest.skip("there is no openssl to make certificates with")
    return found


AUTHORITY = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = named
x509_extensions = names
unique_subject = no
[named]
commonName = supplied
[names]
subjectAltName = {names}
"""


def certificate(openssl: str, folder: Path, name: str, *, until: timedelta, names: str) -> dict[str, Any]:
    """Return the settings of a new pair that signs itself."""
    pair = {"tls_certificate": folder / f"{name}.pem", "tls_key": folder / f"{name}.key"}
    end = datetime.now(UTC) + until
    (folder / "ca.conf").write_text(AUTHORITY.format(folder=folder, names=names))
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", pair["tls_key"])
    signing = ("-batch", "-selfsign", "-notext", "-keyfile", pair["tls_key"], "-config", folder / "ca.conf")
    times = ("-startdate", f"{end - timedelta(days=800):%y%m%d%H%M%SZ}", "-enddate", f"{end:%y%m%d%H%M%SZ}")
    for command in (
        ("req", "-new", *new_key, "-out", folder / "csr", "-subj", "/CN=collector"),
        ("ca", *signing, *times, "-in", folder / "csr", "-out", pair["tls_certificate"]),
    ):
        made = subprocess.run([openssl, *command], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    pair["tls_key"].chmod(0o600)
    return pair


def test_the_certificate(openssl: str, tmp_path: Path) -> None:
    year = timedelta(days=365.5)

    def look(pair: dict[str, Any], address: str = "127.0.0.1:4317") -> Finding:
        [finding] = check_certificate(Config(otlp_grpc=address, **pair))
        return finding

    good = certificate(openssl, tmp_path, "good", until=year, names="DNS:localhost,DNS:*.example.com")
    assert (look(good).state, look(good).finding) == ("ok", "for localhost, *.example.com, expires in 365 days")
    assert look(good, "otel.example.com:4317").state == "ok"
    assert (look(good, "otel.example.org:4317").state, look(good).check) == ("warning", "certificate")
    assert "a.b.example.com is none of them" in look(good, "a.b.example.com:4317").finding
    soon = certificate(openssl, tmp_path, "soon", until=timedelta(days=10.5), names="DNS:localhost")
    assert (look(soon).state, "expires in 10 days" in look(soon).finding) == ("warning", True)
    gone = certificate(openssl, tmp_path, "gone", until=timedelta(days=-1), names="DNS:localhost")
    assert (look(gone).state, "certificate has expired" in look(gone).finding) == ("failed", True)
    mixed = {"tls_certificate": good["tls_certificate"], "tls_key": soon["tls_key"]}
    assert (look(mixed).state, look(mixed).advice) == ("failed", "key and certificate are of two pairs")
    assert look({**good, "tls_key": tmp_path / "nowhere"}).state == "failed"
    (tmp_path / "text").write_text("no certificate")
    assert look({**good, "tls_certificate": tmp_path / "text"}).state == "failed"
    good["tls_key"].chmod(0o644)
    assert [item.state for item in check_certificate(Config(**good))] == ["warning", "ok"]
    assert list(check_certificate(Config())) == []


def test_a_port_that_somebody_has(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, rows = run_with(
            tmp_path, f'otlp_grpc = "{address}"\notlp_http = "127.0.0.1:0"\nclickhouse_http = "127.0.0.1:0"'
        )
    ports = [row for row in rows if row["check"] == "ports"]
    assert (code, [row["state"] for row in ports]) == (1, ["failed", "ok", "ok"])
    if sys.platform == "linux":
        assert f"it is taken by pid {os.getpid()}, " in ports[0]["finding"]
    assert "otlp_grpc" in ports[0]["advice"]
    [stopped] = [row for row in rows if row["check"] == "service"]
    assert (stopped["state"], stopped["advice"]) == ("failed", "argus-otel serve")


def run_with(tmp_path: Path, settings: str) -> tuple[int, list[dict[str, Any]]]:
    (tmp_path / "config.toml").write_text(settings)
    return run("--data-dir", str(tmp_path / "data"), "--config", str(tmp_path / "config.toml"))


def test_a_service_that_was_killed_is_not_running(tmp_path: Path) -> None:
    running = Service(tmp_path / "data")
    running.kill()
    _, rows = run_with(
        tmp_path, 'otlp_grpc = "127.0.0.1:0"\notlp_http = "127.0.0.1:0"\nclickhouse_http = "127.0.0.1:0"'
    )
    assert "does not answer" in next(row["finding"] for row in rows if row["check"] == "service")
    assert [row["state"] for row in rows if row["check"] == "ports"] == ["ok", "ok", "ok"]


def test_a_service_that_is_drained_takes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        assert said(examine(Config(data_dir=running.data_dir)), "service")[1:] == []
        subprocess.run(
            [sys.executable, "-m", "argus_otel", "drain", "--data-dir", str(running.data_dir)],
            env=ENVIRONMENT,
            check=True,
        )
        assert ("warning", "takes nothing new") in said(examine(Config(data_dir=running.data_dir)), "service")


def test_what_the_service_says_of_itself() -> None:
    loader = {"is_holding": False, "consecutive_failures": 0, "last_error": "", "last_success_at_ns": None}
    sums = {"received": 5, "loaded": 5, "dead_lettered": 0, "spooled": 0, "missing": 0}
    fine = {
        "version": __version__,
        "clickhouse_version": "26.1",
        "loader": loader,
        "accounting": sums,
        "dropped_records": 0,
        "erasures": {"private": 0, "waiting": 0},
    }

    def states(**differs: Any) -> dict[str, str]:
        return {item.check: item.state for item in check_status(Config(), fine | differs) if item.state != "ok"}

    assert states() == {}
    assert states(version="0.0.1") == {"version": "warning"}
    assert states(clickhouse_version="unreachable: refused") == {"clickhouse": "failed"}
    assert states(loader=loader | {"is_holding": True}) == {"loads": "failed"}
    assert states(loader=loader | {"consecutive_failures": 3, "last_error": "x"}) == {"loads": "failed"}
    assert states(accounting=sums | {"missing": 1}) == {"accounting": "failed"}
    assert states(accounting=sums | {"dead_lettered": 1}) == {"dead letters": "warning"}
    assert states(erasures={"private": 2, "waiting": 1}) == {"erasures": "warning"}


def test_clocks_coverage_and_last_data(service: Service) -> None:
    """Six sessions of the last hours: the plugin tells of one only; one more is an hour ahead of us."""
    reader = ServerStore(f"http://{service.addresses['clickhouse_http']}")
    try:
        before = check_clickhouse(Config(), reader)
        assert [item.state for item in before if item.check == "last data"] == ["warning", "warning"]
        assert said(before, "engine")[0][0] == "ok"
        ago_s = (time.time_ns() - T0_NS) / S_NS - 7200
        for number in range(6):
            service.send(*api_request(f"r{number}", 0.1, session=f"s{number}", at_s=ago_s))
        service.send(*content("user_prompt", {"prompt.id": "p1"}, session="s0", at_s=ago_s))
        service.wait_until_loaded()
        after = check_clickhouse(Config(), reader)
        assert said(after, "last data") == [("ok", "telemetry: 2 h ago"), ("ok", "the plugin: 2 h ago")]
        [(state, finding)] = said(after, "coverage")
        assert (state, finding.partition(": ")[2]) == (
            "warning",
            "1 sessions on both legs, 5 native only, 0 plugin only",
        )
        assert [state for state, _ in said(after, "clocks")] == ["ok", "ok"]
        service.send(*api_request("ahead", 0.1, session="ahead", at_s=ago_s + 3 * 3600))
        service.wait_until_loaded()
        assert (
            "1 sessions have records of the future, up to 60 minutes ahead"
            in said(check_clickhouse(Config(), reader), "clocks")[1][1]
        )
    finally:
        reader.close()


def test_a_clock_that_differs(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ServerStore(f"http://{service.addresses['clickhouse_http']}")
    real = time.time
    reader.rows("SELECT 1")
    monkeypatch.setattr("argus_otel.doctor.clickhouse.time.time", lambda: real() - 90)
    try:
        assert said(check_clickhouse(Config(), reader), "clocks")[0] == (
            "warning",
            "ours and ClickHouse's differ by 90 s",
        )
    finally:
        reader.close()


def test_a_schema_that_lacks_something(service: Service) -> None:
    reader = ServerStore(f"http://{service.addresses['clickhouse_http']}")
    try:
        assert said(check_clickhouse(Config(), reader), "schema") == [("ok", "this version's")]
        [(state, finding)] = said(check_clickhouse(Config(redaction_enable=("email_address",)), reader), "schema")
        assert (state, "are not applied: 201_logs" in finding) == ("failed", True)
    finally:
        reader.close()


def test_a_server_without_a_service(service: Service, tmp_path: Path) -> None:
    url = f"http://{service.addresses['clickhouse_http']}"
    code, rows = run("--clickhouse", url, "--data-dir", str(tmp_path))
    checks = {row["check"]: row["state"] for row in rows}
    assert (code, checks["service"], checks["engine"], checks["schema"]) == (1, "failed", "ok", "ok")
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        _, rows = run("--clickhouse", f"http://127.0.0.1:{away.getsockname()[1]}", "--data-dir", str(tmp_path))
    assert [row["state"] for row in rows if row["check"] == "engine"] == ["failed"]


def test_what_cannot_be_looked_at_is_a_finding(service: Service, tmp_path: Path) -> None:
    """A name that the kernel does not take stands for a folder whose parent nobody may enter: root may enter all."""
    url = f"http://{service.addresses['clickhouse_http']}"
    config = Config(data_dir=tmp_path / ("x" * 300), clickhouse=url, redaction_file=tmp_path / "none")
    found = [(item.check, item.state) for item in examine(config) if item.finding.startswith("cannot look: ")]
    assert found == [(check, "failed") for check in ("data folder", "disk", "engine")]


def test_a_proxy_is_not_asked_how_the_service_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        assert [item.state for item in check_answers(service.addresses)] == ["ok", "ok"]
        proxy.shutdown()
