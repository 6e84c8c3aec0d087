"""
`requirements.py [--engine] PYPROJECT`: prints the dependencies for pip: the embedded engine's with --engine, all others without.

The engine is a dependency like any other, so that `pip install argus-otel` has it; an image for a server leaves it out.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ENGINE = "chdb"


def main(*arguments: str) -> None:
    project = tomllib.loads(Path(arguments[-1]).read_text())["project"]
    for dependency in project["dependencies"]:
        if dependency.startswith(ENGINE) == ("--engine" in arguments[:-1]):
            sys.stdout.write(f"{dependency}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
