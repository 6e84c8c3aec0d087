"""What rollout.md and sizing.md tell to do, done: the configuration serves, the copy opens, the statements are read."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from services import Service, serving

from argus_otel.demo.recordings import NAMES, content, requests, truth
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databases import Databases

    from argus_otel.store import EmbeddedStore

DOCS = Path(__file__).parent.parent.parent / "docs"
ROLLOUT, SIZING = (DOCS / "rollout.md").read_text(), (DOCS / "sizing.md").read_text()
FIGURES = "SELECT session_id, cost_nanousd, tool_call_count FROM argus.sessions ORDER BY session_id"


def blocks(text: str, language: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [body for shown, body in found if shown == language]


def shell(lines: str, paths: dict[str, Path]) -> None:
    """Run lines of the document, argus-otel as this one, with other folders."""
    for shown, path in paths.items():
        lines = lines.replace(shown, str(path))
    here = re.sub(r"^argus-otel", f"{sys.executable} -m argus_otel", lines, flags=re.MULTILINE)
    done = subprocess.run(["bash", "-euc", here], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def block_with(word: str, language: str = "") -> str:
    [found] = [block for block in blocks(ROLLOUT, language) if word in block]
    return found


def lines_with(word: str) -> str:
    return "".join(f"{line}\n" for line in block_with(word).splitlines() if word in line)


@contextmanager
def by_the_document(folder: Path) -> Iterator[tuple[Service, dict[str, str], ssl.SSLContext]]:
    """Serve with the configuration of the document; yield the tokens by workspace too."""
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is not installed")
    settings = folder / "etc"
    (settings / "tls").mkdir(parents=True)
    certificate, key = settings / "tls/fullchain.pem", settings / "tls/privkey.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    shell(lines_with("openssl rand"), {"/etc/argus-otel": settings})
    toml = block_with("tls_certificate", "toml").replace("/etc/argus-otel", str(settings))
    (settings / "argus-otel.toml").write_text(toml)
    workspace, token = (settings / "workspace-tokens").read_text().split()
    tokens = {"default": (settings / "token").read_text().strip(), workspace: token}
    with serving(folder / "data", "--config", str(settings / "argus-otel.toml")) as service:
        yield service, tokens, ssl.create_default_context(cafile=str(certificate))


def test_the_door_takes_senders_by_tls_into_the_workspace_of_their_token(tmp_path: Path) -> None:
    with by_the_document(tmp_path) as (service, tokens, context):

        def post(kind: Signal, body: bytes, token: str) -> None:
            url = f"https://{service.addresses['otlp_http']}/v1/{kind.name.lower()}"
            headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
            urllib.request.urlopen(urllib.request.Request(url, body, headers), context=context, timeout=30).close()

        for name, workspace in {"default": "default", "resume": "payments"}.items():
            for kind, body in [*requests(name), *content(name)]:
                post(kind, body, tokens[workspace])
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(Signal.LOGS, b"", "guessed")  # refused before a body is read: one that is still being sent is cut off
        service.wait_until_loaded()
        found = {row["session_id"]: row["workspace"] for row in service.rows("SELECT * FROM argus.sessions")}
    assert found == {truth("default")["session_id"]: "default", truth("resume")["session_id"]: "payments"}


def test_a_copy_of_the_folder_gives_the_same_figures(tmp_path: Path) -> None:
    drain, pack, _ = block_with("tar --create").splitlines(keepends=True)
    paths = {"/var/lib": tmp_path / "lib", "/backup": tmp_path}
    (tmp_path / "lib").mkdir()
    service = Service(tmp_path / "lib/argus-otel")
    try:
        for name in NAMES:
            for kind, body in [*requests(name), *content(name)]:
                service.send(kind, body)
        service.wait_until_loaded()
        expected = service.rows(FIGURES)
        shell(drain, paths)
        assert service.process.wait(60) == 0
    finally:
        service.kill()
    assert len(expected) == len(NAMES)
    shell(pack, paths)
    shutil.rmtree(tmp_path / "lib/argus-otel")
    shell(f"tar --extract --gzip --file {tmp_path}/argus-otel.tar.gz --directory {tmp_path}/lib", {})
    with serving(tmp_path / "lib/argus-otel") as restored:
        assert restored.rows(FIGURES) == expected
        assert restored.accounting()["missing"] == 0
        restored.send(Signal.LOGS, next(body for kind, body in requests("default") if kind is Signal.LOGS))
        restored.wait_until_loaded()
        assert restored.rows(FIGURES) == expected, "what a sender repeats counts once, also after it"


def test_the_engine_reads_backup_and_restore(store: EmbeddedStore) -> None:
    for statement in block_with("BACKUP", "sql").split(";\n"):
        if statement:
            [first, *_] = store.rows(f"EXPLAIN AST {statement}")
            assert first["explain"].startswith(("BackupQuery", "RestoreQuery"))


def test_the_list_of_forgotten_sessions_can_be_read(fresh: Callable[..., Databases]) -> None:
    [query] = re.findall(r'argus-otel sql "(.*?)"', ROLLOUT)
    databases = fresh()
    assert databases.store.rows(query.replace("argus.", f"{databases.settings.argus_database}.")) == []


def test_a_pilot_is_measured(tmp_path: Path) -> None:
    by_day, by_table = blocks(SIZING, "sql")
    with serving(tmp_path / "data") as service:
        for name in NAMES:
            for kind, body in [*requests(name), *content(name)]:
                service.send(kind, body)
        sent = service.wait_until_loaded()["received"]
        days = service.rows(by_day)
        sizes = service.rows(by_table)
        [users] = service.rows("SELECT uniqExact(user_label) AS users FROM argus.session_list")
    assert sum(int(day["records"]) for day in days) == sent
    assert max(int(day["sessions"]) for day in days) == len(NAMES)
    assert max(int(day["users"]) for day in days) == int(users["users"])
    assert {("otel", "otel_logs"), ("argus", "facts")} <= {(row["database"], row["name"]) for row in sizes}


@pytest.mark.parametrize(
    ("sessions", "records", "row"),
    [
        (8, 222, "1.78 185 0.04 24,000 1.3 0.31 0.45 120 0.5 1.3"),
        (10, 2_220, "22.2 2,313 0.52 1,900 16.6 3.9 5.7 1.5 6.3 16.8"),
    ],
    ids=["light", "heavy"],
)
def test_the_arithmetic_of_sizing_is_right(sessions: int, records: int, row: str) -> None:
    """By its formulas, from the bytes and microseconds that its tables say."""
    _, _, wire, gzipped, spooled, *_ = measured("native and plugin", "300")
    *_, landed, facts = measured("native and plugin", "3")
    a_day = 1_000 * sessions * records
    mean = a_day / (8 * 3_600)
    cores = 3 * mean * 225e-6
    stored_gb = a_day * (landed + facts) / 1e9
    a_year = stored_gb * 264 if sessions == 8 else stored_gb * 264 / 1_000
    found = [a_day / 1e6, 3 * mean, cores, 1_000 / cores, a_day * wire / 1e9, a_day * gzipped / 1e9, stored_gb, a_year]
    found += [3 * mean * 3_600 * spooled / 1e9, 8 * 3_600 * mean * spooled / 1e9]
    shown = [float(figure.replace(",", "")) for figure in row.split()]
    assert found == pytest.approx(shown, rel=0.05)
    assert all(
        re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d])", SIZING.partition("## 1,000")[2]) for figure in row.split()
    )


def measured(traffic: str, session_count: str) -> list[int]:
    [line] = re.findall(rf"^\| {traffic} \| ({session_count} \|.*) \|$", SIZING, re.MULTILINE)
    return [int(cell.replace(",", "")) for cell in line.split("|")]
