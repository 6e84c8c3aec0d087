"""The docs say what is: generated tables, commands, links."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from argus_otel.cli import app

ROOT = Path(__file__).parent.parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = DOCS[0].read_text()


def test_generated_tables_have_not_drifted() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/docs_tables.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}run python scripts/docs_tables.py"


def test_the_first_two_commands_of_the_readme_are_targets() -> None:
    first = README.split("```")[1].split()
    assert first == ["make", "demo", "make", "test"]
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "test", "lint", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_ci_runs_what_the_readme_names() -> None:
    assert [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")] == [
        "make lint",
        "make test",
    ]


@pytest.mark.parametrize(
    "command",
    [command.name or command.callback.__name__ for command in app.registered_commands if command.callback],
)
def test_every_command_is_documented(command: str) -> None:
    assert any(f"argus-otel {command}" in doc.read_text() for doc in DOCS)


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_links_inside_the_repository_resolve(doc: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", doc.read_text()):
        if "://" not in target:
            assert (doc.parent / target).exists(), target


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_no_path_of_a_machine_stands_in_a_doc(doc: Path) -> None:
    assert not re.search(r"/(root|home|work|Users)/\w", doc.read_text())


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs/decisions.md").read_text()
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[]", requirement)[0]
        assert name in reasons or name.removeprefix("opentelemetry") in reasons, name


def test_prices_are_what_the_generator_makes() -> None:
    """With the version of genai-prices that the committed file names; another one may have other prices."""
    from importlib.metadata import version

    sys.path.insert(0, str(ROOT / "scripts"))
    import model_prices

    committed = model_prices.TARGET.read_text()
    if f"genai-prices {version('genai-prices')}" not in committed:
        pytest.skip("another version of genai-prices is installed")
    assert model_prices.render(json.loads(committed)["as_of"]) == committed
