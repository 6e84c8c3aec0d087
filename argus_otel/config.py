"""
What a user writes: one model with every setting, its default and its meaning.

Precedence: flag, then `ARGUS_OTEL_*` variable, then config file (TOML), then default. Unknown keys are refused, not
ignored: a misspelt limit is no limit. docs/configuration.md is generated from this model.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from argus_otel.errors import ConfigError

GIB = 1 << 30
MIB = 1 << 20
DAY_S = 86_400


def default_data_dir() -> Path:
    """Return the folder that the operating system has for an application's data."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "argus-otel"


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError("must be HOST:PORT, port 0 for any free one")
    return value


def server_urls(value: str) -> tuple[str, ...]:
    """Return the URLs of the servers that stand in one text, with commas between them."""
    return tuple(re.split(r"\s*,\s*(?=https?://)", value.strip()))


def server_of(url: str) -> SplitResult:
    """
    Return the parts of one server's URL.

    Raises:
        ValueError: it is none; says what one is, and quotes nothing, for a password may be in it.
    """
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_server = False
    # A login with one of / ? # ends before its @.
    if not is_server or "," in str(parts.hostname) or "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(
            "a URL like http://user:password@host:8123; in it write / : @ ? # of a password as %2F %3A %40 %3F %23,"
            " or use clickhouse_password_file"
        )
    return parts


def _clickhouse(value: str) -> str:
    try:
        for url in server_urls(value) if value != "embedded" else ():
            server_of(url)
    except ValueError as error:
        raise ValueError(f"must be `embedded` or {error}") from None
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be letters of A to Z, digits and underscores, no digit first")
    return value


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Names = Annotated[tuple[str, ...], NoDecode]


class Config(BaseSettings):
    """All settings; the descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix="ARGUS_OTEL_", extra="forbid", frozen=True)

    data_dir: Annotated[Path, AfterValidator(lambda folder: folder.expanduser().absolute())] = Field(
        default_factory=default_data_dir, description="Folder of the spool, the embedded engine and the control socket."
    )
    otlp_grpc: Address = Field("127.0.0.1:4317", description="Where OTLP/gRPC is received. Port 0 picks a free one.")
    otlp_http: Address = Field("127.0.0.1:4318", description="Where OTLP/HTTP is received; also /health and /metrics.")
    clickhouse: Annotated[str, AfterValidator(_clickhouse)] = Field(
        "embedded",
        description="`embedded`, or the URL of a ClickHouse server with user and password; of several replicas, with commas.",
    )
    clickhouse_password_file: Path | None = Field(
        None, description="File with the password of the server's user, so that it stands in no URL."
    )
    clickhouse_ca_file: Path | None = Field(
        None, description="PEM file of the CA that signed the server's certificate, if the system does not know it."
    )
    clickhouse_certificate: Path | None = Field(
        None, description="PEM certificate with which argus-otel shows who it is to the server; the URL names the user."
    )
    clickhouse_key: Path | None = Field(None, description="PEM private key of that certificate.")
    clickhouse_verify: bool = Field(
        default=True, description="Whether the server's certificate is checked. Without it anybody can be the server."
    )
    clickhouse_timeout_s: int = Field(
        300,
        ge=1,
        description="Longest wait for a server's answer; then another replica is asked. Shorter than rollup_margin_s.",
    )
    clickhouse_http: Address = Field(
        "127.0.0.1:8123", description="Where the embedded engine answers ClickHouse's HTTP interface, read-only."
    )
    clickhouse_http_user: str = Field("default", description="User of that endpoint.")
    clickhouse_http_password_file: Path | None = Field(
        None, description="File with its password. Without one the endpoint answers on loopback only."
    )
    token_file: Path | None = Field(
        None, description="File with the bearer token that senders must present. Without one any sender is accepted."
    )
    workspace_tokens_file: Path | None = Field(
        None,
        description="File with the tokens of workspaces, a line `WORKSPACE TOKEN` each: the token that a sender presents decides"
        " the workspace its records are in; `token_file`'s is `default`.",
    )
    tls_certificate: Path | None = Field(None, description="PEM certificate chain for both OTLP listeners.")
    tls_key: Path | None = Field(None, description="PEM private key of that certificate.")
    migrate: bool = Field(
        default=False, description="Migrate a ClickHouse server at start. The embedded engine always is."
    )
    otel_database: Identifier = Field("otel", description="Database of the landing tables.")
    argus_database: Identifier = Field("argus", description="Database of facts and views.")
    cluster: str | None = Field(None, description="Name of a ClickHouse cluster to create everything ON.")
    body_bytes_max: int = Field(64 * MIB, ge=1024, description="Largest request, after decompression too.")
    expanded_bytes_max: int = Field(
        256 * MIB, ge=1024, description="Largest request once resource and scope stand beside each record."
    )
    spool_bytes_max: int = Field(
        4 * GIB, ge=16 * MIB, description="Bound of the spool; beyond it senders are told to retry."
    )
    load_expanded_bytes_max: int = Field(128 * MIB, ge=MIB, description="Bound of one INSERT in expanded bytes.")
    dead_letter_bytes_max: int = Field(
        GIB, ge=MIB, description="Bound of the dead letters; the oldest are dropped first, counted."
    )
    dead_letter_age_s_max: int = Field(
        30 * DAY_S, ge=60, description="Age after which dead letters are dropped, counted."
    )
    drop_events: Names = Field(
        (), description="Log events dropped before landing, e.g. hook_execution_start,hook_execution_complete."
    )
    redaction_enable: Names = Field((), description="Optional redaction rules to add, e.g. email_address.")
    redaction_disable: Names = Field((), description="Redaction rules to leave out.")
    redaction_file: Path | None = Field(
        None, description="JSON file with further rules, in the form of privacy/patterns.json."
    )
    rollup_margin_s: int = Field(
        600,
        ge=1,
        description="Sessions that changed within so many seconds are not summed up yet; longer than any INSERT may take.",
    )
    query_seconds_max: int = Field(60, ge=1, description="Longest query at the embedded endpoint.")
    query_memory_bytes_max: int = Field(
        2 * GIB, ge=64 * MIB, description="Memory of one query at the embedded endpoint."
    )
    query_result_rows_max: int = Field(1_000_000, ge=1, description="Rows that one query may return.")
    query_concurrency_max: int = Field(
        8, ge=1, description="Queries at the same time; more wait, and are refused after ten seconds."
    )
    telemetry_otlp: str | None = Field(
        None, description="OTLP/gRPC endpoint to which argus-otel's own metrics are exported as well."
    )
    own_metrics_interval_s: int = Field(
        60,
        ge=0,
        description="How often argus-otel's own metrics are stored too, for the dashboard argus-pipeline. 0 for never.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged, to stderr."
    )
    log_format: Literal["text", "json"] = Field("text", description="Form of the log lines.")

    @model_validator(mode="before")
    @classmethod
    def _lists_from_text(cls, values: dict[str, Any]) -> dict[str, Any]:
        lists = ("drop_events", "redaction_enable", "redaction_disable")
        return {name: _split(value) if name in lists else value for name, value in values.items()}

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Config:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: give both or none")
        if self.clickhouse_key is not None and self.clickhouse_certificate is None:
            raise ValueError("clickhouse_key belongs to a clickhouse_certificate: give both")
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Config:
        if self.otel_database == self.argus_database:
            raise ValueError("otel_database and argus_database must be two: give them different names")
        if self.clickhouse != "embedded" and self.clickhouse_timeout_s >= self.rollup_margin_s:
            raise ValueError(
                f"clickhouse_timeout_s, {self.clickhouse_timeout_s}, must be below rollup_margin_s, {self.rollup_margin_s}"
            )
        return self


def load_config(flags: dict[str, Any], file: Path | None = None) -> Config:
    """
    Return the configuration: flags over environment over file over defaults.

    Raises:
        ConfigError: a key is unknown, a value is not allowed, or a file cannot be read; names each.
    """
    in_file = _read(file) if file is not None else {}

    class Layered(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names the arguments
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, in_file)

    _refuse_unknown_variables()
    try:
        return Layered(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(item) for item in error.errors())) from None


def _text_of(file: Path, kind: str = "") -> str:
    """Return what is in a file; ConfigError if it cannot be read, without what it holds."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {kind}{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {kind}{file}: it is no text in UTF-8") from None


def read_secret(file: Path | None) -> str | None:
    """
    Return the one-line secret in a file, None for no file.

    Raises:
        ConfigError: it cannot be read or is empty.
    """
    if file is None:
        return None
    secret = _text_of(file).strip()
    if not secret:
        raise ConfigError(f"{file} is empty: it must hold the secret")
    return secret


_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def read_workspace_tokens(file: Path | None) -> dict[str, str]:
    """
    Return the workspace of each token in a file of lines `WORKSPACE TOKEN`; empty lines and those that begin with # say nothing.

    A workspace may have several tokens, so that one can be replaced without an outage.

    Raises:
        ConfigError: it cannot be read, has no token, or a line of it is of another form or repeats a token; never quotes a token.
    """
    if file is None:
        return {}
    workspaces: dict[str, str] = {}
    for number, line in enumerate(_text_of(file).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not _WORKSPACE.fullmatch(words[0]):
            raise ConfigError(
                f"{file}, line {number}: write WORKSPACE TOKEN; a workspace has at most 64 of letters, digits, - _ and ."
            )
        if words[1] in workspaces:
            raise ConfigError(f"{file}, line {number}: this token stands there already: each workspace needs its own")
        workspaces[words[1]] = words[0]
    if not workspaces:
        raise ConfigError(f"{file} has no token: write a line WORKSPACE TOKEN for each workspace")
    return workspaces


NOT_SETTINGS = frozenset(
    {
        "ARGUS_OTEL_CONFIG",
        "ARGUS_OTEL_URL",
        "ARGUS_OTEL_CLAUDE",
        "ARGUS_OTEL_PYTHON",
        "ARGUS_OTEL_ENDPOINT",
        "ARGUS_OTEL_TOKEN",
        "ARGUS_OTEL_CAPTURE_LEVEL",
        "ARGUS_OTEL_VALUE_BYTES_MAX",
        "ARGUS_OTEL_EXCLUDE_TOOLS",
        "ARGUS_OTEL_EXCLUDE_PATHS",
        "ARGUS_OTEL_EXCLUDE_PROJECTS",
        "ARGUS_OTEL_REDACTION",
        "ARGUS_OTEL_ANNOUNCE",
        "ARGUS_OTEL_PRIVATE",
        "ARGUS_OTEL_TRANSCRIPT",
        "ARGUS_OTEL_CAPTURE_SPOOL_BYTES_MAX",
        "ARGUS_OTEL_CAPTURE_SPOOL_AGE_S_MAX",
    }
)
"""Variables of the same prefix that the commands and the capture plugin read themselves."""


def _refuse_unknown_variables() -> None:
    known = {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields} | NOT_SETTINGS
    if unknown := sorted(name for name in os.environ if name.startswith("ARGUS_OTEL_") and name not in known):
        raise ConfigError(f"unknown variable {unknown[0]}: see docs/configuration.md")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text_of(file, "config file "))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config file {file} is no TOML: {error}") from error


_LOGIN = re.compile(r"^(.(?:[A-Za-z]+://)?).*@")
"""In the repr of a URL, up to the last @: what is told of a wrong value may end in a log."""


def _explain(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "configuration"
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}: see docs/configuration.md"
    said: str = item["msg"].removeprefix("Value error, ")
    given = _LOGIN.sub(r"\1…:…@", repr(item["input"]))
    return f"{key}: {said} (given: {given})" if item["loc"] else said
