"""
`python grafana-dashboards/builder [--check] [NAME…]`: writes dashboards/<uid>.json for each dashboard, or for those named.

`--check` writes nothing, and ends with 1 if a file is not what the builder makes.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = Path(__file__).resolve().parent.parent
_DASHBOARDS = ("overview", "cost", "sessions", "session", "tools", "governance", "versions", "pipeline")


def main(arguments: Sequence[str]) -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(prog="builder", description="Writes the dashboards' JSON.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_DASHBOARDS) + "; by default all")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if a file differs")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(_DASHBOARDS):
        parser.error(f"no such dashboard: {', '.join(sorted(unknown))}; there are {', '.join(_DASHBOARDS)}")
    built = dict(_built(name) for name in options.names or _DASHBOARDS)
    drifted = [
        path for path, content in built.items() if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    for path in drifted:
        sys.stdout.write(f"{path.name} {'is not what the builder makes' if options.check else 'written'}\n")
        if not options.check:
            path.write_text(built[path], encoding="utf-8")
    return int(options.check and bool(drifted))


def _built(name: str) -> tuple[Path, str]:
    dashboard = import_module(f"builder.{name}").dashboard()
    content = json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return _FOLDER / "dashboards" / f"{dashboard['uid']}.json", content


if __name__ == "__main__":
    sys.path[0] = str(_FOLDER)  # run by its folder's name, the package itself would not be found
    sys.exit(main(sys.argv[1:]))
