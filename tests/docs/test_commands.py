"""Every command line that a document shows is one that argus-otel understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from argus_otel.cli import app

ROOT = Path(__file__).parent.parent.parent
DOCS = [ROOT / "README.md", ROOT / "collector-config/README.md", *sorted((ROOT / "docs").glob("*.md"))]
_INLINE = re.compile(r"`(argus-otel [^`]+)`")
_BLOCK = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_CLAUDES_OWN = "claude"
"""A command that hands its arguments on."""


def command_lines(text: str) -> list[str]:
    blocks = _BLOCK.findall(text)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    shown = [line.removeprefix(".venv/bin/") for line in lines]
    return [line for line in shown if line.startswith("argus-otel ")] + _INLINE.findall(_BLOCK.sub("", text))


def words(line: str) -> list[str]:
    """Return the arguments, without what a shell keeps for itself; `…` stands for something."""
    cut = re.split(r" (?:&&|\||>|&$)", line)[0]
    return [word for word in shlex.split(cut.replace("…", "X"), comments=True)[1:] if word != "--help"]


def understand(arguments: list[str]) -> None:
    command, parent = get_command(app), None
    while isinstance(command, TyperGroup) and arguments and not arguments[0].startswith("-"):
        context = command.context_class(command, parent=parent, info_name=command.name)
        found = command.get_command(context, arguments[0])
        assert found, f"there is no command {arguments[0]}"
        command, parent, arguments = found, context, arguments[1:]
    if command.name != _CLAUDES_OWN and "ARGS" not in " ".join(arguments):
        context = command.context_class(command, parent=parent, info_name=command.name)
        command.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: str(doc.relative_to(ROOT)))
def test_every_command_line_is_understood(doc: Path) -> None:
    for line in command_lines(doc.read_text()):
        try:
            understand(words(line))
        except Exception as error:
            raise AssertionError(f"{line}: {error}") from error


def test_the_lines_are_found_and_a_wrong_one_is_noticed() -> None:
    assert sum(len(command_lines(doc.read_text())) for doc in DOCS) > 100
    for wrong in ("argus-otel dran --stop", "argus-otel drain --stopp", "argus-otel people importt x.csv"):
        with pytest.raises(Exception, match=r"there is no|No such option"):
            understand(words(wrong))
