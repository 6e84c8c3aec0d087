"""Guarantees name the tests that show them, and the overview says what the tables say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs/guarantees.md").read_text()
MODES = ["embedded", "server", "cluster", "direct", "behind a collector"]
ANSWERS = {"yes", "partly", "no", "not run"}
TEST = re.compile(r"(tests/\w+/test_\w+\.py)::(\w+)")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def overview() -> dict[str, list[str]]:
    """Return the answers of each guarantee by its heading."""
    [head] = re.findall(r"^\| \| embedded.*$", DOCUMENT, re.MULTILINE)
    assert cells(head.replace("| |", "|", 1)) == MODES
    rows = re.findall(r"^\| \[(.+?)\]\(#(.+?)\) (\|.*)$", DOCUMENT, re.MULTILINE)
    assert all(anchor == title.lower().replace(" ", "-") for title, anchor, _ in rows)
    return {title: cells(answers) for title, _, answers in rows}


def tables() -> dict[str, list[list[str]]]:
    """Return the rows (mode, answer, reason) of each guarantee by its heading."""
    sections = [section.partition("\n") for section in DOCUMENT.split("\n## ")[1:]]
    return {
        title: [cells(line) for line in body.partition("|---|---|---|")[2].strip().splitlines()]
        for title, _, body in sections
        if "|---|---|---|" in body
    }


ROWS = [(title, *row) for title, rows in tables().items() for row in rows]


def test_every_guarantee_is_told_of_every_mode() -> None:
    assert len(tables()) >= 6
    assert {title: [row[0] for row in rows] for title, rows in tables().items()} == dict.fromkeys(overview(), MODES)


def test_the_overview_says_what_the_tables_say() -> None:
    assert overview() == {title: [row[1] for row in rows] for title, rows in tables().items()}


@pytest.mark.parametrize(("title", "mode", "answer", "reason"), ROWS)
def test_a_yes_names_a_test_and_anything_else_a_reason(title: str, mode: str, answer: str, reason: str) -> None:
    assert answer in ANSWERS
    if answer == "yes":
        assert TEST.search(reason), f"{title}, {mode}: no test is named"
    else:
        assert re.search(r"[A-Za-z]{3,}", re.sub(r"`[^`]*`", "", reason)), f"{title}, {mode}: no reason is given"


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(DOCUMENT)
    assert len(named) == len(re.findall(r"tests/[^`\s]*::", DOCUMENT)), "some test is not named as PATH::NAME"
    assert len(named) > 30
    for path, name in named:
        there = {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert name in there, f"{path}::{name}"
