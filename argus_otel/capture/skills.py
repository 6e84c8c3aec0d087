"""
The name of a skill -> the hash of the SKILL.md that it names, through an injected reader: no file is opened here.

The hash is the SHA-256 of the file with every line ending as \\n: the same on every machine. A personal skill hides the
project's of the same name, as in Claude Code. Plugins' skills (`plugin:name`) live elsewhere and have no hash here.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    ReadFile = Callable[[str], bytes | None]
    """Reads a whole file, `~` expanded; None if there is none or it cannot be read. Raises nothing."""

_PLAIN_NAME = re.compile(r"\w[\w.-]*")


def read_nothing(_path: str) -> bytes | None:
    """Know no files: for hooks that ran on another machine."""
    return None


def skill_hash(name: str, project: str, read_file: ReadFile) -> str:
    """Return the hash in hex; empty if no such skill is found."""
    if not _PLAIN_NAME.fullmatch(name):  # a name from the model never leaves the folder of skills
        return ""
    for folder in ("~", project):
        text = read_file(f"{folder}/.claude/skills/{name}/SKILL.md") if folder else None
        if text is not None:
            return hashlib.sha256(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).hexdigest()
    return ""
