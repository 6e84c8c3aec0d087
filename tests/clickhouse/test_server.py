"""How a server is reached: certificates, logins, settings that a profile fixes, and what is said when it goes wrong."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from api_calls import calls
from replica import PASSWORD, USER, Replica, listening

from argus_otel.config import load_config, server_urls
from argus_otel.doctor import examine
from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, Signal, encode
from argus_otel.errors import ConfigError, StoreUnavailableError
from argus_otel.store import LOAD_SETTINGS, ServerLogin, ServerStore, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from databases import Databases

    from argus_otel.store import EmbeddedStore


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `server` and `client`, a key and a self-signed certificate each."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "client"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        command += ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("the openssl command is not installed")
    return folder


def context(certificates: Path, *, asks_for_certificate: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if asks_for_certificate:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(certificates / "client.pem")
    return made


def version(urls: str, **login: Any) -> str:
    """Return what the server says that it is."""
    store = ServerStore(urls, ServerLogin(**login))
    try:
        return str(store.rows("SELECT version() AS version")[0]["version"])
    finally:
        store.close()


def test_a_certificate_is_checked_unless_told_otherwise(
    store: EmbeddedStore, certificates: Path, tmp_path: Path
) -> None:
    with listening(store, tmp_path, context(certificates)) as (address, _):
        url = f"https://{address}"
        with pytest.raises(StoreUnavailableError, match=r"not trusted .* give the CA's in clickhouse_ca_file"):
            version(url)
        with pytest.raises(StoreUnavailableError, match="not trusted"):
            version(url, ca_file=certificates / "client.pem")
        assert version(url, ca_file=certificates / "server.pem")
        assert version(url, is_verified=False)


def test_a_client_certificate_is_shown(store: EmbeddedStore, certificates: Path, tmp_path: Path) -> None:
    own = {"certificate": certificates / "client.pem", "key": certificates / "client.key"}
    with listening(store, tmp_path, context(certificates, asks_for_certificate=True)) as (address, handler):
        ca_file = certificates / "server.pem"
        with pytest.raises(StoreUnavailableError):
            version(f"https://{address}", ca_file=ca_file)
        assert version(f"https://{USER}@{address}", ca_file=ca_file, **own)
        handler.is_guarded = True
        assert version(f"https://{USER}@{address}", ca_file=ca_file, password=PASSWORD, **own), (
            "both, where both are set"
        )


def test_tls_to_a_port_without_and_the_native_port_are_named(store: EmbeddedStore, tmp_path: Path) -> None:
    with listening(store, tmp_path) as (address, _), pytest.raises(StoreUnavailableError, match="does not speak TLS"):
        version(f"https://{address}")

    def says_so(handler: Replica) -> None:
        text = b"Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n"
        handler._answer(400, text)

    with (
        listening(store, tmp_path, do_POST=says_so, do_GET=says_so) as (address, _),
        pytest.raises(StoreUnavailableError, match="native port: give its HTTP port, 8123"),
    ):
        version(f"http://{address}")


def test_a_password_may_stand_in_the_url_or_in_a_file(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARGUS_OTEL_CLICKHOUSE", raising=False)
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    with listening(store, tmp_path, is_guarded=True) as (address, _):
        assert version(f"http://{USER}:{quote(PASSWORD, safe='')}@{address}")
        flags = {"clickhouse": f"http://{USER}@{address}", "clickhouse_password_file": secret, "data_dir": tmp_path}
        opened = open_store(load_config(flags))
        assert opened.rows("SELECT 1 AS one") == [{"one": 1}]
        opened.close()
        doctor = [item.state for item in examine(load_config(flags)) if item.check == "engine"]
        assert doctor == ["ok"]
        with pytest.raises(
            StoreUnavailableError, match=r"user or the password is wrong: .*clickhouse_password_file"
        ) as caught:
            version(f"http://{USER}:wrong@{address}")
        assert "wrong@" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["htp://loader:s3cret@host", "http://h1,htp://loader:s3:cr@et@h2", "http://u:s3cret@[bad"]
)
def test_a_wrong_url_is_told_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_OTEL_CLICKHOUSE", url)
    with pytest.raises(ConfigError, match=r"clickhouse: .*:…@") as caught:
        load_config({})
    assert "s3" not in str(caught.value)


def test_a_missing_database_and_a_missing_right_say_what_to_do(store: EmbeddedStore, tmp_path: Path) -> None:
    def has_no_right(handler: Replica) -> None:
        handler._refuse(403, 497, "Not enough privileges (ACCESS_DENIED)")

    with listening(store, tmp_path) as (address, handler):
        asking = ServerStore(f"http://{address}")
        with pytest.raises(StoreUnavailableError, match="no such database: run `argus-otel migrate"):
            asking.rows("SELECT * FROM not_there.facts")
        handler.do_POST = has_no_right  # type: ignore[method-assign] # the server's rights changed meanwhile
        with pytest.raises(StoreUnavailableError, match="migrate --print-grants"):
            asking.rows("SELECT 1")
        asking.close()


@pytest.fixture
def loaded(databases: Databases, tmp_path: Path) -> Any:
    """Return a function that loads one call as a login whose profile fixes settings, and what was sent with it."""
    segment = tmp_path / "segment"
    segment.write_bytes(encode(Envelope(Signal.LOGS, DEFAULT_WORKSPACE, 1, 1, 0, calls([1]))))

    def load(**fixed: str) -> dict[str, str]:
        with listening(databases.store, tmp_path, fixed=fixed) as (address, handler):
            server = ServerStore(f"http://{address}")
            server.insert([segment], f"{databases.settings.otel_database}.otlp_logs")
            server.close()
            return handler.sent[-1]

    return load


def test_an_insert_is_not_left_to_the_servers_own_batches(loaded: Any) -> None:
    assert LOAD_SETTINGS.items() <= loaded().items()


def test_a_profile_that_batches_is_waited_for(
    loaded: Any, databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    sent = loaded(async_insert="1")
    assert "async_insert" not in sent, "the server would refuse the INSERT"
    assert sent["wait_for_async_insert"] == "1"
    assert len(databases.view("api_requests")) == 1
    assert "the login's profile fixes async_insert" in caplog.text


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"async_insert": "1", "wait_for_async_insert": "0"}, "it has what it may lose"),
        ({"materialized_views_ignore_errors": "1"}, "lost unseen"),
    ],
)
def test_a_profile_under_which_records_could_be_lost_is_refused(
    loaded: Any, databases: Databases, fixed: dict[str, str], said: str
) -> None:
    with pytest.raises(StoreUnavailableError, match=said):
        loaded(**fixed)
    assert databases.view("api_requests") == []


def test_several_urls_and_what_does_not_belong_together() -> None:
    assert server_urls("http://a:1, https://b:2,http://u:p,w@c") == ("http://a:1", "https://b:2", "http://u:p,w@c")
    with pytest.raises(ConfigError, match="clickhouse"):
        load_config({"clickhouse": "http://a:8123,b:8123x,https://"})
    with pytest.raises(ConfigError, match="clickhouse_key belongs to"):
        load_config({"clickhouse_key": "k.pem"})
