"""What a user may set, and where: every place, every kind of value, and that nothing is sent where one is not understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture import hook
from argus_otel.capture.errors import SettingsError
from argus_otel.capture.settings import (
    CaptureSettings,
    Settings,
    ShipSettings,
    announcement,
    capture_settings,
    is_opted_out,
    load_settings,
    loose_config_files,
    read_config,
    ship_settings,
    variable_of,
)
from argus_otel.config import Config

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "endpoint": ("https://h:1/", "https://h:1"),
    "token": (" t ", "t"),
    "token_file": ("/f", "/f"),
    "capture_level": ("metadata", "metadata"),
    "value_bytes_max": ("10", 10),
    "exclude_tools": ("mcp__*, Bash", ("mcp__*", "Bash")),
    "exclude_paths": ('["*/.ssh/*", "a,b"]', ("*/.ssh/*", "a,b")),
    "exclude_projects": ("/a\n/b", ("/a", "/b")),
    "redaction": ("no", False),
    "announce": ("on", True),
    "private": ("TRUE", True),
    "transcript": ("1", True),
    "spool_bytes_max": ("5", 5),
    "spool_age_s_max": ("6", 6),
}


def write_config(home: Path, document: object) -> Path:
    file = home / ".config" / "argus-otel" / "capture.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return file


def test_every_key_is_here() -> None:
    assert set(KEYS) == set(Settings._fields)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_looked_for_in_variable_option_file_and_default(key: str, tmp_path: Path) -> None:
    written, read = KEYS[key]
    environ = {"HOME": str(tmp_path)}
    default = getattr(Settings(), key)
    assert getattr(load_settings(environ), key) == default
    write_config(tmp_path, {key: list(read) if isinstance(read, tuple) else read})
    assert getattr(load_settings(environ), key) == read
    write_config(tmp_path, {key: default if not isinstance(default, tuple) else []})
    environ[f"CLAUDE_PLUGIN_OPTION_{key.upper()}"] = written
    assert getattr(load_settings(environ), key) == read
    environ[f"CLAUDE_PLUGIN_OPTION_{key.upper()}"] = "\0 not looked at"
    environ[variable_of(key)] = written
    assert getattr(load_settings(environ), key) == read
    environ[f"CLAUDE_PLUGIN_OPTION_{key.upper()}"] = environ[variable_of(key)] = ""
    assert getattr(load_settings(environ), key) == default


def test_the_users_file_wins_over_the_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "_LIBRARY", str(tmp_path / "plugin" / "lib"))
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "config.json").write_text('{"endpoint": "http://plugin", "private": true}')
    environ = {"HOME": str(tmp_path)}
    assert load_settings(environ)[:1] == ("http://plugin",)
    assert hook.setting("endpoint", environ) == "http://plugin"
    write_config(tmp_path, {"endpoint": "http://user"})
    assert (load_settings(environ).endpoint, load_settings(environ).private) == ("http://user", True)
    assert hook.endpoint_of(environ) == "http://user"


def test_no_variable_means_something_else_to_the_service() -> None:
    shared = {variable_of(key) for key in KEYS} & {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields}
    assert shared == {"ARGUS_OTEL_TOKEN_FILE"}, "which is the same token at both ends"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("endpoint", "host:4318"), ("endpoint", "http://\x07"), ("token", "a\nb"), ("capture_level", "of"),
        ("capture_level", "FULL"), ("value_bytes_max", "64k"), ("value_bytes_max", "0"), ("value_bytes_max", "-1"),
        ("value_bytes_max", "1.5"), ("value_bytes_max", "\u0663"), ("value_bytes_max", " "), ("redaction", "maybe"),
        ("private", "2"), ("exclude_tools", "[1]"), ("exclude_tools", "[x"), ("spool_age_s_max", "7d"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_understood_is_an_error_that_names_it(key: str, value: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    with pytest.raises(SettingsError, match=variable_of(key)):
        load_settings({**home, variable_of(key): value})
    with pytest.raises(SettingsError, match=f"CLAUDE_PLUGIN_OPTION_{key.upper()}"):
        load_settings({**home, f"CLAUDE_PLUGIN_OPTION_{key.upper()}": value})
    write_config(tmp_path, {key: value})
    with pytest.raises(SettingsError, match=f"{key} in .*capture.json"):
        load_settings(home)


@pytest.mark.parametrize(
    ("key", "value"),
    [("endpoint", 5), ("token", 5), ("token_file", []), ("capture_level", True), ("value_bytes_max", True),
     ("value_bytes_max", 1.5), ("exclude_paths", [1]), ("exclude_paths", {}), ("redaction", 1), ("private", [])],
)  # fmt: skip
def test_a_value_of_another_type_is_an_error(key: str, value: Any, tmp_path: Path) -> None:
    write_config(tmp_path, {key: value})
    with pytest.raises(SettingsError, match=key):
        load_settings({"HOME": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 100_000])
def test_a_file_that_is_no_object_is_an_error(text: str, tmp_path: Path) -> None:
    write_config(tmp_path, text)
    with pytest.raises(SettingsError, match=r"capture\.json"):
        load_settings({"HOME": str(tmp_path)})


def test_an_unknown_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"endpoint": "http://h", "capturelevel": "off"})
    with pytest.raises(SettingsError, match="unknown key 'capturelevel'"):
        read_config(str(file))


def test_no_message_holds_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xffSECRET")
    for environ in ({"ARGUS_OTEL_TOKEN": "SECRET\n2"}, {"ARGUS_OTEL_TOKEN_FILE": str(file)}):
        with pytest.raises(SettingsError) as caught:
            ship_settings({"HOME": str(tmp_path), **environ})
        assert "SECRET" not in str(caught.value)
    assert "t0ken" not in repr(ShipSettings(token="t0ken"))
    assert "t0ken" not in repr(Settings(token="t0ken"))


def test_a_token_comes_from_the_variable_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    home = {"HOME": str(tmp_path)}
    assert ship_settings({**home, "ARGUS_OTEL_TOKEN_FILE": str(file)}).token == "from-file"
    assert ship_settings({**home, "ARGUS_OTEL_TOKEN_FILE": str(file), "ARGUS_OTEL_TOKEN": "direct"}).token == "direct"
    with pytest.raises(SettingsError, match="ARGUS_OTEL_TOKEN_FILE"):
        ship_settings({**home, "ARGUS_OTEL_TOKEN_FILE": str(tmp_path / "none")})


def test_defaults_are_as_documented(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert capture_settings(environ) == CaptureSettings() == ("full", 65536)
    assert ship_settings(environ) == ShipSettings() == ("http://127.0.0.1:4318", "", 1.0)
    assert load_settings(environ)[3:] == (
        "full", 65536, (), (), (), True, False, False, False, 256 * 1024 * 1024, 7 * 24 * 3600,
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "is_loose"), [(0o600, False), (0o644, False), (0o664, True), (0o646, True)])
def test_a_file_that_others_can_write_is_known(mode: int, is_loose: bool, tmp_path: Path) -> None:
    file = write_config(tmp_path, {})
    file.chmod(mode)
    assert loose_config_files({"HOME": str(tmp_path)}) == ([str(file)] if is_loose else [])


def test_the_line_at_the_start_says_what_holds(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "ARGUS_OTEL_ENDPOINT": "https://user:SECRET@argus.example:4318"}
    assert announcement(environ) == (
        "argus-otel records prompts, tool calls and answers with their text (what looks like a secret is replaced) and "
        "sends it to argus.example:4318. /private stops it."
    )
    assert "without any text" in announcement({**environ, "ARGUS_OTEL_CAPTURE_LEVEL": "metadata"})
    assert "is private" in announcement({**environ, "ARGUS_OTEL_PRIVATE": "1"})
    assert "ARGUS_OTEL_CAPTURE_LEVEL is 'x'" in announcement({**environ, "ARGUS_OTEL_CAPTURE_LEVEL": "x"})
    assert is_opted_out(load_settings({**environ, "ARGUS_OTEL_PRIVATE": "1"}), "", environ)
