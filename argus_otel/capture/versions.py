"""
The files that shape a session's behaviour -> name and hash of each, as `argus.version.<name>` tells them at its start.

| name | what |
|---|---|
| `CLAUDE.md`, `.claude/CLAUDE.md`, `CLAUDE.local.md`, `AGENTS.md` | the project's |
| `~/.claude/CLAUDE.md` | the user's |
| `rule:<name>`, `command:<name>`, `agent:<name>` | a file below `rules`, `commands`, `agents` of the user or the project |
| `skill:<name>`, `skill-files:<name>` | a skill's SKILL.md; all files of its folder, if there are more |
| `plugin:<name>` | the version of an installed plugin, as it calls it |
| `skill:<plugin>:<name>`, `command:…`, `agent:…` | what it brings |
| `settings:user`, `settings:project`, `settings:local` | the shape of settings: paths of keys and types of values, no value |

Read through injected readers, in this order, up to bounds; what they left out is counted. A name has one hash: what hides
the other of that name in Claude Code comes first. A hash is that of the whole file with every line ending as \\n, a byte
order mark included.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.skills import as_object, files_hash, plugins, skill_folders, text_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from argus_otel.capture.skills import ListFiles, Plugin, ReadFile

_USERS = "~/.claude"
_MEMORIES = ("CLAUDE.md", ".claude/CLAUDE.md", "CLAUDE.local.md", "AGENTS.md")
_SETTINGS = {
    "user": "~/.claude/settings.json",
    "project": "{project}/.claude/settings.json",
    "local": "{project}/.claude/settings.local.json",
}
_FILES_MAX = 200
_TIME_MAX_S = 2.0
_FILE_BYTES_MAX = 1024 * 1024
_NAME_LENGTH_MAX = 100
_LISTED_MAX = 2000
_DEPTH_MAX = 4
# Made by tools beside a skill's own files, and not the same on every machine.
_PASSED_OVER = {".git", "node_modules", "__pycache__", ".venv", ".DS_Store"}
_FRONT_MATTER_NAME = re.compile(rb"\A---\r?\n(?:[^\r\n]*\r?\n){0,30}?name:[ \t]*[\"']?([\w.-]{1,100})")


class Versions(NamedTuple):
    """Name -> hash or version; `left_out` counts what there was beyond the bounds."""

    hashes: dict[str, str]
    left_out: int


def versions(project: str, read_file: ReadFile, list_files: ListFiles) -> Versions:
    """Return the versions of all that is in reach of a session in this project (empty: only the user's)."""
    reach = _Reach(read_file, list_files)
    homes = ["~/.claude", *([f"{project}/.claude"] if project else [])]
    _memories(reach, project)
    disabled = _settings(reach, project)
    for home in homes:
        _skills(reach, f"{home}/skills", "")
    for home in homes:
        _markdown(reach, "command", f"{home}/commands", "")
        _markdown(reach, "rule", f"{home}/rules", "")
    for home in reversed(homes):  # of agents the project's hide the user's
        _markdown(reach, "agent", f"{home}/agents", "")
    for plugin in plugins(project, read_file):
        if plugin.key not in disabled:
            _plugin(reach, plugin)
    return Versions(reach.hashes, reach.left_out)


def disk_readers(config_folder: str = "") -> tuple[ReadFile, ListFiles]:
    """Return readers of this disk; what Claude Code keeps of its user in `~/.claude` is looked for in `config_folder`."""
    if not os.path.isabs(config_folder):  # noqa: PTH117 - none is named, or one that only the session could find
        return read_disk_file, list_disk_files

    def moved(path: str) -> str:
        is_moved = path == _USERS or path.startswith(f"{_USERS}/")
        return config_folder + path[len(_USERS) :] if is_moved else path

    return lambda path: read_disk_file(moved(path)), lambda folder: list_disk_files(moved(folder))


def read_disk_file(path: str) -> bytes | None:
    """Read a file of at most a mebibyte, `~` expanded; None if there is none or it cannot be read."""
    try:
        with open(os.path.expanduser(path), "rb") as file:  # noqa: PTH111, PTH123 - pathlib costs milliseconds at start
            data = file.read(_FILE_BYTES_MAX + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= _FILE_BYTES_MAX else None


def list_disk_files(folder: str) -> Sequence[str]:
    """List the regular files below a folder, `~` expanded, in order; not too deep, not too many, links followed."""
    found: list[str] = []
    _list_into(found, os.path.expanduser(folder), "", 0)  # noqa: PTH111
    return found


class _Reach:
    """The hashes found so far, and what may still be read."""

    def __init__(self, read_file: ReadFile, list_files: ListFiles) -> None:
        self.hashes: dict[str, str] = {}
        self.left_out = 0
        self._read_file = read_file
        self._list_files = list_files
        self._read_count = 0
        self._until_s = time.monotonic() + _TIME_MAX_S

    def read(self, path: str) -> bytes | None:
        """Read a file that may be there, if the bounds allow it."""
        if self._read_count >= _FILES_MAX or time.monotonic() > self._until_s:
            return None
        data = self._read_file(path)
        self._read_count += data is not None
        return data

    def read_listed(self, path: str) -> bytes | None:
        """Read a file that is there; one that is too large, or beyond the bounds, is counted."""
        data = self.read(path)
        self.left_out += data is None
        return data

    def files(self, folder: str) -> Sequence[str]:
        """List the files below a folder; a folder with too many counts as one that was left out."""
        found = self._list_files(folder)
        self.left_out += len(found) >= _LISTED_MAX
        return found

    def add(self, name: str, version: str) -> None:
        """Take a version in, unless another one of this name hides it."""
        if len(name) > _NAME_LENGTH_MAX or not _is_utf8(name):
            self.left_out += 1
        elif version:
            self.hashes.setdefault(name, version)


def _memories(reach: _Reach, project: str) -> None:
    files = {name: f"{project}/{name}" for name in _MEMORIES if project}
    for name, path in {**files, "~/.claude/CLAUDE.md": "~/.claude/CLAUDE.md"}.items():
        data = reach.read(path)
        if data is not None:
            reach.add(name, text_hash(data))


def _settings(reach: _Reach, project: str) -> set[str]:
    """Hash the shapes of the settings; return the plugins that they turn off."""
    enabled: dict[str, Any] = {}
    for name, path in _SETTINGS.items():
        data = reach.read(path.format(project=project)) if project or name == "user" else None
        if data is None:
            continue
        try:
            document = json.loads(data)
            lines = "\n".join(sorted(set(_shape(document, ""))))
        except (ValueError, RecursionError):
            continue
        reach.add(f"settings:{name}", hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest())
        enabled.update(as_object(as_object(document).get("enabledPlugins")))  # the later hides the earlier
    return {key for key, is_enabled in enabled.items() if is_enabled is False}


def _shape(value: Any, path: str) -> Iterator[str]:
    if path.startswith("/env/"):  # names only
        yield path
    elif isinstance(value, dict):
        yield f"{path}:object"
        for key, item in value.items():
            yield from _shape(item, f"{path}/{key}")
    elif isinstance(value, list):
        yield f"{path}:array"
        for item in value:
            yield from _shape(item, f"{path}/*")
    elif value is None:
        yield f"{path}:null"
    else:
        kind = "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        yield f"{path}:{kind}"


def _skills(reach: _Reach, folder: str, owner: str) -> None:
    paths = reach.files(folder)
    for path in paths:
        name, _, file = path.rpartition("/")
        if file != "SKILL.md" or "/" in name:
            continue
        # A plugin may name the folder of one skill in place of a folder of skills.
        thing = f"{owner}{name or folder.rpartition('/')[2]}"
        if f"skill:{thing}" in reach.hashes:
            continue
        data = reach.read_listed(f"{folder}/{path}")
        if data is None:
            continue
        reach.add(f"skill:{thing}", text_hash(data))
        below = [other for other in paths if not name or other.startswith(f"{name}/")]
        if len(below) > 1:
            version = files_hash(f"{folder}/{name}".rstrip("/"), reach.read, reach.files)
            reach.left_out += not version
            reach.add(f"skill-files:{thing}", version)


def _markdown(reach: _Reach, kind: str, folder: str, owner: str) -> None:
    for path in reach.files(folder):
        name = f"{kind}:{owner}{path[:-3].replace('/', ':')}"
        if not path.endswith(".md") or (kind != "agent" and name in reach.hashes):
            continue
        data = reach.read_listed(f"{folder}/{path}")
        if data is not None:
            named = _FRONT_MATTER_NAME.match(data) if kind == "agent" else None
            reach.add(f"{kind}:{owner}{named[1].decode('utf-8', 'replace')}" if named else name, text_hash(data))


def _plugin(reach: _Reach, plugin: Plugin) -> None:
    reach.add(f"plugin:{plugin.name}", plugin.version)
    for folder in skill_folders(plugin, reach.read):
        _skills(reach, folder, f"{plugin.name}:")
    _markdown(reach, "command", f"{plugin.folder}/commands", f"{plugin.name}:")
    _markdown(reach, "agent", f"{plugin.folder}/agents", f"{plugin.name}:")


def _list_into(found: list[str], folder: str, path: str, depth: int) -> None:
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):
        return
    for entry in ordered:
        if len(found) >= _LISTED_MAX:
            return
        if entry.name in _PASSED_OVER:
            continue
        if _is_folder(entry):
            if depth < _DEPTH_MAX:
                _list_into(found, entry.path, f"{path}{entry.name}/", depth + 1)
        elif _is_file(entry):
            found.append(f"{path}{entry.name}")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
