"""
Claude Code's settings files and this environment -> what a hook of the plugin would find.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from argus_otel.capture import hook
from argus_otel.capture.exclude import ALL, is_excluded
from argus_otel.capture.private import marker_file
from argus_otel.capture.settings import Settings, load_settings, read_config, variable_of
from argus_otel.plugin.install import claude_folder
from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, NAME

_MANAGED = (
    Path("/etc/claude-code/managed-settings.json"),
    Path("/Library/Application Support/ClaudeCode/managed-settings.json"),
)
_OPTION = "CLAUDE_PLUGIN_OPTION_"
_DEFAULT = "default"
_INTERPRETER_S_MAX = 30


class SettingsFile(NamedTuple):
    """One of Claude Code's settings files."""

    scope: str
    path: Path
    content: dict[str, Any]

    def part(self, key: str) -> dict[str, Any]:
        """Return an object in it, empty if there is none."""
        value = self.content.get(key)
        return value if isinstance(value, dict) else {}


class Installation(NamedTuple):
    """The plugin in one settings file. `folder` is None if it is not where the file says."""

    scope: str
    file: str
    plugin_id: str
    is_enabled: bool
    folder: Path | None

    @property
    def version(self) -> str:
        """The version that its manifest names."""
        return str(_object(self.folder / ".claude-plugin" / "plugin.json").get("version", "")) if self.folder else ""


class Origin(NamedTuple):
    """One setting in force. `value` of a token is not the token."""

    key: str
    value: Any
    source: str


class Interpreter(NamedTuple):
    """The Python that hooks run on; `version` is empty if there is none."""

    version: str
    path: str
    passed_over: list[str]


def settings_files() -> list[SettingsFile]:
    """Return the settings files that are there, the one that wins last."""
    found = [SettingsFile(scope, path, _object(path)) for scope, path in _named_files()]
    return [file for file in found if file.content]


def unreadable_files() -> list[str]:
    """Return a line for each settings file that is there and cannot be used."""
    troubles = ((path, _trouble_with(path)) for _, path in _named_files())
    return [f"{path}: {trouble}, so what it sets is not known" for path, trouble in troubles if trouble]


def _named_files() -> list[tuple[str, Path]]:
    project = Path.cwd() / ".claude"
    named = [
        ("user", claude_folder() / "settings.json"),
        ("project", project / "settings.json"),
        ("local", project / "settings.local.json"),
        *(("managed", path) for path in _MANAGED),
    ]
    scopes = {path: scope for scope, path in reversed(named)}  # in the home folder the project's file is the user's
    return [(scopes[path], path) for path in dict.fromkeys(path for _, path in named)]


def _trouble_with(path: Path) -> str:
    try:
        found = json.loads(path.read_text("utf-8-sig").strip() or "{}")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return "is no JSON"
    return "" if isinstance(found, dict) else "holds no JSON object"


def hook_environ(files: list[SettingsFile]) -> dict[str, str]:
    """Return the environment of a hook: what settings files set wins over ours, and the plugin's options are added."""
    environ = dict(os.environ)
    for file in files:
        environ |= {name: value for name, value in file.part("env").items() if isinstance(value, str)}
        for plugin_id, config in file.part("pluginConfigs").items():
            options = config.get("options") if plugin_id.startswith(f"{NAME}@") and isinstance(config, dict) else None
            for key, value in (options if isinstance(options, dict) else {}).items():
                environ[_OPTION + key.upper()] = value if isinstance(value, str) else json.dumps(value)
    return environ


def installations(files: list[SettingsFile]) -> list[Installation]:
    """Return where the plugin is enabled or disabled, under any marketplace, and what stands there."""
    return [
        Installation(file.scope, str(file.path), key, is_enabled=value is True, folder=_folder_of(key, files))
        for file in files
        for key, value in file.part("enabledPlugins").items()
        if key.startswith(f"{NAME}@")
    ]


def switched_off(files: list[SettingsFile]) -> list[str]:
    """Return a line for each settings file that keeps hooks of plugins from running."""
    switches = {"disableAllHooks": "no hook runs", "allowManagedHooksOnly": "only hooks of managed plugins run"}
    return [
        f"{file.path}: {switch} is on, so {effect}"
        for file in files
        for switch, effect in switches.items()
        if file.content.get(switch) is True
    ]


def in_force(files: list[SettingsFile], environ: dict[str, str], plugin: Path | None) -> tuple[Settings, list[Origin]]:
    """
    Return the settings that hold in a hook of the plugin, and each with where it comes from.

    Raises:
        SettingsError: a value that is not allowed.
    """
    sources = {key: _source(key, files, environ) for key in Settings._fields}
    packed_file = plugin / "config.json" if plugin else None
    effective = dict(environ)
    for key, value in (read_config(str(packed_file)) if packed_file else {}).items():
        if sources[key] == _DEFAULT and value not in (None, ""):
            # The variable stands in for a file that is read only from inside the plugin.
            effective[variable_of(key)] = value if isinstance(value, str) else json.dumps(value)
            sources[key] = str(packed_file)
    settings = load_settings(effective)
    return settings, [Origin(key, _shown(key, value), sources[key]) for key, value in settings._asdict().items()]


def not_recorded(settings: Settings, origins: list[Origin], environ: dict[str, str]) -> list[str]:
    """Return why sessions in this folder are not recorded: a sentence for each cause."""
    source = {origin.key: origin.source for origin in origins}
    project = os.getcwd()  # noqa: PTH109 - as a hook is told it
    found = []
    if settings.capture_level == "off":
        found.append(f"capture_level is off ({source['capture_level']})")
    if settings.private:
        found.append(f"private is true ({source['private']}): every session is private from its start")
    if marker := marker_file(project, hook.home(environ)):
        found.append(f"{marker} is there: every session in that folder is private from its start")
    if is_excluded({}, project, settings) == ALL:
        found.append(f"exclude_projects names this folder, {project} ({source['exclude_projects']})")
    return found


def find_interpreter(plugin: Path) -> Interpreter:
    """Ask the plugin's hook.sh which Python it uses."""
    told = subprocess.run(  # noqa: S603 - our own script
        ["sh", str(plugin / "hook.sh"), "--interpreter"],  # noqa: S607 - as Claude Code runs it
        capture_output=True,
        text=True,
        check=False,
        timeout=_INTERPRETER_S_MAX,
    )
    lines = told.stdout.splitlines() or ["none"]
    version, _, path = lines[0].partition(" ")
    passed_over = [line for line in lines if line.startswith("passed over")]
    return Interpreter("" if version == "none" else version, path, passed_over)


def state_folders(environ: dict[str, str]) -> list[Path]:
    """Return the folders where hooks of this plugin may have left something, that are there."""
    by_claude = sorted((claude_folder() / "plugins" / "data").glob(f"{NAME}-*"))
    others = [Path(folder) for folder in hook.state_folders(environ)]
    return [folder for folder in dict.fromkeys([*by_claude, *others]) if folder.is_dir()]


def _folder_of(key: str, files: list[SettingsFile]) -> Path | None:
    plugins = claude_folder() / "plugins"
    marketplace = key.partition("@")[2]
    known = _object(plugins / "known_marketplaces.json").get(marketplace)
    named = [file.part("extraKnownMarketplaces").get(marketplace) for file in files]
    installed = _object(plugins / "installed_plugins.json").get("plugins")
    copies = installed.get(key) if isinstance(installed, dict) else None
    candidates = [
        *(_text_at(one, "source", "path") for one in named),
        _text_at(known, "installLocation"),
        *(_text_at(copy, "installPath") for copy in (copies if isinstance(copies, list) else [])),
    ]
    for candidate in filter(None, candidates):
        for folder in (Path(candidate) / MARKETPLACE_PLUGIN, Path(candidate)):
            if (folder / "hook.sh").is_file():
                return folder
    return None


def _text_at(value: Any, *keys: str) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _shown(key: str, value: Any) -> Any:
    if key == "token":
        return "set, not shown" if value else ""
    return list(value) if isinstance(value, tuple) else value


def _source(key: str, files: list[SettingsFile], environ: dict[str, str]) -> str:
    variable = variable_of(key)
    if environ.get(variable):
        setters = [file.path for file in files if file.part("env").get(variable) == environ[variable]]
        return f"{variable} in {setters[-1]}" if setters else f"{variable} in the environment"
    if environ.get(_OPTION + key.upper()):
        return "option of the plugin"
    for path in hook.config_files(environ):
        if read_config(path).get(key) not in (None, ""):
            return path
    return _DEFAULT


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
