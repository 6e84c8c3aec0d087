"""
What a hook is told, and the patterns of what is not to be captured -> how much of it may be said. Opens no file.

- tools: shell patterns on the tool's name.
- paths: shell patterns on what a tool call names as its file or folder, or a Bash command has as a word. `*` and `?` stay
  within a folder, `**` goes any depth; a pattern for a folder is one for all in it. It is absolute, begins with `~`, or is
  relative to the project; a pattern without `/` is a name, anywhere. Symbolic links are not followed.
- projects: shell patterns on the session's folder, as for paths, but absolute or with `~`: all below is excluded too.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os.path
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

NOTHING, CONTENT, ALL = "nothing", "content", "all"
"""What is excluded: `content` leaves names and numbers."""

_PATH_FIELDS = ("file_path", "path", "notebook_path")
_PATH_LENGTH_MAX = 4096
_WORD_ENDS = re.compile(r"[\s'\"`;|&<>(){}=,]+")
_PARTS = re.compile(r"(/\*\*(?=/|$)|\*\*/?|\*|\?|\[!?\]?[^\]/]*\])")


class Exclusions(Protocol):
    """The part of the settings that says what is excluded."""

    @property
    def exclude_tools(self) -> Sequence[str]: ...
    @property
    def exclude_paths(self) -> Sequence[str]: ...
    @property
    def exclude_projects(self) -> Sequence[str]: ...


class _Patterns(NamedTuple):
    exclude_tools: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()
    exclude_projects: tuple[str, ...] = ()


EXCLUDE_NOTHING = _Patterns()


def is_excluded(hook: Mapping[str, Any], project: str, settings: Exclusions) -> str:
    """Return what of this hook is excluded: NOTHING, CONTENT (a tool call that is only counted) or ALL."""
    folders = [folder for folder in dict.fromkeys((project, _text(hook.get("cwd")))) if folder]
    if _any_matches(folders, settings.exclude_projects, [""]):
        return ALL
    tool = hook.get("tool_name")
    if not isinstance(tool, str):
        return NOTHING
    if any(fnmatch.fnmatchcase(tool, pattern) for pattern in settings.exclude_tools):
        return CONTENT
    if settings.exclude_paths and _any_matches(_paths(hook), settings.exclude_paths, folders or [""]):
        return CONTENT
    return NOTHING


def _paths(hook: Mapping[str, Any]) -> Iterator[str]:
    told = hook.get("tool_input")
    if not isinstance(told, dict):
        return
    for name in _PATH_FIELDS:
        yield _text(told.get(name))
    command = _text(told.get("command")).replace("${HOME}", "~").replace("$HOME", "~")
    yield from _WORD_ENDS.split(command)


def _any_matches(paths: Iterable[str], patterns: Sequence[str], folders: Sequence[str]) -> bool:
    expressions = [_expression(pattern, folders[0]) for pattern in patterns if pattern]
    return any(
        expression.fullmatch(_absolute(path, folder))
        for path in paths
        if path and len(path) <= _PATH_LENGTH_MAX
        for folder in folders
        for expression in expressions
    )


def _absolute(path: str, folder: str) -> str:
    return _comparable(os.path.normpath(os.path.join(folder, os.path.expanduser(path))))  # noqa: PTH111, PTH118


@functools.lru_cache(maxsize=256)
def _expression(pattern: str, project: str) -> re.Pattern[str]:
    if "/" not in pattern and "\\" not in pattern and not pattern.startswith("~"):
        return re.compile(f"(?:.*/)?{_translated(_comparable(pattern))}(?:/.*)?", re.DOTALL)
    home = os.path.expanduser(pattern)  # noqa: PTH111
    # The project's own folder is a name, not a pattern.
    root = "" if os.path.isabs(home) else re.escape(_comparable(project).rstrip("/")) + "/"  # noqa: PTH117
    body = _comparable(home).removeprefix("./").rstrip("/")
    return re.compile(f"{root}{_translated(body)}(?:/.*)?", re.DOTALL)


def _translated(pattern: str) -> str:
    return "".join(_translated_part(part) for part in _PARTS.split(pattern))


def _translated_part(part: str) -> str:
    known = {"/**": "(?:/.*)?", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if part in known:
        return known[part]
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        inside = part[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
        one_of = f"[^{inside[1:]}]" if inside.startswith("!") and len(inside) > 1 else f"[{inside}]"
        with contextlib.suppress(re.error):  # a range that ends before it begins
            return re.compile(one_of).pattern
    return re.escape(part)


def _comparable(path: str) -> str:
    # Windows: either slash, any case.
    return path.replace("\\", "/").lower() if os.sep == "\\" else path


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
