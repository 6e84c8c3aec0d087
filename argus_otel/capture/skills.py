"""
The name of a skill or command -> the hashes of the files that it names, through injected readers: no file is opened here.

A hash is the SHA-256 of the file with every line ending as \\n: the same on every machine. A personal skill hides the
project's of the same name, as in Claude Code, and a skill the command of its name. `plugin:name` is looked for in the
folder that the list of installed plugins names, or in the plugin that this code is part of.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    ReadFile = Callable[[str], bytes | None]
    """Reads a whole file, `~` expanded; None if there is none, it is too large or cannot be read. Raises nothing."""

    ListFiles = Callable[[str], Sequence[str]]
    """Lists the files below a folder, `~` expanded, in order, with `/` in their paths. Raises nothing."""

_PLAIN_NAME = re.compile(r"\w[\w.-]*")
_PLUGIN_LIST = "~/.claude/plugins/installed_plugins.json"
_FILE_NAME = "SKILL.md"
_FILES_MAX = 50
# <plugin>/lib/argus_otel/capture/skills.py
_OWN_DIR = __file__.replace(os.sep, "/").rsplit("/", 4)[0]


class Plugin(NamedTuple):
    """A plugin: `key` as settings name it (`name@marketplace`), the folder it is in, its version or empty."""

    name: str
    key: str
    folder: str
    version: str


class Skill(NamedTuple):
    """What a name stands for: the hash of its file, and its folder; a command has none."""

    hash: str
    folder: str


def read_nothing(_path: str) -> bytes | None:
    """Know no files: for hooks that ran on another machine."""
    return None


def list_nothing(_folder: str) -> Sequence[str]:
    """Know no folders: for hooks that ran on another machine."""
    return ()


def text_hash(data: bytes) -> str:
    """Return the hash of a file in hex, whatever its line endings."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).hexdigest()


def skill_hash(name: str, project: str, read_file: ReadFile) -> str:
    """Return the hash of the SKILL.md, or of the command's file; empty if no such skill is found."""
    found = find_skill(name, project, read_file)
    return found.hash if found else ""


def find_skill(name: str, project: str, read_file: ReadFile) -> Skill | None:
    """Return what the name stands for, as Claude Code would find it."""
    plugin_name, _, own_name = name.rpartition(":")
    # A name from the model never leaves the folders of skills.
    if not _PLAIN_NAME.fullmatch(own_name) or (":" in name and not _PLAIN_NAME.fullmatch(plugin_name)):
        return None
    if plugin_name:
        of_name = [plugin for plugin in plugins(project, read_file) if plugin.name == plugin_name]
        return _first(own_name, (folder for plugin in of_name for folder in _folders(plugin, read_file)), read_file)
    folders = [f"{folder}/.claude" for folder in ("~", project) if folder]
    found = _first(own_name, ((f"{folder}/skills", f"{folder}/commands") for folder in folders), read_file)
    if found:
        return found
    of_plugins = (_first(own_name, _folders(plugin, read_file), read_file) for plugin in plugins(project, read_file))
    unclaimed = [skill for skill in of_plugins if skill]
    return unclaimed[0] if len(unclaimed) == 1 else None


def files_hash(folder: str, read_file: ReadFile, list_files: ListFiles) -> str:
    """
    Return the hash of all files of a skill's folder: of the lines `<path> <hash of the file>`, ordered by path. Empty if
    SKILL.md is its only file, or if not all of its files could be read.
    """
    paths = sorted(list_files(folder))
    if not paths or paths == [_FILE_NAME] or len(paths) > _FILES_MAX:
        return ""
    files = [(path, read_file(f"{folder}/{path}")) for path in paths]
    lines = [f"{path} {text_hash(data)}\n" for path, data in files if data is not None]
    return hashlib.sha256("".join(lines).encode("utf-8", "replace")).hexdigest() if len(lines) == len(paths) else ""


def plugins(project: str, read_file: ReadFile) -> list[Plugin]:
    """Return the plugins that are installed for the user or for this project, by name; of one name the project's."""
    listed = as_object(read_json(_PLUGIN_LIST, read_file)).get("plugins")
    found: dict[str, Plugin] = {}
    for key, installs in sorted(as_object(listed).items()):
        install = _install(installs, project)
        name = key.partition("@")[0]
        if install and _PLAIN_NAME.fullmatch(name):
            folder, version = _text(install.get("installPath")), _text(install.get("version"))
            about = as_object(read_json(f"{folder}/.claude-plugin/plugin.json", read_file))
            found.setdefault(name, Plugin(name, key, folder, _text(about.get("version")) or version))
    own = as_object(read_json(f"{_OWN_DIR}/.claude-plugin/plugin.json", read_file))
    own_name = _text(own.get("name"))
    if _PLAIN_NAME.fullmatch(own_name):  # also where it was handed to the session without being installed
        found.setdefault(own_name, Plugin(own_name, own_name, _OWN_DIR, _text(own.get("version"))))
    return [found[name] for name in sorted(found)]


def skill_folders(plugin: Plugin, read_file: ReadFile) -> list[str]:
    """Return the folders that hold the skills of a plugin: its `skills`, and those that its manifest adds."""
    about = as_object(read_json(f"{plugin.folder}/.claude-plugin/plugin.json", read_file))
    added = about.get("skills")
    paths = added if isinstance(added, list) else [added]
    inside = [_text(path).removeprefix("./").rstrip("/") for path in paths if _is_inside(path)]
    return [f"{plugin.folder}/{path}" for path in dict.fromkeys(["skills", *inside])]


def read_json(path: str, read_file: ReadFile) -> Any:
    """Return the document in a file; None if there is none."""
    data = read_file(path)
    try:
        return None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None


def as_object(document: Any) -> dict[str, Any]:
    """Return a JSON object as it is, anything else as an empty one."""
    return document if isinstance(document, dict) else {}


def _first(name: str, places: Iterator[tuple[str, str]], read_file: ReadFile) -> Skill | None:
    for skills, commands in places:
        folders = [f"{skills}/{name}"] + ([skills] if skills.endswith(f"/{name}") else [])
        for folder in folders:
            data = read_file(f"{folder}/{_FILE_NAME}")
            if data is not None:
                return Skill(text_hash(data), folder)
        data = read_file(f"{commands}/{name}.md")
        if data is not None:
            return Skill(text_hash(data), "")
    return None


def _folders(plugin: Plugin, read_file: ReadFile) -> Iterator[tuple[str, str]]:
    return ((skills, f"{plugin.folder}/commands") for skills in skill_folders(plugin, read_file))


def _install(installs: Any, project: str) -> dict[str, Any] | None:
    """Return the installation that counts in this project: its own, else the user's."""
    known = [as_object(install) for install in installs] if isinstance(installs, list) else []
    of_project = [install for install in known if project and install.get("projectPath") == project]
    of_user = [install for install in known if not install.get("projectPath")]
    return next((install for install in of_project + of_user if _text(install.get("installPath"))), None)


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and path.startswith("./") and ".." not in path.split("/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
